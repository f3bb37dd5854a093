//! Server-sent events, compressed and resumed.
//!
//! Run `cargo run --example events`, then `curl -N --compressed localhost:8080/`; with
//! `-H 'Last-Event-ID: 41'` it goes on from there.

use std::time::Duration;

use dunlin::web::{App, Compress, LastEventId, Sse, SseEvent};
use futures_util::stream;

#[tokio::main]
async fn main() -> dunlin::Result<()> {
    dunlin::run_app(App::new().middleware(Compress::new()).add_get("/", ticks)).await
}

async fn ticks(LastEventId(last): LastEventId) -> Sse {
    let first = last.and_then(|id| id.parse::<u64>().ok()).map_or(0, |id| id + 1);
    Sse::new(stream::unfold(first, |n| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let tick = SseEvent::new(format!("tick {n}")).id(n.to_string());
        Some((tick, n + 1))
    }))
}
