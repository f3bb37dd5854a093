//! `Form`: a form as a value.

use dunlin_core::{FromRequest, IntoResponse, Request, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::query::pairs;
use super::{content_type_is, unexpected_type};
use crate::error::HttpError;

const URLENCODED: &str = "application/x-www-form-urlencoded";
#[cfg(not(feature = "multipart"))]
const EXPECTED: &str = URLENCODED;
#[cfg(feature = "multipart")]
const EXPECTED: &str = "application/x-www-form-urlencoded or multipart/form-data";

/// An `application/x-www-form-urlencoded` body, deserialised; or such a response. With the feature
/// `multipart` an argument may as well be `multipart/form-data`, whose files fill `UploadedFile`s.
///
/// As an argument: 415 for another media type, 413 over the body limit, 400 where it does not fit
/// `T`. Keys that come more than once fill a `Vec`.
///
/// ```
/// use dunlin_web::Form;
///
/// #[derive(serde::Deserialize)]
/// struct Login { user: String, password: String }
///
/// async fn login(Form(login): Form<Login>) -> String {
///     format!("hello, {}", login.user)
/// }
/// # let _ = login;
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "destructured in arguments")]
pub struct Form<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequest for Form<T> {
    type Rejection = HttpError;

    async fn from_request(req: Request) -> Result<Self, HttpError> {
        #[cfg(feature = "multipart")]
        if content_type_is(req.headers(), |essence| essence == "multipart/form-data") {
            return crate::FormData::from_request(req).await?.deserialize().map(Self);
        }
        if !content_type_is(req.headers(), |essence| essence == URLENCODED) {
            return Err(unexpected_type(EXPECTED, req.headers()));
        }
        let body = req.into_body().bytes().await?;
        pairs(&body, "form").map(Self)
    }
}

/// 500 where `T` does not serialise as pairs.
impl<T: Serialize> IntoResponse for Form<T> {
    fn into_response(self) -> Response {
        match serde_html_form::to_string(&self.0) {
            Ok(text) => {
                Response::new(text).with_header(CONTENT_TYPE, HeaderValue::from_static(URLENCODED))
            }
            Err(error) => HttpError::internal().with_source(error).into_response(),
        }
    }
}
