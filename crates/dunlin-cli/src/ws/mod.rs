//! `dunlin ws URL`: lines of standard input to messages, messages to lines of standard output.
//!
//! | file | what it does |
//! | --- | --- |
//! | `talk` | the conversation, from the handshake to the close |
//! | `show` | a message as a line |
//! | `input` | standard input, line by line |

mod input;
mod show;
mod talk;

use std::time::Duration;

use dunlin::client::{Redirects, Timeouts, Url};
use dunlin::websocket::{Config, Deflate};

use crate::failure::Failure;
use crate::request::{self, seconds, with_scheme};

const EXAMPLES: &str = "\
Examples:
  dunlin ws localhost:8080/chat
      Interactive: a line is a message; Ctrl-D or Ctrl-C ends it
  echo '{\"op\": \"ping\"}' | dunlin ws -n 1 wss://example.org/feed
      Sends one message, prints the first that comes, ends
  dunlin ws --protocol v2.chat --ping 20 -H 'Authorization: Bearer TOKEN' wss://example.org/feed

A text message is printed as a line, a binary one as its bytes in hexadecimal behind `binary: `. How the
connection ended is told on standard error.

Exit codes: 2 command line, 3 no connection, 4 TLS, 5 deadline, 6 lost without a close, 8 the server opened no
WebSocket, 9 closed with a code that tells of a failure (neither 1000 nor 1001)";

/// Talks to a WebSocket: lines are messages
///
/// Reads lines from standard input and sends each as a text message; prints what comes. At the end of its input it
/// still waits for answers (--wait), then closes the connection. Proxies and credentials are those of `dunlin get`.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The WebSocket, such as wss://example.org/feed; without a scheme it is one of ws
    url: String,

    #[command(flatten)]
    options: request::Options,

    /// Offer this subprotocol, the preferred one first; may be given again
    #[arg(long = "protocol", value_name = "NAME")]
    protocols: Vec<String>,

    /// The page that connects, for servers that ask: https://example.org
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,

    /// Ping the server after so much silence, and give it up if nothing comes for half as long again
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    ping: Option<Duration>,

    /// How long to wait for answers once standard input has ended, if it is no terminal
    #[arg(long, value_name = "SECONDS", value_parser = request::maybe_seconds, default_value = "1")]
    wait: Duration,

    /// End when so many messages have come; then there is no waiting
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Longest time for opening the connection
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "30")]
    timeout: Duration,

    /// Longest message that is taken, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 64 * 1024 * 1024)]
    max_message: usize,

    /// Offer no compression
    #[arg(long)]
    no_compress: bool,

    /// Say nothing of the connection on standard error
    #[arg(short, long)]
    quiet: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let url = Url::parse(&with_scheme(&args.url, "ws"))?;
    let client = args.options.client()?.trust_env();
    let client = client.timeouts(Timeouts::NONE).redirects(Redirects::follow(5));
    let mut config = Config { heartbeat: args.ping, ..Config::default() };
    config.limits.max_message = args.max_message;
    // Who talks to a person has no ten seconds for a server that is gone.
    config.close_timeout = Duration::from_secs(3);
    if !args.no_compress {
        config.deflate = Some(Deflate::default());
    }
    let mut opening = client
        .build()?
        .ws_connect(&url)
        .config(config)
        .protocols(args.protocols.iter().cloned())
        .timeout(args.timeout);
    for (name, value) in &args.options.headers {
        opening = opening.header(name, value.clone());
    }
    if let Some(origin) = &args.origin {
        opening = opening.origin(origin);
    }
    let socket = opening.send().await?;
    talk::run(socket, &url, &args).await
}
