//! `Html`: a page.

use dunlin_core::{Body, IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;

/// 200 with `text/html; charset=utf-8`.
///
/// ```
/// use dunlin_web::Html;
///
/// async fn index() -> Html<&'static str> { Html("<h1>hello</h1>") }
/// # let _ = index;
/// ```
///
/// Nothing is escaped: text from outside is the template's concern.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "made by naming it")]
pub struct Html<T>(pub T);

impl<T: Into<Body>> IntoResponse for Html<T> {
    fn into_response(self) -> Response {
        Response::new(self.0)
            .with_header(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))
    }
}
