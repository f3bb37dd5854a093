//! The testbed behind nginx, HAProxy and Caddy, each with a configuration as their manuals have it.
//! Skipped where one is not installed. `cargo test` builds the testbed first.

#[path = "../../crates/dunlin-client/tests/real/mod.rs"]
mod real;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dunlin::client::{Client, Response};
use dunlin::multipart::{Form, Part};
use dunlin::websocket::{CloseCode, Message};
use real::Site;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};

/// The testbed, ended with this value.
struct Testbed {
    address: SocketAddr,
    child: Child,
}

impl Testbed {
    fn start(args: &[&str]) -> Self {
        let mut program = std::env::current_exe().unwrap();
        program.pop();
        program.set_file_name("examples/testbed");
        let mut child = Command::new(program).args(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { address: line.trim().parse().unwrap(), child }
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Stands between a proxy and the testbed and counts connections.
struct Counter {
    address: SocketAddr,
    count: Arc<AtomicUsize>,
}

impl Counter {
    async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                counted.fetch_add(1, Relaxed);
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(upstream).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        Self { address, count }
    }
}

fn nginx(dir: &Path, port: u16, upstream: SocketAddr) -> Command {
    let d = dir.display();
    let config = format!(
        "daemon off; master_process off; pid {d}/pid; error_log {d}/error.log;
        events {{ worker_connections 512; }}
        http {{
            access_log off; client_max_body_size 64m;
            client_body_temp_path {d}/b; proxy_temp_path {d}/p; fastcgi_temp_path {d}/f;
            uwsgi_temp_path {d}/u; scgi_temp_path {d}/s;
            map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
            upstream testbed {{ server {upstream}; keepalive 16; }}
            server {{
                listen 127.0.0.1:{port};
                location / {{
                    proxy_pass http://testbed;
                    proxy_http_version 1.1;
                    proxy_set_header Host $http_host;
                    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                    proxy_set_header X-Forwarded-Proto $scheme;
                    proxy_set_header Upgrade $http_upgrade;
                    proxy_set_header Connection $connection_upgrade;
                }}
            }}
        }}"
    );
    std::fs::write(dir.join("nginx.conf"), config).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-p").arg(dir).arg("-c").arg(dir.join("nginx.conf"));
    command.arg("-e").arg(dir.join("error.log"));
    command
}

/// `server` is what follows the upstream's address in its line. Without `http-no-delay` pieces of a body
/// wait up to 200 ms for more to be sent with.
fn haproxy(dir: &Path, port: u16, upstream: SocketAddr, server: &str) -> Command {
    let config = format!(
        "global
  maxconn 512
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
  option forwardfor
  option http-no-delay
  http-reuse always
frontend all
  bind 127.0.0.1:{port}
  default_backend testbed
backend testbed
  server testbed {upstream} {server}
"
    );
    std::fs::write(dir.join("haproxy.cfg"), config).unwrap();
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(dir.join("haproxy.cfg"));
    command
}

fn caddy(dir: &Path, port: u16, upstream: SocketAddr) -> Command {
    let config = format!(
        "{{
    admin off
    auto_https off
}}
http://127.0.0.1:{port} {{
    reverse_proxy {upstream}
}}
"
    );
    std::fs::write(dir.join("Caddyfile"), config).unwrap();
    let mut command = Command::new("caddy");
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(dir.join("Caddyfile"));
    command.env("HOME", dir).env("XDG_DATA_HOME", dir).env("XDG_CONFIG_HOME", dir);
    command
}

/// Starts a proxy, and says so where there is none.
fn start(program: &str, upstream: SocketAddr) -> Option<Site> {
    real::start(program, |dir, port| match program {
        "nginx" => nginx(dir, port, upstream),
        "haproxy" => haproxy(dir, port, upstream, ""),
        _ => caddy(dir, port, upstream),
    })
}

/// A client that hands out what came, compressed or not.
fn client(site: &Site) -> Client {
    let client = Client::builder().base_url(&*site.base).decompress(false);
    client.build().unwrap()
}

