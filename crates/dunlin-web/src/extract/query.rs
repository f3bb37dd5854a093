//! `Query`: the query string as a value.

use dunlin_core::{FromParts, Request};
use serde::de::DeserializeOwned;

use crate::error::HttpError;

/// The query string, deserialised: `?page=2&tag=a&tag=b`.
///
/// Keys that come more than once fill a `Vec`, a key without `=` is an empty value, and a request
/// without a query is an empty one. 400 where it does not fit `T`.
///
/// ```
/// use dunlin_web::Query;
///
/// #[derive(serde::Deserialize)]
/// struct Filter {
///     #[serde(default)]
///     page: u32,
///     #[serde(default)]
///     tag: Vec<String>,
/// }
///
/// async fn list(Query(filter): Query<Filter>) -> String {
///     format!("page {} of {:?}", filter.page, filter.tag)
/// }
/// # let _ = list;
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "destructured in arguments")]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + Send> FromParts for Query<T> {
    type Rejection = HttpError;

    async fn from_parts(req: &mut Request) -> Result<Self, HttpError> {
        serde_html_form::from_str(req.query().unwrap_or("")).map(Self).map_err(|error| {
            HttpError::bad_request().with_message(format!("query: {error}")).with_source(error)
        })
    }
}
