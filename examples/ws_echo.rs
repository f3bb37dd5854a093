//! Sends every message back: a WebSocket server at every path, for batteries and load generators.
//!
//! Run `cargo run --release --example ws_echo -- 9001 deflate`.

use std::io::{self, Write};
use std::time::Duration;

use dunlin::Request;
use dunlin::server::Server;
use dunlin::websocket::{Config, Deflate, Error, Limits, Origins, ServerHandshake, WebSocket};

const HELP: &str = "\
ws_echo PORT [deflate] [--max-message BYTES]
  listens on 127.0.0.1; with deflate it compresses where the client offers to
";

fn main() -> dunlin::Result<()> {
    let (mut port, mut config) = (None, Config::default());
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
            _ => port = Some(arg.parse::<u16>().map_err(|_| HELP)?),
        }
    }
    let port = port.ok_or(HELP)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(port, config))
}

async fn serve(port: u16, config: Config) -> dunlin::Result<()> {
    // What anybody may have an echo of needs no cookies, and so no check of whose page it is.
    let handshake = ServerHandshake::new(config).origins(Origins::Any);
    let service = move |req: Request| {
        let response = handshake.respond(&req, async |ws| {
            // A peer that goes, or breaks the protocol, has been told and concerns nobody else.
            let _ = echo(ws).await;
        });
        async { response }
    };
    let tell =
        |addresses: &[std::net::SocketAddr]| drop(writeln!(io::stdout(), "{}", addresses[0]));
    let server = Server::builder()
        .bind(("127.0.0.1", port))
        // Peers are told 1001 then; one that does not answer is not waited for.
        .shutdown_timeout(Duration::from_secs(1))
        .on_listening(tell);
    Ok(server.serve(service).await?)
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.receive().await {
        ws.feed(message?).await?;
    }
    Ok(())
}
