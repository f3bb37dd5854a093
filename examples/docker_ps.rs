//! Lists containers by the Docker Engine's API, over its Unix socket.
//!
//! Run `cargo run --example docker_ps [-- /var/run/docker.sock]`.

use dunlin::client::Client;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    id: String,
    image: String,
    status: String,
    names: Vec<String>,
}

#[tokio::main]
async fn main() -> dunlin::Result {
    let socket = std::env::args().nth(1).unwrap_or_else(|| "/var/run/docker.sock".into());
    let docker = Client::builder().unix_socket(socket).base_url("http://docker/").build()?;
    let all = docker.get("containers/json").query(&[("all", true)]).send().await?.ok()?;
    for Container { id, image, status, names } in all.json::<Vec<_>>().await? {
        let names: Vec<_> = names.iter().map(|name| name.trim_start_matches('/')).collect();
        println!("{:.12}  {image:24}  {status:24}  {}", id, names.join(", "));
    }
    Ok(())
}
