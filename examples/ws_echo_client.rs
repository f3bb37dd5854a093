//! Sends every message of a server back, until the connection ends; what batteries test clients with.
//!
//! Run `cargo run --release --example ws_echo_client -- ws://127.0.0.1:9002/ deflate`.

use dunlin::client::Client;
use dunlin::websocket::{Config, Deflate, Limits};

const HELP: &str = "\
ws_echo_client URL [deflate] [--max-message BYTES]
  connects to a ws:// or wss:// address; with deflate it offers compression
";

#[tokio::main(flavor = "current_thread")]
async fn main() -> dunlin::Result<()> {
    let (mut url, mut config) = (None, Config::default());
    config.limits = Limits { max_message: 64 << 20, ..Limits::default() };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match &*arg {
            "--help" => {
                print!("{HELP}");
                return Ok(());
            }
            "deflate" => config.deflate = Some(Deflate::default()),
            "--max-message" => {
                config.limits.max_message = args.next().ok_or(HELP)?.parse()?;
            }
            _ => url = Some(arg),
        }
    }
    let mut ws = Client::new().ws_connect(url.ok_or(HELP)?).config(config).send().await?;
    while let Some(message) = ws.receive().await {
        ws.feed(message?).await?;
    }
    Ok(())
}
