//! A directory of files with an index, a report to save, and URLs that change with the content.
//!
//! Run `cargo run --example static_files -- DIR`, then `curl -r 0-9 localhost:8080/assets/FILE`.

use dunlin::web::{App, Html, Result, Statics, Urls, respond};
use dunlin::{Request, run_app};

#[tokio::main]
async fn main() -> dunlin::Result<()> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let assets = Statics::new("/assets", dir).name("assets").index("index.html").listing(true);
    let app = App::new().add_static(assets).add_get("/", index).add_get("/report", report);
    run_app(app).await
}

async fn index(urls: Urls) -> Result<Html<String>> {
    let style = urls.static_url("assets", "style.css").await?;
    Ok(Html(format!("<link rel=stylesheet href=\"{style}\"><a href=/assets/>files</a>\n")))
}

async fn report(req: Request) -> Result {
    respond::file(&req, "Cargo.toml").attachment("report.txt").await
}
