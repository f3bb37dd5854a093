//! `EarlyHints`: what a page will need, told before it is made.

use std::convert::Infallible;

use dunlin_core::{FromParts, Interim, InterimError, Request};

/// Tells the client what to fetch while the response is still being made: `103 Early Hints` (RFC 8297).
///
/// ```
/// use dunlin_web::{App, EarlyHints, Html, Result};
///
/// async fn page(hints: EarlyHints) -> Result<Html<String>> {
///     hints.send(["</app.css>; rel=preload; as=style", "<https://cdn.example>; rel=preconnect"])?;
///     Ok(Html(slow_query().await))
/// }
/// # async fn slow_query() -> String { String::new() }
///
/// let app = App::new().add_get("/", page);
/// # app.build().unwrap();
/// ```
///
/// Hints leave when the handler next waits, so send them before the first `.await` that takes time. Browsers
/// heed them on navigations alone and, over HTTP/1.1, mostly not from the server itself but from what stands
/// in front of it and speaks HTTP/2. Clients of HTTP/1.0 are sent none. For other interim responses, and from
/// middleware: [`Request::interim`].
#[derive(Clone, Debug)]
pub struct EarlyHints(Interim);

impl EarlyHints {
    /// Sends one 103 with a `Link` for each, as RFC 8288 writes them. At most 16 for a request.
    ///
    /// # Errors
    ///
    /// [`InterimError`] for a link that is no field value, for the 17th, and once the response has begun.
    pub fn send<L: AsRef<str>>(
        &self,
        links: impl IntoIterator<Item = L>,
    ) -> Result<(), InterimError> {
        self.0.early_hints(links)
    }
}

impl FromParts for EarlyHints {
    type Rejection = Infallible;

    async fn from_parts(req: &mut Request) -> Result<Self, Infallible> {
        Ok(Self(req.interim()))
    }
}
