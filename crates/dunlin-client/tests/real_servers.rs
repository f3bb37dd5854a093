//! The client against servers that others wrote, started here where they are installed; each test says
//! so and passes where its server is not.
#![allow(missing_docs)]
#![cfg(unix)]

mod real;

use dunlin_client::{Client, Redirects, RequestBody};
use futures_util::future::join_all;
use real::{Site, start};

/// What any server of static files has to do.
async fn serves_files(site: &Site) {
    let client = Client::new();
    let url = |path: &str| format!("{}{path}", site.base);
    let name = &site.name;

    let response = client.get(url("/hello.txt")).send().await.unwrap().ok().unwrap();
    let etag = response.header("etag").map(String::from);
    assert_eq!(response.text().await.unwrap(), "hello\n", "{name}");
    assert_eq!(client.get(url("/none")).send().await.unwrap().status(), 404, "{name}");

    let head = client.head(url("/hello.txt")).send().await.unwrap();
    assert_eq!(head.status(), 200, "{name}");
    assert!(head.bytes().await.unwrap().is_empty(), "{name}");

    let part = client.get(url("/hello.txt")).header("range", "bytes=1-3").send().await.unwrap();
    assert_eq!(part.status(), 206, "{name}");
    assert_eq!(part.text().await.unwrap(), "ell", "{name}");

    if let Some(etag) = etag {
        let again = client.get(url("/hello.txt")).header("if-none-match", etag).send().await;
        assert_eq!(again.unwrap().status(), 304, "{name}");
    }

    let mut big = client.get(url("/big.bin")).send().await.unwrap().ok().unwrap();
    let mut read = 0;
    while let Some(chunk) = big.chunk().await.unwrap() {
        assert!(chunk.iter().all(|byte| *byte == 7), "{name}");
        read += chunk.len();
    }
    assert_eq!(read, real::BIG, "{name}");

    let posted = client.post(url("/hello.txt")).body("x").send().await.unwrap();
    assert!(posted.status().is_client_error() || posted.status() == 200, "{name}");
    let moved = client.get(url("/dir")).redirects(Redirects::none()).send().await.unwrap();
    if moved.status().is_redirection() {
        let index = client.get(url("/dir")).send().await.unwrap();
        assert_eq!(index.history().len(), 1, "{name}");
        assert!(index.text().await.unwrap().contains("index"), "{name}");
    }

    let many = (0..200).map(|_| async {
        let response = client.get(url("/hello.txt")).send().await?;
        response.bytes().await
    });
    for body in join_all(many).await {
        assert_eq!(body.unwrap(), "hello\n", "{name}");
    }
    let metrics = client.pool_metrics();
    // Apache closes kept connections where more come than it has threads for.
    assert!(metrics.reused > 10, "{name}: {metrics:?}");
    assert!(metrics.open <= 100, "{name}: {metrics:?}");
}

/// What a server with a program behind it has to do: `/echo`, `/chunked`, `/continue`.
async fn runs_programs(site: &Site) {
    let client = Client::new();
    let url = |path: &str| format!("{}{path}", site.base);
    let name = &site.name;

    let body = vec![b'x'; 3 << 20];
    let echoed = client.post(url("/echo")).body(body.clone()).send().await.unwrap();
    assert!(echoed.bytes().await.unwrap() == body, "{name}");

    let pieces = futures_util::stream::iter(["one ", "two ", "three"].map(Ok::<_, std::io::Error>));
    let echoed = client.post(url("/echo")).stream(pieces).send().await.unwrap();
    assert_eq!(echoed.text().await.unwrap(), "one two three", "{name}");

    let body = RequestBody::from("held back");
    let echoed = client.put(url("/echo")).expect_continue().body(body).send().await.unwrap();
    assert_eq!(echoed.text().await.unwrap(), "held back", "{name}");

    let mut chunked = client.get(url("/chunked")).send().await.unwrap();
    let mut text = String::new();
    while let Some(chunk) = chunked.chunk().await.unwrap() {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert_eq!(text, "onetwothree", "{name}");
    let trailers = chunked.trailers().expect("the server sends a trailer");
    assert_eq!(trailers["x-count"], "3", "{name}");
    assert_eq!(client.pool_metrics().open, 1, "{name}");
}

#[tokio::test]
async fn nginx() {
    let Some(site) = start("nginx", real::nginx) else { return };
    serves_files(&site).await;
    let zipped = Client::new().get(format!("{}/text.html", site.base)).send().await.unwrap();
    #[cfg(feature = "compress")]
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    assert!(zipped.text().await.unwrap().starts_with("birds birds"));
}

#[tokio::test]
async fn apache() {
    let Some(site) = start("apache2", real::apache) else { return };
    serves_files(&site).await;
}

#[tokio::test]
async fn caddy() {
    let Some(site) = start("caddy", real::caddy) else { return };
    serves_files(&site).await;
}

#[tokio::test]
async fn node() {
    let Some(site) = start("node", real::node) else { return };
    runs_programs(&site).await;
}

#[tokio::test]
async fn go() {
    let Some(site) = start("go", real::go) else { return };
    serves_files(&site).await;
    runs_programs(&site).await;
}
