//! The chat in a browser, and the terminal client. `cargo test` builds the programs first.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use common::browser::Browser;
use common::{Running, program, told};
use dunlin::web::{App, WsUpgrade};
use dunlin::websocket::CloseCode;
use serde_json::json;

fn chat() -> (Running, String) {
    let mut chat = program("chat").arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
    let address = told(chat.stdout.take().unwrap(), "Running on ", ' ');
    (Running(chat), address)
}

#[tokio::test]
async fn two_pages_talk_to_each_other_in_a_browser() {
    let Some(mut browser) = Browser::start().await else { return };
    let (chat, address) = chat();
    let (state, said) = (
        "document.getElementById('state')?.textContent ?? ''",
        "Array.from(document.querySelectorAll('#said li'), line => line.textContent)",
    );
    let say = |name: &str, words: &str| {
        let (name, words) = (json!(name), json!(words));
        format!(
            "document.getElementById('name').value = {name};
             document.getElementById('words').value = {words};
             document.getElementById('say').requestSubmit()"
        )
    };
    let ada = browser.open(&address).await;
    let ben = browser.open(&address).await;
    for page in [&ada, &ben] {
        browser.wait_for(page, state, json!("connected")).await;
    }
    let extensions = browser.value(&ada, "socket.extensions").await;
    assert!(extensions.as_str().unwrap().starts_with("permessage-deflate"), "{extensions}");

    browser.value(&ada, &say("Ada", "hello, \u{1f426}")).await;
    browser.wait_for(&ben, said, json!(["Ada: hello, \u{1f426}"])).await;
    let long = "<b>not bold</b> ".repeat(500);
    browser.value(&ben, &say("Ben", &long)).await;
    let both = json!(["Ada: hello, \u{1f426}", format!("Ben: {long}")]);
    for page in [&ada, &ben] {
        browser.wait_for(page, said, both.clone()).await;
    }

    assert_eq!(browser.errors().await, [""; 0]);
    assert!(chat.terminate().success(), "the end of the server is in order");
    for page in [&ada, &ben] {
        let closed = "document.getElementById('state').textContent.startsWith('closed: 1001')";
        browser.wait_for(page, closed, json!(true)).await;
    }
}

/// Runs the terminal client, types each line once what came for the last is printed, and gives its status,
/// output and errors.
fn typed(url: &str, lines: &[&str]) -> (Option<i32>, String, String) {
    let mut client = program("ws_client")
        .arg(url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    let mut output = BufReader::new(client.stdout.take().unwrap());
    let mut printed = String::new();
    for line in lines {
        writeln!(input, "{line}").unwrap();
        output.read_line(&mut printed).unwrap();
    }
    // The end of what is typed.
    drop(input);
    let ended = client.wait_with_output().unwrap();
    (ended.status.code(), printed, String::from_utf8(ended.stderr).unwrap())
}

async fn closing(ws: WsUpgrade) -> dunlin::Response {
    ws.on_upgrade(async |mut ws| {
        while let Some(Ok(message)) = ws.receive().await {
            if message.as_text() == Some("bye") {
                let _ = ws.close(CloseCode::POLICY, "no farewells").await;
                return;
            }
            let _ = ws.send(format!("{} bytes", message.len())).await;
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_terminal_client_prints_what_comes_and_tells_how_it_ended() {
    let server = dunlin::server::Server::builder().bind("127.0.0.1:0");
    let server = server.start(App::new().add_get("/", closing)).await.unwrap();
    let url = format!("ws://{}/", server.addresses()[0]);
    let (status, printed, told) = typed(&url, &["hello", "bye"]);
    assert_eq!((status, printed.as_str()), (Some(1), "5 bytes\n"));
    assert_eq!(told, "connected\nclosed: 1008 no farewells\n");
    let (status, _, told) = typed(&url, &[]);
    assert_eq!((status, told.as_str()), (Some(0), "connected\nclosed: 1000\n"));
    let (status, _, told) = typed(&format!("{url}nowhere"), &[]);
    assert_eq!(status, Some(2));
    assert!(told.starts_with("ws_client: no WebSocket: the server answered 404"), "{told}");
    server.shutdown().await.unwrap();
}
