//! The same server with its parts spelled out: bind, serve, stop, clean up.
//!
//! Run `cargo run --release --example explicit_server`; Ctrl+C ends it.

use std::time::Duration;

use dunlin::server::Server;
use dunlin::web::{App, AppRef, Path};

#[tokio::main]
async fn main() -> dunlin::Result<()> {
    let app = App::new().add_get("/hello/{name}", hello).on_cleanup(goodbye);
    let server = Server::builder()
        .bind("127.0.0.1:0")
        .shutdown_timeout(Duration::from_secs(1))
        .start(app)
        .await?;
    println!("serving on {}", server.addresses()[0]);
    tokio::signal::ctrl_c().await?;
    let ended = server.shutdown().await?;
    println!("ended; {} connections were cut", ended.cut);
    Ok(())
}

async fn hello(Path(name): Path<String>) -> String {
    format!("Hello {name}\n")
}

async fn goodbye(_: AppRef) {
    println!("cleaned up");
}
