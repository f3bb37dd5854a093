//! A server with a route for each thing that a client can trip over; batteries, load generators and
//! real clients are aimed at it.
//!
//! Run `cargo run --release --example testbed -- --help`.

mod files;
mod options;
mod routes;

use std::io::{self, Write};

use dunlin::server::{ProxyProtocol, Server, TlsConfig};
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
    let mut server =
        Server::builder().head_timeout(options.head_timeout).keep_alive(options.keep_alive);
    let address = (&*options.host, options.port);
    server = match options.tls {
        Some((cert, key)) => server.bind_tls(address, TlsConfig::from_files(cert, key)?),
        None => server.bind(address),
    };
    if options.proxy_protocol {
        server = server.proxy_protocol(ProxyProtocol::from_anyone());
    }
    if let Some(path) = options.unix {
        server = server.bind_unix(path);
    }
    let tell =
        |addresses: &[std::net::SocketAddr]| drop(writeln!(io::stdout(), "{}", addresses[0]));
    Ok(server.on_listening(tell).serve(app).await?)
}
