//! `dunlin serve` as it runs: what it serves and what it never does, TLS, live reload, its end.

mod util;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use dunlin::client::sse::{Event, EventSource};
use dunlin::client::{Client, Response, TlsConfig};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout};
use util::{Out, dunlin, fails};

/// The program while it serves.
struct Serving {
    child: Child,
    /// Without the slash at its end.
    url: String,
    out: BufReader<ChildStdout>,
}

impl Serving {
    /// Starts it at a free port, and reads the URL that it tells.
    async fn start(dir: &Path, args: &[&str]) -> Self {
        let dir = dir.to_str().unwrap();
        let mut command = dunlin(&[&["serve", "--port", "0", dir], args].concat());
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let url = loop {
            let mut line = String::new();
            assert_ne!(
                out.read_line(&mut line).await.unwrap(),
                0,
                "it ended: {:?}",
                child.wait().await
            );
            if let Some(url) = line.trim().strip_suffix('/').filter(|url| url.starts_with("http")) {
                break url.to_owned();
            }
        };
        Self { child, url, out }
    }

    async fn get(&self, path: &str) -> Response {
        Client::new().get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    /// What a path is answered with that no client would send.
    async fn raw(&self, target: &str) -> String {
        let address = self.url.split_once("://").unwrap().1;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            format!("GET {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Ends it as Ctrl-C does.
    async fn interrupt(self) -> Out {
        util::interrupt(&self.child);
        drop(self.out);
        let ended = tokio::time::timeout(Duration::from_secs(20), self.child.wait_with_output());
        ended.await.expect("it ends").unwrap().into()
    }
}

fn site() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| std::fs::write(dir.path().join(name), content).unwrap();
    write("index.html", "<!DOCTYPE html><body><h1>home</h1></body>\n");
    write("long.css", &"p { color: green }\n".repeat(500));
    write(".env", "SECRET=1\n");
    std::fs::create_dir(dir.path().join("notes")).unwrap();
    write("notes/a b.txt", "0123456789");
    dir
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_served_with_index_listing_ranges_and_compression() {
    let dir = site();
    let server = Serving::start(dir.path(), &[]).await;
    let page = server.get("/").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text().await.unwrap().contains("home"));
    let listing = server.get("/notes").await;
    assert_eq!(listing.url().path(), "/notes/");
    assert!(listing.text().await.unwrap().contains("a%20b%2Etxt"));
    let client = Client::new();
    let ranged = client.get(format!("{}/notes/a%20b.txt", server.url)).header("range", "bytes=3-5");
    let ranged = ranged.send().await.unwrap();
    assert_eq!(ranged.status(), 206);
    assert_eq!(ranged.text().await.unwrap(), "345");
    let css = server.get("/long.css").await;
    assert_eq!(css.header("content-encoding"), Some("zstd"));
    assert_eq!(css.header("x-content-type-options"), Some("nosniff"));
    let tag = css.header("etag").unwrap().to_owned();
    let again = client.get(format!("{}/long.css", server.url)).header("if-none-match", &*tag);
    assert_eq!(again.send().await.unwrap().status(), 304);
    assert_eq!(server.get("/none").await.status(), 404);

    let out = server.interrupt().await;
    assert_eq!(out.code, 0, "{out:?}");
    for line in [
        "\"GET / HTTP/1.1\" 200",
        "\"GET /notes/a%20b.txt HTTP/1.1\" 206 3",
        "\"GET /none HTTP/1.1\" 404",
    ] {
        assert!(out.stderr.contains(line), "{line}: {}", out.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_and_nothing_hidden_is_served() {
    let outer = tempfile::tempdir().unwrap();
    std::fs::write(outer.path().join("secret"), "SECRET").unwrap();
    let dir = outer.path().join("site");
    std::fs::create_dir_all(dir.join(".git")).unwrap();
    std::fs::write(dir.join(".git/config"), "SECRET").unwrap();
    std::fs::write(dir.join(".env"), "SECRET").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(outer.path().join("secret"), dir.join("link")).unwrap();
    let server = Serving::start(&dir, &["-q"]).await;
    for target in [
        "/../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/..%5csecret",
        "/a/../../secret",
        "//secret",
        "/link",
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/.git/",
    ] {
        let answer = server.raw(target).await;
        assert!(!answer.contains("SECRET"), "{target}: {answer}");
        assert!(answer.starts_with("HTTP/1.1 4"), "{target}: {answer}");
    }
    let listing = server.get("/").await.text().await.unwrap();
    assert!(
        !listing.contains("env") && !listing.contains("git") && !listing.contains("link"),
        "{listing}"
    );
    let out = server.interrupt().await;
    assert_eq!((out.code, &*out.stderr), (0, ""));

    let server = Serving::start(&dir, &["-q", "--hidden"]).await;
    assert_eq!(server.get("/.env").await.text().await.unwrap(), "SECRET");
    assert!(!server.raw("/../secret").await.contains("SECRET"));
    server.interrupt().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_for_this_machine_answers_to_no_name_of_a_stranger() {
    let dir = site();
    let server = Serving::start(dir.path(), &["-q"]).await;
    let named = async |host: &str| {
        let request = Client::new().get(format!("{}/", server.url)).header("host", host);
        request.send().await.unwrap()
    };
    let refused = named("rebound.example:80").await;
    assert_eq!(refused.status(), 421);
    assert!(refused.text().await.unwrap().contains("--host"));
    assert_eq!(named("localhost:80").await.status(), 200);
    server.interrupt().await;

    let server = Serving::start(dir.path(), &["-q", "--host", "0.0.0.0"]).await;
    let url = server.url.replace("localhost", "127.0.0.1");
    let page = Client::new().get(url).header("host", "my-machine.example").send().await.unwrap();
    assert_eq!(page.status(), 200);
    server.interrupt().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_route_by_themselves_get_the_index() {
    let dir = site();
    let server = Serving::start(dir.path(), &["--spa"]).await;
    let page = server.get("/notes/7/edit").await;
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("home"));
    server.interrupt().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_told_to_pages_that_are_open() {
    let dir = site();
    let server = Serving::start(dir.path(), &["--live-reload", "-q"]).await;
    let page = server.get("/").await;
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(!page.headers().contains("etag"));
    let text = page.text().await.unwrap();
    let (before, script) = text.split_once("<script src=\"/.dunlin/live-reload.js?v=").unwrap();
    assert!(before.ends_with("<h1>home</h1>"), "{text}");
    let (version, after) = script.split_once("\"></script>").unwrap();
    assert_eq!(after, "\n</body>\n");
    let source = server.get("/.dunlin/live-reload.js").await;
    assert_eq!(source.content_type(), Some("text/javascript"));
    assert!(source.text().await.unwrap().contains("EventSource(\"/.dunlin/live-reload?v=\""));

    // Other files stay as they are, and listings get the script and may run it.
    assert!(!server.get("/long.css").await.text().await.unwrap().contains("script"));
    let listing = server.get("/notes/").await;
    assert!(listing.header("content-security-policy").unwrap().contains("script-src 'self'"));
    assert!(listing.text().await.unwrap().contains("live-reload.js"));
    let head = Client::new().request(dunlin::http::Method::HEAD, format!("{}/", server.url));
    let head = head.send().await.unwrap();
    assert!(!head.headers().contains("etag"));
    assert_eq!(head.header("content-length"), Some(&*text.len().to_string()));

    let events = |version: &str| {
        let url = format!("{}/.dunlin/live-reload?v={version}", server.url);
        Client::new().get(url).events().unwrap()
    };
    async fn next(source: &mut EventSource, within: Duration) -> Option<Event> {
        tokio::time::timeout(within, source.next()).await.ok().map(|event| event.unwrap().unwrap())
    }
    let mut open = events(version);
    assert!(next(&mut open, Duration::from_millis(300)).await.is_none(), "nothing has changed");
    // A hidden file is none of its pages' business.
    std::fs::write(dir.path().join(".swp"), "x").unwrap();
    assert!(next(&mut open, Duration::from_millis(500)).await.is_none());
    std::fs::write(dir.path().join("notes/new.html"), "new").unwrap();
    let told = next(&mut open, Duration::from_secs(20)).await.expect("the change is told");
    assert_ne!(told.data, version);
    // A page that was loaded before that and connects only now, or again, is told as well.
    let mut late = events(version);
    assert_eq!(next(&mut late, Duration::from_secs(20)).await.unwrap().data, told.data);
    let text = server.get("/").await.text().await.unwrap();
    assert!(text.contains(&format!("?v={}\"", told.data)), "{text}");

    // Open pages do not hold up the end.
    let begun = std::time::Instant::now();
    assert_eq!(server.interrupt().await.code, 0);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// The browser, by the names that it has.
fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|file| file.is_file())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_loads_its_page_again_when_a_file_changes() {
    let Some(chromium) = chromium() else {
        // Not by `eprintln`, which shows only what failed.
        let told = "skipped: there is no chromium in PATH (Debian: apt-get install chromium)";
        let _ = writeln!(std::io::stderr(), "{told}");
        return;
    };
    let dir = site();
    let page = |state: &str| {
        let page = format!("<!DOCTYPE html><body><img src=\"/{state}.png\"></body>");
        std::fs::write(dir.path().join("index.html"), page).unwrap();
    };
    page("before");
    let mut server = Serving::start(dir.path(), &["--live-reload"]).await;
    let mut log = BufReader::new(server.child.stderr.take().unwrap()).lines();
    let mut asked = async |path: &str| {
        let line = format!("\"GET {path} HTTP/1.1\"");
        let seen =
            async { while !log.next_line().await.unwrap().expect("it serves").contains(&line) {} };
        let seen = tokio::time::timeout(Duration::from_secs(60), seen).await;
        seen.unwrap_or_else(|_| panic!("the browser does not ask for {path}"));
    };
    let profile = tempfile::tempdir().unwrap();
    let mut browser = tokio::process::Command::new(chromium)
        .args(["--headless", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"])
        // A container's root has no sandbox; the page is our own. The port keeps it from leaving after the page.
        .args(["--no-sandbox", "--remote-debugging-port=0"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(&server.url)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    asked("/before.png").await;
    page("after");
    asked("/after.png").await;
    browser.kill().await.unwrap();
    assert_eq!(server.interrupt().await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_by_a_certificate_made_on_the_spot_or_ones_own() {
    let dir = site();
    let server = Serving::start(dir.path(), &["--tls"]).await;
    assert!(server.url.starts_with("https://127.0.0.1:"));
    let page = util::ok(&["get", "--insecure", &server.url]).await;
    assert!(page.stdout.contains("home"));
    let out = fails(4, &["get", &server.url]).await;
    assert!(out.stderr.contains("--insecure"), "{out:?}");
    server.interrupt().await;

    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let keys = tempfile::tempdir().unwrap();
    let (cert, key) = (keys.path().join("cert.pem"), keys.path().join("key.pem"));
    std::fs::write(&cert, own.cert.pem()).unwrap();
    std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    let [cert, key] = [cert.to_str().unwrap(), key.to_str().unwrap()];
    let server = Serving::start(dir.path(), &["--cert", cert, "--key", key]).await;
    let url = server.url.replace("127.0.0.1", "localhost");
    let tls = TlsConfig::builder().root_file(cert).unwrap().build().unwrap();
    let client = Client::builder().tls(tls).build().unwrap();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    assert!(util::ok(&["get", "--ca", cert, &url]).await.stdout.contains("home"));
    server.interrupt().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_served_is_told_with_what_to_do() {
    let dir = site();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let out = fails(7, &["serve", &path("none")]).await;
    assert!(out.stderr.contains("cannot serve") && out.stderr.contains("none"), "{out:?}");
    let out = fails(7, &["serve", &path("index.html")]).await;
    assert!(out.stderr.contains("is a file"), "{out:?}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let out = fails(1, &["serve", &path(""), "--port", &port]).await;
    assert!(out.stderr.contains(&port) && out.stderr.contains("choose another port"), "{out:?}");
    let out = fails(4, &["serve", &path(""), "--cert", &path("index.html"), "--key", "x"]).await;
    assert!(out.stderr.contains("index.html") || out.stderr.contains("key"), "{out:?}");
    fails(2, &["serve", &path(""), "--cert", "x"]).await;
    fails(2, &["serve", &path(""), "--port", "70000"]).await;
}
