//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::exit;
use std::time::Duration;

const HELP: &str = "\
fetch [METHOD] URL [URL...] [options]

Requests each URL by one client and prints a line of JSON for it.
  --method M               default GET
  --header 'Name: value'   may be given again
  --data TEXT              the body
  --json TEXT              the body, as application/json
  --form K=V               a field of a form; may be given again
  --file K=@PATH           a file of a multipart form; may be given again
  --cookie-jar PATH        load cookies from there, and save them in the end
  --proxy URL              http, https, socks4a, socks5, socks5h
  --insecure               accept any certificate
  --cacert PATH            trust these certificates too
  --resolve HOST=ADDR      or HOST:PORT:ADDR; HOST * for all
  --follow, --no-follow    redirects, at most 20; default: follow, but not with METHOD
  --timeout S              longest silence of the server
  --connect-timeout S      for a connection
  --total S                for all of it
  --max-body BYTES         longest body, decoded
  --pause S                between URLs
  --digest USER:PASSWORD   answer digest challenges
";

#[derive(Default)]
pub(crate) struct Options {
    pub(crate) method: Option<String>,
    pub(crate) urls: Vec<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) data: Option<String>,
    pub(crate) json: Option<String>,
    pub(crate) form: Vec<(String, String)>,
    pub(crate) files: Vec<(String, PathBuf)>,
    pub(crate) cookie_jar: Option<PathBuf>,
    pub(crate) proxy: Option<String>,
    pub(crate) insecure: bool,
    pub(crate) cacert: Option<PathBuf>,
    pub(crate) resolve: Vec<(String, u16, IpAddr)>,
    pub(crate) follow: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) total: Option<Duration>,
    pub(crate) max_body: Option<u64>,
    pub(crate) pause: Duration,
    pub(crate) digest: Option<(String, String)>,
}

impl Options {
    pub(crate) fn from_args() -> Self {
        let mut options = Self::default();
        let mut follow = None;
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match &*arg {
                "--help" => {
                    print!("{HELP}");
                    exit(0);
                }
                "--insecure" => options.insecure = true,
                "--follow" => follow = Some(true),
                "--no-follow" => follow = Some(false),
                name if name.starts_with("--") => {
                    let Some(value) = args.next() else { wrong(name, "it needs a value") };
                    options.set(name, value);
                }
                // A first word in capitals is the method.
                word if options.urls.is_empty()
                    && options.method.is_none()
                    && !word.is_empty()
                    && word.bytes().all(|b| b.is_ascii_uppercase()) =>
                {
                    options.method = Some(arg);
                    follow = follow.or(Some(false));
                }
                _ => options.urls.push(arg),
            }
        }
        options.follow = follow.unwrap_or(true);
        if options.urls.is_empty() {
            wrong("URL", "there is none; see --help");
        }
        options
    }

    fn set(&mut self, name: &str, value: String) {
        let pair = |at: char| match value.split_once(at) {
            Some((key, value)) => (key.to_owned(), value.to_owned()),
            None => wrong(name, &format!("{value:?} has no {at:?}")),
        };
        match name {
            "--method" => self.method = Some(value),
            "--header" => {
                let (key, value) = pair(':');
                self.headers.push((key, value.trim().to_owned()));
            }
            "--data" => self.data = Some(value),
            "--json" => self.json = Some(value),
            "--form" => self.form.push(pair('=')),
            "--file" => {
                let (key, path) = pair('=');
                self.files.push((key, path.strip_prefix('@').unwrap_or(&path).into()));
            }
            "--cookie-jar" => self.cookie_jar = Some(value.into()),
            "--proxy" => self.proxy = Some(value),
            "--cacert" => self.cacert = Some(value.into()),
            "--resolve" => self.resolve.push(resolve(name, &value)),
            "--timeout" => self.timeout = Some(seconds(name, &value)),
            "--connect-timeout" => self.connect_timeout = Some(seconds(name, &value)),
            "--total" => self.total = Some(seconds(name, &value)),
            "--max-body" => match value.parse() {
                Ok(bytes) => self.max_body = Some(bytes),
                Err(error) => wrong(name, &error.to_string()),
            },
            "--pause" => self.pause = seconds(name, &value),
            "--digest" => self.digest = Some(pair(':')),
            _ => wrong(name, "there is no such option; see --help"),
        }
    }
}

/// `HOST=ADDR` or `HOST:PORT:ADDR`.
fn resolve(name: &str, value: &str) -> (String, u16, IpAddr) {
    let address = |text: &str| match text.trim_matches(['[', ']']).parse() {
        Ok(address) => address,
        Err(_) => wrong(name, &format!("{text:?} is no address")),
    };
    if let Some((host, text)) = value.split_once('=') {
        return (host.to_owned(), 0, address(text));
    }
    let mut parts = value.splitn(3, ':');
    match (parts.next(), parts.next().and_then(|port| port.parse().ok()), parts.next()) {
        (Some(host), Some(port), Some(text)) => (host.to_owned(), port, address(text)),
        _ => wrong(name, &format!("{value:?} is neither HOST=ADDR nor HOST:PORT:ADDR")),
    }
}

fn seconds(name: &str, value: &str) -> Duration {
    match value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        Some(duration) => duration,
        None => wrong(name, &format!("{value:?} is no number of seconds")),
    }
}

fn wrong(name: &str, what: &str) -> ! {
    eprintln!("fetch: {name}: {what}");
    exit(2);
}
