//! Errors in the form that the peer would rather have.

use dunlin_core::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CONTENT_TYPE, VARY};

use super::{Accepts, ErrorView};
use crate::escape::{html, push_json};
use crate::respond::Html;

/// A renderer for [`App::render_errors`](crate::App::render_errors): a problem document for programs, a page
/// for browsers, text for all others.
///
/// | `Accept` prefers | body |
/// | --- | --- |
/// | JSON | `application/problem+json` (RFC 9457): `type`, `title`, `status`, and `detail` where there is a message |
/// | HTML | a page with status and message |
/// | text, or none of these | `STATUS: REASON` and the message |
///
/// What the server refuses before there is a request is told as text: nobody knows what its peer accepts.
///
/// ```
/// use dunlin_core::{Request, Service};
/// use dunlin_web::{App, problem_details};
/// use http::{HeaderValue, Method, Uri, header::ACCEPT};
///
/// let app = App::new().render_errors(problem_details).build()?;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut req = Request::new(Method::GET, Uri::from_static("/none"), ());
/// req.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
/// let response = app.call(req).await;
/// assert_eq!(response.headers().get_str("content-type"), Some("application/problem+json"));
/// assert_eq!(
///     response.into_body().text().await.unwrap(),
///     r#"{"type":"about:blank","title":"Not Found","status":404}"#
/// );
/// # });
/// # Ok::<(), dunlin_web::BuildErrors>(())
/// ```
pub fn problem_details(view: &ErrorView<'_>) -> Response {
    let error = view.error;
    let mut response = match view.accepts() {
        Accepts::Json => Response::new(document(view))
            .with_header(CONTENT_TYPE, HeaderValue::from_static("application/problem+json")),
        Accepts::Html => {
            let title = format!("{}: {}", error.status().as_str(), error.title());
            let title = html(&title);
            let message = match error.message() {
                Some(message) => format!("<p>{}</p>\n", html(message)),
                None => String::new(),
            };
            Html(format!(
                "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n{message}</body>\n</html>\n"
            ))
            .into_response()
        }
        _ => error.text().into_response(),
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    response
}

fn document(view: &ErrorView<'_>) -> String {
    let error = view.error;
    let mut json = String::from("{\"type\":");
    push_json(&mut json, error.problem_type().unwrap_or("about:blank"));
    json.push_str(",\"title\":");
    push_json(&mut json, &error.title());
    json.push_str(",\"status\":");
    json.push_str(error.status().as_str());
    if let Some(message) = error.message() {
        json.push_str(",\"detail\":");
        push_json(&mut json, message);
    }
    json.push('}');
    json
}
