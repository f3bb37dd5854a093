//! Downloads a file with a progress bar.
//!
//! Run `cargo run --example download -- http://localhost:8080/birds.zip [birds.zip]`.

use dunlin::client::Client;
use indicatif::{ProgressBar, ProgressStyle};

#[tokio::main]
async fn main() -> dunlin::Result {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("download URL [FILE]")?;
    let response = Client::new().get(&url).send().await?.ok()?;

    let last = response.url().path().rsplit('/').next().filter(|name| !name.is_empty());
    let suggested = response.file_name().or_else(|| last.map(String::from));
    let file = args.next().or(suggested).unwrap_or_else(|| "index.html".into());
    let bar = match response.content_length() {
        Some(bytes) => ProgressBar::new(bytes).with_style(ProgressStyle::with_template(
            "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        )?),
        None => ProgressBar::new_spinner(),
    };
    let bytes = response.save_with(&file, |written, _| bar.set_position(written)).await?;
    bar.finish();
    println!("{file}: {bytes} bytes");
    Ok(())
}
