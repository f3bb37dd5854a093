//! WebSockets by the client: opened by requests as any other, refused with what the server said.
#![cfg(feature = "websocket")]
#![allow(missing_docs)]

mod proxies_common;
mod util;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dunlin_client::cookies::CookieJar;
use dunlin_client::websocket::{
    CloseCode, Config, HandshakeError, Limits, Role, ServerHandshake, WebSocket,
};
use dunlin_client::{
    Client, Error, ErrorKind, InProcess, Middleware, Next, Phase, PoolLimits, Proxy, Redirects,
    Request, Response, Timeouts, Trace, Tracer, Url, WsRefusal,
};
use dunlin_core::{BoxFuture, Headers};
use http::StatusCode;
use proxies_common::{Stream, Tls, http_proxy, socks_proxy};
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use util::Server;

/// The field that answers to the key of a request.
fn accept(head: &str) -> String {
    let key = util::field(head, "sec-websocket-key").unwrap();
    let hash = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    format!("Sec-WebSocket-Accept: {}\r\n", STANDARD.encode(hash.finalize()))
}

fn switching(head: &str, more: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n{}{more}\r\n",
        accept(head)
    )
}

/// Reads a head as it was sent.
async fn read_head(io: &mut Box<dyn Stream>) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

async fn echo(mut ws: WebSocket) {
    while let Some(Ok(message)) = ws.receive().await {
        if ws.send(message).await.is_err() {
            break;
        }
    }
}

/// A server that opens a WebSocket with these fields, notes the request, and echoes.
async fn echoing(tls: Tls, fields: &'static str) -> proxies_common::Server {
    proxies_common::Server::start(tls, move |mut io, notes| async move {
        while let Some(head) = read_head(&mut io).await {
            notes.add(&head);
            if util::field(&head, "upgrade").is_none() {
                io.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain").await?;
                continue;
            }
            io.write_all(switching(&head, fields).as_bytes()).await?;
            io.flush().await?;
            echo(WebSocket::new(io, Role::Server, Config::default())).await;
            break;
        }
        Ok(())
    })
    .await
}

async fn says_hello(ws: &mut WebSocket) {
    ws.send("hello").await.unwrap();
    assert_eq!(ws.receive_text().await.unwrap().unwrap(), "hello");
}

fn refusal(error: &Error) -> &WsRefusal {
    match error.kind() {
        ErrorKind::Handshake(refusal) => refusal,
        _ => panic!("{error}"),
    }
}

#[tokio::test]
async fn every_spelling_of_the_url_opens_the_same() {
    let server = echoing(None, "").await;
    let base = format!("http://{}/api/", server.at);
    let client = Client::builder().base_url(base.as_str()).build().unwrap();
    for url in [format!("ws://{}/feed", server.at), format!("http://{}/feed", server.at)] {
        says_hello(&mut client.ws_connect(url).send().await.unwrap()).await;
    }
    let mut ws = client.ws_connect("feed").send().await.unwrap();
    says_hello(&mut ws).await;
    let heads = server.notes.all();
    assert!(heads[0].starts_with("GET /feed HTTP/1.1\r\n"));
    assert!(heads[2].starts_with("GET /api/feed HTTP/1.1\r\n"));
    let keys: Vec<_> = heads.iter().map(|head| util::field(head, "sec-websocket-key")).collect();
    assert!(keys[0] != keys[1] && keys[1] != keys[2], "{keys:?}");
    let error = client.ws_connect("ftp://example.com/").send().await.unwrap_err();
    assert!(error.is_request(), "{error}");
}

