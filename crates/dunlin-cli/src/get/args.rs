//! The command line of `dunlin get`, and the request that it describes.

use std::io::{IsTerminal, Read};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use dunlin::client::{Client, Redirects, RequestBuilder, Timeouts, Url};
use dunlin::http::header::{ACCEPT, CONTENT_TYPE};
use dunlin::http::{HeaderName, Method};
use percent_encoding::percent_decode_str;

use super::verbose::Verbose;
use crate::failure::Failure;
use crate::request::{self, seconds, with_scheme};

const EXAMPLES: &str = "\
Examples:
  dunlin get localhost:8080/notes
      Shows the answer; JSON in colour where that is a terminal
  dunlin get -i --json '{\"text\": \"hello\"}' localhost:8080/notes
      Posts JSON, and shows the head of the answer too
  dunlin get -O https://example.org/birds.zip
      Saves the file as birds.zip
  dunlin get -C -O https://example.org/birds.zip
      Goes on where that broke off, if the file has not changed meanwhile
  dunlin get -X DELETE -H 'Authorization: Bearer TOKEN' localhost:8080/notes/3

Exit codes: 2 command line, 3 no connection, 4 TLS, 5 deadline, 6 broken off, 7 file, 8 status of 400 or more";

/// Requests a URL and shows or saves the answer
///
/// Redirects are followed, and content codings taken off. A URL without a scheme is one of http. Proxies are those that
/// the environment names (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY), credentials those of the URL or of ~/.netrc.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What to request, such as localhost:8080/notes or https://example.org/
    url: String,

    #[command(flatten)]
    options: request::Options,

    /// The method. Default: GET, and POST where there is a body
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    method: Option<Method>,

    /// Send this body; `@FILE` is the content of a file, `@-` standard input. A form, unless -H says otherwise
    #[arg(short, long, value_name = "TEXT|@FILE")]
    data: Option<String>,

    /// The same, for a body that is JSON; what is none is refused
    #[arg(long, value_name = "JSON|@FILE", conflicts_with = "data")]
    json: Option<String>,

    /// Save the answer in this file; a status of 400 or more saves nothing
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Save the answer under the last part of the URL's path
    #[arg(short = 'O', long, conflicts_with = "output")]
    remote_name: bool,

    /// Go on where an earlier -o or -O broke off; from the beginning where the file has changed
    #[arg(short = 'C', long = "continue", conflicts_with_all = ["data", "json", "method"])]
    pub(super) resume: bool,

    /// Show the head of the answer too
    #[arg(short, long)]
    pub(super) include: bool,

    /// Tell on standard error what is sent and received
    #[arg(short, long)]
    verbose: bool,

    /// No progress bar, and no word about a file that is saved
    #[arg(short, long)]
    pub(super) quiet: bool,

    /// Give up after that long in all. Default: no end, but 30 s to connect and 60 s of silence
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,

    /// Show redirects instead of following them
    #[arg(long)]
    no_follow: bool,

    /// Whether JSON is coloured and indented; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

/// A request that may be sent more than once.
pub(super) struct Ask {
    client: Client,
    method: Method,
    pub(super) url: Url,
    headers: Vec<(HeaderName, dunlin::http::HeaderValue)>,
    body: Option<Vec<u8>>,
}

impl Ask {
    pub(super) fn request(&self) -> RequestBuilder {
        let request = self.client.request(self.method.clone(), &self.url);
        let request = self
            .headers
            .iter()
            .fold(request, |request, (name, value)| request.header(name, value.clone()));
        match &self.body {
            Some(body) => request.body(body.clone()),
            None => request,
        }
    }
}

impl Args {
    pub(super) fn ask(&self) -> Result<Ask, Failure> {
        let url = Url::parse(&with_scheme(&self.url, "http"))?;
        let timeouts = match self.timeout {
            Some(total) => Timeouts { total: Some(total), ..Timeouts::default() },
            None => {
                let silence = Some(Duration::from_secs(60));
                Timeouts { total: None, read: silence, write: silence, ..Timeouts::default() }
            }
        };
        let redirects = if self.no_follow { Redirects::none() } else { Redirects::follow(20) };
        let client = self.options.client()?.trust_env();
        let mut client = client.timeouts(timeouts).redirects(redirects);
        if self.verbose {
            client = client.tracer(Verbose);
        }
        let mut headers = self.options.headers.clone();
        let body = self.body(&mut headers)?;
        let method = match (&self.method, &body) {
            (Some(method), _) => method.clone(),
            (None, Some(_)) => Method::POST,
            (None, None) => Method::GET,
        };
        Ok(Ask { client: client.build()?, method, url, headers, body })
    }

