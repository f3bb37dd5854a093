//! Redirects, one after the other or to wherever one likes.

use std::borrow::Cow;
use std::collections::HashMap;

use dunlin::http::StatusCode;
use dunlin::web::{Form, FromRequest, Group, HttpError, Path, Redirect, Result, get, group};
use dunlin::{IntoResponse, Request, Response};

use crate::{refuse, verbs};

pub(crate) fn routes() -> Group {
    group("").routes([
        get(r"/redirect/{n:\d+}", async |Path(n): Path<u64>, req: Request| {
            let is_absolute =
                req.query_value("absolute").is_some_and(|value| value.eq_ignore_ascii_case("true"));
            next(&req, n, is_absolute)
        }),
        get(r"/relative-redirect/{n:\d+}", async |Path(n): Path<u64>, req: Request| {
            next(&req, n, false)
        }),
        get(r"/absolute-redirect/{n:\d+}", async |Path(n): Path<u64>, req: Request| {
            next(&req, n, true)
        }),
        verbs("/redirect-to", to),
    ])
}

/// A step on the way to `/get`.
fn next(req: &Request, n: u64, is_absolute: bool) -> Result {
    let target = match (n, is_absolute) {
        (0, _) => return Err(HttpError::bad_request().with_message("one redirect at least")),
        (1, _) => "/get".to_owned(),
        (n, false) => format!("/relative-redirect/{}", n - 1),
        (n, true) => format!("/absolute-redirect/{}", n - 1),
    };
    Ok(match is_absolute {
        true => redirect(&format!("{}://{}{target}", req.scheme(), req.host()), StatusCode::FOUND),
        false => redirect(&target, StatusCode::FOUND),
    })
}

/// `url` and `status_code`, of the query or of a form.
async fn to(req: Request) -> Result {
    let read = |(name, value): (Cow<'_, str>, Cow<'_, str>)| {
        (name.to_ascii_lowercase(), value.into_owned())
    };
    let mut sent: HashMap<String, String> = req.query_pairs().map(read).collect();
    if req.content_type().essence() == "application/x-www-form-urlencoded" && req.body_exists() {
        let Form(form) = Form::<HashMap<String, String>>::from_request(req).await?;
        sent.extend(form);
    }
    let url = sent.get("url").filter(|url| !url.is_empty()).ok_or_else(|| {
        HttpError::bad_request().with_message("url is missing: /redirect-to?url=/get")
    })?;
    let status = match sent.get("status_code") {
        None => 302,
        // As the original does: what is no redirect counts as left out.
        Some(code) => Some(code.parse().map_err(refuse)?)
            .filter(|code| (300..400).contains(code))
            .unwrap_or(302),
    };
    Ok(redirect(url, StatusCode::from_u16(status).map_err(refuse)?))
}

/// A redirect without words of its own.
pub(crate) fn redirect(location: &str, status: StatusCode) -> Response {
    Redirect::found(location).into_response().with_status(status)
}
