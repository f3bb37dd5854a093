//! Bodies that are files: sent by the kernel on a plain socket, polled elsewhere, never padded.

mod util;

use std::fs::File;
use std::io::{Seek, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use dunlin_core::{Body, BodyError, FileRegion, Request, Response};
use dunlin_server::Server;
use http_body::{Frame, SizeHint};
use util::sockets::{dial_to, eventually, start, within};
use util::{Raw, connect};

/// Stands for the stream that reads the file: gives `bytes`, and remembers that it was asked.
struct Stream {
    bytes: Option<Bytes>,
    len: u64,
    polled: Arc<AtomicBool>,
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.polled.store(true, Relaxed);
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len)
    }
}

/// A file, and what is served of it.
#[derive(Clone)]
struct Served {
    file: Arc<File>,
    content: Bytes,
    polled: Arc<AtomicBool>,
}

impl Served {
    fn new(content: Vec<u8>) -> Self {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        file.rewind().unwrap();
        Self { file: Arc::new(file), content: content.into(), polled: Arc::default() }
    }

    fn body(&self, offset: usize, len: usize) -> Body {
        let region = FileRegion::new(self.file.clone(), offset as u64, len as u64);
        let bytes = Some(self.content.slice(offset..offset + len));
        Body::from_file(region, Stream { bytes, len: len as u64, polled: self.polled.clone() })
    }
}

fn numbered(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i / 7) as u8).collect()
}

#[tokio::test]
async fn a_plain_socket_gets_the_file_from_the_kernel_and_goes_on_behind_it() {
    let served = Served::new(numbered(5_000_000));
    let service = {
        let served = served.clone();
        move |req: Request| {
            let body = match req.path() {
                "/part" => served.body(1_000_001, 70_000),
                "/empty" => served.body(0, 0),
                _ => served.body(0, served.content.len()),
            };
            async move { Response::new(body) }
        }
    };
    let server = start(Server::builder(), service).await;
    let mut raw = dial_to(&server).await;
    for _ in 0..2 {
        let whole = within(60, raw.get("/")).await;
        assert_eq!(whole.field("content-length"), Some("5000000"));
        assert!(whole.body == served.content, "the bytes are those of the file");
        let part = raw.get("/part").await;
        assert!(part.body == served.content[1_000_001..][..70_000]);
        assert_eq!(raw.get("/empty").await.body, b"");
    }
    raw.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(raw.answer_to("HEAD").await.unwrap().field("content-length"), Some("5000000"));
    assert!(!served.polled.load(Relaxed), "the stream was not needed");
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn pipelined_requests_behind_a_file_are_answered_in_order() {
    let served = Served::new(numbered(300_000));
    let body = {
        let served = served.clone();
        move |_: Request| {
            let body = served.body(0, 300_000);
            async move { Response::new(body) }
        }
    };
    let server = start(Server::builder(), body).await;
    let mut raw = dial_to(&server).await;
    raw.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(5)).await;
    for _ in 0..5 {
        assert!(raw.answer().await.unwrap().body == served.content);
    }
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn another_transport_gets_the_stream() {
    let served = Served::new(numbered(40_000));
    let body = {
        let served = served.clone();
        move |_: Request| {
            let body = served.body(5, 30_000);
            async move { Response::new(body) }
        }
    };
    let answer = connect(body).get("/").await;
    assert!(answer.body == served.content[5..30_005]);
    assert!(served.polled.load(Relaxed));
}

/// Reads a little, changes the file, and reads on to the end of the connection or of the response.
async fn change_while_sent(
    change: impl FnOnce(&File),
) -> (Vec<u8>, Vec<u8>, Arc<Mutex<Vec<String>>>) {
    const LEN: usize = 24 * 1024 * 1024;
    let served = Served::new(numbered(LEN));
    let service = {
        let served = served.clone();
        move |_: Request| {
            let body = served.body(0, LEN);
            async move {
                use http::{HeaderValue, header::CONNECTION};
                Response::new(body).with_header(CONNECTION, HeaderValue::from_static("close"))
            }
        }
    };
    let faults = Arc::new(Mutex::new(Vec::new()));
    let told = faults.clone();
    let builder =
        Server::builder().on_fault(move |fault| told.lock().unwrap().push(fault.to_string()));
    let server = start(builder, service).await;
    let mut raw = dial_to(&server).await;
    raw.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    raw.head().await.unwrap();
    // Nobody reads, so the socket fills up long before the file's end.
    tokio::time::sleep(Duration::from_millis(50)).await;
    change(&served.file);
    let got = within(120, raw.rest()).await;
    server.shutdown().await.unwrap();
    (got, served.content.to_vec(), faults)
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_sent_cuts_the_connection() {
    let (got, content, faults) = change_while_sent(|file| file.set_len(15_000_000).unwrap()).await;
    assert!(got.len() <= 15_000_000, "nothing was padded: {}", got.len());
    assert!(got == content[..got.len()]);
    eventually(|| !faults.lock().unwrap().is_empty()).await;
    assert!(faults.lock().unwrap()[0].contains("was shortened while it was sent"));
}

#[tokio::test]
async fn a_file_that_grows_while_it_is_sent_keeps_its_declared_length() {
    let (got, content, faults) = change_while_sent(|mut file| {
        file.seek(std::io::SeekFrom::End(0)).unwrap();
        file.write_all(&[b'x'; 100_000]).unwrap();
    })
    .await;
    assert!(got == content);
    assert!(faults.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_reader_that_stops_is_cut_by_the_write_timeout() {
    let served = Served::new(numbered(24 * 1024 * 1024));
    let service = move |_: Request| {
        let body = served.body(0, 24 * 1024 * 1024);
        async move { Response::new(body) }
    };
    let builder = Server::builder().write_timeout(Duration::from_millis(300));
    let server = start(builder, service).await;
    let mut raw = dial_to(&server).await;
    raw.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(within(60, raw.rest()).await.len() < 24 * 1024 * 1024);
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_served_holds_up_nobody_else() {
    let served = Served::new(numbered(24 * 1024 * 1024));
    let service = move |req: Request| {
        let body = if req.path() == "/" { served.body(0, 24 * 1024 * 1024) } else { "hi".into() };
        async move { Response::new(body) }
    };
    let server = start(Server::builder(), service).await;
    let mut slow = dial_to(&server).await;
    slow.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut quick: Raw<_> = dial_to(&server).await;
    for _ in 0..20 {
        assert_eq!(within(10, quick.get("/small")).await.text(), "hi");
    }
    drop(slow);
    server.shutdown().await.unwrap();
}
