//! What a program learns of a response, and what it gets of the body.
#![allow(missing_docs)]

mod util;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dunlin_client::{Client, Error, ErrorKind, Phase, Response};
use http::{Method, StatusCode, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use util::{Server, answer, ok, target};

/// A server that sends these bytes for each request, and then closes or not.
async fn saying(bytes: &'static [u8], closes: bool) -> Server {
    Server::start(move |mut conn| async move {
        while conn.request().await.is_some() {
            if conn.send(bytes).await.is_err() || closes {
                break;
            }
        }
    })
    .await
}

async fn get(server: &Server) -> Result<Response, Error> {
    Client::new().get(server.url("/")).send().await
}

#[tokio::test]
async fn a_head_is_told_as_it_came() {
    let server = saying(
        b"HTTP/1.1 299 Fine by me\r\nX-Odd: caf\xe9\r\nSet-Cookie: a=1; Path=/\r\n\
          Set-Cookie: b=2\r\nContent-Type: Text/HTML; charset=utf-8\r\n\
          Content-Disposition: attachment; filename=\"a b.txt\"\r\nContent-Length: 2\r\n\r\nhi",
        false,
    )
    .await;
    let response = Client::new().get(server.url("/x#top")).send().await.unwrap();
    assert_eq!(
        (response.status(), response.reason()),
        (299.try_into().unwrap(), Some("Fine by me"))
    );
    assert_eq!(response.version(), Version::HTTP_11);
    assert_eq!(response.headers().get("x-odd"), Some(&b"caf\xe9"[..]));
    assert_eq!(response.header("x-odd"), None);
    assert!(response.headers().iter().any(|(name, _)| name == b"X-Odd"), "as it is spelt");
    assert_eq!(response.headers().get_all("set-cookie").count(), 2);
    assert_eq!(response.cookies().len(), 2);
    assert_eq!(response.content_type(), Some("Text/HTML"));
    assert_eq!(response.file_name().as_deref(), Some("a b.txt"));
    assert_eq!(response.content_length(), Some(2));
    assert_eq!(response.url().fragment(), Some("top"));
    assert!(response.history().is_empty());
    let info = response.connection().unwrap();
    assert_eq!(info.peer, Some(server.address));
    assert!(info.local.is_some() && info.certificate.is_none());
    assert_eq!(response.text().await.unwrap(), "hi");
}

#[tokio::test]
async fn links_lead_from_page_to_page() {
    let server = Server::answering(|head, _| match target(head) {
        "/birds" => answer("200 OK", "Link: <birds?page=2>; rel=\"next\", </>; rel=up\r\n", "1"),
        _ => answer("200 OK", "", "2"),
    })
    .await;
    let client = Client::new();
    let mut next = Some(server.url("/birds").parse().unwrap());
    let mut pages = String::new();
    while let Some(url) = next {
        let response = client.get(&url).send().await.unwrap();
        next = response.links().into_iter().find(|l| l.rel == ["next"]).map(|link| link.url);
        pages += &response.text().await.unwrap();
    }
    assert_eq!(pages, "12");
}

#[tokio::test]
async fn interim_responses_are_told_to_the_hook_and_passed_over() {
    let server = saying(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n\
          HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        false,
    )
    .await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    let request = Client::new().get(server.url("/")).on_interim(move |head| {
        telling.lock().unwrap().push((head.status.as_u16(), head.headers.contains("link")));
    });
    let response = request.send().await.unwrap();
    assert_eq!((response.status(), response.text().await.unwrap()), (StatusCode::OK, "hi".into()));
    assert_eq!(*told.lock().unwrap(), [(103, true), (102, false)]);

    let flood = Server::start(|mut conn| async move {
        let _ = conn.request().await;
        while conn.send(b"HTTP/1.1 102 Processing\r\n\r\n").await.is_ok() {}
    })
    .await;
    let error = get(&flood).await.unwrap_err().to_string();
    assert!(error.contains("more than 32 interim responses"), "{error}");
}

#[tokio::test]
async fn bytes_text_and_json_are_what_the_body_holds() {
    let server = Server::answering(|head, _| match target(head) {
        "/latin" => {
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=latin1\r\nContent-Length: 4\r\n\r\ncaf\xe9"
                .to_vec()
        }
        "/json" => answer("200 OK", "Content-Type: text/html\r\n", "{\"a\": [1, 2]}"),
        _ => ok("{\"a\": 1, }"),
    })
    .await;
    let client = Client::new();
    let get = async |path: &str| client.get(server.url(path)).send().await.unwrap();
    assert_eq!(get("/latin").await.text().await.unwrap(), "caf\u{e9}");
    assert_eq!(get("/latin").await.bytes().await.unwrap(), &b"caf\xe9"[..]);
    // Whatever the media type says: the program asked for JSON.
    let value: serde_json::Value = get("/json").await.json().await.unwrap();
    assert_eq!(value["a"][1], 2);
    let error = get("/json").await.json::<Vec<u8>>().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Content { what: "JSON", .. }), "{error}");
    assert!(
        error.to_string().contains("line 1 column 0 (its Content-Type is text/html), "),
        "{error}"
    );
    let error = get("/").await.json::<serde_json::Value>().await.unwrap_err();
    assert!(error.is_body() && error.to_string().contains("line 1 column 10"), "{error}");
    assert_eq!(error.peer(), Some(server.address));
}

