//! The client's programs against servers of a few routes. `cargo test` builds the programs first.

use std::path::PathBuf;
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dunlin::server::Server;
use dunlin::web::{App, Json};
use serde_json::{Value, json};

/// Where cargo puts examples, seen from a test.
fn program(name: &str) -> Command {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.set_file_name("examples");
    Command::new(path.join(name))
}

/// Serves the app on a thread of its own, for as long as the test lasts.
fn serve(app: App, server: impl FnOnce() -> dunlin::server::ServerBuilder + Send + 'static) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(server().serve(app)).unwrap();
    });
}

fn on_free_port(app: App) -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    serve(app, move || Server::builder().bind(address.to_string()));
    for _ in 0..500 {
        if std::net::TcpStream::connect(address).is_ok() {
            return format!("http://{address}");
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the server does not listen on {address}");
}

fn text(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}

fn birds() -> App {
    App::new()
        .add_get("/", async || "hello")
        .add_get("/birds.bin", async || vec![7u8; 300_000])
        .add_post("/birds/_search", search)
}

async fn search(Json(query): Json<Value>) -> Json<Value> {
    let words = &query["query"]["simple_query_string"]["query"];
    Json(json!({ "hits": {
        "total": { "value": 1 },
        "hits": [{ "_id": "1", "_score": 1.5, "_source": { "asked": words } }],
    }}))
}

#[test]
fn get_many_tells_every_status() {
    let base = on_free_port(birds());
    let out = program("get_many").args([&format!("{base}/"), &format!("{base}/none")]).output();
    let out = text(&out.unwrap());
    assert_eq!(out, format!("{base}/: 200 OK\n{base}/none: 404 Not Found\n"));
}

#[test]
fn fetch_prints_a_line_for_each_url_whatever_fails() {
    let base = on_free_port(birds());
    let urls = [format!("{base}/"), "http://127.0.0.1:1/".into(), "nonsense".into()];
    let out = program("fetch").args(&urls).output().unwrap();
    assert!(out.status.success());
    let lines: Vec<Value> =
        text(&out).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!((&lines[0]["ok"], &lines[0]["status"]), (&json!(true), &json!(200)));
    assert_eq!(lines[0]["body_b64"], STANDARD.encode("hello"));
    assert!(lines[1]["error"].as_str().unwrap().contains("127.0.0.1:1"));
    assert!(lines[2]["error"].as_str().unwrap().contains("relative"));
}

#[test]
fn download_saves_the_file_under_its_name() {
    let base = on_free_port(birds());
    let dir = tempfile::tempdir().unwrap();
    let url = format!("{base}/birds.bin");
    let out = program("download").arg(&url).current_dir(dir.path()).output().unwrap();
    assert!(text(&out).contains("birds.bin: 300000 bytes"), "{}", text(&out));
    assert_eq!(std::fs::read(dir.path().join("birds.bin")).unwrap(), vec![7; 300_000]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    let out = program("download").arg(format!("{base}/none")).current_dir(dir.path()).output();
    assert!(!out.unwrap().status.success());
}

#[test]
fn search_prints_what_is_found() {
    let base = on_free_port(birds());
    let out = program("search").args([&format!("{base}/birds/"), "red", "knot"]).output().unwrap();
    let out = text(&out);
    assert!(out.starts_with("1 found\n"), "{out}");
    assert!(out.contains("1.500") && out.contains("red knot"), "{out}");
}

#[cfg(unix)]
#[test]
fn docker_ps_lists_containers_over_a_unix_socket() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("docker.sock");
    let engine = App::new().add_get("/containers/json", async || {
        Json(json!([{
            "Id": "8dfafdbc3a40aabbccdd", "Image": "alpine:3", "Status": "Up 2 hours",
            "Names": ["/bird", "/wader"],
        }]))
    });
    let path = socket.clone();
    serve(engine, move || Server::builder().bind_unix(path));
    while std::os::unix::net::UnixStream::connect(&socket).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let out = text(&program("docker_ps").arg(&socket).output().unwrap());
    assert!(out.starts_with("8dfafdbc3a40  alpine:3"), "{out}");
    assert!(out.ends_with("Up 2 hours                bird, wader\n"), "{out}");
}

#[test]
fn load_counts_the_bytes_of_whole_answers() {
    let base = on_free_port(App::new().add_get("/plaintext", async || "Hello, World!"));
    let port = base.rsplit(':').next().unwrap();
    let args = ["--port", port, "--kind", "get", "--n", "50", "--concurrency", "4"];
    let out = program("load").args(args).output().unwrap();
    assert_eq!((text(&out).as_str(), out.status.code()), ("bytes 650\n", Some(0)));
    let out =
        program("load").args(["--port", port, "--kind", "up", "--size", "9"]).output().unwrap();
    assert_eq!(out.status.code(), Some(1));
}
