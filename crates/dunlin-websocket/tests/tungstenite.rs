//! Both roles against tungstenite, over loopback and through Dunlin's own server and client.

use dunlin_client::Client;
use dunlin_core::{Lifecycle, Request, Service};
use dunlin_server::{Running, Server};
use dunlin_websocket::{
    ClientHandshake, CloseCode, Config, Error, HandshakeError, Message, Origins, ServerHandshake,
    WebSocket,
};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite;
use tungstenite::Message as Theirs;
use tungstenite::client::IntoClientRequest;

fn config() -> Config {
    #[cfg(feature = "deflate")]
    return Config { deflate: Some(dunlin_websocket::Deflate::default()), ..Config::default() };
    #[cfg(not(feature = "deflate"))]
    Config::default()
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.receive().await {
        ws.feed(message?).await?;
    }
    Ok(())
}

/// The address of a Dunlin server that echoes.
async fn serve(handshake: ServerHandshake) -> (Running<impl Service + Lifecycle>, String) {
    let service = move |req: Request| {
        let response = handshake.respond(&req, async |ws| drop(echo(ws).await));
        async { response }
    };
    let server = Server::builder().bind("127.0.0.1:0").start(service).await.unwrap();
    let address = format!("ws://{}/", server.addresses()[0]);
    (server, address)
}

const SIZES: [usize; 7] = [0, 1, 125, 126, 65_535, 65_536, 1 << 20];

#[tokio::test]
async fn their_client_and_our_server_understand_each_other() {
    let handshake = ServerHandshake::new(config()).protocols(["v1"]).unwrap();
    let (server, address) = serve(handshake).await;
    let mut request = address.as_str().into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "v2, v1".parse().unwrap());
    let (mut ws, response) = tokio_tungstenite::connect_async(request).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "v1");
    assert!(!response.headers().contains_key("sec-websocket-extensions"));
    for size in SIZES {
        for message in [Theirs::binary(vec![7; size]), Theirs::text("x".repeat(size))] {
            ws.send(message.clone()).await.unwrap();
            assert_eq!(ws.next().await.unwrap().unwrap(), message);
        }
    }
    ws.send(Theirs::Ping("are you there".into())).await.unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap(), Theirs::Pong("are you there".into()));
    ws.close(None).await.unwrap();
    // Theirs reports an end without handshake as an error.
    while let Some(message) = ws.next().await {
        assert!(message.unwrap().is_close());
    }
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn our_client_and_their_server_understand_each_other() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut ws = tokio_tungstenite::accept_async(stream).await.unwrap();
        let mut last = None;
        while let Some(message) = ws.next().await {
            match message.unwrap() {
                Theirs::Close(frame) => last = frame,
                message @ (Theirs::Text(_) | Theirs::Binary(_)) => ws.send(message).await.unwrap(),
                _ => {}
            }
        }
        last
    });
    let mut ws = connect(&url).await.unwrap();
    assert!(!ws.is_compressed(), "theirs has no compression");
    for size in SIZES {
        for message in [Message::from(vec![7; size]), Message::from("x".repeat(size))] {
            ws.send(message.clone()).await.unwrap();
            assert_eq!(ws.receive().await.unwrap().unwrap(), message);
        }
    }
    ws.ping(b"are you there").await.unwrap();
    ws.send("and here").await.unwrap();
    ws.receive().await.unwrap().unwrap();
    assert!(ws.rtt().is_some());
    ws.close(CloseCode::NORMAL, "done").await.unwrap();
    let said = server.await.unwrap().unwrap();
    assert_eq!((u16::from(said.code), said.reason.as_str()), (1000, "done"));
}

