//! Shortify: there and back.

use dunlin::client::{Client, Response};
use serde_json::{Value, json};

use super::{Started, page};

async fn shorten(client: &Client, url: &str) -> Response {
    client.post("/shortify").json(&json!({ "url": url })).send().await.unwrap()
}

#[tokio::test]
async fn a_short_address_leads_to_the_long_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("links.sqlite");
    let shortify = Started::new("shortify", &[file.to_str().unwrap()]);
    let client = shortify.client();
    let long = "https://example.com/a/long/way?to=go#there";
    let answer = shorten(&client, long).await;
    assert_eq!(answer.status(), 201);
    let short = answer.json::<Value>().await.unwrap()["url"].as_str().unwrap().to_owned();
    assert!(short.starts_with(&shortify.url) && short.len() < shortify.url.len() + 5, "{short}");
    let followed = client.get(&short).send().await.unwrap();
    assert_eq!((followed.status().as_u16(), followed.header("location")), (302, Some(long)));
    let again: Value = shorten(&client, long).await.json().await.unwrap();
    assert_eq!(again["url"], short);
    let other: Value = shorten(&client, "http://example.org").await.json().await.unwrap();
    assert_ne!(other["url"], short);
    assert!(shortify.program.terminate().success());
    let path = short.rsplit_once('/').unwrap().1.to_owned();
    let kept = Started::new("shortify", &[file.to_str().unwrap()]);
    let followed = kept.client().get(format!("/{path}")).send().await.unwrap();
    assert_eq!(followed.header("location"), Some(long));
}

#[tokio::test]
async fn what_is_no_address_is_refused() {
    let shortify = Started::new("shortify", &[]);
    let client = shortify.client();
    let long = format!("http://example.com/{}", "a".repeat(2048));
    for url in ["", "example.com", "javascript:alert(1)", "data:,x", "http://", &long] {
        assert_eq!(shorten(&client, url).await.status(), 422, "{url}");
    }
    let no_json = client.post("/shortify").body("url=http://example.com").send().await.unwrap();
    assert_eq!(no_json.status(), 415);
    for path in ["/100", "/zzzzzzzzzz", "/zzzzzzzzzzz", "/a-b", "/0"] {
        assert_eq!(page(&client, path).await.0, 404, "{path}");
    }
    assert!(page(&client, "/").await.1.contains("<form"));
}
