//! `Form`: a form as a value.

use dunlin_core::{FromRequest, IntoResponse, Request, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
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

/// Most fields of a form, as of `FormLimits` where that is there.
#[cfg(not(feature = "multipart"))]
const MAX_FIELDS: usize = 1000;

/// An `application/x-www-form-urlencoded` body, deserialised; or such a response. With the feature
/// `multipart` an argument may as well be `multipart/form-data`, whose files fill `UploadedFile`s.
///
/// As an argument: 415 for another media type, 413 over the body limit or with more than 1,000 fields (with the
/// feature `multipart`, what `FormLimits` says), 400 where it does not fit `T`. Keys that come more than once fill a `Vec`.
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
        #[cfg(feature = "multipart")]
        let (body, max_fields) = {
            let (limits, total) = (crate::FormLimits::of(&req), req.body().limit());
            (crate::multipart::read_urlencoded(req, total, &limits).await?, limits.max_fields)
        };
        #[cfg(not(feature = "multipart"))]
        let (body, max_fields) = (req.into_body().bytes().await?, MAX_FIELDS);
        // Each costs many times the bytes that it is sent in.
        if body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).count() > max_fields {
            return Err(HttpError::new(StatusCode::PAYLOAD_TOO_LARGE)
                .with_message(format!("the form has more than {max_fields} fields")));
        }
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
