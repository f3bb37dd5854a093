//! Requests without a client of one's own.

use http::Method;

use crate::client::Client;
use crate::request::RequestBuilder;
use crate::url::IntoUrl;

macro_rules! methods {
    ($($name:ident $method:ident $text:literal),*) => {$(
        #[doc = concat!("One ", $text, " request by a client of its own.")]
        ///
        /// ```no_run
        /// # async fn run() -> Result<(), dunlin_client::Error> {
        #[doc = concat!("let response = dunlin_client::", stringify!($name), "(\"https://example.com/\").send().await?;")]
        /// # Ok(()) }
        /// ```
        pub fn $name(url: impl IntoUrl) -> RequestBuilder {
            request(Method::$method, url)
        }
    )*};
}

/// One request by a client of its own. Whoever makes more than one keeps a [`Client`], and with it its
/// connections.
pub fn request(method: Method, url: impl IntoUrl) -> RequestBuilder {
    Client::new().request(method, url)
}

methods!(get GET "GET", post POST "POST", put PUT "PUT", patch PATCH "PATCH",
    delete DELETE "DELETE", head HEAD "HEAD");