#[tokio::test]
async fn a_status_is_an_error_where_one_asks_for_it() {
    let server =
        Server::answering(|head, _| answer(target(head).trim_start_matches('/'), "", "why")).await;
    let client = Client::new();
    let get = |path: &str| client.get(server.url(path));
    let response = get("/404").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap()), (404, "why".into()));
    let error = get("/404").send().await.unwrap().ok().unwrap_err();
    assert!(error.is_status() && error.status() == Some(StatusCode::NOT_FOUND), "{error}");
    assert!(error.to_string().contains("404 Not Found"), "{error}");
    assert!(get("/399").send().await.unwrap().ok().is_ok());

    let client = Client::builder().raise_for_status(true).build().unwrap();
    let error = client.get(server.url("/503")).send().await.unwrap_err();
    assert_eq!(
        (error.status(), error.peer()),
        (Some(StatusCode::SERVICE_UNAVAILABLE), Some(server.address))
    );
    assert!(client.get(server.url("/503")).raise_for_status(false).send().await.is_ok());
}

#[tokio::test]
async fn bodies_end_as_their_framing_says() {
    for (bytes, closes, text) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..], false, "hello"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", false, "hello"),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", true, "hello"),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", true, "hello"),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", false, ""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, ""),
    ] {
        let server = saying(bytes, closes).await;
        let client = Client::new();
        for _ in 0..2 {
            let response = client.get(server.url("/")).send().await.unwrap();
            assert_eq!(response.text().await.unwrap(), text);
        }
        assert_eq!(server.connections(), if closes { 2 } else { 1 });
    }
    let server = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", false).await;
    let client = Client::new();
    for _ in 0..2 {
        let response = client.head(server.url("/")).send().await.unwrap();
        assert_eq!(response.header("content-length"), Some("1000"));
        assert_eq!(response.bytes().await.unwrap(), "");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn what_two_readers_could_read_differently_is_refused() {
    for (bytes, why) in [
        (
            &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"[..],
            "content-length",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "transfer-encoding",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", "content-length"),
        (b"HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n", "whitespace"),
        (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "CRLF"),
        (b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", "status"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
            "did not ask",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "version"),
    ] {
        let error = get(&saying(bytes, true).await).await.unwrap_err();
        assert_eq!(error.phase(), Phase::Exchange);
        assert!(matches!(error.kind(), ErrorKind::Protocol(_)), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[tokio::test]
async fn a_response_left_unread_keeps_its_connection_only_if_the_rest_has_come() {
    let server = saying(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        false,
    )
    .await;
    let client = Client::new();
    for _ in 0..3 {
        let response = client.get(server.url("/")).send().await.unwrap();
        drop(response);
        assert_eq!(client.pool_metrics().open, client.pool_metrics().idle);
    }
    assert_eq!(server.connections(), 1);

    let server = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhello", false).await;
    drop(client.get(server.url("/")).send().await.unwrap());
    drop(client.get(server.url("/")).send().await.unwrap());
    assert_eq!(server.connections(), 2);
    assert_eq!(client.pool_metrics().open, 1, "that of the first server");
}

#[tokio::test]
async fn a_chunk_that_is_waited_for_in_vain_is_not_lost() {
    let server = Server::start(|mut conn| async move {
        let _ = conn.request().await;
        let _ = conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none").await;
        tokio::time::sleep(Duration::from_millis(60)).await;
        let _ = conn.send(b"two").await;
        let _ = conn.request().await;
    })
    .await;
    let mut response = get(&server).await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "one");
    for _ in 0..3 {
        let hurried = tokio::time::timeout(Duration::from_millis(10), response.chunk()).await;
        assert!(hurried.is_err());
    }
    assert_eq!(response.content_length(), Some(3));
    assert_eq!(response.chunk().await.unwrap().unwrap(), "two");
    assert_eq!(response.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn lines_come_as_they_are_sent_and_have_a_limit() {
    let server = Server::start(|mut conn| async move {
        let _ = conn.request().await;
        let _ = conn.send(b"HTTP/1.1 200 OK\r\n\r\none\r\ntw").await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let _ = conn.send(b"o\n\nlast").await;
    })
    .await;
    let mut lines = get(&server).await.unwrap().lines();
    for line in ["one", "two", "", "last"] {
        assert_eq!(lines.next().await.unwrap().unwrap(), line);
    }
    assert_eq!(lines.next().await.unwrap(), None);

    let server = Server::answering(|_, _| ok(&"x".repeat(200))).await;
    let mut lines = get(&server).await.unwrap().lines().max_len(100);
    let error = lines.next().await.unwrap_err();
    assert!(error.is_body() && error.to_string().contains("limit of 100 bytes"), "{error}");
}

#[tokio::test]
async fn a_body_is_saved_whole_with_its_progress_told() {
    let text = "x".repeat(300_000);
    let sent = text.clone();
    let server = Server::answering(move |_, _| ok(&sent)).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("birds.txt");
    std::fs::write(&path, "old").unwrap();
    let mut steps = Vec::new();
    let response = get(&server).await.unwrap();
    let bytes = response.save_with(&path, |done, total| steps.push((done, total))).await.unwrap();
    assert_eq!(bytes, 300_000);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    assert!(steps.is_sorted() && steps.last() == Some(&(300_000, Some(300_000))), "{steps:?}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_download_that_breaks_off_or_is_given_up_leaves_no_file() {
    let cut = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", true).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("birds.txt");
    let error = get(&cut).await.unwrap().save_to(&path).await.unwrap_err();
    assert!(error.is_body() && error.to_string().contains("4 bytes short"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);

    let slow = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", false).await;
    let response = get(&slow).await.unwrap();
    let given_up = tokio::time::timeout(Duration::from_millis(50), response.save_to(&path)).await;
    assert!(given_up.is_err());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);

    let response = get(&slow).await.unwrap();
    let error = response.save_to(dir.path().join("no/such/dir")).await.unwrap_err();
    assert!(error.to_string().contains("no/such/dir: "), "{error}");
}

#[tokio::test]
async fn trailers_are_there_behind_the_last_chunk() {
    let server = saying(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 42\r\n\r\n",
        false,
    )
    .await;
    let mut response = get(&server).await.unwrap();
    assert!(response.trailers().is_none());
    while response.chunk().await.unwrap().is_some() {}
    assert_eq!(response.trailers().unwrap()["x-sum"], "42");
}

#[tokio::test]
async fn a_body_longer_than_allowed_is_an_error_at_once_or_where_it_shows() {
    let declared = Server::answering(|_, _| ok(&"x".repeat(100))).await;
    let chunked = saying(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n32\r\n\
          xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n0\r\n\r\n",
        false,
    )
    .await;
    let client = Client::builder().max_body(49).build().unwrap();
    let error = client.get(declared.url("/")).send().await.unwrap_err();
    assert!(error.is_body() && error.to_string().contains("limit of 49 bytes"), "{error}");
    let response = client.get(chunked.url("/")).send().await.unwrap();
    assert!(response.bytes().await.unwrap_err().to_string().contains("limit of 49 bytes"));
    assert_eq!(client.pool_metrics().open, client.pool_metrics().idle);
    for limit in [Some(50), None] {
        let response = client.get(chunked.url("/")).max_body(limit).send().await.unwrap();
        assert_eq!(response.bytes().await.unwrap().len(), 50);
    }
}

#[tokio::test]
async fn a_connection_is_handed_over_after_101_and_a_tunnel_after_connect() {
    let server = Server::start(|mut conn| async move {
        let (head, _) = conn.request().await.unwrap();
        let answer: &[u8] = match head.starts_with("CONNECT") {
            true => b"HTTP/1.1 200 OK\r\n\r\nfirst",
            false => b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nfirst",
        };
        conn.send(answer).await.unwrap();
        let said = conn.exactly(5).await.unwrap();
        conn.send(&said).await.unwrap();
    })
    .await;
    let client = Client::new();
    let upgrade =
        client.get(server.url("/")).header("connection", "upgrade").header("upgrade", "echo");
    let tunnel = client.request(Method::CONNECT, server.url("/"));
    for request in [upgrade, tunnel] {
        let mut io = request.send().await.unwrap().into_upgraded().unwrap();
        io.write_all(b"hello").await.unwrap();
        let mut text = String::new();
        io.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "firsthello");
        // It has its place for as long as it lives.
        assert_eq!(client.pool_metrics().open, 1);
        drop(io);
        assert_eq!(client.pool_metrics().open, 0);
    }
    let plain = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false).await;
    let response = get(&plain).await.unwrap().into_upgraded().unwrap_err();
    assert_eq!(response.text().await.unwrap(), "hi");
}

#[tokio::test]
async fn a_head_past_the_limits_is_refused_and_limits_can_be_set() {
    let server = Server::answering(|_, _| {
        answer("200 OK", &format!("X-Long: {}\r\n", "x".repeat(9_000)), "hi")
    })
    .await;
    let error = get(&server).await.unwrap_err();
    assert!(error.to_string().contains("field line longer than 8190 bytes"), "{error}");
    let limits = dunlin_codec::Limits::default().max_field_bytes(10_000);
    let client = Client::builder().limits(limits).build().unwrap();
    assert_eq!(client.get(server.url("/")).send().await.unwrap().text().await.unwrap(), "hi");

    let folded =
        saying(b"HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n", false).await;
    let client = Client::builder().leniency(dunlin_codec::Leniency::ALL).build().unwrap();
    let response = client.get(folded.url("/")).send().await.unwrap();
    assert_eq!(response.header("x-a"), Some("1 2"));
}

#[tokio::test]
async fn an_error_says_what_happened_when_and_with_whom() {
    // Bound and not listened on.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = closed.local_addr().unwrap();
    let url = format!("http://user:secret@{address}/birds");
    let error = Client::new().get(&url).send().await.unwrap_err();
    assert!(error.is_connect() && !error.is_timeout() && !error.is_body());
    assert_eq!((error.host(), error.port()), (Some("127.0.0.1"), Some(address.port())));
    assert_eq!(error.peer(), Some(address));
    let text = error.to_string();
    assert_eq!(
        text,
        format!(
            "cannot connect: {address}: Connection refused (os error 111), for http://user:***@{address}/birds; \
             nothing listens there: is the server running, and is the port right?"
        )
    );
    for shown in [text, format!("{error:?}")] {
        assert!(!shown.contains("secret"), "{shown}");
    }
    let source = std::error::Error::source(&error).unwrap();
    let source = source.downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(source.kind(), std::io::ErrorKind::ConnectionRefused);

    let mute = Server::start(|mut conn| async move { drop(conn.request().await) }).await;
    let error = get(&mute).await.unwrap_err();
    assert_eq!((error.phase(), error.peer()), (Phase::Exchange, Some(mute.address)));
    assert!(error.to_string().contains("without a response, waiting for the response"), "{error}");

    let cut = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", true).await;
    let error = get(&cut).await.unwrap().bytes().await.unwrap_err();
    assert_eq!((error.phase(), error.peer()), (Phase::Body, Some(cut.address)));
    assert_eq!(error.requested_url().unwrap().as_str(), cut.url("/"));
}
