//! The PROXY protocol at the listener: who is let in, and whose address requests then have.

mod util;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dunlin_core::{IntoResponse, Request, Response};
use dunlin_server::{ProxyProtocol, Server, ServerBuilder};
use tokio::net::UnixStream;
use util::Raw;
use util::sockets::{dial_to, eventually, start, within};

const V1: &str = "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n";
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\xdc\x04\x01\xbb";

/// Answers with both addresses of the connection.
async fn ends(req: Request) -> Response {
    let (peer, local) = match req.connection() {
        Some(connection) => (connection.peer, connection.local),
        None => (None, None),
    };
    let tell =
        |end: Option<std::net::SocketAddr>| end.map_or_else(|| "-".into(), |end| end.to_string());
    format!("{} {}", tell(peer), tell(local)).into_response()
}

fn expecting() -> ServerBuilder {
    Server::builder().proxy_protocol(ProxyProtocol::from_anyone())
}

const TOLD: &str = "192.0.2.1:56324 192.0.2.2:443";

#[tokio::test]
async fn both_versions_tell_the_addresses_of_all_requests() {
    let server = start(expecting(), ends).await;
    for header in [V1.as_bytes(), V2] {
        let mut client = dial_to(&server).await;
        client.send([header, GET.as_bytes(), GET.as_bytes()].concat()).await;
        for _ in 0..2 {
            assert_eq!(within(20, client.answer()).await.unwrap().text(), TOLD);
        }
        assert_eq!(client.get("/later").await.text(), TOLD);
    }
}

#[tokio::test]
async fn a_header_may_come_byte_by_byte() {
    let server = start(expecting(), ends).await;
    let mut client = dial_to(&server).await;
    for byte in V1.as_bytes() {
        client.send([*byte]).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(client.get("/").await.text(), TOLD);
}

#[tokio::test]
async fn headers_that_tell_nothing_leave_the_sockets_addresses() {
    let server = start(expecting(), ends).await;
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    for header in [&b"PROXY UNKNOWN\r\n"[..], local] {
        let mut client = dial_to(&server).await;
        client.send(header).await;
        let own = client.io().local_addr().unwrap();
        let want = format!("{own} {}", server.addresses()[0]);
        assert_eq!(client.get("/").await.text(), want);
    }
}

#[tokio::test]
async fn who_leaves_the_header_out_is_closed_without_a_word_and_the_hook_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let builder = expecting().on_fault(move |fault| tell.lock().unwrap().push(fault.to_string()));
    let server = start(builder, ends).await;
    for wire in [GET, "PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n", "PROXY UNKNOWN\n"] {
        let mut client = dial_to(&server).await;
        client.send(wire).await;
        assert!(within(20, client.is_closed()).await, "{wire:?}");
    }
    eventually(|| told.lock().unwrap().len() == 3).await;
    let told = told.lock().unwrap();
    assert!(told[0].contains("does not begin with a header of the PROXY protocol"), "{told:?}");
    assert!(told[0].contains("from 127.0.0.1:"), "{told:?}");
}

#[tokio::test]
async fn only_trusted_networks_may_send_it() {
    let elsewhere = ProxyProtocol::from_networks(["10.0.0.0/8"]).unwrap();
    let server = start(Server::builder().proxy_protocol(elsewhere), ends).await;
    let mut client = dial_to(&server).await;
    // It may have been closed already.
    let _ = tokio::io::AsyncWriteExt::write_all(client.io_mut(), V1.as_bytes()).await;
    assert!(within(20, client.is_closed()).await);
    let here = ProxyProtocol::from_networks(["127.0.0.0/8"]).unwrap();
    let server = start(Server::builder().proxy_protocol(here), ends).await;
    let mut client = dial_to(&server).await;
    client.send(V1).await;
    assert_eq!(client.get("/").await.text(), TOLD);
}

#[tokio::test]
async fn a_header_that_dribbles_in_is_cut_in_time() {
    let builder = expecting().head_timeout(Duration::from_millis(300));
    let server = start(builder, ends).await;
    let began = Instant::now();
    let mut silent = dial_to(&server).await;
    let mut half = dial_to(&server).await;
    half.send("PROXY TCP4").await;
    assert!(within(20, silent.is_closed()).await && within(20, half.is_closed()).await);
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    eventually(|| server.connections() == 0).await;
}

#[tokio::test]
async fn a_unix_socket_tells_the_addresses_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let trusted = ProxyProtocol::from_networks(["10.0.0.0/8"]).unwrap();
    let builder = Server::builder().bind_unix(&path).proxy_protocol(trusted);
    let _server = builder.start(ends).await.unwrap();
    let mut client = Raw::new(UnixStream::connect(&path).await.unwrap());
    client.send(V2).await;
    assert_eq!(client.get("/").await.text(), TOLD);
}

#[tokio::test]
async fn who_has_said_nothing_does_not_hold_up_the_end() {
    let server = start(expecting(), ends).await;
    let mut silent = dial_to(&server).await;
    eventually(|| server.connections() == 1).await;
    assert_eq!(within(20, server.shutdown()).await.unwrap().cut, 0);
    assert!(silent.is_closed().await);
}
