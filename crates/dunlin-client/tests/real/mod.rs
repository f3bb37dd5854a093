//! Starts servers on free ports, out of a folder of their own, and stops them.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Bytes of `/big.bin`.
pub(crate) const BIG: usize = 5 << 20;

/// A server that runs.
pub(crate) struct Site {
    pub(crate) name: String,
    pub(crate) base: String,
    child: Child,
    _dir: TempDir,
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long a server may take to listen; Go compiles its program first.
const PATIENCE: Duration = Duration::from_secs(120);

/// Whether a program is there to be run.
pub(crate) fn is_installed(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .any(|dir: std::path::PathBuf| dir.join(program).is_file())
}

/// A free port from below those that the system gives to connections and to listeners on port 0:
/// another test cannot get it before the server has it, nor can a connection meet itself.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    loop {
        let port = first + NEXT.fetch_add(1, Relaxed) % 1_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Starts a server where it is installed; says so where it is not.
pub(crate) fn start(program: &str, command: impl FnOnce(&Path, u16) -> Command) -> Option<Site> {
    if !is_installed(program) {
        eprintln!("skipped: {program} is not installed");
        return None;
    }
    start_kept(program, command)
}

/// Starts a server that is there. Its standard input ends with this process, which is how one that is
/// never dropped can tell.
pub(crate) fn start_kept(
    program: &str,
    command: impl FnOnce(&Path, u16) -> Command,
) -> Option<Site> {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    std::fs::create_dir_all(root.join("dir")).unwrap();
    std::fs::write(root.join("hello.txt"), "hello\n").unwrap();
    std::fs::write(root.join("dir/index.html"), "index").unwrap();
    std::fs::write(root.join("text.html"), "birds ".repeat(1_000)).unwrap();
    std::fs::write(root.join("big.bin"), vec![7; BIG]).unwrap();
    // A server whose master runs as root gives its work to somebody who must be able to read this.
    open_up(dir.path());
    let port = free_port();
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    let log = std::fs::File::create(dir.path().join("log")).unwrap();
    let child = command(dir.path(), port)
        .env("PATH", path)
        .stdin(Stdio::piped())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut site = Site {
        name: program.to_owned(),
        base: format!("http://127.0.0.1:{port}"),
        child,
        _dir: dir,
    };
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = site.child.try_wait().unwrap();
        if ended.is_some() || began.elapsed() > PATIENCE {
            let log = std::fs::read_to_string(site._dir.path().join("log")).unwrap_or_default();
            panic!("{program} does not listen on {port}: {ended:?}\n{log}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(site)
}

fn open_up(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) fn nginx(dir: &Path, port: u16) -> Command {
    let d = dir.display();
    let config = format!(
        "daemon off; master_process off; pid {d}/pid; error_log {d}/error.log;
        events {{ worker_connections 512; }}
        http {{
            access_log off; default_type text/html; gzip on; gzip_min_length 100;
            client_body_temp_path {d}/b; proxy_temp_path {d}/p; fastcgi_temp_path {d}/f;
            uwsgi_temp_path {d}/u; scgi_temp_path {d}/s;
            server {{ listen 127.0.0.1:{port}; root {d}/root; }}
        }}"
    );
    std::fs::write(dir.join("nginx.conf"), config).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-p").arg(dir).arg("-c").arg(dir.join("nginx.conf"));
    command.arg("-e").arg(dir.join("error.log"));
    command
}

pub(crate) fn apache(dir: &Path, port: u16) -> Command {
    let d = dir.display();
    let modules = "/usr/lib/apache2/modules";
    let load = |name: &str| format!("LoadModule {name}_module {modules}/mod_{name}.so\n");
    let modules: String =
        ["mpm_event", "authz_core", "mime", "dir"].into_iter().map(load).collect();
    let config = format!(
        "{modules}ServerRoot {d}\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {d}/pid\n\
        ErrorLog {d}/error.log\nMutex file:{d} default\nDocumentRoot {d}/root\nTypesConfig /dev/null\n\
        KeepAlive On\nMaxKeepAliveRequests 0\nDirectoryIndex index.html\nUser nobody\nGroup nogroup\n\
        <Directory {d}/root>\nRequire all granted\n</Directory>\n"
    );
    std::fs::write(dir.join("httpd.conf"), config).unwrap();
    let mut command = Command::new("apache2");
    command.arg("-X").arg("-f").arg(dir.join("httpd.conf"));
    command
}

pub(crate) fn caddy(dir: &Path, port: u16) -> Command {
    let mut command = Command::new("caddy");
    command.args(["file-server", "--root"]).arg(dir.join("root"));
    command.arg("--listen").arg(format!("127.0.0.1:{port}"));
    command.env("HOME", dir).env("XDG_DATA_HOME", dir).env("XDG_CONFIG_HOME", dir);
    command
}

const NODE: &str = r#"
const http = require('http');
http.createServer((req, res) => {
  if (req.url === '/echo') return req.pipe(res);
  res.writeHead(200, { Trailer: 'X-Count' });
  res.write('one'); res.write('two'); res.write('three');
  res.addTrailers({ 'X-Count': '3' });
  res.end();
}).listen(+process.argv[2], '127.0.0.1');
"#;

pub(crate) fn node(dir: &Path, port: u16) -> Command {
    std::fs::write(dir.join("server.js"), NODE).unwrap();
    let mut command = Command::new("node");
    command.arg(dir.join("server.js")).arg(port.to_string());
    command
}

const GO: &str = r#"
package main

import ("io"; "net/http"; "os")

func main() {
	http.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	})
	http.HandleFunc("/chunked", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Count")
		for _, piece := range []string{"one", "two", "three"} {
			io.WriteString(w, piece)
			w.(http.Flusher).Flush()
		}
		w.Header().Set("X-Count", "3")
	})
	http.Handle("/", http.FileServer(http.Dir(os.Args[2])))
	http.ListenAndServe("127.0.0.1:"+os.Args[1], nil)
}
"#;

pub(crate) fn go(dir: &Path, port: u16) -> Command {
    std::fs::write(dir.join("main.go"), GO).unwrap();
    let program = dir.join("server");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg("main.go")
        .current_dir(dir)
        .env("GOFLAGS", "-mod=mod")
        .env("GOCACHE", std::env::temp_dir().join("dunlin-go-cache"))
        .status();
    assert!(built.is_ok_and(|status| status.success()), "go build failed");
    let mut command = Command::new(program);
    command.arg(port.to_string()).arg(dir.join("root"));
    command
}