#[tokio::test]
async fn fields_cookies_and_credentials_are_sent_and_cookies_kept() {
    let server = echoing(None, "Set-Cookie: seen=yes\r\nSec-WebSocket-Protocol: v2\r\n").await;
    let client = Client::builder()
        .cookies(CookieJar::new())
        .default_header("x-default", "1")
        .build()
        .unwrap();
    let at = server.at;
    let (mut ws, response) = client
        .ws_connect(format!("ws://user:secret@{at}/feed"))
        .protocols(["v1", "v2"])
        .origin("https://page.example")
        .header("x-own", "2")
        .header("sec-websocket-key", "chosen by hand")
        .request(|request| request.query(&[("room", "birds")]))
        .send_with_response()
        .await
        .unwrap();
    says_hello(&mut ws).await;
    assert_eq!(ws.protocol(), Some("v2"));
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.header("set-cookie"), Some("seen=yes"));
    assert_eq!(response.connection().unwrap().peer, Some(at));
    let head = server.notes.last();
    assert_eq!(util::target(&head), "/feed?room=birds");
    for (name, value) in [
        ("x-default", "1"),
        ("x-own", "2"),
        ("origin", "https://page.example"),
        ("sec-websocket-protocol", "v1, v2"),
        ("sec-websocket-version", "13"),
        ("authorization", "Basic dXNlcjpzZWNyZXQ="),
    ] {
        assert_eq!(util::field(&head, name), Some(value), "{head}");
    }
    assert_eq!(util::field(&head, "cookie"), None);
    client.ws_connect(format!("ws://{at}/")).protocols(["v2"]).send().await.unwrap();
    assert_eq!(util::field(&server.notes.last(), "cookie"), Some("seen=yes"));
}

#[tokio::test]
async fn redirects_are_followed_or_told() {
    let server = echoing(None, "").await;
    let to = server.at;
    let old = Server::answering(move |_, _| {
        util::answer("307 Temporary Redirect", &format!("Location: ws://{to}/new\r\n"), "")
    })
    .await;
    let client = Client::new();
    let opening = client.ws_connect(old.url("/old")).send_with_response();
    let (mut ws, response) = opening.await.unwrap();
    says_hello(&mut ws).await;
    assert_eq!(response.history().len(), 1);
    assert_eq!(util::target(&server.notes.last()), "/new");
    let kept = client.ws_connect(old.url("/old"));
    let error = kept.request(|r| r.redirects(Redirects::none())).send().await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::TEMPORARY_REDIRECT));
    assert!(refusal(&error).headers().get_str("location").unwrap().ends_with("/new"));
}

#[tokio::test]
async fn a_refusal_carries_status_fields_and_the_beginning_of_the_body() {
    let server = Server::answering(|_, _| {
        let body = format!("members alone\n{}", "x".repeat(10_000));
        util::answer("403 Forbidden", "X-Why: no member\r\nContent-Type: text/plain\r\n", &body)
    })
    .await;
    // What the client makes of failures otherwise does not hide them here.
    let client = Client::builder().raise_for_status(true).max_body(10).build().unwrap();
    let error = client.ws_connect(server.url("/")).send().await.unwrap_err();
    assert_eq!((error.phase(), error.peer()), (Phase::Exchange, Some(server.address)));
    assert_eq!(error.status(), Some(StatusCode::FORBIDDEN));
    let refusal = refusal(&error);
    assert_eq!(refusal.reason(), &HandshakeError::Status(StatusCode::FORBIDDEN));
    assert_eq!(refusal.headers().get_str("x-why"), Some("no member"));
    assert_eq!(refusal.body().len(), 4096);
    let text = error.to_string();
    assert!(text.contains("answered 403 Forbidden, not 101: \"members alone\""), "{text}");
}

#[tokio::test]
async fn a_body_without_end_does_not_hold_a_refusal_up() {
    let server = Server::start(|mut conn| async move {
        conn.request().await.unwrap();
        conn.send(b"HTTP/1.1 404 Not Found\r\n\r\nsome").await.unwrap();
        let _ = conn.until(b"never").await;
    })
    .await;
    let began = Instant::now();
    let client = Client::builder().timeouts(Timeouts::NONE).build().unwrap();
    let error = client.ws_connect(server.url("/")).send().await.unwrap_err();
    assert_eq!(&refusal(&error).body()[..], b"some");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(client.pool_metrics().open, 0, "what has not ended is closed");
}

