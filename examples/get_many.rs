//! Fetches a list of URLs at once: `URL: STATUS REASON` for each.
//!
//! Run `cargo run --example get_many -- http://localhost:8080/ http://localhost:8080/none`.

use dunlin::client::Client;
use futures_util::future::join_all;

#[tokio::main]
async fn main() {
    let client = Client::new();
    let urls: Vec<String> = std::env::args().skip(1).collect();
    let answers = urls.iter().map(|url| client.get(url).send());
    for (url, answer) in urls.iter().zip(join_all(answers).await) {
        match answer {
            Ok(it) => {
                println!("{url}: {} {}", it.status().as_u16(), it.reason().unwrap_or_default())
            }
            Err(error) => println!("{url}: {error}"),
        }
    }
}
