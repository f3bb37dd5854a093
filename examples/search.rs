//! Searches an index of Elasticsearch, OpenSearch or the like: JSON out, JSON in.
//!
//! Run `cargo run --example search -- http://localhost:9200/birds/ dunlin`.

use dunlin::client::Client;
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> dunlin::Result {
    let mut args = std::env::args().skip(1);
    let index = args.next().ok_or("search INDEX_URL WORDS")?;
    let words = args.collect::<Vec<_>>().join(" ");
    let index = Client::builder().base_url(index).raise_for_status(true).build()?;

    let query = json!({ "size": 10, "query": { "simple_query_string": { "query": words } } });
    let found: Value = index.post("_search").json(&query).send().await?.json().await?;
    println!("{} found", found["hits"]["total"]["value"]);
    for hit in found["hits"]["hits"].as_array().into_iter().flatten() {
        println!(
            "{:>8.3}  {}  {}",
            hit["_score"].as_f64().unwrap_or(0.0),
            hit["_id"],
            hit["_source"]
        );
    }
    Ok(())
}
