//! The board that the tutorial builds, in a browser; where there is none the test says so and passes.

#[path = "../../examples/tests/common/mod.rs"]
mod common;

use std::path::Path;

use common::browser::Browser;
use dunlin::test::TestServer;
use serde_json::json;

const NOTES: &str = "[...document.querySelectorAll('#notes li')].map(item => item.firstChild.data)";

async fn sign_in(browser: &mut Browser, url: &str, name: &str) -> String {
    let page = browser.open_elsewhere(url).await;
    browser.wait_for(&page, "document.activeElement.name", json!("name")).await;
    browser.type_text(&page, name).await;
    browser.press(&page, "Enter", 13, "\r").await;
    browser.wait_for(&page, "document.title", json!("Board")).await;
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_is_seen_by_everybody_and_removed() {
    let Some(mut browser) = Browser::start().await else { return };
    let app = board::app(Path::new(":memory:")).unwrap();
    let server = TestServer::new(app).await.unwrap();

    let ada = sign_in(&mut browser, &server.url("/"), "Ada").await;
    let ben = sign_in(&mut browser, &server.url("/"), "Ben").await;
    browser.value(&ada, "document.querySelector('[name=text]').focus()").await;
    browser.type_text(&ada, "feed the <b>birds</b>").await;
    browser.press(&ada, "Enter", 13, "\r").await;
    for page in [&ada, &ben] {
        browser.wait_for(page, NOTES, json!(["Ada: feed the <b>birds</b> "])).await;
    }
    browser.value(&ben, "document.querySelector('#notes button').click()").await;
    for page in [&ada, &ben] {
        browser.wait_for(page, NOTES, json!([])).await;
    }
    assert_eq!(browser.errors().await, Vec::<String>::new());
    drop(browser);
    assert!(server.stop().await.unwrap().faults.is_empty());
}