#[tokio::test]
async fn answers_that_were_not_asked_for_are_refused() {
    for (fields, reason) in [
        ("Sec-WebSocket-Protocol: v9\r\n", HandshakeError::Protocol),
        ("Sec-WebSocket-Extensions: permessage-deflate\r\n", HandshakeError::Extensions),
        ("Sec-WebSocket-Accept: twice\r\n", HandshakeError::Accept),
    ] {
        let server = echoing(None, fields).await;
        let client = Client::new();
        let opening = client.ws_connect(format!("ws://{}/", server.at)).protocols(["v1"]);
        let error = opening.send().await.unwrap_err();
        assert_eq!(refusal(&error).reason(), &reason);
        assert_eq!(client.pool_metrics().open, 0);
    }
    let error = Client::new().ws_connect("ws://127.0.0.1:1/").protocols(["not a token"]);
    let error = error.send().await.unwrap_err();
    assert!(error.is_request() && error.to_string().contains("not a token"), "{error}");
}

#[tokio::test]
async fn a_socket_keeps_its_place_and_its_connection_serves_nobody_else() {
    let server = echoing(None, "").await;
    let url = format!("http://{}/", server.at);
    let limits = PoolLimits { per_host: 1, ..PoolLimits::default() };
    let client = Client::builder().pool(limits).build().unwrap();
    // A kept connection is good enough for the handshake.
    assert_eq!(client.get(&url).send().await.unwrap().text().await.unwrap(), "plain");
    let mut ws = client.ws_connect(url.as_str()).send().await.unwrap();
    says_hello(&mut ws).await;
    let metrics = client.pool_metrics();
    assert_eq!((metrics.open, metrics.idle, metrics.reused), (1, 0, 1));
    let short = Duration::from_millis(100);
    assert!(tokio::time::timeout(short, client.get(&url).send()).await.is_err());
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    // Its end frees the place, though the socket is still held.
    assert_eq!(client.pool_metrics().open, 0);
    assert_eq!(client.get(&url).send().await.unwrap().text().await.unwrap(), "plain");
    assert_eq!(client.pool_metrics().opened, 2);
    let ws = client.ws_connect(url.as_str()).send().await.unwrap();
    drop(ws);
    assert_eq!(client.pool_metrics().open, 0);
}

#[tokio::test]
async fn timeouts_of_requests_end_with_the_handshake() {
    let mute = Server::start(|mut conn| async move {
        conn.request().await.unwrap();
        let _ = conn.until(b"never").await;
    })
    .await;
    let short = Duration::from_millis(150);
    let client = Client::builder()
        .timeouts(Timeouts { total: Some(short), read: Some(short), ..Timeouts::default() })
        .build()
        .unwrap();
    let error = client.ws_connect(mute.url("/")).send().await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    let error = Client::new().ws_connect(mute.url("/")).timeout(short).send().await.unwrap_err();
    assert!(error.is_timeout() && error.to_string().contains("total"), "{error}");

    let server = echoing(None, "").await;
    let mut ws = client.ws_connect(format!("ws://{}/", server.at)).send().await.unwrap();
    assert!(tokio::time::timeout(short * 3, ws.receive()).await.is_err());
    says_hello(&mut ws).await;
}

#[tokio::test]
async fn proxies_of_both_kinds_are_gone_through() {
    let server = echoing(None, "").await;
    let http = http_proxy(None, server.at, None).await;
    let socks = socks_proxy(server.at, None).await;
    for (proxy, told) in [
        (format!("http://{}", http.at), "connect t.example:80 "),
        (format!("socks5h://{}", socks.at), "5 name t.example:80"),
    ] {
        let client = Client::builder().proxy(Proxy::new(proxy.as_str()).unwrap()).build().unwrap();
        says_hello(&mut client.ws_connect("ws://t.example/").send().await.unwrap()).await;
        let notes = [http.notes.all(), socks.notes.all()].concat();
        assert!(notes.iter().any(|note| note.starts_with(told)), "{notes:?}");
    }
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn wss_goes_by_tls_through_a_proxy_too() {
    let identity = proxies_common::identity("birds.test");
    let server = echoing(Some(identity.acceptor), "").await;
    let proxy = http_proxy(None, server.at, None).await;
    let builder = dunlin_client::TlsConfig::builder().root_pem(identity.pem.as_bytes()).unwrap();
    let tls = builder.only_given_roots().build().unwrap();
    let client =
        Client::builder().tls(tls).resolve_to("*", &[[127, 0, 0, 1].into()]).build().unwrap();
    let url = format!("wss://birds.test:{}/", server.at.port());
    let mut ws = client.ws_connect(url.as_str()).send().await.unwrap();
    says_hello(&mut ws).await;
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    let proxy = Proxy::new(format!("http://{}", proxy.at).as_str()).unwrap();
    let through = client.ws_connect(url.as_str()).request(|request| request.proxy(proxy));
    says_hello(&mut through.send().await.unwrap()).await;
    let error = Client::new().ws_connect(format!("wss://{}/", server.at)).send().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Tls(_)), "{error}");
}

