//! The classic: a greeting by name.
//!
//! Run `cargo run --release --example hello`, then `curl -i http://127.0.0.1:8080/hello/Ada`.

use dunlin::web::{App, Path};

#[tokio::main]
async fn main() -> dunlin::Result<()> {
    let app = App::new().add_get("/", index).add_get("/hello/{name}", hello);
    dunlin::run_app(app).await
}

async fn index() -> &'static str {
    "Hello, anonymous\n"
}

async fn hello(Path(name): Path<String>) -> String {
    format!("Hello {name}\n")
}
