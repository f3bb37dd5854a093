//! Pages that load again when a file changes.
//!
//! Each page gets a script that listens to server-sent events. The script knows which state of the directory its page
//! was loaded from, so that no change is missed between the two, nor while the server was down.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dunlin::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, LAST_MODIFIED,
};
use dunlin::http::{HeaderValue, StatusCode};
use dunlin::web::{App, Next, Query, Sse, SseEvent};
use dunlin::{Request, Response};
use futures_util::stream;
use tokio::sync::watch;

/// Where the script and its events are: no file that is served by default has such a name.
pub(super) const PREFIX: &str = "/.dunlin/";

const SCRIPT_PATH: &str = "/.dunlin/live-reload.js";
const EVENTS_PATH: &str = "/.dunlin/live-reload";

const SCRIPT: &str = r#"// Loads the page again when a file of the directory changes.
const version = new URL(document.currentScript.src).searchParams.get("v");
let events = null;
const listen = () => {
  events?.close();
  events = null;
  // A browser keeps six connections to a server at most: tabs that nobody sees leave theirs to others.
  if (document.hidden) return;
  events = new EventSource("/.dunlin/live-reload?v=" + version);
  events.onmessage = () => { events.close(); location.reload(); };
};
document.addEventListener("visibilitychange", listen);
listen();
"#;

/// Longest page that gets the script; a longer one is served as it is.
const MAX_PAGE: u64 = 8 * 1024 * 1024;

/// The state of the directory, which changes with each change in it.
#[derive(Clone, Debug)]
pub(super) struct Live(Arc<watch::Sender<u64>>);

#[derive(serde::Deserialize)]
struct Known {
    /// The state that the page was loaded from.
    v: u64,
}

impl Live {
    /// Begins with the time, which no server before this one has told.
    pub(super) fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(Arc::new(watch::Sender::new(now.as_micros() as u64)))
    }

    /// Something has changed.
    pub(super) fn changed(&self) {
        self.0.send_modify(|version| *version += 1);
    }

    pub(super) fn install(self, app: App) -> App {
        let this = self.clone();
        let events = move |Query(known): Query<Known>| {
            let state = this.0.subscribe();
            async move { reloads(state, known.v) }
        };
        let inject = move |req: Request, next: Next| {
            let version = *self.0.borrow();
            async move { inject(req, next, version).await }
        };
        app.middleware(inject).add_get(SCRIPT_PATH, script).add_get(EVENTS_PATH, events)
    }
}

async fn script() -> Response {
    Response::new(SCRIPT)
        .with_header(CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"))
        .with_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

/// An event for each state but the one that is known.
fn reloads(state: watch::Receiver<u64>, known: u64) -> Sse {
    let events = stream::unfold((state, known), |(mut state, known)| async move {
        let now = *state.wait_for(|version| *version != known).await.ok()?;
        Some((Ok::<_, Infallible>(SseEvent::new(now.to_string())), (state, now)))
    });
    Sse::new(events).retry(Duration::from_secs(1))
}

/// Puts the script into the page, where the answer is one.
async fn inject(req: Request, next: Next, version: u64) -> Response {
    let mut response = next.run(req).await;
    let is_page = response.headers().get_str(CONTENT_TYPE).is_some_and(is_html)
        && !response.headers().contains(CONTENT_ENCODING)
        && response.status() != StatusCode::PARTIAL_CONTENT
        && response.status() != StatusCode::NOT_MODIFIED;
    // An answer to HEAD has its body until the server leaves it out.
    if !is_page || response.body().exact_len().is_none_or(|len| len > MAX_PAGE) {
        return response;
    }
    let headers = response.headers_mut();
    // Those are of the file, which this is not any more.
    for name in [CONTENT_LENGTH, ETAG, LAST_MODIFIED, ACCEPT_RANGES] {
        headers.remove(&name);
    }
    if headers.get_str(CONTENT_SECURITY_POLICY) == Some("default-src 'none'") {
        // The listing's: it runs no script, but for this one.
        headers.insert(
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; script-src 'self'; connect-src 'self'"),
        );
    }
    let page = std::mem::take(response.body_mut());
    match page.bytes().await {
        Ok(page) => response.with_body(with_script(&page, version)),
        // The file has shrunk meanwhile, or cannot be read any more.
        Err(_) => Response::new("").with_status(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn is_html(media: &str) -> bool {
    let media = media.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("text/html")
}

/// The page with the script at the end of its body; what comes behind the page's own end is read as part of it.
fn with_script(page: &[u8], version: u64) -> Vec<u8> {
    let tag = format!("<script src=\"{SCRIPT_PATH}?v={version}\"></script>\n");
    let end = page
        .windows(7)
        .rposition(|bytes| bytes.eq_ignore_ascii_case(b"</body>"))
        .unwrap_or(page.len());
    [&page[..end], tag.as_bytes(), &page[end..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_stands_at_the_end_of_the_body() {
        let tag = "<script src=\"/.dunlin/live-reload.js?v=7\"></script>\n";
        let with = |page: &str| String::from_utf8(with_script(page.as_bytes(), 7)).unwrap();
        assert_eq!(with("<BODY>a</BODY></html>"), format!("<BODY>a{tag}</BODY></html>"));
        assert_eq!(with("<p>a"), format!("<p>a{tag}"));
        assert_eq!(with(""), tag);
    }
}
