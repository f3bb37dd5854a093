use std::path::Path;

#[tokio::main]
async fn main() -> dunlin::Result<()> {
    let app = board::app(Path::new("board.sqlite"))?;
    dunlin::run_app(app).bind("127.0.0.1:8080").await
}