/// Adds a token where the server asks for one.
struct Login;

impl Middleware for Login {
    fn handle(&self, request: Request, next: Next) -> BoxFuture<'_, Result<Response, Error>> {
        Box::pin(async move {
            let mut again = request.clone();
            let response = next.clone().run(request).await?;
            if response.status() != StatusCode::UNAUTHORIZED {
                return Ok(response);
            }
            again.insert_header(http::header::AUTHORIZATION, "Bearer t".parse().unwrap());
            next.run(again).await
        })
    }
}

#[tokio::test]
async fn middleware_sees_the_handshake_and_may_repeat_it() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let server = Server::start(move |mut conn| {
        let count = count.clone();
        async move {
            while let Some((head, _)) = conn.request().await {
                count.fetch_add(1, SeqCst);
                if util::field(&head, "authorization").is_none() {
                    let no = util::answer("401 Unauthorized", "", "");
                    conn.send(&no).await.unwrap();
                    continue;
                }
                conn.send(switching(&head, "").as_bytes()).await.unwrap();
                conn.send(b"\x81\x02hi").await.unwrap();
                let _ = conn.until(b"never").await;
                return;
            }
        }
    })
    .await;
    let client = Client::builder().with(Login).build().unwrap();
    let mut ws = client.ws_connect(server.url("/")).send().await.unwrap();
    assert_eq!(ws.receive_text().await.unwrap().unwrap(), "hi");
    assert_eq!((asked.load(SeqCst), server.connections()), (2, 1));
}

#[tokio::test]
async fn a_service_in_the_same_process_opens_one_too() {
    async fn serve(req: dunlin_core::Request) -> dunlin_core::Response {
        ServerHandshake::default().respond(&req, echo)
    }
    let client = Client::builder().with(InProcess::new(serve)).build().unwrap();
    let limits = Limits { max_message: 10, ..Limits::default() };
    let config = Config { limits, ..Config::default() };
    let mut ws = client.ws_connect("ws://app.test/").config(config).send().await.unwrap();
    says_hello(&mut ws).await;
    ws.send("more than ten bytes").await.unwrap();
    assert!(ws.receive().await.unwrap().is_err(), "the settings are the connection's");
}

/// Names of what is told, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Tracer for Log {
    fn trace(&self, _: &Request) -> Option<Arc<dyn Trace>> {
        Some(Arc::new(self.clone()))
    }
}

impl Trace for Log {
    fn request_start(&self, _: &http::Method, url: &Url, headers: &Headers) {
        assert!(headers.contains("sec-websocket-key"));
        self.0.lock().unwrap().push(format!("start {}", url.scheme()));
    }

    fn request_end(&self, _: &Url, status: StatusCode, _: &Headers) {
        self.0.lock().unwrap().push(format!("end {status}"));
    }
}

#[tokio::test]
async fn traces_tell_of_the_handshake() {
    let server = echoing(None, "").await;
    let log = Log::default();
    let client = Client::builder().tracer(log.clone()).build().unwrap();
    client.ws_connect(format!("ws://{}/", server.at)).send().await.unwrap();
    assert_eq!(*log.0.lock().unwrap(), ["start http", "end 101 Switching Protocols"]);
}
