//! Chromium without a window, spoken to by its DevTools protocol over our own WebSocket.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dunlin::client::Client;
use dunlin::websocket::{Config, Limits, WebSocket};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Running, told};

/// The browser, by the names that it has.
fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|file| file.is_file())
}

pub(crate) struct Browser {
    _process: Running,
    _profile: TempDir,
    devtools: WebSocket,
    last: u64,
    errors: Vec<String>,
}

impl Browser {
    /// Starts one; where there is none, says so and gives none.
    pub(crate) async fn start() -> Option<Self> {
        let Some(program) = chromium() else {
            // Not by `eprintln`, which shows only what failed.
            let told = "skipped: there is no chromium in PATH (Debian: apt-get install chromium)";
            let _ = writeln!(std::io::stderr(), "{told}");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut process = Command::new(program)
            .args(["--headless", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"])
            // A container's root has no sandbox; the pages are our own.
            .args(["--no-sandbox", "--remote-debugging-port=0", "about:blank"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
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
        let process = Running(process);
        let errors = Vec::new();
        Some(Self { _process: process, _profile: profile, devtools, last: 0, errors })
    }

    async fn call(&mut self, session: Option<&str>, method: &str, params: Value) -> Value {
        let mut answer = self.ask(session, method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// The whole answer to a call, be it an error.
    async fn ask(&mut self, session: Option<&str>, method: &str, params: Value) -> Value {
        self.last += 1;
        let mut call = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = session {
            call["sessionId"] = session.into();
        }
        self.devtools.send_json(&call).await.unwrap();
        loop {
            let answer: Value = self.devtools.receive_json().await.unwrap().unwrap();
            if answer["id"] == self.last {
                return answer;
            }
            self.note(&answer);
        }
    }

    /// Keeps what a console would show in red.
    fn note(&mut self, event: &Value) {
        let params = &event["params"];
        let error = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => &params["exceptionDetails"],
            Some("Runtime.consoleAPICalled") if params["type"] == "error" => &params["args"],
            Some("Log.entryAdded") if params["entry"]["level"] == "error" => &params["entry"],
            _ => return,
        };
        self.errors.push(error.to_string());
    }

    /// What the consoles of all pages have shown in red since this was asked last.
    pub(crate) async fn errors(&mut self) -> Vec<String> {
        // What happened before this answer has been told before it.
        self.call(None, "Browser.getVersion", json!({})).await;
        std::mem::take(&mut self.errors)
    }

    /// Opens a page, and gives the session that speaks with it.
    pub(crate) async fn open(&mut self, url: &str) -> String {
        self.open_target(json!({ "url": "about:blank" }), url).await
    }

    /// Opens a page with cookies of its own, as in somebody else's browser.
    pub(crate) async fn open_elsewhere(&mut self, url: &str) -> String {
        let context = self.call(None, "Target.createBrowserContext", json!({})).await;
        let id = &context["browserContextId"];
        self.open_target(json!({ "url": "about:blank", "browserContextId": id }), url).await
    }

    async fn open_target(&mut self, target: Value, url: &str) -> String {
        let target = self.call(None, "Target.createTarget", target).await;
        let params = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.call(None, "Target.attachToTarget", params).await;
        let page = session["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Runtime.enable", "Log.enable", "Page.enable", "DOM.enable"] {
            self.call(Some(&page), domain, json!({})).await;
        }
        self.go(&page, url).await;
        page
    }

    pub(crate) async fn go(&mut self, page: &str, url: &str) {
        self.call(Some(page), "Page.navigate", json!({ "url": url })).await;
    }

    /// The value of an expression in a page, a promise's once it is there; null where the page is left meanwhile.
    pub(crate) async fn value(&mut self, page: &str, expression: &str) -> Value {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        self.ask(Some(page), "Runtime.evaluate", params).await["result"]["result"]["value"].take()
    }

    pub(crate) async fn wait_for(&mut self, page: &str, expression: &str, expected: Value) {
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

    /// Presses a key, as by hand: `Tab`, `Enter`.
    pub(crate) async fn press(&mut self, page: &str, key: &str, code: u32, text: &str) {
        for kind in ["keyDown", "keyUp"] {
            let mut params = json!({ "type": kind, "key": key, "code": key,
                "windowsVirtualKeyCode": code });
            if kind == "keyDown" && !text.is_empty() {
                params["text"] = text.into();
            }
            self.call(Some(page), "Input.dispatchKeyEvent", params).await;
        }
    }

    /// Types text where the focus is.
    pub(crate) async fn type_text(&mut self, page: &str, text: &str) {
        self.call(Some(page), "Input.insertText", json!({ "text": text })).await;
    }

    /// Chooses a file in the input that a selector finds, as if by its dialog.
    pub(crate) async fn choose(&mut self, page: &str, selector: &str, file: &Path) {
        let params =
            json!({ "expression": format!("document.querySelector({})", json!(selector)) });
        let found = self.call(Some(page), "Runtime.evaluate", params).await;
        let params = json!({ "files": [file], "objectId": found["result"]["objectId"] });
        self.call(Some(page), "DOM.setFileInputFiles", params).await;
    }

    /// Slows a page's uploads down to so many bytes a second; 0 takes the limit off.
    pub(crate) async fn slow_uploads(&mut self, page: &str, bytes: u32) {
        self.call(Some(page), "Network.enable", json!({})).await;
        let upload = if bytes == 0 { -1 } else { i64::from(bytes) };
        let params = json!({ "offline": false, "latency": 0, "downloadThroughput": -1,
            "uploadThroughput": upload });
        self.call(Some(page), "Network.emulateNetworkConditions", params).await;
    }

    /// Gives a page a screen of that size, and a preference: `light` or `dark`.
    pub(crate) async fn screen(&mut self, page: &str, width: u32, height: u32, scheme: &str) {
        let params = json!({ "width": width, "height": height, "deviceScaleFactor": 1,
            "mobile": width < 500 });
        self.call(Some(page), "Emulation.setDeviceMetricsOverride", params).await;
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.call(Some(page), "Emulation.setEmulatedMedia", json!({ "features": [feature] })).await;
    }

    /// A picture of what the screen shows, as PNG.
    pub(crate) async fn picture(&mut self, page: &str) -> Vec<u8> {
        let shot =
            self.call(Some(page), "Page.captureScreenshot", json!({ "format": "png" })).await;
        STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()
    }
}
