//! A tagger of images: uploads, and workers that look at them.
//!
//! Run `cargo run --example imagetagger`, then open http://127.0.0.1:8080. It tells what can be measured, such as
//! colours and shape, and guesses nothing.
//!
//! | file | what it does |
//! | --- | --- |
//! | `main` | the app: takes uploads, asks the workers |
//! | `workers` | a few at a time, and a bounded queue |
//! | `tags` | what is to be said of an image |

mod tags;
mod workers;

use std::num::NonZeroUsize;

use dunlin::BoxError;
use dunlin::http::header::RETRY_AFTER;
use dunlin::http::{HeaderValue, StatusCode};
use dunlin::web::{
    App, FormData, FormLimits, Html, HttpError, Json, Result, SecurityHeaders, State, StateKey,
    Statics, get, post, problem_details,
};

use crate::tags::{BadImage, Report};
use crate::workers::Workers;

/// Longest upload, in bytes.
const UPLOAD_MAX: u64 = 5 << 20;
/// Images that may wait for a worker; those beyond are told to come again.
const QUEUE: usize = 32;

static WORKERS: StateKey<Workers> = StateKey::new("workers");

#[tokio::main]
async fn main() -> dunlin::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let policy = HeaderValue::from_static("default-src 'self'; img-src 'self' blob:");
    let files = [
        ("icon.svg", include_str!("icon.svg")),
        ("style.css", concat!(include_str!("../apps/base.css"), include_str!("style.css"))),
        ("imagetagger.js", include_str!("imagetagger.js")),
    ];
    // One file and what frames it.
    let limits = FormLimits::default()
        .max_fields(1)
        .max_file_bytes(UPLOAD_MAX)
        .max_total_bytes(UPLOAD_MAX + 4096);
    let app = App::new()
        .middleware(SecurityHeaders::new().content_security_policy(policy))
        .render_errors(problem_details)
        .state(&WORKERS, Workers::new(processors, QUEUE))
        .add_static(Statics::memory("/static", files))
        .routes([
            get("/", async || Html(include_str!("page.html"))),
            post("/tags", tag).middleware(limits),
        ]);
    dunlin::run_app(app).bind(address).await
}

async fn tag(workers: State<Workers>, form: FormData) -> Result<Json<Report>> {
    let file = form
        .file("file")
        .ok_or_else(|| HttpError::bad_request().with_message("the form has no file"))?;
    let bytes = file.bytes().await.map_err(BoxError::from)?;
    let Some(report) = workers.run(move || tags::report(&bytes)).await else {
        let busy = HttpError::new(StatusCode::SERVICE_UNAVAILABLE)
            .with_message("too many images are waiting");
        return Err(busy.with_header(RETRY_AFTER, HeaderValue::from_static("1")));
    };
    report.map(Json).map_err(|error| {
        let status = match error {
            BadImage::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            BadImage::Format | BadImage::Broken => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        };
        HttpError::new(status).with_message(error.to_string())
    })
}
