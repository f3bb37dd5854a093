//! `dunlin get URL`: one request, its answer shown or saved.
//!
//! | file | what it does |
//! | --- | --- |
//! | `args` | the command line, and the request that it describes |
//! | `show` | the answer on standard output |
//! | `json` | JSON with indentation and colours |
//! | `save` | the answer into a file, from where an earlier try broke off |
//! | `part` | what an earlier try has left |
//! | `verbose` | what is sent and received, on standard error |

mod args;
mod json;
mod part;
mod save;
mod show;
mod verbose;

use dunlin::client::Response;

pub(crate) use self::args::Args;
use crate::failure::{Code, Failure};

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let ask = args.ask()?;
    match args.file()? {
        Some(file) => save::run(&ask, &file, &args).await,
        None => show::run(&ask, &args).await,
    }
}

/// The failure that a status of 400 or more is.
fn check_status(response: &Response) -> Result<(), Failure> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return Ok(());
    }
    let url = response.url().redacted();
    Err(Failure::new(Code::Status, format!("the server answered {status} for {url}")))
}
