//! `dunlin ws` against servers that run: piped as scripts use it.

mod util;

use std::process::Stdio;
use std::time::{Duration, Instant};

use dunlin::server::{Server, TlsConfig};
use dunlin::test::TestServer;
use dunlin::web::{App, HttpError, WsUpgrade};
use dunlin::websocket::CloseCode;
use dunlin::{Request, Response};
use tokio::io::AsyncWriteExt;
use util::{Out, dunlin, fails};

/// Echoes; says the name of the subprotocol and of a field first, where there are any.
fn echo() -> App {
    async fn handler(ws: WsUpgrade, req: Request) -> Response {
        let bird = req.headers().get_str("x-bird").map(str::to_owned);
        ws.protocols(["v2", "v1"]).on_upgrade(async move |mut ws| {
            if let Some(protocol) = ws.protocol().map(str::to_owned) {
                let _ = ws.send(format!("{protocol} {}", bird.unwrap_or_default())).await;
            }
            while let Some(Ok(message)) = ws.receive().await {
                if ws.send(message).await.is_err() {
                    return;
                }
            }
        })
    }
    App::new().add_get("/ws", handler)
}

/// Runs it with that on its standard input.
async fn piped(input: &[u8], args: &[&str]) -> Out {
    let mut child = dunlin(args).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A program that ends before it has read all is none of the test's business here.
    tokio::spawn(async move { drop(stdin.write_all(&input).await) });
    let ended = tokio::time::timeout(Duration::from_secs(30), child.wait_with_output()).await;
    ended.expect("it ends").unwrap().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_messages_and_messages_lines() {
    let server = TestServer::new(echo()).await.unwrap();
    let url = format!("ws://ada:wing@{}/ws", server.address());
    let out = piped("one\r\ntwo\n\ngr\u{fc}n".as_bytes(), &["ws", &url]).await;
    assert_eq!((out.code, &*out.stdout), (0, "one\ntwo\n\ngr\u{fc}n\n"), "{out:?}");
    assert!(
        out.stderr.contains(&format!("connected to ws://ada:***@{}/ws\n", server.address()))
            && out.stderr.contains("closed: 1000"),
        "{out:?}"
    );
    let report = server.stop().await.unwrap();
    assert_eq!(report.cut, 0);
    assert!(report.faults.is_empty(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_buffers_hold_goes_both_ways() {
    let server = TestServer::new(echo()).await.unwrap();
    let url = format!("{}/ws", server.address());
    // An echo of 24 MiB stands still where nothing is received while something is sent.
    let input = format!("{}\n", "x".repeat(1 << 20)).repeat(24);
    let out =
        piped(input.as_bytes(), &["ws", "--no-compress", "-n", "24", "--wait", "20", &url]).await;
    assert_eq!(out.code, 0, "{}", out.stderr);
    assert!(out.stdout == input, "{} bytes", out.stdout.len());
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_ends_it_without_waiting() {
    let server = TestServer::new(echo()).await.unwrap();
    let url = format!("ws://{}/ws", server.address());
    let begun = Instant::now();
    let out = piped(b"a\nb\nc\n", &["ws", "-q", "-n", "2", "--wait", "20", &url]).await;
    assert_eq!((out.code, &*out.stdout, &*out.stderr), (0, "a\nb\n", ""), "{out:?}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    // Fewer than that is told.
    let out = piped(b"a\n", &["ws", "-q", "-n", "2", "--wait", "0.2", &url]).await;
    assert_eq!((out.code, &*out.stdout), (5, "a\n"), "{out:?}");
    assert!(out.stderr.contains("1 of the messages"), "{out:?}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_and_subprotocols_are_offered() {
    let server = TestServer::new(echo()).await.unwrap();
    let url = format!("ws://{}/ws", server.address());
    let args =
        ["ws", "--protocol", "v1", "--protocol", "v3", "-H", "X-Bird: dunlin", "-n", "1", &url];
    let out = piped(b"", &args).await;
    assert_eq!((out.code, &*out.stdout), (0, "v1 dunlin\n"), "{out:?}");
    assert!(out.stderr.contains("subprotocol v1"), "{out:?}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_shown_in_hexadecimal() {
    let app = App::new().add_get("/ws", |ws: WsUpgrade| async {
        ws.on_upgrade(async |mut ws| {
            let _ = ws.send(vec![0u8, 1, 0xfe]).await;
            let _ = ws.send("text").await;
            let _ = ws.close(CloseCode::NORMAL, "all said").await;
        })
    });
    let server = TestServer::new(app).await.unwrap();
    let out = piped(b"", &["ws", "--wait", "20", &format!("{}/ws", server.address())]).await;
    assert_eq!((out.code, &*out.stdout), (0, "binary: 0001fe\ntext\n"), "{out:?}");
    assert!(out.stderr.contains("closed by the server: 1000 (all said)"), "{out:?}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_with_whom_is_trusted() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = tempfile::tempdir().unwrap();
    let cert = files.path().join("cert.pem");
    std::fs::write(&cert, own.cert.pem()).unwrap();
    let tls = TlsConfig::builder()
        .certificate_pem(own.cert.pem(), own.signing_key.serialize_pem())
        .build()
        .unwrap();
    let running = Server::builder().bind_tls("127.0.0.1:0", tls).start(echo()).await.unwrap();
    let url = format!("wss://localhost:{}/ws", running.addresses()[0].port());
    let trusts = ["ws", "-q", "-n", "1", "--ca", cert.to_str().unwrap(), &url];
    assert_eq!(piped(b"bird\n", &trusts).await.stdout, "bird\n");
    let out = piped(b"bird\n", &["ws", "-q", "-n", "1", "--insecure", &url]).await;
    assert_eq!(out.stdout, "bird\n");
    let out = piped(b"bird\n", &["ws", "-q", &url]).await;
    assert_eq!((out.code, &*out.stdout), (4, ""), "{out:?}");
    running.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_end_has_its_exit_code() {
    let app = App::new()
        .add_get("/policy", |ws: WsUpgrade| async {
            ws.on_upgrade(async |mut ws| drop(ws.close(CloseCode::POLICY, "no \x1b[1mbirds").await))
        })
        .add_get("/private", || async { Err::<String, _>(HttpError::unauthorized()) })
        .add_get("/mute", |ws: WsUpgrade| async {
            ws.on_upgrade(async |ws| {
                // Reads nothing, so it answers no ping.
                tokio::time::sleep(Duration::from_secs(20)).await;
                drop(ws);
            })
        });
    let builder = TestServer::builder().shutdown_timeout(Duration::ZERO);
    let server = builder.start(app).await.unwrap();
    let at = |path: &str| format!("{}/{path}", server.address());

    let out = piped(b"", &["ws", "--wait", "20", &at("policy")]).await;
    assert_eq!(out.code, 9, "{out:?}");
    assert!(out.stderr.contains("1008 (no \\u{1b}[1mbirds)"), "{out:?}");
    let out = fails(8, &["ws", &at("private")]).await;
    assert!(out.stderr.contains("401"), "{out:?}");
    let out = fails(5, &["ws", "--ping", "0.2", "--wait", "20", &at("mute")]).await;
    assert!(out.stderr.contains("ping"), "{out:?}");
    fails(3, &["ws", &format!("127.0.0.1:{}", util::free_port())]).await;
    fails(2, &["ws", "ftp://a.test"]).await;
    fails(2, &["ws", &at("policy"), "--protocol", "not a token"]).await;
    let out = piped(b"\xff\n", &["ws", "--wait", "20", &at("mute")]).await;
    assert_eq!(out.code, 1, "{out:?}");
    assert!(out.stderr.contains("no UTF-8"), "{out:?}");
    let _ = server.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_person_types_lines_and_ends_with_ctrl_d() {
    let app = App::new().add_get("/ws", |ws: WsUpgrade| async {
        ws.on_upgrade(async |mut ws| {
            while let Some(Ok(message)) = ws.receive().await {
                let text = format!("\x1b[1m{}", message.as_text().unwrap().to_uppercase());
                let _ = ws.send(text).await;
            }
        })
    });
    let server = TestServer::new(app).await.unwrap();
    let url = format!("{}/ws", server.address());
    let begun = Instant::now();
    // The answer comes before the end, because a count is waited for.
    let args = ["ws", "-n", "1", "--wait", "20", &url];
    let shown = util::typed_on_terminal(&args, Some("birds\n\x04")).await;
    assert!(shown.contains("Ctrl-D ends"), "{shown:?}");
    assert!(shown.contains("\\u{1b}[1mBIRDS"), "{shown:?}");
    let shown = util::typed_on_terminal(&["ws", "--wait", "20", &url], Some("\x04")).await;
    assert!(shown.contains("closed: 1000"), "{shown:?}");
    assert!(begun.elapsed() < Duration::from_secs(15), "nobody waits for more");
    server.stop().await.unwrap();
}
