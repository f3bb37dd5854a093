//! The chat in a browser, and the terminal client. `cargo test` builds the programs first.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use common::browser::Browser;
use common::{Running, program, told};
use dunlin::client::Client;
use dunlin::web::{App, WsUpgrade};
use dunlin::websocket::{CloseCode, WebSocket};
use serde_json::{Value, json};

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
    let submit = |form: &str, input: &str, text: &str| {
        let text = json!(text);
        format!(
            "document.getElementById('{input}').value = {text};
             document.getElementById('{form}').requestSubmit()"
        )
    };
    let people = "document.getElementById('people').textContent";
    let ada = browser.open(&address).await;
    let ben = browser.open(&address).await;
    for (page, name) in [(&ada, "Ada"), (&ben, "Ben")] {
        browser.wait_for(page, "document.readyState", json!("complete")).await;
        browser.value(page, &submit("enter", "name", name)).await;
        browser.wait_for(page, state, json!(format!("connected as {name}"))).await;
    }
    let extensions = browser.value(&ada, "socket.extensions").await;
    assert!(extensions.as_str().unwrap().starts_with("permessage-deflate"), "{extensions}");
    for page in [&ada, &ben] {
        browser.wait_for(page, people, json!("Ada, Ben")).await;
    }

    browser.value(&ada, &submit("say", "words", "hello, \u{1f426}")).await;
    browser.wait_for(&ben, said, json!(["Ada: hello, \u{1f426}"])).await;
    let long = "<b>not bold</b> ".repeat(500);
    browser.value(&ben, &submit("say", "words", &long)).await;
    let hello = "Ada: hello, \u{1f426}".to_owned();
    let long = format!("Ben: {long}");
    let come = "Ben has come".to_owned();
    browser.wait_for(&ada, said, json!([come, hello, long])).await;
    browser.wait_for(&ben, said, json!([hello, long])).await;
    let carl = browser.open(&address).await;
    browser.wait_for(&carl, "document.readyState", json!("complete")).await;
    browser.value(&carl, &submit("enter", "name", "Ada")).await;
    browser.wait_for(&carl, state, json!("connected as Ada 2")).await;
    browser.value(&carl, "document.getElementById('leave').click()").await;
    browser.wait_for(&ben, said, json!([hello, long, "Ada 2 has come", "Ada 2 has gone"])).await;
    browser.wait_for(&ben, people, json!("Ada, Ben")).await;
    pictures(&mut browser, &ben).await;

    assert_eq!(browser.errors().await, [""; 0]);
    assert!(chat.terminate().success(), "the end of the server is in order");
    for page in [&ada, &ben] {
        let closed = "document.getElementById('state').textContent.startsWith('closed: 1001')";
        browser.wait_for(page, closed, json!(true)).await;
    }
}

/// Pictures to be looked at, on a phone and on a desktop, light and dark, in the folder that `PICTURES` names.
async fn pictures(browser: &mut Browser, page: &str) {
    let Some(folder) = std::env::var_os("PICTURES").map(std::path::PathBuf::from) else { return };
    for (screen, width, height) in [("phone", 390, 700), ("desktop", 1100, 700)] {
        for scheme in ["light", "dark"] {
            browser.screen(page, width, height, scheme).await;
            let file = folder.join(format!("chat-{screen}-{scheme}.png"));
            std::fs::write(file, browser.picture(page).await).unwrap();
        }
    }
}

/// What the next message says.
async fn heard(ws: &mut WebSocket) -> Value {
    ws.receive_json().await.unwrap().unwrap()
}

#[tokio::test]
async fn all_hear_who_comes_who_says_what_and_who_goes() {
    let (_chat, address) = chat();
    let address = address.replace("http", "ws");
    let enter = async |wish: &str| {
        let url = format!("{address}/ws?name={wish}");
        Client::new().ws_connect(url).send().await.unwrap()
    };
    let mut ada = enter("Ada").await;
    let first = json!({ "action": "connect", "name": "Ada", "names": ["Ada"] });
    assert_eq!(heard(&mut ada).await, first);
    let mut other = enter("Ada").await;
    let second = json!({ "action": "connect", "name": "Ada 2", "names": ["Ada", "Ada 2"] });
    assert_eq!(heard(&mut other).await, second);
    assert_eq!(heard(&mut ada).await, json!({ "action": "join", "name": "Ada 2" }));
    other.send("\u{1f426} \"knot\"").await.unwrap();
    let sent = json!({ "action": "sent", "name": "Ada 2", "text": "\u{1f426} \"knot\"" });
    assert_eq!(heard(&mut ada).await, sent);
    assert_eq!(heard(&mut other).await, sent);
    other.send(vec![1u8, 2]).await.unwrap();
    drop(other);
    let gone = json!({ "action": "disconnect", "name": "Ada 2" });
    assert_eq!(heard(&mut ada).await, gone, "bytes are passed over");
    let mut guest = enter("%0a%20").await;
    assert_eq!(heard(&mut guest).await["name"], "guest");
    assert_eq!(heard(&mut ada).await, json!({ "action": "join", "name": "guest" }));
    let elsewhere = Client::new().ws_connect(format!("{address}/ws"));
    let refused = elsewhere.header("origin", "http://evil.example").send().await;
    assert!(refused.is_err(), "pages of other origins stay out");
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
