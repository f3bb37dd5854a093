//! The app: files, listing, compression, log.

use dunlin::http::HeaderValue;
use dunlin::http::header::X_CONTENT_TYPE_OPTIONS;
use dunlin::web::{AccessLog, App, Compress, Statics};

use super::live::{self, Live};
use super::{Args, hosts};

/// A line of the log: client, request line, status, bytes, seconds.
const LINE: &str = r#"%t %a "%r" %s %b %Tf"#;

pub(super) fn app(args: &Args, live: Option<Live>) -> App {
    let mut files = Statics::new("/", &args.dir)
        .index("index.html")
        .listing(true)
        .dot_files(args.hidden)
        .header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if args.spa {
        files = files.fallback("index.html");
    }
    if live.is_some() {
        // What a browser keeps it need not ask for again.
        files = files.cache_control(HeaderValue::from_static("no-store")).precompressed(false);
    }
    let mut app = App::new();
    if !args.quiet {
        let log = AccessLog::to(std::io::stderr()).format(LINE);
        app = app.middleware(log.skip(|head| head.path().starts_with(live::PREFIX)));
    }
    if hosts::is_local(&args.host) {
        app = app.middleware(hosts::own_names);
    }
    app = app.middleware(Compress::new());
    if let Some(live) = live {
        app = live.install(app);
    }
    app.add_static(files)
}
