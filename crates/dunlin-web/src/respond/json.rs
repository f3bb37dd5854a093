//! `Json`: a JSON body, in and out.

use std::cell::Cell;

use dunlin_core::{FromRequest, IntoResponse, Request, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::HttpError;
use crate::extract::{SHOWN, content_type_is, unexpected_type};

/// A JSON body, deserialised; or a response of 200 with one.
///
/// As an argument: 415 unless the media type is `application/json` or ends in `+json`, 413 over the
/// body limit, 400 with line and column where the body is malformed or does not fit `T`.
///
/// ```
/// use dunlin_web::Json;
///
/// #[derive(serde::Deserialize, serde::Serialize)]
/// struct Note { text: String }
///
/// async fn shout(Json(note): Json<Note>) -> Json<Note> {
///     Json(Note { text: note.text.to_uppercase() })
/// }
/// # let _ = shout;
/// ```
///
/// A response is one allocation of its exact length: it is written into a buffer that the thread
/// keeps, and copied out.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "destructured in arguments")]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequest for Json<T> {
    type Rejection = HttpError;

    async fn from_request(req: Request) -> Result<Self, HttpError> {
        let is_json = |essence: &str| essence == "application/json" || essence.ends_with("+json");
        if !content_type_is(req.headers(), is_json) {
            return Err(unexpected_type("application/json", req.headers()));
        }
        let body = req.into_body().bytes().await?;
        Self::from_slice(&body)
    }
}

impl<T: DeserializeOwned> Json<T> {
    /// Deserialises a body of whatever media type, such as one that a handler takes as `Bytes`.
    ///
    /// # Errors
    ///
    /// 400 with line and column where it is malformed or does not fit `T`.
    pub fn from_slice(json: &[u8]) -> Result<Self, HttpError> {
        serde_json::from_slice(json).map(Self).map_err(|error| malformed::<T>(json, error))
    }
}

/// Reads it again to tell the place in the value too, such as `birds[1].id`: what fits pays nothing for it.
#[cold]
fn malformed<T: DeserializeOwned>(json: &[u8], error: serde_json::Error) -> HttpError {
    if json.trim_ascii().is_empty() {
        return HttpError::bad_request().with_message("json: the body is empty").with_source(error);
    }
    let path = match error.is_data() {
        true => path::<T>(json),
        false => None,
    };
    let message = match path {
        Some(path) => format!("json: {path}: {error}"),
        None => format!("json: {error}"),
    };
    HttpError::bad_request().with_message(message).with_source(error)
}

fn path<T: DeserializeOwned>(json: &[u8]) -> Option<String> {
    let mut json = serde_json::Deserializer::from_slice(json);
    let error = serde_path_to_error::deserialize::<_, T>(&mut json).err()?;
    let path = error.path();
    (path.iter().len() > 0).then(|| path.to_string().chars().take(SHOWN).collect())
}

/// 500 where `T` does not serialise.
impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match to_vec(&self.0) {
            Ok(json) => Response::new(json)
                .with_header(CONTENT_TYPE, HeaderValue::from_static("application/json")),
            Err(error) => HttpError::internal().with_source(error).into_response(),
        }
    }
}

/// Largest buffer that a thread keeps for the next response; longer ones are sent as they are.
const KEEP: usize = 64 * 1024;

thread_local!(static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) });

fn to_vec(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    // A `Serialize` that serialises other JSON on the way finds an empty buffer here, and one that
    // runs while its thread ends finds none.
    let mut buffer = BUFFER.try_with(Cell::take).unwrap_or_default();
    buffer.clear();
    let written = serde_json::to_writer(&mut buffer, value);
    if buffer.capacity() > KEEP {
        return written.map(|()| buffer);
    }
    let json = written.map(|()| buffer.as_slice().to_vec());
    let _ = BUFFER.try_with(|kept| kept.set(buffer));
    json
}

#[cfg(test)]
mod tests {
    use http::{Method, Uri};

    use super::*;

    fn posted(content_type: &'static str, body: &'static str) -> Request {
        let mut req = Request::new(Method::POST, Uri::from_static("/"), body);
        req.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        req
    }

    async fn parse(content_type: &'static str, body: &'static str) -> Result<Vec<u8>, HttpError> {
        Json::from_request(posted(content_type, body)).await.map(|json| json.0)
    }

    #[tokio::test]
    async fn json_types_are_taken_in_any_case_and_others_are_415() {
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/a+json"] {
            assert_eq!(parse(good, "[1]").await.unwrap(), [1], "{good}");
        }
        for bad in ["text/plain", "application/jsonp", ""] {
            assert_eq!(parse(bad, "[1]").await.unwrap_err().status(), 415, "{bad}");
        }
    }

    #[tokio::test]
    async fn malformed_json_is_400_and_says_where() {
        let error = parse("application/json", "[1,\n x]").await.unwrap_err();
        assert_eq!(error.status(), 400);
        assert!(error.message().unwrap().contains("line 2 column 2"), "{error}");
    }

    #[test]
    fn the_message_names_the_place_in_the_value() {
        #[derive(Debug, serde::Deserialize)]
        #[expect(dead_code, reason = "read by the deserialiser alone")]
        struct Bird {
            id: u32,
        }
        type Birds = std::collections::BTreeMap<String, Vec<Bird>>;
        for (json, told) in [
            (
                r#"{"birds":[{"id":1},{"id":"x"}]}"#,
                "json: birds[1].id: invalid type: string \"x\", expected u32 at line 1 column 28",
            ),
            (r#"{"birds":[{}]}"#, "json: birds[0]: missing field `id` at line 1 column 12"),
            ("[]", "json: invalid type: sequence, expected a map at line 1 column 0"),
            (r#"{"birds":[}"#, "json: expected value at line 1 column 11"),
            (" ", "json: the body is empty"),
        ] {
            let error = Json::<Birds>::from_slice(json.as_bytes()).unwrap_err();
            assert_eq!(error.message(), Some(told));
        }
    }

    #[tokio::test]
    async fn another_type_is_told_with_the_one_that_came() {
        let told = parse("text/plain", "[1]").await.unwrap_err();
        let expected = "a body of application/json is expected, and this one is `text/plain`";
        assert_eq!(told.message(), Some(expected));
        let bare = Request::new(Method::POST, Uri::from_static("/"), "[1]");
        let told = Json::<Vec<u8>>::from_request(bare).await.unwrap_err();
        let expected = "a body of application/json is expected, and this one has no Content-Type";
        assert_eq!(told.message(), Some(expected));
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_413() {
        let mut req = posted("application/json", "[1,2,3]");
        req.body_mut().set_limit(Some(3));
        assert_eq!(Json::<Vec<u8>>::from_request(req).await.unwrap_err().status(), 413);
    }

    #[test]
    fn responses_of_every_length_are_whole() {
        for len in [0, 10, KEEP, 3 * KEEP, 5] {
            let text = "x".repeat(len);
            let response = Json(&text).into_response();
            assert_eq!(response.body().as_whole().unwrap(), format!("\"{text}\"").as_bytes());
            assert_eq!(response.headers().get_str(CONTENT_TYPE), Some("application/json"));
        }
    }

    #[test]
    fn what_does_not_serialise_is_500() {
        let map = std::collections::HashMap::from([((1, 2), 3)]);
        assert_eq!(Json(map).into_response().status(), 500);
    }
}