    /// The body, and the fields that go with its kind where none were given.
    fn body(
        &self,
        headers: &mut Vec<(HeaderName, dunlin::http::HeaderValue)>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let mut default = |name: HeaderName, value: &'static str| {
            if !headers.iter().any(|(other, _)| *other == name) {
                headers.push((name, dunlin::http::HeaderValue::from_static(value)));
            }
        };
        if let Some(text) = &self.json {
            let bytes = read_data(text)?;
            if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes) {
                return Err(Failure::usage(format!("the body of --json is no JSON: {error}")));
            }
            default(CONTENT_TYPE, "application/json");
            default(ACCEPT, "application/json, */*;q=0.5");
            return Ok(Some(bytes));
        }
        let Some(text) = &self.data else { return Ok(None) };
        default(CONTENT_TYPE, "application/x-www-form-urlencoded");
        read_data(text).map(Some)
    }

    /// The file to save the answer in; `None` for standard output.
    pub(super) fn file(&self) -> Result<Option<PathBuf>, Failure> {
        let file = match &self.output {
            Some(path) if path == Path::new("-") => None,
            Some(path) => Some(path.clone()),
            None if self.remote_name => Some(remote_name(&with_scheme(&self.url, "http"))?),
            None => None,
        };
        if self.resume && file.is_none() {
            return Err(Failure::usage("-C goes on with a file: name it with -o FILE, or by -O"));
        }
        if self.include && file.is_some() {
            return Err(Failure::usage(
                "-i shows the head on standard output, and the answer goes to a file: use -v",
            ));
        }
        Ok(file)
    }

    /// Whether JSON is indented and coloured.
    pub(super) fn paints(&self) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                std::io::stdout().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }
}

/// What `-d` and `--json` were given: text, or where it is.
fn read_data(text: &str) -> Result<Vec<u8>, Failure> {
    match text.strip_prefix('@') {
        None => Ok(text.as_bytes().to_vec()),
        Some("-") => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            let failed = |error| {
                Failure::other(format!("cannot read the body from standard input: {error}"))
            };
            read.map(|_| bytes).map_err(failed)
        }
        Some(path) => {
            std::fs::read(path).map_err(|error| Failure::file("read", Path::new(path), &error))
        }
    }
}

/// The last part of the URL's path, as a name in the current directory.
///
/// The URL may come from elsewhere: it names no other directory and no hidden file.
fn remote_name(url: &str) -> Result<PathBuf, Failure> {
    let url = Url::parse(url)?;
    let last = url.path().rsplit('/').next().unwrap_or_default();
    let name = percent_decode_str(last).decode_utf8_lossy();
    let is_plain = matches!(
        Path::new(&*name).components().collect::<Vec<_>>()[..],
        [Component::Normal(only)] if only == &*name
    );
    if is_plain && !name.starts_with('.') && !name.contains(|c: char| c.is_control() || c == '\\') {
        return Ok(PathBuf::from(&*name));
    }
    Err(Failure::usage(format!(
        "the path of {} ends in no name for a file: name it with -o FILE",
        url.redacted()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_name_is_one_plain_name() {
        let name =
            |url: &str| remote_name(url).ok().and_then(|path| Some(path.to_str()?.to_owned()));
        assert_eq!(name("http://a.test/x/birds.zip?v=1").as_deref(), Some("birds.zip"));
        assert_eq!(name("http://a.test/gr%C3%BCn%20x").as_deref(), Some("gr\u{fc}n x"));
        for wrong in
            ["", "/", "/x/", "/%2e%2e", "/a%2Fb", "/..%2F..%2Fetc", "/.bashrc", "/a%0ab", "/a%5Cb"]
        {
            assert_eq!(name(&format!("http://a.test{wrong}")), None, "{wrong}");
        }
    }
}
