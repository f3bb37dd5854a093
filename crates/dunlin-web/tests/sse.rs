//! Server-sent events, over the service and over sockets.
#![cfg(all(feature = "sse", feature = "compress"))]
#![allow(missing_docs)]

mod common;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{build, field, send, with_field};
use dunlin_core::{BoxError, IntoResponse, Service};
use dunlin_server::{Running, Server};
use dunlin_web::{App, BuiltApp, Compress, LastEventId, Sse, SseEvent, SseSender};
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

async fn ticks(LastEventId(last): LastEventId) -> Sse {
    let from = last.and_then(|id| id.parse::<u64>().ok()).map_or(0, |id| id + 1);
    let event = |n: u64| SseEvent::new(format!("tick {n}")).id(n.to_string());
    Sse::new(stream::iter((from..3).map(event)))
}

/// A handler that gives its sender away.
fn open(senders: tokio::sync::mpsc::UnboundedSender<SseSender>) -> App {
    App::new().middleware(Compress::new().min_size(0)).add_get("/", move || {
        let senders = senders.clone();
        async move {
            let (sender, sse) = Sse::channel();
            senders.send(sender).unwrap();
            sse
        }
    })
}

async fn served() -> (Running<BuiltApp>, tokio::sync::mpsc::UnboundedReceiver<SseSender>) {
    let (give, senders) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::builder().bind("127.0.0.1:0").start(open(give)).await.unwrap();
    (server, senders)
}

async fn connect(server: &Running<BuiltApp>, fields: &str) -> TcpStream {
    let mut io = TcpStream::connect(server.addresses()[0]).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
    io.write_all(request.as_bytes()).await.unwrap();
    io
}

/// Reads until `end` has come, or the connection's end where that is empty.
async fn read_to(io: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    let reading = async {
        let mut piece = [0; 4096];
        while end.is_empty() || !read.windows(end.len()).any(|w| w == end) {
            match io.read(&mut piece).await.unwrap() {
                0 => break,
                n => read.extend_from_slice(&piece[..n]),
            }
        }
    };
    timeout(Duration::from_secs(10), reading).await.expect("it comes");
    read
}

#[tokio::test]
async fn events_are_written_one_after_the_other_with_the_fields_that_a_stream_needs() {
    let app = build(App::new().add_get("/", ticks));
    let response = send(&app, "GET", "/").await;
    assert_eq!(field(&response, "content-type"), Some("text/event-stream"));
    assert_eq!(field(&response, "cache-control"), Some("no-cache"));
    assert_eq!(field(&response, "x-accel-buffering"), Some("no"));
    assert_eq!(
        response.into_body().text().await.unwrap(),
        "data: tick 0\nid: 0\n\ndata: tick 1\nid: 1\n\ndata: tick 2\nid: 2\n\n"
    );
}

#[tokio::test]
async fn a_client_that_comes_back_says_what_it_has_seen() {
    let app = build(App::new().add_get("/", ticks));
    for (id, text) in [("1", "data: tick 2\nid: 2\n\n"), ("2", "")] {
        let req = with_field(common::request("GET", "/"), "last-event-id", id);
        assert_eq!(app.call(req).await.into_body().text().await.unwrap(), text);
    }
    let req = with_field(common::request("GET", "/"), "last-event-id", "");
    assert!(app.call(req).await.into_body().text().await.unwrap().starts_with("data: tick 0"));
}

