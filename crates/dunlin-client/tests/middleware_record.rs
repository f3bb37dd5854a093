//! Exchanges written down and played back.

use std::future::poll_fn;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use dunlin_client::{Client, ErrorKind, InProcess, RecordError, Recorder, Replay, ReplayError};
use dunlin_core::{Body, Request, Response};
use futures_util::stream;
use http::{HeaderName, HeaderValue, StatusCode};
use http_body::Body as _;

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Echoes the body, and sets a cookie.
async fn service(req: Request) -> Response {
    let status = if req.path() == "/none" { 404 } else { 200 };
    Response::new(req.into_body())
        .with_status(StatusCode::from_u16(status).unwrap())
        .with_header(HeaderName::from_static("set-cookie"), HeaderValue::from_static("id=secret"))
        .with_header(HeaderName::from_static("x-a"), HeaderValue::from_static("b"))
}

fn recording(recorder: Recorder) -> Client {
    Client::builder().with(recorder).with(InProcess::new(service)).build().unwrap()
}

fn replaying(replay: &Replay) -> Client {
    Client::builder().with(replay.clone()).build().unwrap()
}

#[tokio::test]
async fn what_was_recorded_answers_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl");
    let client = recording(Recorder::create(&path).unwrap());
    let body = stream::iter([Ok::<_, io::Error>(&b"\xff\0"[..]), Ok(b"x")]);
    let request = client.post("http://a/b?c#d").stream(body);
    assert_eq!(request.send().await.unwrap().bytes().await.unwrap(), &b"\xff\0x"[..]);
    for n in ["1", "2"] {
        client.put("http://a/n").body(n).send().await.unwrap();
    }
    assert_eq!(client.get("http://a/none").send().await.unwrap().status(), 404);

    let replay = Replay::load(&path).unwrap();
    let client = replaying(&replay);
    for n in ["2", "1"] {
        let response = client.put("http://a/n").body(n).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), n);
    }
    assert_eq!(client.get("http://a/none").send().await.unwrap().status(), 404);
    assert_eq!(replay.left(), 1);
    let response = client.post("http://a/b?c").body(&b"\xff\0x"[..]).send().await.unwrap();
    assert_eq!((response.header("x-a"), response.header("set-cookie")), (Some("b"), None));
    assert_eq!(response.bytes().await.unwrap(), &b"\xff\0x"[..]);
    assert_eq!(replay.left(), 0);
}

#[tokio::test]
async fn secrets_are_not_written() {
    let buffer = Buffer::default();
    let x_key = HeaderName::from_static("x-key");
    let client = recording(Recorder::new(buffer.clone()).redact(x_key));
    let request = client
        .get("http://user:secret@a/")
        .cookie("id", "secret")
        .header("X-Key", "secret")
        .header("x-open", "open");
    request.send().await.unwrap();
    client.get("http://a/").bearer_auth("secret").send().await.unwrap();
    let text = buffer.text();
    assert!(!text.contains("secret") && text.contains("open"), "{text}");
    assert_eq!((text.lines().count(), text.matches("[redacted]").count()), (2, 6));

    let buffer = Buffer::default();
    let client = recording(Recorder::new(buffer.clone()).redact_nothing());
    client.get("http://a/").bearer_auth("secret").send().await.unwrap();
    assert!(buffer.text().contains("Bearer secret") && buffer.text().contains("id=secret"));
}

#[tokio::test]
async fn bodies_are_recorded_up_to_a_bound() {
    let buffer = Buffer::default();
    let client = recording(Recorder::new(buffer.clone()).max_body(3));
    assert!(client.post("http://a/").body("abc").send().await.is_ok());
    let error = client.post("http://a/").body("abcd").send().await.unwrap_err();
    let ErrorKind::Other(source) = error.kind() else { panic!("{error}") };
    assert!(matches!(source.downcast_ref(), Some(RecordError::TooLong { limit: 3 })));
    assert_eq!(buffer.text().lines().count(), 1);
}

/// What a request fails with.
async fn unrecorded(request: dunlin_client::RequestBuilder) -> String {
    let error = request.send().await.unwrap_err();
    let ErrorKind::Other(source) = error.kind() else { panic!("{error}") };
    assert!(matches!(source.downcast_ref(), Some(ReplayError::NotRecorded { .. })));
    source.to_string()
}

