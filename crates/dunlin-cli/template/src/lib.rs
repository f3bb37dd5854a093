//! The app: what `main` serves and the tests ask.

use dunlin::web::{App, Json, Path};
use serde::Serialize;

/// The app, ready to be served.
pub fn app() -> App {
    App::new().add_get("/", index).add_get("/hello/{name}", hello)
}

async fn index() -> &'static str {
    "It works. Ask for /hello/YOUR-NAME next.\n"
}

#[derive(Serialize)]
struct Greeting {
    message: String,
}

async fn hello(Path(name): Path<String>) -> Json<Greeting> {
    Json(Greeting { message: format!("Hello, {name}!") })
}
