use std::pin::pin;
use std::task::Waker;

use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;

use super::*;

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The result of a future that must be ready at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    match poll(pin!(future)) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future waits"),
    }
}

#[test]
fn a_body_is_small_and_crosses_threads() {
    fn send_sync<T: Send + Sync>() {}
    send_sync::<Body>();
    assert!(size_of::<Body>() <= 48);
}

#[test]
fn a_declared_length_past_the_limit_is_refused_before_reading() {
    let (_sender, mut body) = Body::channel_with_len(1024, Some(100));
    body.set_limit(Some(99));
    assert!(matches!(now(body.bytes()), Err(BodyError::TooLarge { limit: 99 })));
}

#[test]
fn an_undeclared_length_is_refused_once_it_passes_the_limit() {
    let (mut sender, mut body) = Body::channel(1024);
    body.set_limit(Some(5));
    sender.push(Bytes::from_static(b"hello")).unwrap();
    sender.push(Bytes::from_static(b"!")).unwrap();
    assert!(matches!(now(body.bytes()), Err(BodyError::TooLarge { limit: 5 })));
}

#[test]
fn a_sender_that_is_dropped_fails_the_body_after_what_was_sent() {
    let (mut sender, mut body) = Body::channel(1024);
    sender.push(Bytes::from_static(b"hel")).unwrap();
    drop(sender);
    assert_eq!(now(body.chunk()).unwrap().unwrap(), "hel");
    assert!(matches!(now(body.chunk()), Some(Err(BodyError::Source(_)))));
    assert!(now(body.chunk()).is_none());
}

#[test]
fn a_sender_learns_whether_its_receiver_waits() {
    let (mut sender, mut body) = Body::channel(1024);
    let awaited = |sender: &mut BodySender| {
        sender.poll_awaited(&mut Context::from_waker(Waker::noop())).is_ready()
    };
    assert!(!awaited(&mut sender));
    assert!(poll(pin!(body.chunk())).is_pending());
    assert!(awaited(&mut sender));
    sender.push(Bytes::from_static(b"1")).unwrap();
    assert!(!awaited(&mut sender), "it has not come to read what there is");
    assert_eq!(now(body.chunk()).unwrap().unwrap(), "1");
    assert!(!awaited(&mut sender));
    assert!(poll(pin!(body.chunk())).is_pending());
    assert!(awaited(&mut sender));
}

#[test]
fn a_sender_waits_for_room_and_hears_of_a_receiver_that_went() {
    let (mut sender, mut body) = Body::channel(4);
    now(sender.send("1234")).unwrap();
    assert!(poll(pin!(sender.send("5"))).is_pending());
    assert_eq!(now(body.chunk()).unwrap().unwrap(), "1234");
    now(sender.send("5")).unwrap();
    drop(body);
    assert_eq!(now(sender.send("6")), Err(Closed));
}

#[test]
fn tiny_chunks_fill_the_queue_long_before_their_bytes_do() {
    let (mut sender, _body) = Body::channel(64 * 1024);
    let mut sent = 0;
    while poll(pin!(sender.send("x"))).is_ready() {
        sent += 1;
    }
    assert!((400..600).contains(&sent), "{sent}");
}

#[test]
fn bytes_are_wanted_only_once_the_receiver_has_asked() {
    let (mut sender, mut body) = Body::channel(4);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(sender.poll_wanted(&mut cx).is_pending());
    assert!(poll(pin!(body.chunk())).is_pending());
    assert_eq!(sender.poll_wanted(&mut cx), Poll::Ready(Ok(())));
}

#[test]
fn trailers_come_after_the_data() {
    let (mut sender, body) = Body::channel(1024);
    sender.push(Bytes::from_static(b"x")).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("1"));
    sender.finish_with_trailers(trailers);
    let collected = now(body.collect()).unwrap();
    assert_eq!(collected.trailers().unwrap()["x-sum"], "1");
    assert_eq!(collected.to_bytes(), "x");
}

#[test]
fn a_known_length_shrinks_as_chunks_are_taken() {
    let (mut sender, mut body) = Body::channel_with_len(1024, Some(5));
    assert_eq!(body.exact_len(), Some(5));
    sender.push(Bytes::from_static(b"hel")).unwrap();
    now(body.chunk()).unwrap().unwrap();
    assert_eq!(body.exact_len(), Some(2));
}

#[test]
fn text_says_where_it_stops_being_utf8() {
    let body = Body::from(b"ab\xff".to_vec());
    assert!(matches!(now(body.text()), Err(BodyError::NotUtf8 { at: 2 })));
}

/// Reads "hello", as a stream over a file would.
fn five_bytes() -> Body {
    let (mut sender, body) = Body::channel_with_len(1024, Some(5));
    sender.push(Bytes::from_static(b"hello")).unwrap();
    sender.finish();
    body
}

#[test]
fn a_file_is_offered_to_drivers_until_its_stream_is_polled() {
    let file = std::sync::Arc::new(std::fs::File::open("Cargo.toml").unwrap());
    let mut body = Body::from_file(FileRegion::new(file, 7, 5), five_bytes());
    assert_eq!((body.exact_len(), body.file_region().unwrap().offset), (Some(5), 7));
    assert_eq!(now(body.chunk()).unwrap().unwrap(), "hello");
    assert!(body.file_region().is_none());
    assert!(Body::from("x").file_region().is_none());
}