const RECORDED: &str = r#"
{"request":{"method":"PUT","url":"http://a/","body":"YQ==","headers":[["x-a","1"]]},"response":{"status":201}}

{"request":{"method":"PUT","url":"http://a/","body":"YQ=="},"response":{"status":202}}
"#;

#[tokio::test]
async fn what_was_not_recorded_is_named() {
    let replay = Replay::parse(RECORDED).unwrap();
    let client = replaying(&replay);
    for (request, text) in [
        (client.get("http://a/b"), "no exchange is recorded for GET http://a/b"),
        (client.get("http://u:p@a/#x"), "no exchange is recorded for GET http://a/; only for PUT"),
        (
            client.put("http://a/").body("b"),
            "no exchange is recorded for PUT http://a/; only with another body or other fields",
        ),
    ] {
        assert_eq!(unrecorded(request).await, text);
    }
    for status in [201, 202] {
        assert_eq!(client.put("http://a/").body("a").send().await.unwrap().status(), status);
    }
    let text = unrecorded(client.put("http://a/").body("a")).await;
    assert!(text.ends_with("; all that are have answered already"), "{text}");

    let again = replaying(&Replay::parse(RECORDED).unwrap().repeat(true));
    for status in [201, 202, 202] {
        assert_eq!(again.put("http://a/").body("a").send().await.unwrap().status(), status);
    }
}

#[tokio::test]
async fn chosen_fields_have_to_agree() {
    let replay = Replay::parse(RECORDED).unwrap().field(HeaderName::from_static("x-a"));
    let client = replaying(&replay);
    for (value, status) in [(None, 202), (Some("1"), 201)] {
        let mut request = client.put("http://a/").body("a");
        if let Some(value) = value {
            request = request.header("x-a", value);
        }
        assert_eq!(request.send().await.unwrap().status(), status);
    }
}

#[test]
fn a_line_that_is_no_exchange_is_named() {
    for line in
        ["{", "{}", r#"{"request":{"method":"GET","url":"u","body":"!"},"response":{"status":1}}"#]
    {
        let error = Replay::parse(&format!("\n{line}")).unwrap_err();
        assert!(matches!(error, ReplayError::Line { line: 2, .. }), "{error}");
    }
    assert!(matches!(Replay::load("/none/at/all"), Err(ReplayError::Io(_))));
}

#[tokio::test]
async fn fields_behind_the_body_of_a_request_are_sent_while_it_is_recorded() {
    let service = |req: Request| async move {
        let mut body = std::pin::pin!(req.into_body());
        let mut sum = None;
        while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            if let Ok(trailers) = frame.unwrap().into_trailers() {
                sum = trailers.get("x-sum").cloned();
            }
        }
        Response::new(format!("{sum:?}"))
    };
    let client = Client::builder()
        .with(Recorder::new(Buffer::default()))
        .with(InProcess::new(service))
        .build()
        .unwrap();
    let mut trailers = http::HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("6"));
    let (mut sender, body) = Body::channel(64);
    sender.push(Bytes::from_static(b"abc")).unwrap();
    sender.finish_with_trailers(trailers);
    let text = client.put("http://a/").body(body).send().await.unwrap().text().await.unwrap();
    assert_eq!(text, "Some(\"6\")");
}

#[test]
fn a_status_that_is_none_is_told_and_is_no_success() {
    for status in ["0", "99", "1000"] {
        let line = format!(
            r#"{{"request":{{"method":"GET","url":"http://a/"}},"response":{{"status":{status}}}}}"#
        );
        let error = Replay::parse(&line).unwrap_err();
        assert!(matches!(error, ReplayError::Line { line: 1, .. }), "{status}: {error}");
    }
}

#[tokio::test]
async fn a_replay_shows_what_is_left() {
    let line = r#"{"request":{"method":"GET","url":"http://a/"},"response":{"status":204}}"#;
    let replay = Replay::parse(&[line, line].join("\n")).unwrap();
    replaying(&replay).get("http://a/").send().await.unwrap();
    assert_eq!(format!("{replay:?}"), "Replay { lines: 2, left: 1, repeat: false, .. }");
}
