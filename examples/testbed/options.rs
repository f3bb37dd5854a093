//! The command line.

use std::path::PathBuf;
use std::process::exit;
use std::str::FromStr;
use std::time::Duration;

const HELP: &str = "\
testbed [--port P] [--host H] [--workers N] [--unix PATH] [--static-dir DIR]
        [--tls-cert F --tls-key F] [--proxy-protocol]
        [--head-timeout S] [--keep-alive S] [--max-body BYTES]

Prints the address that it listens on, and serves until SIGINT or SIGTERM.
  --port P          default 0: a free port
  --host H          default 127.0.0.1
  --workers N       threads, default 1
  --unix PATH       a unix socket besides
  --tls-cert F      the port speaks TLS alone, with the certificates in this PEM file
  --tls-key F       and the key in this one
  --proxy-protocol  connections must begin with a header of the PROXY protocol
  --static-dir DIR  files under /static/; default: a directory of its own with hello.txt
  --head-timeout S  seconds for a request's head, default 5
  --keep-alive S    seconds between requests, default 75
  --max-body BYTES  longest body that is read whole, default 1048576
";

pub(crate) struct Options {
    pub(crate) port: u16,
    pub(crate) host: String,
    pub(crate) workers: usize,
    pub(crate) unix: Option<PathBuf>,
    pub(crate) static_dir: Option<PathBuf>,
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    pub(crate) proxy_protocol: bool,
    pub(crate) head_timeout: Duration,
    pub(crate) keep_alive: Duration,
    pub(crate) max_body: u64,
}

impl Options {
    pub(crate) fn from_args() -> Self {
        let mut options = Self {
            port: 0,
            host: "127.0.0.1".into(),
            workers: 1,
            unix: None,
            static_dir: None,
            tls: None,
            proxy_protocol: false,
            head_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(75),
            max_body: 1 << 20,
        };
        let (mut cert, mut key) = (None, None);
        let mut args = std::env::args().skip(1);
        while let Some(name) = args.next() {
            if name == "--help" {
                print!("{HELP}");
                exit(0);
            }
            if name == "--proxy-protocol" {
                options.proxy_protocol = true;
                continue;
            }
            let value = args.next().unwrap_or_default();
            match &*name {
                "--port" => options.port = parse(&name, &value),
                "--host" => options.host = value,
                "--workers" => options.workers = parse::<usize>(&name, &value).max(1),
                "--unix" => options.unix = Some(value.into()),
                "--static-dir" => options.static_dir = Some(value.into()),
                "--tls-cert" => cert = Some(PathBuf::from(value)),
                "--tls-key" => key = Some(PathBuf::from(value)),
                "--head-timeout" => options.head_timeout = seconds(&name, &value),
                "--keep-alive" => options.keep_alive = seconds(&name, &value),
                "--max-body" => options.max_body = parse(&name, &value),
                _ => fail(&format!("unknown option {name}")),
            }
        }
        options.tls = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => fail("--tls-cert and --tls-key go together"),
        };
        options
    }
}

fn parse<T: FromStr>(name: &str, value: &str) -> T {
    value.parse().unwrap_or_else(|_| fail(&format!("{name} takes a number, not {value:?}")))
}

fn seconds(name: &str, value: &str) -> Duration {
    Duration::try_from_secs_f64(parse(name, value))
        .unwrap_or_else(|_| fail(&format!("{name} takes a time in seconds, not {value:?}")))
}

fn fail(why: &str) -> ! {
    eprintln!("testbed: {why}\n\n{HELP}");
    exit(2)
}
