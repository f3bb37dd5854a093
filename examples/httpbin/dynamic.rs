//! What is made anew each time, and what takes its time.

use std::convert::Infallible;
use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use dunlin::http::header::CONTENT_TYPE;
use dunlin::http::{HeaderValue, StatusCode};
use dunlin::web::respond::{stream, stream_with_len};
use dunlin::web::{Group, Html, HttpError, Path, Query, Result, get, group};
use dunlin::{Request, Response};
use futures_util::Stream;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use crate::inspect::{self, pretty, tell};
use crate::redirects::redirect;
use crate::{refuse, verbs};

/// Most random bytes, and most of a range, in bytes.
pub(crate) const BYTES_MAX: usize = 100 * 1024;
/// Most lines of `/stream/{n}`.
const LINES_MAX: u64 = 100;
/// Longest `/delay` and longest delay of `/drip`.
const DELAY_MAX: f64 = 10.0;
/// Longest `/drip` and longest `/range`, in seconds.
pub(crate) const DRIP_MAX: f64 = 60.0;
/// Most bytes of `/drip`.
const DRIP_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// What `chunk_size` is where it is left out.
pub(crate) const CHUNK: usize = 10 * 1024;

pub(crate) fn routes() -> Group {
    group("").routes([
        get(r"/bytes/{n:\d+}", async |Path(n): Path<usize>, Query(options): Query<Options>| {
            Response::new(random(n, &options))
                .with_header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
        }),
        get(
            r"/stream-bytes/{n:\d+}",
            async |Path(n): Path<usize>, Query(options): Query<Options>| {
                let bytes = random(n, &options);
                stream(paced(bytes, options.chunk_size.max(1), Duration::ZERO))
            },
        ),
        get(r"/stream/{n:\d+}", lines),
        get("/drip", drip),
        verbs("/delay/{delay}", delay),
        get(r"/links/{n:\d+}", async |Path(n): Path<u32>| {
            redirect(&format!("/links/{n}/0"), StatusCode::FOUND)
        }),
        get(r"/links/{n:\d+}/{offset:\d+}", links),
        get("/uuid", async || pretty(&json!({ "uuid": uuid() }))),
        get("/base64/{value}", decode),
    ])
}

#[derive(Deserialize)]
struct Options {
    seed: Option<u64>,
    #[serde(default = "chunk")]
    chunk_size: usize,
}

fn chunk() -> usize {
    CHUNK
}

/// `n` bytes, the same for the same seed.
fn random(n: usize, options: &Options) -> Bytes {
    let mut rng = options.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
    let mut bytes = vec![0; n.min(BYTES_MAX)];
    rng.fill(&mut bytes);
    bytes.into()
}

/// The bytes in pieces of `size`, and a pause behind each.
pub(crate) fn paced(
    bytes: Bytes,
    size: usize,
    pause: Duration,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    futures_util::stream::unfold((bytes, Instant::now()), move |(mut bytes, due)| async move {
        if bytes.is_empty() {
            return None;
        }
        sleep_until(due).await;
        let piece = bytes.split_to(size.min(bytes.len()));
        Some((Ok(piece), (bytes, due + pause)))
    })
}

/// Lines of JSON, one by one.
async fn lines(Path(n): Path<u64>, req: Request) -> Response {
    let mut told = inspect::head(&req, inspect::HEAD);
    let lines = (0..n.min(LINES_MAX)).map(move |id| {
        told["id"] = id.into();
        Ok::<_, Infallible>(format!("{told}\n"))
    });
    let mut response = stream(futures_util::stream::iter(lines));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[derive(Deserialize)]
#[serde(default)]
struct Drip {
    duration: f64,
    numbytes: u64,
    code: u16,
    delay: f64,
}

impl Default for Drip {
    fn default() -> Self {
        Self { duration: 2.0, numbytes: 10, code: 200, delay: 0.0 }
    }
}

/// Sends stars, evenly over the time. Where several are due at once they go out at once: a timer is not
/// good for less than a millisecond.
async fn drip(Query(Drip { duration, numbytes, code, delay }): Query<Drip>) -> Result {
    let numbytes = numbytes.min(DRIP_BYTES_MAX);
    let is_final = (200..600).contains(&code);
    if numbytes == 0 || !is_final {
        let why = "number of bytes must be positive, and code from 200 to 599";
        return Err(HttpError::bad_request().with_message(why));
    }
    sleep(seconds(delay, DELAY_MAX)?).await;
    let pause = seconds(duration, DRIP_MAX)?.as_secs_f64() / numbytes as f64;
    let began = Instant::now();
    let stars = futures_util::stream::unfold(0, move |sent| async move {
        if sent == numbytes {
            return None;
        }
        sleep_until(began + Duration::from_secs_f64(pause * sent as f64)).await;
        let due = match pause > 0.0 {
            true => ((began.elapsed().as_secs_f64() / pause) as u64).saturating_add(1),
            false => numbytes,
        };
        let now = due.clamp(sent + 1, numbytes).min(sent + CHUNK as u64);
        Some((Ok::<_, Infallible>(vec![b'*'; (now - sent) as usize]), now))
    });
    let status = StatusCode::from_u16(code).map_err(refuse)?;
    Ok(stream_with_len(numbytes, stars).with_status(status))
}

/// A time of the peer's wish, within bounds.
pub(crate) fn seconds(wish: f64, max: f64) -> Result<Duration> {
    if wish.is_nan() || wish < 0.0 {
        let why = format!("{wish} is no number of seconds from 0 to {max}");
        return Err(HttpError::bad_request().with_message(why));
    }
    Ok(Duration::from_secs_f64(wish.min(max)))
}

async fn delay(Path(delay): Path<f64>, req: Request) -> Result {
    sleep(seconds(delay, DELAY_MAX)?).await;
    tell(req, inspect::DELAYED).await
}

/// A page of links to pages like it.
async fn links(Path((n, offset)): Path<(u32, u32)>) -> Html<String> {
    let n = n.clamp(1, 200);
    let mut page = "<html><head><title>Links</title></head><body>".to_owned();
    for at in 0..n {
        // Writing to a `String` does not fail.
        let _ = match at == offset {
            true => write!(page, "{at} "),
            false => write!(page, "<a href='/links/{n}/{at}'>{at}</a> "),
        };
    }
    page.push_str("</body></html>");
    Html(page)
}

/// A random UUID (RFC 9562 §5.4).
pub(crate) fn uuid() -> String {
    let bits = fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let part = |range: Range<usize>| &hex[range];
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

/// Base64 with the alphabet of URLs, padded or not.
async fn decode(Path(value): Path<String>) -> String {
    const CODE: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::URL_SAFE,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let text = CODE.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.unwrap_or_else(|| "Incorrect Base64 data try: SFRUUEJJTiBpcyBhd2Vzb21l".into())
}
