//! The rules of a connection, over a pipe in memory; time is moved by hand.

mod util;

use std::time::Duration;

use bytes::Bytes;
use dunlin_codec::Limits;
use dunlin_core::{Body, BoxError, IntoResponse, Request, Response};
use dunlin_server::Server;
use futures_util::stream::{self, StreamExt};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, StatusCode};
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;
use util::{Raw, connect, connect_with, soon};

/// Answers with what the request was.
async fn mirror(req: Request) -> Response {
    let head = format!("{} {}", req.method(), req.head().target());
    match req.bytes().await {
        Ok(body) => format!("{head} {}", String::from_utf8_lossy(&body)).into_response(),
        Err(error) => error.into_response(),
    }
}

/// Streams the request's body back as it comes.
async fn echo(req: Request) -> Response {
    Response::new(req.into_body())
}

/// Answers without a look at the body.
async fn ignore(_: Request) -> Response {
    "ignored".into_response()
}

const GET: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn requests_are_answered_in_order_on_one_connection() {
    let mut client = connect(mirror);
    assert_eq!(client.get("/1").await.text(), "GET /1 ");
    client.send("POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").await;
    client.send("GET /3 HTTP/1.1\r\nHost: a\r\n\r\nGET /4 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    for want in ["POST /2 hi", "GET /3 ", "GET /4 "] {
        assert_eq!(client.answer().await.unwrap().text(), want);
    }
}

#[tokio::test(start_paused = true)]
async fn a_declared_length_of_zero_is_an_empty_body() {
    let mut client = connect(mirror);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(soon(client.answer()).await.unwrap().text(), "POST / ");
    assert_eq!(client.get("/next").await.text(), "GET /next ");
}

