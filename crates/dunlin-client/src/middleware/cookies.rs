//! Cookies of requests that middleware sends elsewhere, or again.

use http::HeaderValue;
use http::header::COOKIE;

use crate::request::Request;
use crate::response::Response;
use crate::url::Url;

/// Looks the store's cookies up again, for a request that goes to `url` now.
pub(super) fn of_other_url(request: &mut Request, url: &Url) {
    let Some(store) = &request.settings.cookies else { return };
    let context = request.settings.same_site;
    let before = store.header(request.url.as_url(), context);
    let now = store.header(url.as_url(), context);
    if now.is_some() {
        replace(request, before, now);
    }
}

/// Stores what a response sets that the program will not see, and sends it along with `request`, the next try.
pub(super) fn of_unseen(request: &mut Request, response: &Response) {
    let Some(store) = &request.settings.cookies else { return };
    if !response.headers().contains("set-cookie") {
        return;
    }
    let context = request.settings.same_site;
    let before = store.header(request.url.as_url(), context);
    let mut lines = response.headers().get_all("set-cookie");
    store.store(&mut lines, response.url().as_url(), context);
    let now = store.header(request.url.as_url(), context);
    replace(request, before, now);
}

/// Those that were set for this request alone stand behind the store's, and stay.
fn replace(request: &mut Request, before: Option<HeaderValue>, now: Option<HeaderValue>) {
    let all = request.headers.get("cookie").unwrap_or_default();
    let own = before.as_ref().map_or(Some(all), |before| all.strip_prefix(before.as_bytes()));
    let own = own.unwrap_or(all);
    let own = own.strip_prefix(b"; ").unwrap_or(own);
    let now = now.as_ref().map_or(&b""[..], HeaderValue::as_bytes);
    let between: &[u8] = if own.is_empty() || now.is_empty() { b"" } else { b"; " };
    match HeaderValue::from_bytes(&[now, between, own].concat()) {
        Ok(all) if !all.is_empty() => request.headers.insert(COOKIE, all),
        _ => drop(request.headers.remove(&COOKIE)),
    }
}
