//! A team board in one binary: notes, files, a live log, and the server's own numbers.
//!
//! Run `cargo run --release --example showcase`, then open the address that it prints.
//!
//! | file | what it shows |
//! | --- | --- |
//! | `main` | the app put together, served, and ended in order |
//! | `options` | the command line |
//! | `state` | what handlers share, and the cleanup contexts that set it up |
//! | `db` | SQLite on a thread of its own |
//! | `auth`, `signed` | sign-in with a signed cookie; an extractor of one's own |
//! | `notes` | a JSON API |
//! | `uploads` | forms with files, downloads with ranges |
//! | `live` | WebSocket rooms, and who is there |
//! | `log` | server-sent events that go on where a client has left |
//! | `numbers` | requests counted by middleware, told once a second |
//! | `pages` | templates, versioned assets, error pages |
//! | `admin` | an app inside the app, with middleware and pages of its own |

mod admin;
mod auth;
mod db;
mod live;
mod log;
mod notes;
mod numbers;
mod options;
mod pages;
mod signed;
mod state;
mod uploads;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dunlin::http::HeaderValue;
use dunlin::server::{Address, Connections};
use dunlin::web::{AccessLog, App, Compress, SameOrigin, SecurityHeaders};

use crate::auth::Secrets;
use crate::log::Log;
use crate::numbers::Numbers;
use crate::options::Options;
use crate::pages::Templates;

/// Pages run no script and load nothing but what this server itself sends.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";

#[tokio::main]
async fn main() -> dunlin::Result<()> {
    let options = Options::from_args();
    let secrets = Secrets::load(&options)?;
    let told = format!(
        "Data in {}; the key of /admin/ is {}",
        options.data.display(),
        secrets.admin_key()
    );
    let connections = Connections::new();
    let address = Address::from((options.host.as_str(), options.port));
    let app = board(options, secrets, connections.clone())?;
    dunlin::run_app(app)
        .bind(address)
        .shutdown_timeout(Duration::from_secs(10))
        .banner(false)
        .server(|server| {
            server
                .connections(connections)
                .on_listening(move |addresses| print_banner(addresses, &told))
        })
        .await
}

/// The whole application. Outermost stands what is added first: every answer is counted, those that the
/// middleware below gives by itself among them.
fn board(options: Options, secrets: Secrets, connections: Connections) -> dunlin::Result<App> {
    let (log, numbers) = (Log::new(), Numbers::new(connections));
    let templates = Arc::new(Templates::new()?);
    let uploads = uploads::routes(&options.data)?;
    Ok(App::new()
        .middleware(AccessLog::with({
            let (log, numbers) = (log.clone(), numbers.clone());
            move |entry| {
                numbers.count(entry);
                log.request(entry);
            }
        }))
        .middleware(
            SecurityHeaders::new()
                .frame_options(Some(HeaderValue::from_static("DENY")))
                .content_security_policy(HeaderValue::from_static(POLICY)),
        )
        .middleware(Compress::new())
        .middleware(SameOrigin::new())
        .render_errors(pages::errors(Arc::clone(&templates)))
        .state(&state::SECRETS, secrets)
        .state(&state::LOG, log)
        .state(&state::NUMBERS, numbers)
        .state(&state::TEMPLATES, templates)
        .state(&state::ROOMS, live::Rooms::default())
        .state(&state::OPTIONS, options)
        .cleanup_ctx(state::database)
        .provides(&state::DB)
        .on_startup(state::sampler)
        .add_static(pages::assets())
        .group(pages::routes())
        .group(auth::routes())
        .group(notes::routes())
        .group(uploads)
        .group(live::routes())
        .group(log::routes())
        .nest("/admin", admin::app()))
}

fn print_banner(addresses: &[SocketAddr], told: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    // A closed standard output is no reason not to serve.
    let _ = addresses
        .iter()
        .try_for_each(|address| writeln!(out, "Running on http://{address} (Ctrl+C to stop)"))
        .and_then(|()| writeln!(out, "{told}"));
}
