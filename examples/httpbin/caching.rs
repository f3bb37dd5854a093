//! What caches and downloads go by: validators, ranges, fields of one's choice.

use std::collections::BTreeMap;
use std::time::SystemTime;

use bytes::Bytes;
use dunlin::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, ETAG, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use dunlin::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use dunlin::web::respond::{Representation, stream_with_len};
use dunlin::web::{
    ETag, Group, HttpError, Path, Precondition, Query, Result, Validators, get, group, resource,
};
use dunlin::{IntoResponse, Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::dynamic::{BYTES_MAX, CHUNK, DRIP_MAX, paced, seconds, uuid};
use crate::inspect::{self, pretty, title};
use crate::refuse;

pub(crate) fn routes() -> Group {
    group("").routes([
        get("/cache", cache),
        get(r"/cache/{n:\d+}", async |Path(n): Path<u64>, req: Request| {
            let value = HeaderValue::try_from(format!("public, max-age={n}")).map_err(refuse)?;
            Result::<Response>::Ok(told(&req).with_header(CACHE_CONTROL, value))
        }),
        get("/etag/{etag}", etag),
        get(r"/range/{n:\d+}", range),
        resource("/response-headers").get(response_headers).post(response_headers),
    ])
}

/// What `/get` says.
fn told(req: &Request) -> Response {
    pretty(&inspect::head(req, inspect::HEAD))
}

/// 304 for every request that has a condition, whatever it says.
async fn cache(req: Request) -> Result {
    let asks = |name| req.headers().contains(name);
    if asks("if-modified-since") || asks("if-none-match") {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let etag = Some(ETag::strong(uuid()).map_err(refuse)?);
    let mut response = told(&req);
    Validators { etag, last_modified: Some(SystemTime::now()) }.apply(response.headers_mut());
    Ok(response)
}

/// Judges the request's conditions by the tag that its path names.
async fn etag(Path(tag): Path<String>, req: Request) -> Result {
    let etag = Some(ETag::strong(tag).map_err(refuse)?);
    let validators = Validators { etag, last_modified: None };
    let mut response = match validators.check(&req) {
        Precondition::Proceed => told(&req),
        Precondition::NotModified => StatusCode::NOT_MODIFIED.into_response(),
        Precondition::Failed => return Err(HttpError::precondition_failed()),
    };
    validators.apply(response.headers_mut());
    Ok(response)
}

#[derive(Deserialize)]
#[serde(default)]
struct Pace {
    chunk_size: usize,
    duration: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { chunk_size: CHUNK, duration: 0.0 }
    }
}

/// The alphabet over and over, in parts where they are asked for, as slowly as one likes.
async fn range(Path(n): Path<usize>, Query(pace): Query<Pace>, req: Request) -> Result {
    let etag = ETag::strong(format!("range{n}")).map_err(refuse)?;
    if n == 0 || n > BYTES_MAX {
        let why = format!("number of bytes must be in the range (0, {BYTES_MAX}]");
        return Err(HttpError::not_found()
            .with_message(why)
            .with_header(ETAG, etag.to_value())
            .with_header(ACCEPT_RANGES, HeaderValue::from_static("bytes")));
    }
    let bytes: Vec<u8> = (b'a'..=b'z').cycle().take(n).collect();
    let response = Representation::new(bytes)
        .etag(etag)
        .content_type(HeaderValue::from_static("application/octet-stream"))
        .respond(&req);
    let duration = seconds(pace.duration, DRIP_MAX)?;
    let Some(whole) = response.body().as_whole().filter(|_| !duration.is_zero()) else {
        return Ok(response);
    };
    let (whole, size) = (Bytes::copy_from_slice(whole), pace.chunk_size.clamp(1, n));
    let pause = duration.mul_f64(size as f64 / n as f64);
    let slow = stream_with_len(whole.len() as u64, paced(whole, size, pause));
    Ok(response.with_body(slow.into_body()))
}

/// The fields that the query names, and all fields of this answer as its body.
async fn response_headers(Query(fields): Query<Vec<(String, String)>>) -> Result {
    let mut response = pretty(&json!({}));
    let mut named = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::try_from(name).map_err(refuse)?;
        if [CONTENT_LENGTH, TRANSFER_ENCODING, TRAILER, CONNECTION, UPGRADE].contains(&name) {
            let why =
                format!("{name} says where the message ends, or what becomes of the connection");
            return Err(HttpError::bad_request().with_message(why));
        }
        named.append(name, HeaderValue::try_from(value).map_err(refuse)?);
    }
    for name in named.keys() {
        for (n, value) in named.get_all(name).iter().enumerate() {
            match n {
                0 => response.headers_mut().insert(name.clone(), value.clone()),
                _ => response.headers_mut().append(name.clone(), value.clone()),
            }
        }
    }
    let mut body = String::new();
    // The length is part of the text whose length it is: found after a few rounds.
    for _ in 0..8 {
        let longer = describe(&response, body.len());
        if longer.len() == body.len() {
            break;
        }
        body = longer;
    }
    let body = describe(&response, body.len());
    Ok(response.with_body(body))
}

fn describe(response: &Response, len: usize) -> String {
    let mut all = BTreeMap::from([(title(CONTENT_LENGTH.as_str()), vec![len.to_string()])]);
    for (name, value) in response.headers() {
        let name = title(&String::from_utf8_lossy(name));
        all.entry(name).or_default().push(String::from_utf8_lossy(value).into_owned());
    }
    let one = |values: Vec<String>| match <[String; 1]>::try_from(values) {
        Ok([value]) => Value::from(value),
        Err(values) => values.into(),
    };
    let all: BTreeMap<_, _> = all.into_iter().map(|(name, values)| (name, one(values))).collect();
    format!("{:#}\n", json!(all))
}