#[tokio::test]
async fn retry_goes_first_and_a_stream_that_fails_is_cut() {
    let events = [Ok(SseEvent::new("a")), Err(BoxError::from("database gone"))];
    let sse = Sse::new(stream::iter(events)).retry(Duration::from_secs(3));
    let mut body = sse.into_response().into_body();
    assert_eq!(body.chunk().await.unwrap().unwrap(), "retry: 3000\n\n");
    assert_eq!(body.chunk().await.unwrap().unwrap(), "data: a\n\n");
    assert!(body.chunk().await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_by_comments_every_15_seconds_or_as_said() {
    for (every, want) in [(None, 15), (Some(2), 2)] {
        let (mut sender, mut sse) = Sse::channel();
        if let Some(every) = every {
            sse = sse.keep_alive(Duration::from_secs(every));
        }
        let mut body = sse.into_response().into_body();
        let began = Instant::now();
        for n in 1..=3 {
            assert_eq!(body.chunk().await.unwrap().unwrap(), ": ping\n\n");
            assert_eq!(began.elapsed().as_secs(), n * want);
        }
        // An event is as good as a comment.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        sender.send(SseEvent::new("x")).await.unwrap();
        let sent = Instant::now();
        assert_eq!(body.chunk().await.unwrap().unwrap(), "data: x\n\n");
        assert_eq!(body.chunk().await.unwrap().unwrap(), ": ping\n\n");
        assert_eq!(sent.elapsed().as_secs(), want);
        drop(sender);
        assert!(body.chunk().await.is_none(), "the end of the sender is the end");
    }
    let (_sender, sse) = Sse::channel();
    let mut body = sse.keep_alive(None).into_response().into_body();
    assert!(timeout(Duration::from_secs(3_600), body.chunk()).await.is_err());
}

#[tokio::test]
async fn each_event_reaches_a_client_at_once_compressed_or_not() {
    use dunlin_compress::{Coding, Decoding, decode};
    use dunlin_core::Body;

    let (server, mut senders) = served().await;
    for coding in [None, Some(Coding::Gzip), Some(Coding::Brotli), Some(Coding::Zstd)] {
        let accept = coding.map_or("identity", Coding::name);
        let mut io = connect(&server, &format!("Accept-Encoding: {accept}\r\n")).await;
        let mut sender = senders.recv().await.unwrap();
        let head = String::from_utf8(read_to(&mut io, b"\r\n\r\n").await).unwrap();
        assert_eq!(head.contains("content-encoding: "), coding.is_some(), "{head}");
        let (mut wire, at_client) = Body::channel(1 << 16);
        let codings: Vec<_> = coding.into_iter().collect();
        let mut client = decode(at_client, &codings, &Decoding::default());
        for n in 0..3 {
            sender.send(SseEvent::new(format!("tick {n}"))).await.unwrap();
            let mut got = Vec::new();
            while !got.ends_with(b"\n\n") {
                // One chunk: its size in hexadecimal, CRLF, the bytes, CRLF.
                let size = read_to_byte(&mut io, b'\n').await;
                let size = std::str::from_utf8(&size).unwrap().trim();
                let mut chunk = vec![0; usize::from_str_radix(size, 16).unwrap() + 2];
                io.read_exact(&mut chunk).await.unwrap();
                chunk.truncate(chunk.len() - 2);
                wire.push(chunk.into()).unwrap();
                while let Ok(Some(piece)) = timeout(Duration::from_millis(5), client.chunk()).await
                {
                    got.extend_from_slice(&piece.unwrap());
                }
            }
            assert_eq!(
                String::from_utf8(got).unwrap(),
                format!("data: tick {n}\n\n"),
                "{coding:?}"
            );
        }
    }
    server.shutdown().await.unwrap();
}

async fn read_to_byte(io: &mut TcpStream, end: u8) -> Vec<u8> {
    let mut read = Vec::new();
    while read.last() != Some(&end) {
        let byte = timeout(Duration::from_secs(10), io.read_u8()).await.expect("it comes");
        read.push(byte.unwrap());
    }
    read
}

#[tokio::test]
async fn the_end_of_the_server_ends_streams_whole_and_at_once() {
    let (server, mut senders) = served().await;
    let mut plain = connect(&server, "").await;
    let mut coded = connect(&server, "Accept-Encoding: gzip\r\n").await;
    let mut held = [senders.recv().await.unwrap(), senders.recv().await.unwrap()];
    read_to(&mut plain, b"\r\n\r\n").await;
    read_to(&mut coded, b"\r\n\r\n").await;
    let began = std::time::Instant::now();
    let ending = tokio::spawn(server.shutdown());
    // The last chunk of each is there: nobody takes the stream for cut.
    for io in [&mut plain, &mut coded] {
        assert!(read_to(io, b"").await.ends_with(b"0\r\n\r\n"));
    }
    assert_eq!(ending.await.unwrap().unwrap().cut, 0);
    assert!(began.elapsed() < Duration::from_secs(5), "long before the shutdown timeout");
    for sender in &mut held {
        assert!(sender.is_closed() && sender.send(SseEvent::new("late")).await.is_err());
    }
}

#[tokio::test]
async fn a_source_that_always_has_more_ends_with_the_server_too() {
    let events = stream::repeat_with(|| Ok::<_, Infallible>(SseEvent::new("x")));
    let mut body = Sse::new(events).into_response().into_body();
    for _ in 0..3 {
        assert_eq!(body.chunk().await.unwrap().unwrap(), "data: x\n\n");
    }
    body.say_goodbye();
    assert!(body.chunk().await.is_none());
}

#[tokio::test]
async fn a_client_that_goes_is_noticed_and_its_source_dropped() {
    struct Told(Arc<AtomicBool>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    let gone = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&gone);
    let app = App::new().add_get("/", move || {
        let told = Told(Arc::clone(&flag));
        async move {
            let silent = stream::pending::<Result<SseEvent, Infallible>>();
            let silent = futures_util::StreamExt::inspect(silent, move |_| {
                let _ = &told;
            });
            Sse::new(silent).keep_alive(Duration::from_millis(20))
        }
    });
    let server = Server::builder().bind("127.0.0.1:0").start(app).await.unwrap();
    let mut io = connect(&server, "").await;
    read_to(&mut io, b": ping\n\n").await;
    drop(io);
    let began = std::time::Instant::now();
    while !gone.load(Ordering::Acquire) {
        assert!(began.elapsed() < Duration::from_secs(10), "the stream outlives its client");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.shutdown().await.unwrap();
}
