//! Serves the app until Ctrl-C or SIGTERM, and lets answers finish then.

use std::time::Duration;

use dunlin::web::AccessLog;

#[tokio::main]
async fn main() -> dunlin::Result {
    let address = std::env::var("ADDRESS").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let app = {{lib}}::app().middleware(AccessLog::to(std::io::stderr()));
    dunlin::run_app(app)
        .bind(address)
        .shutdown_timeout(Duration::from_secs(10))
        .await
}
