//! Asks the app as a client does, without a socket.

use dunlin::test::TestClient;
use serde_json::{Value, json};

#[tokio::test]
async fn the_first_page_says_what_to_do_next() -> dunlin::Result {
    let client = TestClient::in_memory({{lib}}::app()).await?;
    let page = client.get("/").send().await?.ok()?.text().await?;
    assert!(page.contains("/hello/"));
    client.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_greeting_is_json() -> dunlin::Result {
    let client = TestClient::in_memory({{lib}}::app()).await?;
    let greeting: Value = client.get("/hello/Ada").send().await?.ok()?.json().await?;
    assert_eq!(greeting, json!({ "message": "Hello, Ada!" }));
    client.stop().await?;
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_is_404() -> dunlin::Result {
    let client = TestClient::in_memory({{lib}}::app()).await?;
    assert_eq!(client.get("/nothing").send().await?.status(), 404);
    client.stop().await?;
    Ok(())
}
