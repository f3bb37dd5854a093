//! `dunlin serve DIR`: the files of a directory.
//!
//! | file | what it does |
//! | --- | --- |
//! | `files` | the app: files, listing, compression, log |
//! | `live` | pages that load again when a file changes |
//! | `watch` | which changes count |
//! | `certificate` | TLS, by a certificate made on the spot or one's own |
//! | `hosts` | which names a server answers to that is for this machine alone |
//! | `urls` | under which URLs the server can be reached |

mod certificate;
mod files;
mod hosts;
mod live;
mod urls;
mod watch;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dunlin::server::Server;

use self::live::Live;
use self::watch::Watch;
use crate::failure::{Code, Failure};

/// How long answers may take to finish after Ctrl-C; a second one cuts them.
const SHUTDOWN: Duration = Duration::from_secs(10);

const EXAMPLES: &str = "\
Examples:
  dunlin serve
      The current directory at http://127.0.0.1:8080/
  dunlin serve --live-reload site
      Pages load again in the browser when a file of the directory changes
  dunlin serve --host 0.0.0.0 --port 9000 photos
      For everybody who can reach this machine
  dunlin serve --tls site
      HTTPS, by a certificate that is made on the spot; a browser warns of it once
  dunlin serve --cert fullchain.pem --key privkey.pem --host 0.0.0.0 --port 8443 site

What is never served: anything outside of the directory, links that lead out of it, and names that begin with a
dot, such as .git and .env (unless --hidden is given). While it listens on this machine's own address alone,
requests for other names than localhost and addresses are refused: a page from elsewhere may have made up such a name.

Exit codes: 0 ended by Ctrl-C, 1 the port cannot be listened on, 2 command line, 4 the certificate, 7 the directory";

/// Serves the files of a directory
///
/// With listings of directories, index.html, ranges, conditional requests and compression. Prints the URLs, and a
/// line for each request on standard error. Ctrl-C lets answers finish and ends it.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The directory
    #[arg(default_value = ".")]
    dir: PathBuf,

    /// The port; 0 takes a free one
    #[arg(short, long, default_value_t = 8080)]
    port: u16,

    /// Address or name to listen on; 0.0.0.0 stands for all of this machine's
    #[arg(long, default_value = "127.0.0.1")]
    host: String,

    /// Speak HTTPS, by a certificate that is made on the spot
    #[arg(long)]
    tls: bool,

    /// Speak HTTPS by the certificate in this PEM file, those of its issuers behind it
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// The private key to it
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    /// Load pages again in the browser when a file changes. Each gets a script for it
    #[arg(short, long)]
    live_reload: bool,

    /// Answer paths that are not there with index.html, for pages that route by themselves
    #[arg(long)]
    spa: bool,

    /// Serve names that begin with a dot, too
    #[arg(long)]
    hidden: bool,

    /// No line for each request
    #[arg(short, long)]
    quiet: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    check(&args.dir)?;
    let tls = certificate::config(&args)?;
    // Watches for as long as it lives.
    let (live, _watch) = match args.live_reload {
        true => {
            let live = Live::new();
            let watch = Watch::start(&args.dir, args.hidden, live.clone())?;
            (Some(live), Some(watch))
        }
        false => (None, None),
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let (dir, is_live) = (args.dir.clone(), args.live_reload);
    let server = Server::builder().shutdown_timeout(SHUTDOWN).on_listening(move |addresses| {
        // A closed standard output is no reason not to serve.
        let _ = tell(scheme, addresses, &dir, is_live);
    });
    let address = (&*args.host, args.port);
    let server = match tls {
        Some(tls) => server.bind_tls(address, tls),
        None => server.bind(address),
    };
    let served = server.serve(files::app(&args, live)).await;
    served.map_err(|error| Failure::other(error.to_string()))
}

fn check(dir: &Path) -> Result<(), Failure> {
    match std::fs::read_dir(dir) {
        Ok(_) => Ok(()),
        Err(_) if dir.is_file() => {
            let what = format!("{} is a file: name the directory that it is in", dir.display());
            Err(Failure::new(Code::File, what))
        }
        Err(error) => Err(Failure::file("serve", dir, &error)),
    }
}

fn tell(
    scheme: &str,
    addresses: &[std::net::SocketAddr],
    dir: &Path,
    is_live: bool,
) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let live = if is_live { ", with live reload" } else { "" };
    writeln!(out, "{}{live}:", dir.display())?;
    for url in urls::of(scheme, addresses) {
        writeln!(out, "  {url}")?;
    }
    writeln!(out, "Ctrl-C ends it")?;
    out.flush()
}
