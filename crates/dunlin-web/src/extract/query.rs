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
        pairs(req.query().unwrap_or("").as_bytes(), "query").map(Self)
    }
}

/// Deserialises `key=value` pairs; the message names the key that does not fit.
pub(super) fn pairs<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, HttpError> {
    let parse = form_urlencoded::parse(bytes);
    serde_path_to_error::deserialize(serde_html_form::Deserializer::new(parse)).map_err(|error| {
        HttpError::bad_request().with_message(format!("{what}: {error}")).with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_message_names_the_key_that_does_not_fit() {
        #[derive(Debug, serde::Deserialize)]
        #[expect(dead_code, reason = "read by the deserialiser alone")]
        struct Page {
            page: u32,
        }
        for query in ["page=x", "page=1&page=2", "a=1"] {
            let error = pairs::<Page>(query.as_bytes(), "query").unwrap_err();
            assert!(error.message().unwrap().contains("page"), "{error}");
        }
        assert_eq!(pairs::<HashMap<String, u8>>(b"", "query").unwrap(), HashMap::new());
    }
}