async fn all_pass(program: &str) {
    let testbed = Testbed::start(&[]);
    let counter = Counter::start(testbed.address).await;
    let Some(site) = start(program, counter.address) else { return };
    let client = client(&site);
    upstream_connections_are_kept(&client, &counter).await;
    heads_pass(&client).await;
    bodies_pass(&client).await;
    for coding in ["identity", "gzip"] {
        events_come_as_they_are_made(&client, coding).await;
    }
    uploads_pass(&client).await;
    too_long_bodies_are_told_so(&client).await;
    websockets_pass(&client).await;
    // After all this it still works.
    assert_eq!(
        client.get("/plaintext").send().await.unwrap().text().await.unwrap(),
        "Hello, World!"
    );
}

#[tokio::test]
async fn nginx_passes_everything_through() {
    all_pass("nginx").await;
}

#[tokio::test]
async fn haproxy_passes_everything_through() {
    all_pass("haproxy").await;
}

#[tokio::test]
async fn caddy_passes_everything_through() {
    all_pass("caddy").await;
}

async fn upstream_connections_are_kept(client: &Client, counter: &Counter) {
    let before = counter.count.load(Relaxed);
    for _ in 0..100 {
        let response = client.get("/plaintext").send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.unwrap(), "Hello, World!");
    }
    let opened = counter.count.load(Relaxed) - before;
    assert!(opened <= 8, "{opened} connections for a hundred requests");
}

async fn heads_pass(client: &Client) {
    let response = client.get("/headers?a=1&b=%2F").header("X-Asked", "yes").send().await.unwrap();
    let seen: Value = response.json().await.unwrap();
    assert_eq!(seen["target"], "/headers?a=1&b=%2F");
    assert_eq!(seen["headers"]["x-asked"][0], "yes");
    assert_eq!(seen["headers"]["x-forwarded-for"][0], "127.0.0.1", "{seen}");

    let head = client.head("/plaintext").send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.header("content-length")), (200, Some("13")));
    assert!(head.bytes().await.unwrap().is_empty());

    for status in [204, 404, 405, 500, 503] {
        let response = client.get(&*format!("/status/{status}")).send().await.unwrap();
        assert_eq!(response.status(), status);
    }
    let cookies = client.get("/cookies/set?a=1&b=2").send().await.unwrap();
    assert_eq!(cookies.cookies().len(), 2);
    let missing = client.get("/no/such/path").send().await.unwrap();
    assert_eq!(missing.status(), 404);
}

async fn bodies_pass(client: &Client) {
    let whole = client.get("/range/1000").send().await.unwrap();
    let tag = whole.header("etag").expect("an ETag").to_owned();
    let whole = whole.bytes().await.unwrap();
    let part = client.get("/range/1000").header("Range", "bytes=10-29").send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.header("content-range"), Some("bytes 10-29/1000"));
    assert_eq!(part.bytes().await.unwrap(), whole[10..30]);
    let beyond = client.get("/range/1000").header("Range", "bytes=1000-").send().await.unwrap();
    assert_eq!(beyond.status(), 416);
    let same = client.get("/range/1000").header("If-None-Match", &*tag).send().await.unwrap();
    assert_eq!((same.status().as_u16(), same.header("etag")), (304, Some(&*tag)));
    assert!(same.bytes().await.unwrap().is_empty());

    let gzip = client.get("/gzip").header("Accept-Encoding", "gzip").send().await.unwrap();
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    assert!(gzip.header("vary").is_some_and(|vary| vary.eq_ignore_ascii_case("accept-encoding")));
    assert!(gzip.bytes().await.unwrap().starts_with(&[0x1f, 0x8b]));

    let chunked = client.get("/chunked").send().await.unwrap();
    assert_eq!(chunked.text().await.unwrap(), "onetwothree");
    let long = 20_000_000;
    let mut stream = client.get(&*format!("/stream/{long}")).send().await.unwrap();
    let mut got = 0;
    while let Some(chunk) = stream.chunk().await.unwrap() {
        got += chunk.len();
    }
    assert_eq!(got, long);
    // The start of what nobody would wait for the end of, and then no more.
    let mut stream = client.get("/stream/100000000000").send().await.unwrap();
    let mut got = 0;
    while got < 1 << 20 {
        got += stream.chunk().await.unwrap().expect("more").len();
    }
}

