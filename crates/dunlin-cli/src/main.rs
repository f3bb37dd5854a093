//! `dunlin`: serves a directory, fetches URLs, talks to WebSockets, measures servers, begins projects.
//!
//! | module | what it does |
//! | --- | --- |
//! | `serve` | `dunlin serve DIR`: static files, TLS, live reload |
//! | `get` | `dunlin get URL`: requests, downloads that go on where they broke off, JSON in colour |
//! | `ws` | `dunlin ws URL`: lines to messages and back |
//! | `bench` | `dunlin bench URL`: load, latencies, a histogram |
//! | `new` | `dunlin new NAME`: a project that builds |
//! | `failure`, `request`, `text` | exit codes; what the requests of all share; what a terminal may be shown |
//!
//! All is built on the public face of `dunlin`, as any other program would be.

#![forbid(unsafe_code)]

mod bench;
mod failure;
mod get;
mod new;
mod request;
mod serve;
mod text;
mod ws;

use std::io::Write;
use std::process::exit;

use clap::{Parser, Subcommand};

use crate::failure::Failure;

const AFTER: &str = "\
Examples:
  dunlin serve --live-reload site
  dunlin get -O https://example.org/birds.zip
  dunlin ws wss://example.org/feed
  dunlin bench --rate 2000 localhost:8080/
  dunlin new birds

`dunlin help COMMAND` says more, with examples.

Exit codes:
  0  all went well
  1  anything that has no number of its own
  2  the command line, or a URL or header in it, is not valid
  3  no connection: the name, the address or the proxy
  4  TLS: the certificate is not trusted, or there is no common version
  5  a deadline passed
  6  the connection broke, or the answer breaks the rules of its protocol
  7  a file or directory cannot be read or written
  8  the server answered with a status of 400 or more
  9  the WebSocket was closed with a code that tells of a failure";

#[derive(Parser)]
#[command(name = "dunlin", version, about = "HTTP from the command line: serve, get, ws, bench, new", after_help = AFTER)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Args),
    Get(get::Args),
    Ws(ws::Args),
    Bench(bench::Args),
    New(new::Args),
}

fn main() {
    let cli = Cli::parse();
    let (name, ended) = match cli.command {
        Command::Serve(args) => ("serve", run(serve::run(args))),
        Command::Get(args) => ("get", run(get::run(args))),
        Command::Ws(args) => ("ws", run(ws::run(args))),
        Command::Bench(args) => ("bench", run(bench::run(args))),
        Command::New(args) => ("new", new::run(&args)),
    };
    let _ = std::io::stdout().flush();
    let code = ended.map_or_else(|failure| failure.tell(name), |()| 0);
    // What still waits, such as a thread for its next line of standard input, is not waited for.
    exit(code)
}

fn run(task: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(task),
        Err(error) => {
            Err(Failure::other(format!("cannot start the threads of the program: {error}")))
        }
    }
}
