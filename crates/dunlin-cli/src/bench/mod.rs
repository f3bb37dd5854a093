//! `dunlin bench URL`: load, and how long answers took.
//!
//! | file | what it does |
//! | --- | --- |
//! | `load` | the connections that ask again and again |
//! | `pace` | a constant rate of arrival |
//! | `tally` | what has come back, and how late |
//! | `report` | the figures, as text and as JSON |

mod load;
mod pace;
mod report;
mod tally;

use std::io::Write;
use std::time::Duration;

use dunlin::client::{Client, PoolLimits, Redirects, Request, Timeouts, Url};
use dunlin::http::Method;

use crate::failure::Failure;
use crate::request::{self, seconds, with_scheme};

const EXAMPLES: &str = "\
Examples:
  dunlin bench localhost:8080/
      As many requests as 64 connections carry in 10 seconds
  dunlin bench -c 8 -n 100000 localhost:8080/
      That many requests over 8 connections
  dunlin bench --rate 2000 -d 30 localhost:8080/
      2,000 requests a second whatever the server does, for 30 seconds
  dunlin bench --json localhost:8080/ > today.json

What is measured:
  Without --rate each connection asks again once its answer is there. A server that stands still is asked less
  then, so its worst moments are hardly counted (coordinated omission): good for throughput, flattering for
  latencies. With --rate requests are due at fixed times, and latency counts from when a request was due, the
  wait for a free connection included.

  An answer with any status is a success here; statuses are counted. Latency is up to the last byte of the body;
  that of the first request of a connection has the opening of it in it.
  The client wants a share of the machine too: on the same one, it takes that from the server.

Exit codes: 2 command line; where nothing at all succeeded, that of the first error: 3 no connection, 4 TLS,
5 deadline, 6 broken off";

/// Measures a server: requests per second, latencies, errors
///
/// Goes by no proxy, keeps no cookies and follows no redirect.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What to request; without a scheme it is one of http
    url: String,

    #[command(flatten)]
    options: request::Options,

    /// Connections, each with one request at a time
    #[arg(short, long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_535))]
    connections: u32,

    /// For how long requests begin. Default: 10, or no limit with -n
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds)]
    duration: Option<Duration>,

    /// So many requests in all
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    requests: Option<u64>,

    /// So many requests a second, due at even intervals
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    rate: Option<f64>,

    /// The method
    #[arg(short = 'X', long = "request", value_name = "METHOD", default_value = "GET")]
    method: Method,

    /// A body for each request
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,

    /// After how long a request is given up
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "30")]
    timeout: Duration,

    /// The figures as an object of JSON
    #[arg(long)]
    json: bool,
}

/// What is to be done, as the command line says.
struct Plan {
    client: Client,
    request: Request,
    connections: u32,
    duration: Option<Duration>,
    requests: Option<u64>,
    rate: Option<f64>,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let plan = args.plan()?;
    if !args.json {
        eprintln!("{} over {} connections …", plan.request.url().redacted(), plan.connections);
    }
    let outcome = load::run(&plan).await;
    let text =
        if args.json { report::json(&plan, &outcome) } else { report::text(&plan, &outcome) };
    let written = std::io::stdout().lock().write_all(text.as_bytes());
    written.map_err(|error| Failure::stdout(&error))?;
    match outcome.tally.first_error {
        Some(error) if outcome.tally.succeeded() == 0 => Err(error.into()),
        _ => Ok(()),
    }
}

impl Args {
    fn plan(&self) -> Result<Plan, Failure> {
        let url = Url::parse(&with_scheme(&self.url, "http"))?;
        let total = self.connections as usize;
        let limits = PoolLimits { total, per_host: total, ..PoolLimits::default() };
        let timeouts = Timeouts { total: Some(self.timeout), ..Timeouts::NONE };
        // Each answer is one answer of the server: as it is, and none behind another.
        let client = self.options.client()?.pool(limits).timeouts(timeouts);
        let client = client.redirects(Redirects::none()).decompress(false).replay(false).build()?;
        let mut request = client.request(self.method.clone(), &url);
        for (name, value) in &self.options.headers {
            request = request.header(name, value.clone());
        }
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        let duration = match (self.duration, self.requests) {
            (None, None) => Some(Duration::from_secs(10)),
            (given, _) => given,
        };
        Ok(Plan {
            request: request.build()?,
            client,
            connections: self.connections,
            duration,
            requests: self.requests,
            rate: self.rate,
        })
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.001..=10_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("it must be a number of requests per second, 0.001 to 10,000,000".into()),
    }
}