async fn events_come_as_they_are_made(client: &Client, coding: &str) {
    let request = client.get("/sse?n=20").header("Accept-Encoding", coding).decompress(true);
    let mut events = request.send().await.unwrap();
    let (mut text, mut times) = (String::new(), BTreeSet::new());
    while let Some(chunk) = events.chunk().await.unwrap() {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        times.insert(Instant::now());
    }
    assert_eq!(text.matches("data: tick").count(), 20, "{text}");
    // They are 20 ms apart, 380 ms in all; a busy machine joins some.
    let (first, last) = (times.first().unwrap(), times.last().unwrap());
    assert!(times.len() >= 5, "in {} pieces", times.len());
    assert!(last.duration_since(*first) >= Duration::from_millis(200), "all at once");
}

async fn uploads_pass(client: &Client) {
    let file: Vec<u8> =
        (0..20 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let hash = format!("{:x}", Sha256::digest(&file));
    let file = Bytes::from(file);
    let form = || {
        Form::new()
            .text("name", "dunlin")
            .part("file", Part::bytes(file.clone()).file_name("a.bin"))
    };
    let response = client.post("/upload").multipart(form()).send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(status, 200, "{text}");
    let parts: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(parts[0]["size"], 6);
    assert_eq!((&parts[1]["size"], &parts[1]["sha256"]), (&file.len().into(), &hash.into()));
    let echo = client.post("/echo").body(file.slice(..1 << 20)).send().await.unwrap();
    assert_eq!(echo.bytes().await.unwrap(), file[..1 << 20]);
    // Without a length.
    let pieces =
        (0..16).map(move |i| Ok::<_, std::io::Error>(file.slice(i * 1000..(i + 1) * 1000)));
    let echo =
        client.post("/echo").stream(futures_util::stream::iter(pieces)).send().await.unwrap();
    assert_eq!(echo.bytes().await.unwrap().len(), 16_000);
}

async fn too_long_bodies_are_told_so(client: &Client) {
    for len in [(1 << 20) + 1, 8 << 20, 20 << 20] {
        for round in 0..5 {
            let answer = client.post("/echo").body(vec![b'x'; len]).send().await.unwrap();
            assert_eq!(answer.status(), 413, "{len} bytes, round {round}");
            assert!(!answer.bytes().await.unwrap().is_empty());
        }
    }
    let unread = client.post("/ignore").body(vec![b'x'; 1 << 20]).send().await.unwrap();
    assert_eq!(unread.status(), 200);
}

async fn websockets_pass(client: &Client) {
    let mut socket = client.ws_connect("/ws").send().await.unwrap();
    for message in ["birds".into(), Message::from(vec![7; 100_000]), "x".repeat(200_000).into()] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.receive().await.unwrap().unwrap(), message);
    }
    socket.close(CloseCode::NORMAL, "").await.unwrap();
}

/// Idle connections that the testbed ends are those that a proxy might be about to use.
async fn a_short_keep_alive_is_no_502(program: &str) {
    let testbed = Testbed::start(&["--keep-alive", "0.1"]);
    let Some(site) = start(program, testbed.address) else { return };
    let client = client(&site);
    for i in 0..100 {
        let response = client.get("/plaintext").send().await.unwrap();
        assert_eq!(response.status(), 200, "request {i}");
        response.bytes().await.unwrap();
        tokio::time::sleep(Duration::from_millis(90 + i % 20)).await;
    }
}

#[tokio::test]
async fn nginx_finds_no_502_where_idle_connections_end() {
    a_short_keep_alive_is_no_502("nginx").await;
}

#[tokio::test]
async fn haproxy_finds_no_502_where_idle_connections_end() {
    a_short_keep_alive_is_no_502("haproxy").await;
}

#[tokio::test]
async fn caddy_finds_no_502_where_idle_connections_end() {
    a_short_keep_alive_is_no_502("caddy").await;
}

#[tokio::test]
async fn the_proxy_protocol_of_haproxy_tells_who_the_client_is() {
    let testbed = Testbed::start(&["--proxy-protocol"]);
    for server in ["send-proxy", "send-proxy-v2"] {
        let command = |dir: &Path, port| haproxy(dir, port, testbed.address, server);
        let Some(site) = real::start("haproxy", command) else { return };
        for client_address in ["127.0.0.5", "127.0.0.6"] {
            let from: IpAddr = client_address.parse().unwrap();
            let builder = Client::builder().base_url(&*site.base).local_address(from);
            let client = builder.build().unwrap();
            for _ in 0..3 {
                let response: Response = client.get("/headers").send().await.unwrap();
                let seen: Value = response.json().await.unwrap();
                assert_eq!(seen["remote"], client_address, "{server}: {seen}");
            }
        }
    }
}
