//! Both roles against `ws` of Node and against aiohttp, with compression. They are installed below Cargo's
//! target folder where npm and pip can; each test says so and passes where they cannot.
#![cfg(all(unix, feature = "deflate"))]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use dunlin_client::Client;
use dunlin_core::Request;
use dunlin_server::Server;
use dunlin_websocket::{
    ClientHandshake, CloseCode, Config, Deflate, Error, Message, ServerHandshake, WebSocket,
};

fn config() -> Config {
    let deflate = Deflate { threshold: 0, ..Deflate::default() };
    Config { deflate: Some(deflate), ..Config::default() }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(name)
}

/// Runs an installer, and tells whether it did its work.
fn installs(command: &mut Command) -> bool {
    match command.stdin(Stdio::null()).output() {
        Ok(output) => output.status.success(),
        Err(_) => false,
    }
}

/// Node with `ws` on its path.
fn node(name: &str) -> Option<Command> {
    static MODULES: OnceLock<Option<PathBuf>> = OnceLock::new();
    let modules = MODULES.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop-node");
        let modules = dir.join("node_modules");
        let mut install = Command::new("npm");
        install.args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(&dir).arg("ws@8");
        let is_there = modules.join("ws/package.json").is_file() || installs(&mut install);
        if !is_there {
            eprintln!("skipped: npm cannot install ws");
        }
        is_there.then_some(modules)
    });
    let mut command = Command::new("node");
    command.env("NODE_PATH", modules.as_ref()?).arg(script(name));
    Some(command)
}

/// Python with aiohttp.
fn python(name: &str) -> Option<Command> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let python = PYTHON.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop-python");
        let python = dir.join("bin/python");
        let has_it = || installs(Command::new(&python).args(["-c", "import aiohttp"]));
        let is_there = has_it()
            || installs(Command::new("python3").args(["-m", "venv"]).arg(&dir))
                && installs(Command::new(&python).args(["-m", "pip", "install", "-q", "aiohttp"]));
        if !is_there {
            eprintln!("skipped: pip cannot install aiohttp");
        }
        is_there.then_some(python)
    });
    let mut command = Command::new(python.as_ref()?);
    command.arg(script(name));
    Some(command)
}

/// A server of theirs, which prints its port and then what it sees. It ends with its standard input.
struct Theirs {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Theirs {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().expect("a port").unwrap();
        Self { child, lines, url: format!("http://127.0.0.1:{port}/") }
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.receive().await {
        ws.feed(message?).await?;
    }
    assert_eq!(ws.close_frame().map(|frame| u16::from(frame.code)), Some(4001));
    Ok(())
}

/// Our server, and their client against it.
async fn serves(command: Option<Command>) {
    let Some(mut command) = command else { return };
    let handshake = ServerHandshake::new(config()).protocols(["v1"]).unwrap();
    let service = move |req: Request| {
        let response = handshake.respond(&req, async |ws| {
            assert!(ws.is_compressed());
            echo(ws).await.unwrap();
        });
        async { response }
    };
    let server = Server::builder().bind("127.0.0.1:0").start(service).await.unwrap();
    command.arg(format!("ws://{}/", server.addresses()[0]));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server.shutdown().await.unwrap();
}

/// Our client, against their server, which answers a close frame with that code.
async fn connects(command: Option<Command>, answer: u16) {
    let Some(command) = command else { return };
    let mut theirs = Theirs::start(command);
    let handshake = ClientHandshake::new(config());
    let headers = handshake.headers().into_iter().collect();
    let response = Client::new().get(&theirs.url).headers(headers).send().await.unwrap();
    let confirmed = handshake.check(response.head()).unwrap();
    let mut ws = confirmed.open(response.into_upgraded().unwrap());
    assert!(ws.is_compressed());
    for size in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
        let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        for message in [Message::from(bytes), Message::from("\u{20ac}uro ".repeat(size / 7))] {
            ws.send(message.clone()).await.unwrap();
            assert!(ws.receive().await.unwrap().unwrap() == message, "{size}");
        }
    }
    for part in ["in ", "parts, ", ""] {
        ws.send_part(part, part.is_empty()).await.unwrap();
    }
    assert_eq!(ws.receive().await.unwrap().unwrap(), Message::from("in parts, "));
    ws.ping(b"are you there").await.unwrap();
    ws.send("and here").await.unwrap();
    assert_eq!(ws.receive().await.unwrap().unwrap(), Message::from("and here"));
    assert!(ws.rtt().is_some());
    ws.close(CloseCode::new(4001).unwrap(), "done").await.unwrap();
    assert_eq!(ws.close_frame().map(|frame| u16::from(frame.code)), Some(answer));
    let said = theirs.lines.next().unwrap().unwrap();
    assert!(said.starts_with("closed 4001"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_of_ws_and_our_server_understand_each_other() {
    serves(node("ws_client.js")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_and_the_server_of_ws_understand_each_other() {
    connects(node("ws_server.js"), 4001).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_of_aiohttp_and_our_server_understand_each_other() {
    serves(python("aiohttp_client.py")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_and_the_server_of_aiohttp_understand_each_other() {
    connects(python("aiohttp_server.py"), 1000).await;
}