#[tokio::test]
async fn fragments_and_close_codes_go_both_ways() {
    use tungstenite::protocol::frame::coding::{CloseCode as TheirCode, Data, OpCode};
    use tungstenite::protocol::frame::{CloseFrame, Frame};

    let (said, heard) = tokio::sync::oneshot::channel();
    let said = std::sync::Mutex::new(Some(said));
    let service = move |req: Request| {
        let said = said.lock().unwrap().take().unwrap();
        let response = ServerHandshake::new(config()).respond(&req, async |mut ws| {
            let message = ws.receive().await.unwrap().unwrap();
            // Back in three frames, one of them empty.
            let text = message.as_text().unwrap();
            ws.feed_part(&text[..10], false).await.unwrap();
            ws.feed_part("", false).await.unwrap();
            ws.send_part(&text[10..], true).await.unwrap();
            let large = ws.receive().await.unwrap().unwrap();
            ws.send(large).await.unwrap();
            assert!(ws.receive().await.is_none());
            said.send(ws.close_frame().cloned()).unwrap();
        });
        async { response }
    };
    let server = Server::builder().bind("127.0.0.1:0").start(service).await.unwrap();
    let address = format!("ws://{}/", server.addresses()[0]);
    let (mut ws, _) = tokio_tungstenite::connect_async(address).await.unwrap();
    let text = "\u{20ac}uro ".repeat(3000);
    // Between any two bytes of a character as well, and with a ping in the midst.
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(1000).collect();
    for (nth, piece) in pieces.iter().enumerate() {
        let data = if nth == 0 { Data::Text } else { Data::Continue };
        let is_last = nth + 1 == pieces.len();
        let frame = Frame::message(piece.to_vec(), OpCode::Data(data), is_last);
        ws.feed(Theirs::Frame(frame)).await.unwrap();
        if nth == 3 {
            ws.feed(Theirs::Ping("between".into())).await.unwrap();
        }
    }
    ws.flush().await.unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap(), Theirs::Pong("between".into()));
    assert_eq!(ws.next().await.unwrap().unwrap(), Theirs::text(text));
    let large = Theirs::binary(vec![7; 4 << 20]);
    ws.send(large.clone()).await.unwrap();
    assert!(ws.next().await.unwrap().unwrap() == large);
    let frame = CloseFrame { code: TheirCode::Library(4321), reason: "enough".into() };
    ws.close(Some(frame)).await.unwrap();
    let Some(Ok(Theirs::Close(Some(answer)))) = ws.next().await else { panic!("a close frame") };
    assert_eq!(u16::from(answer.code), 4321);
    let heard = heard.await.unwrap().unwrap();
    assert_eq!((u16::from(heard.code), heard.reason.as_str()), (4321, "enough"));
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_fault_of_theirs_is_told_by_its_code() {
    use tungstenite::protocol::frame::Frame;
    use tungstenite::protocol::frame::coding::{Data, OpCode};

    let cases = [
        (Data::Text, &b"\xff"[..], 1007),
        (Data::Continue, b"of nothing", 1002),
        (Data::Binary, &[7; 2000], 1009),
    ];
    let mut limited = config();
    limited.limits.max_message = 1999;
    let (server, address) = serve(ServerHandshake::new(limited)).await;
    for (opcode, payload, expected) in cases {
        let (mut ws, _) = tokio_tungstenite::connect_async(&address).await.unwrap();
        let frame = Frame::message(payload, OpCode::Data(opcode), true);
        ws.send(Theirs::Frame(frame)).await.unwrap();
        let Some(Ok(Theirs::Close(Some(told)))) = ws.next().await else { panic!("a close frame") };
        assert_eq!(u16::from(told.code), expected);
        assert!(ws.next().await.is_none());
    }
    server.shutdown().await.unwrap();
}

async fn connect(url: &str) -> Result<WebSocket, HandshakeError> {
    let handshake = ClientHandshake::new(config());
    let headers = handshake.headers().into_iter().collect();
    let response = Client::new().get(url).headers(headers).send().await.unwrap();
    let confirmed = handshake.check(response.head())?;
    Ok(confirmed.open(response.into_upgraded().unwrap()))
}

#[tokio::test]
async fn our_client_and_our_server_agree_on_compression() {
    let (server, address) = serve(ServerHandshake::new(config())).await;
    let mut ws = connect(&address.replacen("ws", "http", 1)).await.unwrap();
    assert_eq!(ws.is_compressed(), cfg!(feature = "deflate"));
    for size in SIZES {
        let message = Message::from("words and words ".repeat(size / 16));
        ws.send(message.clone()).await.unwrap();
        assert_eq!(ws.receive().await.unwrap().unwrap(), message);
    }
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_page_of_another_origin_is_kept_out_unless_it_is_let_in() {
    for (origins, expected) in [(Origins::Same, 403), (Origins::Any, 101)] {
        let (server, address) = serve(ServerHandshake::new(config()).origins(origins)).await;
        let mut request = address.as_str().into_client_request().unwrap();
        request.headers_mut().insert("origin", "https://elsewhere.example".parse().unwrap());
        let status = match tokio_tungstenite::connect_async(request).await {
            Ok((_, response)) => response.status(),
            Err(tungstenite::Error::Http(response)) => response.status(),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(status, expected);
        server.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn an_ordinary_request_is_told_what_is_spoken_here() {
    let (server, address) = serve(ServerHandshake::default()).await;
    let url = address.replacen("ws", "http", 1);
    let response = Client::new().get(&url).send().await.unwrap();
    assert_eq!(response.status(), 426);
    assert_eq!(response.header("sec-websocket-version"), Some("13"));
    server.shutdown().await.unwrap();
}
