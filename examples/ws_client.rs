//! A terminal for WebSockets: each line typed is a text message, and what comes is printed.
//!
//! Run `cargo run --example ws_client -- ws://127.0.0.1:8080/ws`. Ctrl+D closes the connection; the status is 0
//! where it was closed with 1000.

use std::io::{self, Write};

use dunlin::client::Client;
use dunlin::websocket::{CloseCode, Config, Deflate, Message, WebSocket};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let status = match run().await {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(error) => {
            eprintln!("ws_client: {error}");
            2
        }
    };
    // Not by returning: the thread that reads the terminal waits for a line that may never be typed.
    std::process::exit(status)
}

async fn run() -> dunlin::Result<bool> {
    let url = std::env::args().nth(1).ok_or("usage: ws_client URL [SUBPROTOCOL…]")?;
    let config = Config { deflate: Some(Deflate::default()), ..Config::default() };
    let protocols = std::env::args().skip(2);
    let opening = Client::new().ws_connect(url).config(config).protocols(protocols);
    let mut ws = opening.send().await?;
    eprintln!("connected{}", ws.protocol().map(|name| format!(", {name}")).unwrap_or_default());
    talk(&mut ws).await?;
    // What the peer said; where nothing was said browsers speak of 1005.
    let Some(frame) = ws.close_frame() else {
        eprintln!("closed: 1005");
        return Ok(false);
    };
    eprintln!("{}", format!("closed: {} {}", frame.code, frame.reason.as_str()).trim_end());
    Ok(frame.code == CloseCode::NORMAL)
}

/// Until either side has enough.
async fn talk(ws: &mut WebSocket) -> dunlin::Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        tokio::select! {
            message = ws.receive() => match message.transpose()? {
                Some(Message::Text(text)) => writeln!(io::stdout(), "{}", text.as_str())?,
                Some(Message::Binary(bytes)) => writeln!(io::stdout(), "({} bytes)", bytes.len())?,
                None => return Ok(()),
            },
            line = lines.next_line() => match line? {
                Some(line) => ws.send(line).await?,
                None => return Ok(ws.close(CloseCode::NORMAL, "").await?),
            },
        }
    }
}
