//! Sends many requests over kept connections, and counts the bytes of the answers: the client alone, for what it
//! costs. To measure a server, with latencies, there is `dunlin bench` (`crates/dunlin-cli`).
//!
//! Run `cargo run --release --example load -- --port 8080 --kind get --n 10000 --concurrency 64`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use dunlin::client::{Client, Error, PoolLimits, Url};

const HELP: &str = "\
load --port P [--kind get|down|up] [--n N] [--concurrency C] [--size BYTES]
  get   GET /plaintext
  down  GET /bytes/1048576
  up    POST /upload with SIZE bytes
";

fn option<T: std::str::FromStr>(name: &str, default: T) -> T {
    let mut args = std::env::args().skip_while(|arg| arg != name).skip(1);
    match args.next().map(|value| value.parse()) {
        None => default,
        Some(Ok(value)) => value,
        Some(Err(_)) => {
            eprintln!("load: {name}: not a value for it\n{HELP}");
            std::process::exit(2)
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if std::env::args().any(|arg| arg == "--help") {
        print!("{HELP}");
        return Ok(());
    }
    let concurrency = option("--concurrency", 64);
    let kind: String = option("--kind", "get".into());
    let path = match &*kind {
        "down" => "/bytes/1048576",
        "up" => "/upload",
        _ => "/plaintext",
    };
    let url = Url::parse(&format!("http://127.0.0.1:{}{path}", option("--port", 8080u16)))?;
    let upload = (kind == "up").then(|| Bytes::from(vec![b'x'; option("--size", 10usize << 20)]));
    let limits = PoolLimits { total: concurrency, ..PoolLimits::default() };
    let client = Client::builder().pool(limits).build()?;
    let left = Arc::new(AtomicI64::new(option("--n", 10_000)));
    let total = Arc::new(AtomicU64::new(0));

    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..concurrency {
        let (client, url, upload) = (client.clone(), url.clone(), upload.clone());
        let (left, total) = (Arc::clone(&left), Arc::clone(&total));
        workers.spawn(async move {
            while left.fetch_sub(1, Relaxed) > 0 {
                let request = match &upload {
                    Some(bytes) => client.post(&url).body(bytes.clone()),
                    None => client.get(&url),
                };
                let mut response = request.send().await?.ok()?;
                while let Some(chunk) = response.chunk().await? {
                    total.fetch_add(chunk.len() as u64, Relaxed);
                }
            }
            Ok::<_, Error>(())
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.unwrap_or(Ok(()))?;
    }
    println!("bytes {}", total.load(Relaxed));
    Ok(())
}