#[tokio::test(start_paused = true)]
async fn every_response_has_date_server_and_length() {
    let answer = connect(ignore).get("/").await;
    assert_eq!(answer.field("server"), Some("dunlin"));
    assert_eq!(answer.field("content-length"), Some("7"));
    assert!(answer.field("date").unwrap().ends_with(" GMT"));
    assert_eq!(answer.field("connection"), None);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_a_request_is_refused_with_its_status_and_closed() {
    let long = "a".repeat(9000);
    for (wire, status) in [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET /\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n".into(), 505),
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"), 431),
        (format!("{long} / HTTP/1.1\r\nHost: a\r\n\r\n"), 501),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n".into(), 417),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n".into(), 501),
    ] {
        let mut client = connect(mirror);
        client.send(&wire).await;
        let answer = soon(client.answer()).await.unwrap();
        assert_eq!(
            (answer.status, answer.field("connection")),
            (status, Some("close")),
            "{wire:?}"
        );
        assert!(client.is_closed().await, "{wire:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_waits_behind_the_answers_before_it() {
    let mut client = connect(mirror);
    client.send(format!("{GET}BAD\r\n\r\n{GET}")).await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    assert_eq!(client.answer().await.unwrap().status, 400);
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_dribbles_in_is_cut_with_408_at_its_deadline() {
    let began = Instant::now();
    let (mut client, _) =
        connect_with(Server::builder().head_timeout(Duration::from_secs(5)), mirror);
    for byte in GET.bytes().take(20) {
        client.send([byte]).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let answer = soon(client.answer()).await.unwrap();
    assert_eq!(answer.status, 408);
    let took = began.elapsed();
    assert!((5.0..5.5).contains(&took.as_secs_f32()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_second_head_has_its_own_deadline_from_its_first_byte() {
    let (mut client, _) =
        connect_with(Server::builder().head_timeout(Duration::from_secs(5)), mirror);
    client.get("/").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let began = Instant::now();
    client.send("GET / HT").await;
    assert_eq!(soon(client.answer()).await.unwrap().status, 408);
    let took = began.elapsed();
    assert!((5.0..5.5).contains(&took.as_secs_f32()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_is_closed_without_a_word() {
    let (mut client, task) =
        connect_with(Server::builder().head_timeout(Duration::from_secs(5)), mirror);
    assert!(soon(client.is_closed()).await);
    soon(task).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_keep_alive() {
    let began = Instant::now();
    let (mut client, _) =
        connect_with(Server::builder().keep_alive(Duration::from_secs(10)), mirror);
    for _ in 0..3 {
        client.get("/").await;
        tokio::time::sleep(Duration::from_secs(8)).await;
    }
    assert!(soon(client.is_closed()).await);
    let took = began.elapsed();
    assert!((26.0..26.5).contains(&took.as_secs_f32()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_fails_with_408() {
    let builder = Server::builder().body_timeout(Duration::from_secs(5));
    let (mut client, _) = connect_with(builder.min_body_rate(0, Duration::ZERO), mirror);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n").await;
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(4)).await;
        client.send("x").await;
    }
    let began = Instant::now();
    let answer = soon(client.answer()).await.unwrap();
    assert_eq!((answer.status, answer.field("connection")), (408, Some("close")));
    assert!((5.0..5.5).contains(&began.elapsed().as_secs_f32()));
}

const DRIBBLED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Sends a chunk of `len` bytes each `every`, until the answer comes, for so many at most.
async fn dribble<T>(mut client: Raw<T>, len: usize, every: Duration, most: usize) -> (u16, Duration)
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let began = Instant::now();
    client.send(DRIBBLED).await;
    let (mut near, mut far) = client.split();
    let sending = async {
        let chunk = format!("{len:x}\r\n{}\r\n", "x".repeat(len));
        for _ in 0..most {
            tokio::time::sleep(every).await;
            near.send(&chunk).await;
        }
        near.send("0\r\n\r\n").await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = soon(far.answer()) => (answer.map_or(0, |answer| answer.status), began.elapsed()),
        () = sending => unreachable!("it waits"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_dribbles_in_fails_with_408_after_the_grace() {
    for every in [20, 90, 700, 4000] {
        let (status, took) =
            dribble(connect(mirror), 1, Duration::from_millis(every), 100_000).await;
        assert_eq!(status, 408, "a byte in {every} ms");
        assert!((5.0..5.5).contains(&took.as_secs_f32()), "{took:?} at a byte in {every} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn what_came_fast_has_earned_time_and_the_average_is_what_counts() {
    let mut client = connect(mirror);
    client.send(format!("{DRIBBLED}960\r\n{}\r\n", "x".repeat(0x960))).await;
    let began = Instant::now();
    assert_eq!(soon(client.answer()).await.unwrap().status, 408);
    // 2,400 bytes are ten seconds at 240 a second.
    assert!((10.0..10.5).contains(&began.elapsed().as_secs_f32()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_keeps_the_rate_may_take_as_long_as_it_likes() {
    let (status, took) = dribble(connect(mirror), 400, Duration::from_secs(1), 300).await;
    assert_eq!(status, 200);
    assert!(took >= Duration::from_secs(300));
    let off = Server::builder().min_body_rate(0, Duration::ZERO);
    let (status, _) = dribble(connect_with(off, mirror).0, 1, Duration::from_secs(9), 30).await;
    assert_eq!(status, 200);
}

#[tokio::test(start_paused = true)]
async fn time_in_which_the_handler_does_not_wait_for_its_body_is_not_the_clients() {
    /// Reads a piece, and works on it for longer than any limit.
    async fn slow(req: Request) -> Response {
        let mut body = req.into_body();
        tokio::time::sleep(Duration::from_secs(60)).await;
        let mut all = 0;
        while let Some(piece) = body.chunk().await {
            let Ok(piece) = piece else { return StatusCode::REQUEST_TIMEOUT.into_response() };
            all += piece.len();
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        all.to_string().into_response()
    }
    /// The same in a task of its own, which reads when the driver does not look.
    async fn spawned(req: Request) -> Response {
        tokio::spawn(slow(req)).await.unwrap()
    }
    // Back-pressure: more than is queued.
    let mut client = connect(slow);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n").await;
    let (mut near, mut far) = client.split();
    let (_, answer) = tokio::join!(near.send("x".repeat(300_000)), soon(far.answer()));
    assert_eq!(answer.unwrap().text(), "300000");
    // A client that waits for a word before it goes on.
    assert_eq!(dribble(connect(slow), 1, Duration::from_secs(60), 3).await.0, 200);
    assert_eq!(dribble(connect(spawned), 1, Duration::from_secs(60), 3).await.0, 200);
    // The wait of a task of its own counts too.
    let (status, took) = dribble(connect(spawned), 1, Duration::from_secs(66), 9).await;
    assert_eq!((status, took.as_secs()), (408, 65));
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_made_of_a_body_which_dribbles_is_cut() {
    let (status, took) = dribble(connect(echo), 1, Duration::from_secs(1), 1000).await;
    assert_eq!(status, 0, "an answer that ends early is none");
    assert!((5.0..5.5).contains(&took.as_secs_f32()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_is_cut() {
    let big = |_: Request| async { Response::new(vec![b'x'; 1 << 20]) };
    let (mut client, task) =
        connect_with(Server::builder().write_timeout(Duration::from_secs(5)), big);
    client.send(GET).await;
    soon(task).await.unwrap();
    assert!(client.answer().await.is_none(), "the answer was cut");
}

#[tokio::test(start_paused = true)]
async fn continue_is_sent_once_the_handler_reads_and_not_before() {
    let mut client = connect(mirror);
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        .await;
    assert_eq!(client.head().await.unwrap().status, 100);
    client.send("hi").await;
    assert_eq!(client.answer().await.unwrap().text(), "POST / hi");
    assert_eq!(client.get("/next").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_was_not_asked_for_closes_the_connection() {
    let mut client = connect(ignore);
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        .await;
    let answer = client.answer().await.unwrap();
    assert_eq!((answer.status, answer.field("connection")), (200, Some("close")));
    assert!(soon(client.is_closed()).await);
}

#[tokio::test(start_paused = true)]
async fn continue_is_not_sent_where_the_body_came_with_the_head() {
    let mut client = connect(mirror);
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi")
        .await;
    assert_eq!(client.head().await.unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn an_unread_body_is_passed_over_and_never_taken_for_a_request() {
    let mut client = connect(ignore);
    for framing in [
        format!("Content-Length: {}\r\n\r\n{GET}", GET.len()),
        format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{GET}\r\n0\r\n\r\n", GET.len()),
    ] {
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}")).await;
        assert_eq!(client.answer().await.unwrap().text(), "ignored");
    }
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(client.answer_to("HEAD").await.unwrap().field("content-length"), Some("7"));
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_long_unread_body_closes_but_the_answer_arrives() {
    let mut client = connect(ignore);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n").await;
    client.send(vec![b'x'; 50_000]).await;
    let answer = client.answer().await.unwrap();
    assert_eq!((answer.text(), answer.field("connection")), ("ignored", Some("close")));
    // What the client still sends is read and thrown away for a while, so that nothing is reset.
    client.send(vec![b'x'; 500_000]).await;
    assert!(soon(client.is_closed()).await);
}

#[tokio::test(start_paused = true)]
async fn without_lingering_a_connection_ends_with_its_last_answer() {
    for (framing, close) in [("Content-Length: 9\r\n", false), ("Connection: close\r\n", true)] {
        let builder = Server::builder().linger_timeout(Duration::ZERO);
        let (mut client, task) = connect_with(builder, ignore);
        let began = Instant::now();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n")).await;
        let answer = soon(client.answer()).await.unwrap();
        assert_eq!((answer.text(), answer.field("connection").is_some()), ("ignored", close));
        soon(task).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_streamed_body_comes_back_while_it_is_sent() {
    let mut client = connect(echo);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    client.send("3\r\none\r\n").await;
    let head = soon(client.head()).await.unwrap();
    assert_eq!(head.field("transfer-encoding"), Some("chunked"));
    client.send("3\r\ntwo\r\n0\r\n\r\n").await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let rest = String::from_utf8(client.rest().await).unwrap();
    assert!(rest.starts_with("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\nHTTP/1.1 200"), "{rest}");
}

#[tokio::test(start_paused = true)]
async fn a_known_length_passes_through_an_echo() {
    let mut client = connect(echo);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n").await;
    let (mut near, mut far) = client.split();
    let (answer, ()) = tokio::join!(far.answer(), near.send(vec![b'y'; 70_000]));
    let answer = answer.unwrap();
    assert_eq!(answer.field("content-length"), Some("70000"));
    assert_eq!(answer.body, vec![b'y'; 70_000]);
}

#[tokio::test(start_paused = true)]
async fn a_body_outlives_its_handler_in_a_task() {
    let (done, mut counted) = tokio::sync::mpsc::unbounded_channel();
    let service = move |req: Request| {
        let done = done.clone();
        async move {
            let body = req.into_body();
            tokio::spawn(async move { done.send(body.bytes().await.unwrap().len()).unwrap() });
            "taken".into_response()
        }
    };
    let mut client = connect(service);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n").await;
    assert_eq!(client.answer().await.unwrap().text(), "taken");
    client.send(vec![b'x'; 100_000]).await;
    assert_eq!(soon(counted.recv()).await, Some(100_000));
    assert_eq!(client.get("/").await.text(), "taken");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_for_a_handler_that_does_not_ask() {
    let stuck = |_req: Request| std::future::pending::<Response>();
    let (mut client, _task) = connect_with(Server::builder(), stuck);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n").await;
    let flood = async {
        for _ in 0..100 {
            client.send(vec![b'x'; 16 * 1024]).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(1), flood).await.is_err(), "the peer waits");
}

/// While one request is answered, of those behind it at most two reads of 16 KiB are taken: the peer has
/// to wait.
#[tokio::test(start_paused = true)]
async fn a_flood_of_pipelined_requests_waits_while_one_is_answered() {
    let (mut client, _) =
        connect_with(Server::builder(), |_: Request| std::future::pending::<Response>());
    let mut sent = 0;
    let flood = async {
        loop {
            client.send(GET).await;
            sent += GET.len();
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(1), flood).await.is_err(), "the peer waits");
    // 64 KiB of it are the pipe's own.
    assert!((64 * 1024 - GET.len()..=96 * 1024 + GET.len()).contains(&sent), "{sent}");
}

/// What is kept with a request goes with it, though one task answers all of a connection.
#[tokio::test(start_paused = true)]
async fn what_is_kept_with_a_request_is_not_seen_by_the_next() {
    let mut client = connect(|mut req: Request| async move {
        let before = req.extensions_mut().insert(7u8);
        format!("{before:?}").into_response()
    });
    assert_eq!(client.get("/1").await.text(), "None");
    assert_eq!(client.get("/2").await.text(), "None");
}

#[tokio::test(start_paused = true)]
async fn malformed_and_cut_bodies_reach_the_handler_as_errors() {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (wire, finish) in [("zz\r\n", false), ("5\r\nhel", true), ("5\r\nhello\r\n", true)] {
        let mut client = connect(mirror);
        client.send(format!("{post}{wire}")).await;
        if finish {
            client.finish().await;
        }
        let answer = soon(client.answer()).await.unwrap();
        assert_eq!((answer.status, answer.field("connection")), (400, Some("close")), "{wire:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn trailers_reach_the_handler_and_go_out_after_a_stream() {
    let service = |req: Request| async move {
        let mut body = req.into_body();
        while let Some(chunk) = body.chunk().await {
            chunk.unwrap();
        }
        let (mut sender, body) = Body::channel(1024);
        tokio::spawn(async move {
            sender.send("data").await.unwrap();
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", HeaderValue::from_static("7"));
            sender.finish_with_trailers(trailers);
        });
        Response::new(body)
    };
    let mut client = connect(service);
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx-a: 1\r\n\r\n")
        .await;
    let wire = String::from_utf8(soon(client.rest()).await).unwrap();
    assert!(wire.ends_with("4\r\ndata\r\n0\r\nx-sum: 7\r\n\r\n"), "{wire}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_is_cut_and_does_not_look_whole() {
    let service = |_: Request| async {
        let chunks: [Result<Bytes, BoxError>; 2] = [Ok("part".into()), Err("disk".into())];
        Response::new(Body::from_stream(stream::iter(chunks)))
    };
    let mut client = connect(service);
    client.send(GET).await;
    assert!(soon(client.answer()).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_panics_is_cut_like_one_that_fails_and_told() {
    let (tell, mut faults) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::builder().on_fault(move |fault| drop(tell.send(fault.to_string())));
    let service = |_: Request| async {
        Response::new(Body::from_stream(stream::iter(0..2).map(|n| {
            assert!(n < 1, "no such luck");
            Ok::<_, BoxError>("part")
        })))
    };
    let (mut client, _) = connect_with(server, service);
    client.send(GET).await;
    let rest = String::from_utf8(soon(client.rest()).await).unwrap();
    assert!(rest.starts_with("HTTP/1.1 200 OK\r\n") && rest.ends_with("4\r\npart\r\n"), "{rest}");
    let fault = faults.recv().await.unwrap();
    assert!(fault.contains("it panicked: no such luck"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn answers_given_before_a_failure_still_arrive() {
    let service = |req: Request| async move {
        let failing: [Result<Bytes, BoxError>; 2] = [Ok("part".into()), Err("disk".into())];
        match req.path() {
            "/stream" => Response::new(Body::from_stream(stream::iter(failing))),
            "/panics" => Response::new(Body::from_stream(stream::iter(0..2).map(|n| {
                assert!(n < 1, "no such luck");
                Ok::<_, BoxError>("part")
            }))),
            "/short" => Response::new(Body::from_stream(stream::iter([Ok::<_, BoxError>("x")])))
                .with_header(CONTENT_LENGTH, HeaderValue::from_static("9")),
            "/long" => Response::new(Body::from_stream(stream::iter([Ok::<_, BoxError>("xxx")])))
                .with_header(CONTENT_LENGTH, HeaderValue::from_static("2")),
            "/echo" => Response::new(req.into_body()),
            _ => "fine".into_response(),
        }
    };
    let bad_chunk = "Transfer-Encoding: chunked\r\n\r\nZZ\r\n";
    for (failing, answers) in [
        ("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 2),
        ("GET /panics HTTP/1.1\r\nHost: a\r\n\r\n".into(), 2),
        ("GET /short HTTP/1.1\r\nHost: a\r\n\r\n".into(), 2),
        ("GET /long HTTP/1.1\r\nHost: a\r\n\r\n".into(), 2),
        (format!("POST /echo HTTP/1.1\r\nHost: a\r\n{bad_chunk}"), 2),
        (format!("POST /ignored HTTP/1.1\r\nHost: a\r\n{bad_chunk}"), 3),
    ] {
        let (mut client, _) = connect_with(Server::builder().on_fault(|_| {}), service);
        client.send(format!("{GET}{GET}{failing}")).await;
        for _ in 0..answers {
            assert_eq!(soon(client.answer()).await.expect("an answer").text(), "fine", "{failing}");
        }
        assert!(soon(client.answer()).await.is_none(), "{failing}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_final_answer_of_1xx_becomes_500_and_is_told() {
    for status in [100, 103, 101] {
        let service =
            move |_: Request| async move { StatusCode::from_u16(status).unwrap().into_response() };
        let (told, mut faults) = tokio::sync::mpsc::unbounded_channel();
        let builder =
            Server::builder().on_fault(move |fault| told.send(fault.to_string()).unwrap());
        let (mut client, _) = connect_with(builder, service);
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n").await;
        let answer = soon(client.answer()).await.unwrap();
        assert_eq!(answer.status, 500);
        assert!(!answer.text().contains("final"), "the cause stays here");
        assert!(faults.recv().await.unwrap().contains("final"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_streaming_echo_gets_the_body_that_waits_for_100() {
    let mut client = connect(echo);
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        .await;
    assert_eq!(soon(client.head()).await.unwrap().status, 100);
    client.send("hello").await;
    assert_eq!(soon(client.answer()).await.unwrap().text(), "hello");
    assert_eq!(client.get("/").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_tiny_chunks_reaches_the_handler_in_few_pieces() {
    let count = |req: Request| async move {
        let (mut body, mut pieces, mut bytes) = (req.into_body(), 0, 0);
        while let Some(piece) = body.chunk().await {
            (pieces, bytes) = (pieces + 1, bytes + piece.unwrap().len());
        }
        format!("{pieces} {bytes}").into_response()
    };
    let mut client = connect(count);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    client.send("1\r\nx\r\n".repeat(10_000)).await;
    client.send("0\r\n\r\n").await;
    let answer = soon(client.answer()).await.unwrap();
    let (pieces, bytes) = answer.text().split_once(' ').unwrap();
    assert_eq!(bytes, "10000");
    assert!(pieces.parse::<u32>().unwrap() < 50, "{pieces}");
}

#[tokio::test(start_paused = true)]
async fn bodies_of_every_size_arrive_whole() {
    for size in [0, 1, 16 * 1024, 16 * 1024 + 1, 1 << 20] {
        let whole = move |_: Request| async move { Response::new(vec![b'x'; size]) };
        assert_eq!(connect(whole).get("/").await.body.len(), size);
        let streamed = move |_: Request| async move {
            let chunk = Bytes::from(vec![b'x'; size]);
            let chunks = (0..3).map(move |_| Ok::<_, BoxError>(chunk.clone()));
            Response::new(Body::from_stream(stream::iter(chunks)))
        };
        assert_eq!(connect(streamed).get("/").await.body.len(), 3 * size);
    }
}

#[tokio::test(start_paused = true)]
async fn http10_closes_unless_asked_and_gets_no_chunks() {
    let streamed = |_: Request| async {
        let chunks = ["one", "two"].map(Ok::<_, BoxError>);
        Response::new(Body::from_stream(stream::iter(chunks)))
    };
    let mut client = connect(streamed);
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    let answer = client.answer().await.unwrap();
    assert_eq!((answer.text(), answer.field("transfer-encoding")), ("onetwo", None));

    let mut client = connect(ignore);
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    assert_eq!(client.answer().await.unwrap().field("connection"), Some("keep-alive"));
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    client.answer().await.unwrap();
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_hands_over_the_connection_with_what_was_read_ahead() {
    let service = |_: Request| async {
        Response::upgrade(HeaderValue::from_static("shout"), |mut io| async move {
            let mut word = [0; 5];
            io.read_exact(&mut word).await.unwrap();
            word.make_ascii_uppercase();
            io.write_all(&word).await.unwrap();
        })
    };
    let mut client = connect(service);
    client
        .send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\nhello")
        .await;
    let head = client.head().await.unwrap();
    assert_eq!((head.status, head.field("upgrade")), (101, Some("shout")));
    assert_eq!(head.field("connection"), Some("upgrade"));
    assert_eq!(soon(client.rest()).await, b"HELLO");

    let mut client = connect(service);
    client.send(GET).await;
    assert_eq!(client.answer().await.unwrap().status, 500, "nobody asked for an upgrade");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_closes_its_half_still_gets_its_answer() {
    let slow = |_: Request| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        "slow".into_response()
    };
    let mut client = connect(slow);
    client.send(GET).await;
    client.finish().await;
    assert_eq!(soon(client.answer()).await.unwrap().text(), "slow");

    let (mut client, task) = connect_with(Server::builder().half_close(false), slow);
    client.send(GET).await;
    client.finish().await;
    soon(task).await.unwrap();
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_dropped_when_its_peer_goes() {
    let (dropped, mut told) = tokio::sync::mpsc::unbounded_channel();
    struct Tell(tokio::sync::mpsc::UnboundedSender<()>);
    impl Drop for Tell {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let service = move |_: Request| {
        let tell = Tell(dropped.clone());
        async move {
            std::future::pending::<()>().await;
            drop(tell);
            Response::default()
        }
    };
    let (client, task) = connect_with(Server::builder().half_close(false), service);
    let mut client = client;
    client.send(GET).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(client);
    soon(told.recv()).await.unwrap();
    soon(task).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_response_that_breaks_the_rules_becomes_500() {
    let service = |_: Request| async {
        "hello".into_response().with_header(CONTENT_LENGTH, HeaderValue::from_static("99"))
    };
    let mut client = connect(service);
    client.send(GET).await;
    let answer = soon(client.answer()).await.unwrap();
    assert_eq!((answer.status, answer.field("connection")), (500, Some("close")));
}

#[tokio::test(start_paused = true)]
async fn bodiless_statuses_send_no_body_and_keep_the_connection() {
    for status in [204, 304] {
        let service = move |_: Request| async move {
            Response::new("not sent").with_status(StatusCode::from_u16(status).unwrap())
        };
        let mut client = connect(service);
        for _ in 0..2 {
            client.send(GET).await;
            assert_eq!(client.answer().await.unwrap().status, status);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn limits_of_the_builder_hold() {
    let builder = Server::builder().limits(Limits::default().max_headers(2));
    let (mut client, _) = connect_with(builder, ignore);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n").await;
    assert_eq!(client.answer().await.unwrap().status, 431);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Where segments split a conversation never changes its answers.
    #[test]
    fn segments_do_not_matter(cuts in proptest::collection::vec(1usize..40, 1..60)) {
        let wire = format!(
            "{GET}POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\
             POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n\
             HEAD /d HTTP/1.1\r\nHost: a\r\n\r\nGET /e HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let talk = |cuts: Vec<usize>| {
            let wire = wire.clone();
            runtime.block_on(async move {
                let mut client = connect(mirror);
                let mut left = wire.as_bytes();
                for cut in cuts {
                    let (now, later) = left.split_at(cut.min(left.len()));
                    client.send(now).await;
                    tokio::task::yield_now().await;
                    left = later;
                }
                client.send(left).await;
                without_dates(&client.rest().await)
            })
        };
        let whole = talk(Vec::new());
        prop_assert!(whole.contains("POST /c abc"));
        prop_assert_eq!(talk(cuts), whole);
    }
}

fn without_dates(wire: &[u8]) -> String {
    let text = String::from_utf8_lossy(wire);
    text.lines().filter(|line| !line.starts_with("date: ")).collect::<Vec<_>>().join("\n")
}
