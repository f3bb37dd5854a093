//! The chat in a browser, and the terminal client. `cargo test` builds the programs first.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dunlin::client::Client;
use dunlin::web::{App, WsUpgrade};
use dunlin::websocket::{CloseCode, Config, Limits, WebSocket};
use serde_json::{Value, json};

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where cargo puts examples, seen from a test.
fn program(name: &str) -> Command {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.set_file_name("examples");
    Command::new(path.join(name))
}

/// What stands in a program's output between two texts, as soon as it does.
fn told(output: impl Read, before: &str, after: char) -> String {
    for line in BufReader::new(output).lines() {
        let line = line.unwrap();
        if let Some((_, rest)) = line.split_once(before) {
            return rest.split(after).next().unwrap().to_owned();
        }
    }
    panic!("the program has not told {before:?}");
}

fn chat() -> (Running, String) {
    let mut chat = program("chat").arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
    let address = told(chat.stdout.take().unwrap(), "Running on ", ' ');
    (Running(chat), address)
}

/// The browser, by the names that it has.
fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|file| file.is_file())
}

/// A browser without a window, spoken to by its DevTools protocol over our own WebSocket.
struct Browser {
    _process: Running,
    devtools: WebSocket,
    last: u64,
}

impl Browser {
    async fn start(program: &Path, profile: &Path) -> Self {
        let mut process = Command::new(program)
            .args(["--headless", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"])
            // A container's root has no sandbox; the one page is our own.
            .args(["--no-sandbox", "--remote-debugging-port=0", "about:blank"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = process.stderr.take().unwrap();
        let url = told(&mut errors, "DevTools listening on ", ' ');
        // It must not be held up by words that nobody reads.
        std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
        let limits = Limits { max_message: 64 << 20, ..Limits::default() };
        let config = Config { limits, ..Config::default() };
        let devtools = Client::new().ws_connect(url).config(config).send().await.unwrap();
        Self { _process: Running(process), devtools, last: 0 }
    }

    async fn call(&mut self, session: Option<&str>, method: &str, params: Value) -> Value {
        self.last += 1;
        let mut call = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = session {
            call["sessionId"] = session.into();
        }
        self.devtools.send_json(&call).await.unwrap();
        loop {
            let mut answer: Value = self.devtools.receive_json().await.unwrap().unwrap();
            // Others are events.
            if answer["id"] == self.last {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].take();
            }
        }
    }

    /// Opens a page, and gives the session that speaks with it.
    async fn open(&mut self, url: &str) -> String {
        let target = self.call(None, "Target.createTarget", json!({ "url": url })).await;
        let params = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.call(None, "Target.attachToTarget", params).await;
        session["sessionId"].as_str().unwrap().to_owned()
    }

    /// The value of an expression in a page.
    async fn value(&mut self, page: &str, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true });
        self.call(Some(page), "Runtime.evaluate", params).await["result"]["value"].take()
    }

    async fn wait_for(&mut self, page: &str, expression: &str, expected: Value) {
        let began = Instant::now();
        loop {
            let value = self.value(page, expression).await;
            if value == expected {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{expression} is {value}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn two_pages_talk_to_each_other_in_a_browser() {
    let Some(program) = chromium() else {
        eprintln!("skipped: there is no chromium in PATH (Debian: apt-get install chromium)");
        return;
    };
    let (chat, address) = chat();
    let profile = tempfile::tempdir().unwrap();
    let mut browser = Browser::start(&program, profile.path()).await;
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

    let pid = chat.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    for page in [&ada, &ben] {
        let closed = "document.getElementById('state').textContent.startsWith('closed: 1001')";
        browser.wait_for(page, closed, json!(true)).await;
    }
    let mut chat = chat;
    assert!(chat.0.wait().unwrap().success(), "the end of the server is in order");
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
