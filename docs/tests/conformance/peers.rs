//! Servers that answer any request whose body they could read.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dunlin::server::Server;
use dunlin::{IntoResponse as _, Request, Response};

/// A server, until it is dropped.
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// Its process, and its files.
    _process: Option<(Process, tempfile::TempDir)>,
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Dunlin, with all of its defaults.
pub(crate) async fn dunlin() -> Peer {
    let server = Server::builder().bind("127.0.0.1:0").start(answer).await.unwrap();
    let address = server.addresses()[0].to_string().parse().unwrap();
    // It is there for as long as the test.
    tokio::spawn(server.run_until_signal());
    Peer { name: "Dunlin".into(), address, _process: None }
}

async fn answer(req: Request) -> Response {
    match req.into_body().bytes().await {
        Ok(_) => Response::new("ok\n"),
        Err(error) => error.into_response(),
    }
}

/// hyper, by axum with its defaults.
async fn hyper() -> Peer {
    let app = axum::Router::new().fallback(async |_: axum::body::Bytes| "ok\n");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Peer { name: "hyper 1 (axum 0.8)".into(), address, _process: None }
}

/// All that this machine has, Dunlin first; and a line for each that is missing.
pub(crate) async fn all() -> Vec<Peer> {
    let mut all = vec![dunlin().await, hyper().await];
    for (what, found) in [("nginx", nginx()), ("node", node())] {
        match found {
            Ok(peer) => all.push(peer),
            Err(error) => eprintln!("without {what}: {error}"),
        }
    }
    all
}

fn nginx() -> io::Result<Peer> {
    // "nginx version: nginx/1.22.1"
    let version = Command::new("nginx").arg("-v").output()?.stderr;
    let version = String::from_utf8_lossy(&version);
    let name = version.trim().rsplit(' ').next().unwrap_or("nginx").replace('/', " ");
    start(name, |dir, address| {
        let here = dir.display();
        let conf = format!(
            "daemon off; pid {here}/pid; error_log {here}/error.log;\n\
             events {{}}\n\
             http {{ access_log off; client_body_temp_path {here}; proxy_temp_path {here};\n\
             fastcgi_temp_path {here}; uwsgi_temp_path {here}; scgi_temp_path {here};\n\
             server {{ listen {address}; location / {{ return 200 \"ok\\n\"; }} }} }}\n"
        );
        fs::write(dir.join("nginx.conf"), conf)?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(dir).arg("-c").arg(dir.join("nginx.conf"));
        Ok(command)
    })
}

fn node() -> io::Result<Peer> {
    let version = Command::new("node").arg("--version").output()?.stdout;
    let name =
        format!("Node.js {}", String::from_utf8_lossy(&version).trim().trim_start_matches('v'));
    start(name, |_, address| {
        let program = format!(
            "require('http').createServer((req, res) => \
             {{ req.on('error', () => {{}}); req.resume(); req.on('end', () => res.end('ok\\n')); }})\
             .listen({}, '{}')",
            address.port(),
            address.ip()
        );
        let mut command = Command::new("node");
        command.arg("-e").arg(program);
        Ok(command)
    })
}

/// Starts a program on a free port, and waits until it listens.
fn start(
    name: String,
    command: impl FnOnce(&Path, SocketAddr) -> io::Result<Command>,
) -> io::Result<Peer> {
    let dir = tempfile::tempdir()?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut command = command(dir.path(), address)?;
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut process = Process(child);
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(address).is_err() {
        if process.0.try_wait()?.is_some() || Instant::now() > deadline {
            return Err(io::Error::other("it does not listen"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(Peer { name, address, _process: Some((process, dir)) })
}
