use std::path::Path;

use dunlin::client::Redirects;
use dunlin::test::TestClient;
use dunlin::web::BuildErrors;
use dunlin::websocket::CloseCode;
use serde_json::{Value, json};

async fn board() -> TestClient {
    TestClient::in_memory(board::app(Path::new(":memory:")).unwrap()).await.unwrap()
}

async fn sign_in(client: &TestClient, name: &str) {
    let page = client.post("/sign-in").form(&[("name", name)]).send().await.unwrap();
    assert_eq!((page.status().as_u16(), page.url().path()), (200, "/"));
}

#[test]
fn the_app_is_put_together_without_mistakes() -> Result<(), BuildErrors> {
    board::app(Path::new(":memory:")).unwrap().build().map(drop)
}

#[tokio::test]
async fn strangers_are_sent_to_sign_in() {
    let client = board().await;
    let page = client.get("/").redirects(Redirects::none()).send().await.unwrap();
    assert_eq!(page.status(), 303);
    assert_eq!(client.get("/api/notes").send().await.unwrap().status(), 401);
    client.stop().await.unwrap();
}

#[tokio::test]
async fn a_note_is_written_told_and_removed() {
    let client = board().await;
    sign_in(&client, "Ada").await;
    let mut live = client.ws_connect("/live").send().await.unwrap();

    let sent = client.post("/api/notes").json(&json!({ "text": "feed the birds" })).send().await;
    let note: Value = sent.unwrap().ok().unwrap().json().await.unwrap();
    assert_eq!(note, json!({ "id": 1, "text": "feed the birds", "author": "Ada" }));

    let event: Value = live.receive_json().await.unwrap().unwrap();
    assert_eq!(event, json!({ "type": "note", "note": note }));

    live.close(CloseCode::NORMAL, "").await.unwrap();

    assert_eq!(client.delete("/api/notes/1").send().await.unwrap().status(), 204);
    assert_eq!(client.delete("/api/notes/1").send().await.unwrap().status(), 404);
    let report = client.stop().await.unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
}
