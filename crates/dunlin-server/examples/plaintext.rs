//! A bare function on `/plaintext`, without routing: the least that a server can do.
//!
//! Run `cargo run --release -p dunlin-server --example plaintext -- PORT`.

use dunlin_core::{IntoResponse, Request, Response};
use dunlin_server::{ServeError, Server};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain");

async fn plaintext(req: Request) -> Response {
    match req.path() {
        "/plaintext" => Response::new("Hello, World!").with_header(CONTENT_TYPE, TEXT),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ServeError> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(8080);
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    Server::builder().bind(address).serve(plaintext).await
}
