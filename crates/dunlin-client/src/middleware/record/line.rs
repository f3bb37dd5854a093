//! One exchange as a line of JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dunlin_core::{Headers, ResponseHead};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::request::Request;
use crate::response::Response;
use crate::url::Url;

/// Stands for a value that is not written down.
const REDACTED: &str = "[redacted]";

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Line {
    pub(super) request: Asked,
    response: Answered,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) url: String,
    #[serde(default)]
    pub(super) headers: Vec<(String, String)>,
    #[serde(default, serialize_with = "write_base64", deserialize_with = "read_base64")]
    pub(super) body: Vec<u8>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Answered {
    #[serde(serialize_with = "write_status", deserialize_with = "read_status")]
    status: StatusCode,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default, serialize_with = "write_base64", deserialize_with = "read_base64")]
    body: Vec<u8>,
}

impl Line {
    pub(super) fn of_request(request: &Request, body: &[u8], redacted: &[HeaderName]) -> Self {
        let request = Asked {
            method: request.method().to_string(),
            url: name_of(request.url()),
            headers: written(request.headers(), redacted),
            body: body.to_vec(),
        };
        Self { request, response: Answered::default() }
    }

    pub(super) fn respond(&mut self, response: &Response, body: &[u8], redacted: &[HeaderName]) {
        self.response = Answered {
            status: response.status(),
            headers: written(response.headers(), redacted),
            body: body.to_vec(),
        };
    }

    /// The response as it came, without what was redacted and how it was framed.
    pub(super) fn response(&self, url: &Url) -> Response {
        let mut head = ResponseHead::default();
        head.status = self.response.status;
        for (name, value) in &self.response.headers {
            if value == REDACTED || name == "transfer-encoding" {
                continue;
            }
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes()))
            {
                head.headers.append(name, value);
            }
        }
        Response::from_parts(head, self.response.body.clone().into(), url.clone())
    }
}

/// The URL without credentials and fragment.
pub(super) fn name_of(url: &Url) -> String {
    url.without_credentials().with_fragment(None).to_string()
}

/// What is no text in a value becomes U+FFFD: a recording is for people too.
fn written(headers: &Headers, redacted: &[HeaderName]) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            let is_redacted = redacted.iter().any(|secret| secret.as_str() == name);
            let value = if is_redacted { REDACTED.into() } else { String::from_utf8_lossy(value) };
            (name, value.into_owned())
        })
        .collect()
}

fn write_base64<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&STANDARD.encode(bytes))
}

fn read_base64<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(from)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

fn write_status<S: Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}

fn read_status<'de, D: Deserializer<'de>>(from: D) -> Result<StatusCode, D::Error> {
    let status = u16::deserialize(from)?;
    StatusCode::from_u16(status).map_err(serde::de::Error::custom)
}
