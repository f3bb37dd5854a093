//! A server with a route for each thing that a client can trip over; batteries, load generators and
//! real clients are aimed at it.
//!
//! Run `cargo run --release --example testbed -- --help`.

mod files;
mod options;
mod routes;

use std::io::{self, Write};

use dunlin::server::Server;
use options::Options;

fn main() -> dunlin::Result<()> {
    let options = Options::from_args();
    let runtime = if options.workers == 1 {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?
    } else {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(options.workers)
            .enable_all()
            .build()?
    };
    runtime.block_on(serve(options))
}

async fn serve(options: Options) -> dunlin::Result<()> {
    let root = files::Root::open(options.static_dir)?;
    let app = routes::app(root.path()).client_max_size(options.max_body);
    let mut server = Server::builder()
        .bind((&*options.host, options.port))
        .head_timeout(options.head_timeout)
        .keep_alive(options.keep_alive);
    if let Some(path) = options.unix {
        server = server.bind_unix(path);
    }
    let tell =
        |addresses: &[std::net::SocketAddr]| drop(writeln!(io::stdout(), "{}", addresses[0]));
    Ok(server.on_listening(tell).serve(app).await?)
}
