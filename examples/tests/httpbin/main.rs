//! The program `httpbin` driven by the client, route by route, and beside the original where there is one.

#[path = "../common/mod.rs"]
mod common;
mod documented;
mod original;

use std::process::Stdio;

use common::{Running, program, told};
use dunlin::client::{Client, ClientBuilder, Redirects};
use serde_json::Value;

/// The program, until it is dropped.
struct Site {
    url: String,
    _program: Running,
}

impl Site {
    fn start() -> Self {
        let mut program =
            program("httpbin").arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let url = told(program.stdout.take().unwrap(), "Running on ", ' ');
        Self { url, _program: Running(program) }
    }

    fn client_with(&self, settings: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
        settings(Client::builder().base_url(&self.url)).build().unwrap()
    }

    /// A client that follows no redirects.
    fn client(&self) -> Client {
        self.client_with(|client| client.redirects(Redirects::none()))
    }
}

async fn json(client: &Client, path: &str) -> Value {
    client.get(path).send().await.unwrap().ok().unwrap().json().await.unwrap()
}
