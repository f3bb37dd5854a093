//! RFC 9111 by cases: one response is stored or not, and a second request is made some time later.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dunlin_client::cache::{Cache, CacheStatus, MemoryStore};
use dunlin_client::{Client, InProcess};
use dunlin_core::{Request, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode};

/// Sun, 06 Nov 1994 08:49:37 GMT.
const START: u64 = 784_111_777;

/// Name and value; `@n` in a value is the date `n` seconds after the start.
type Fields = &'static [(&'static str, &'static str)];

struct Case {
    name: &'static str,
    /// Of the first request.
    asked: Fields,
    status: u16,
    answered: Fields,
    /// Seconds between the requests.
    later: u64,
    method: Method,
    /// Of the second request.
    again: Fields,
    /// How the second request is answered, where it is sent: a status, and fields.
    second: (u16, Fields),
    /// What becomes of the second request: where its response comes from, and its age.
    expected: Expected,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expected {
    Hit(u64),
    Stale(u64),
    Revalidated,
    Miss,
    /// Passed by: no status at all.
    Passed,
    /// 504 without being sent.
    Refused,
    /// Conditions were sent, and another response came.
    Replaced,
}
use Expected::{Hit, Miss, Passed, Refused, Replaced, Revalidated, Stale};

/// A GET, answered with 200 and these fields, and the same again after so many seconds.
fn case(name: &'static str, answered: Fields, later: u64, expected: Expected) -> Case {
    let (asked, again, second) = (&[], &[], (200, answered));
    Case { name, asked, status: 200, answered, later, method: Method::GET, again, second, expected }
}

/// The same with fields in the second request.
fn again(
    name: &'static str,
    answered: Fields,
    later: u64,
    again: Fields,
    expected: Expected,
) -> Case {
    Case { again, ..case(name, answered, later, expected) }
}

const M60: Fields = &[("cache-control", "max-age=60")];
const TAGGED: Fields = &[("cache-control", "max-age=60"), ("etag", "\"v\"")];

fn cases() -> Vec<Case> {
    // One a line, whatever its length: it is a table.
    #[rustfmt::skip]
    let cases = vec![
        // Freshness (§4.2).
        case("max-age, young", M60, 59, Hit(59)),
        case("max-age, at its end", M60, 60, Miss),
        case("max-age of nothing", &[("cache-control", "max-age=0")], 0, Miss),
        case("max-age in quotes", &[("cache-control", "Max-Age=\"60\"")], 59, Hit(59)),
        case("max-age that is no number", &[("cache-control", "max-age=1h"), ("expires", "@99")], 0, Miss),
        case("the first of two", &[("cache-control", "max-age=10, max-age=60")], 20, Miss),
        case("max-age too long to count", &[("cache-control", "max-age=99999999999")], 9, Hit(9)),
        case("expires", &[("date", "@0"), ("expires", "@60")], 59, Hit(59)),
        case("expires, over", &[("date", "@0"), ("expires", "@60")], 60, Miss),
        case("expires of 0", &[("date", "@0"), ("expires", "0"), ("last-modified", "@-9000")], 0, Revalidated),
        case("expires without date", &[("expires", "@60")], 59, Hit(59)),
        case("max-age before expires", &[("cache-control", "max-age=60"), ("expires", "@0")], 59, Hit(59)),
        case("s-maxage is for shared caches", &[("cache-control", "s-maxage=60")], 0, Miss),
        case("s-maxage beside max-age", &[("cache-control", "s-maxage=0, max-age=60")], 59, Hit(59)),
        case("a tenth of last-modified", &[("date", "@0"), ("last-modified", "@-1000")], 99, Hit(99)),
        case("a tenth, over", &[("date", "@0"), ("last-modified", "@-1000")], 100, Revalidated),
        case("a tenth, at most a day", &[("last-modified", "@-9000000")], 86_400, Revalidated),
        case("nothing that makes it fresh", &[], 0, Miss),
        case("a validator alone", &[("etag", "\"v\"")], 0, Revalidated),
        Case { status: 404, ..case("404 by a guess", &[("last-modified", "@-1000")], 99, Hit(99)) },
        Case { status: 302, ..case("302 not by a guess", &[("last-modified", "@-1000")], 9, Miss) },
        Case { status: 500, ..case("500 with max-age", M60, 59, Hit(59)) },
        Case { status: 206, ..case("206 not at all", M60, 0, Miss) },
        // Age (§4.2.3).
        case("age counts", &[("cache-control", "max-age=60"), ("age", "40")], 19, Hit(59)),
        case("age counts, over", &[("cache-control", "max-age=60"), ("age", "40")], 20, Miss),
        case("age that is no number", &[("cache-control", "max-age=60"), ("age", "x")], 59, Hit(59)),
        case("a date behind us", &[("cache-control", "max-age=60"), ("date", "@-50")], 9, Hit(59)),
        case("a date behind us, over", &[("cache-control", "max-age=60"), ("date", "@-50")], 10, Miss),
        case("a date ahead of us", &[("cache-control", "max-age=60"), ("date", "@50")], 59, Hit(59)),
        // Directives of responses (§5.2.2).
        case("no-store", &[("cache-control", "no-store, max-age=60")], 0, Miss),
        case("no-cache", &[("cache-control", "no-cache, max-age=60"), ("etag", "\"v\"")], 0, Revalidated),
        case("no-cache of a field", &[("cache-control", "max-age=60, no-cache=\"a, b\""), ("etag", "\"v\"")], 0, Revalidated),
        case("private", &[("cache-control", "private, max-age=60")], 59, Hit(59)),
        case("private of a field", &[("cache-control", "private=\"a\", max-age=60")], 59, Hit(59)),
        case("must-revalidate, fresh", &[("cache-control", "max-age=60, must-revalidate")], 59, Hit(59)),
        case("must-understand, and understood", &[("cache-control", "no-store, must-understand, max-age=60")], 9, Hit(9)),
        Case { status: 299, ..case("must-understand, and not understood", &[("cache-control", "must-understand, max-age=60")], 9, Miss) },
        case("unknown ones", &[("cache-control", "what=ever; max-age=60, max-age=60")], 9, Hit(9)),
        case("stale while it is validated", &[("cache-control", "max-age=60, stale-while-revalidate=30")], 90, Stale(90)),
        case("stale for too long", &[("cache-control", "max-age=60, stale-while-revalidate=30")], 91, Miss),
        // Directives of requests (§5.2.1).
        again("no-store passes by", TAGGED, 0, &[("cache-control", "no-store")], Passed),
        again("no-cache validates", TAGGED, 0, &[("cache-control", "no-cache")], Revalidated),
        again("pragma validates", TAGGED, 0, &[("pragma", "no-cache")], Revalidated),
        again("pragma beside cache-control", TAGGED, 0, &[("pragma", "no-cache"), ("cache-control", "max-age=9")], Hit(0)),
        again("young enough", TAGGED, 20, &[("cache-control", "max-age=20")], Hit(20)),
        again("too old", TAGGED, 21, &[("cache-control", "max-age=20")], Revalidated),
        again("no age that can be read", TAGGED, 1, &[("cache-control", "max-age=x")], Revalidated),
        again("immutable on a reload", &[("cache-control", "max-age=60, immutable")], 59, &[("cache-control", "max-age=0")], Hit(59)),
        again("immutable, but stale", &[("cache-control", "max-age=60, immutable")], 60, &[("cache-control", "max-age=0")], Miss),
        again("immutable, but no-cache", &[("cache-control", "max-age=60, immutable")], 0, &[("cache-control", "no-cache")], Miss),
        again("fresh for long enough", TAGGED, 40, &[("cache-control", "min-fresh=20")], Hit(40)),
        again("not fresh for long enough", TAGGED, 41, &[("cache-control", "min-fresh=20")], Revalidated),
        again("any staleness", TAGGED, 9_999, &[("cache-control", "max-stale")], Stale(9_999)),
        again("some staleness", TAGGED, 80, &[("cache-control", "max-stale=20")], Stale(80)),
        again("more than some staleness", TAGGED, 81, &[("cache-control", "max-stale=20")], Revalidated),
        again("staleness against must-revalidate", &[("cache-control", "max-age=60, must-revalidate"), ("etag", "\"v\"")], 80, &[("cache-control", "max-stale")], Revalidated),
        again("only-if-cached and fresh", TAGGED, 59, &[("cache-control", "only-if-cached")], Hit(59)),
        again("only-if-cached and stale", TAGGED, 60, &[("cache-control", "only-if-cached")], Refused),
        again("only-if-cached of a part", TAGGED, 0, &[("cache-control", "only-if-cached"), ("range", "bytes=0-")], Refused),
        Case { asked: &[("cache-control", "no-store")], ..case("no-store of the first request", M60, 0, Miss) },
        Case { asked: &[("cache-control", "no-cache")], ..case("no-cache stores", M60, 9, Hit(9)) },
        // Conditions and parts of the program's own.
        again("a range passes by", TAGGED, 0, &[("range", "bytes=0-")], Passed),
        again("a condition passes by", TAGGED, 0, &[("if-none-match", "\"x\"")], Passed),
        Case { asked: &[("range", "bytes=0-")], ..case("what answers a range is not stored", M60, 0, Miss) },
        // Vary (§4.1).
        again("vary, absent in both", &[("cache-control", "max-age=60"), ("vary", "x-a")], 9, &[("x-b", "1")], Hit(9)),
        again("vary, now present", &[("cache-control", "max-age=60"), ("vary", "X-A")], 9, &[("x-a", "1")], Miss),
        Case { asked: &[("x-a", "1, 2")], ..again("vary, in other blanks", &[("cache-control", "max-age=60"), ("vary", "x-b, x-a")], 9, &[("x-a", " 1,2")], Hit(9)) },
        Case { asked: &[("x-a", "1")], ..again("vary, another value", &[("cache-control", "max-age=60"), ("vary", "x-a")], 9, &[("x-a", "2")], Miss) },
        case("vary on everything", &[("cache-control", "max-age=60"), ("vary", "x, *")], 0, Miss),
        // Authorization (§3.5 is for shared caches).
        Case { asked: &[("authorization", "a")], ..again("the same credentials", M60, 9, &[("authorization", "a")], Hit(9)) },
        Case { asked: &[("authorization", "a")], ..again("other credentials", M60, 9, &[("authorization", "b")], Miss) },
        again("credentials, and before none", M60, 9, &[("authorization", "b")], Miss),
        // Methods.
        Case { method: Method::HEAD, ..case("HEAD from GET", M60, 59, Hit(59)) },
        Case { method: Method::OPTIONS, ..case("OPTIONS passes by", M60, 0, Passed) },
        Case { method: Method::POST, ..case("POST passes by", M60, 0, Passed) },
        // Validation (§4.3).
        Case { second: (200, M60), ..case("a changed response", &[("cache-control", "max-age=1"), ("etag", "\"old\"")], 2, Replaced) },
        Case { second: (503, &[]), ..case("a failure is passed on", TAGGED, 60, Replaced) },
        Case { second: (503, &[]), ..case("stale on a failure", &[("cache-control", "max-age=60, stale-if-error=30"), ("etag", "\"old\"")], 90, Stale(90)) },
        Case { second: (503, &[]), ..case("stale for too long on a failure", &[("cache-control", "max-age=60, stale-if-error=30"), ("etag", "\"old\"")], 91, Replaced) },
        Case { second: (503, &[]), ..case("never stale", &[("cache-control", "max-age=60, stale-if-error=30, must-revalidate"), ("etag", "\"old\"")], 61, Replaced) },
        Case { second: (503, &[]), ..again("no-cache takes no stale one", &[("cache-control", "max-age=60, stale-if-error=30"), ("etag", "\"old\"")], 61, &[("cache-control", "no-cache")], Replaced) },
        Case { second: (404, &[]), ..case("404 is no failure", &[("cache-control", "max-age=60, stale-if-error=30"), ("etag", "\"old\"")], 61, Replaced) },
        Case { second: (502, &[]), ..again("stale as the request says", &[("cache-control", "max-age=60"), ("etag", "\"old\"")], 90, &[("cache-control", "stale-if-error=30")], Stale(90)) },
    ];
    cases
}

fn date(offset: i64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(START.saturating_add_signed(offset)))
}

fn fields(fields: Fields) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    fields.iter().map(|(name, value)| {
        let value = value
            .strip_prefix('@')
            .map_or_else(|| (*value).to_owned(), |n| date(n.parse().unwrap()));
        (HeaderName::from_static(name), HeaderValue::try_from(value).unwrap())
    })
}

fn answer(req: &Request, status: u16, answered: Fields) -> Response {
    // `v` is what the server has.
    let unchanged = req.headers().get_str("if-none-match") == Some("\"v\"")
        || (!req.headers().contains("if-none-match")
            && req.headers().contains("if-modified-since"));
    let status = if unchanged && status == 200 { 304 } else { status };
    let mut response = Response::new("body").with_status(StatusCode::from_u16(status).unwrap());
    for (name, value) in fields(answered) {
        response.headers_mut().append(name, value);
    }
    response
}

async fn run(case: &Case) -> Expected {
    let clock = Arc::new(AtomicU64::new(START));
    let seconds = Arc::clone(&clock);
    let now =
        move || -> SystemTime { UNIX_EPOCH + Duration::from_secs(seconds.load(Ordering::Relaxed)) };
    let cache = Cache::new(MemoryStore::new(1 << 20)).clock(now);
    let (first, second) = ((case.status, case.answered), case.second);
    let sent = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sent);
    let service = move |req: Request| {
        let mut seen = seen.lock().unwrap();
        let (status, answered) = if seen.is_empty() { first } else { second };
        seen.push(
            req.headers().contains("if-none-match") || req.headers().contains("if-modified-since"),
        );
        let response = answer(&req, status, answered);
        async { response }
    };
    let client = Client::builder()
        .redirects(dunlin_client::Redirects::none())
        .with(cache)
        .with(InProcess::new(service))
        .build()
        .unwrap();
    let send = async |method: &Method, asked: Fields| {
        let mut request = client.request(method.clone(), "http://a/");
        for (name, value) in fields(asked) {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        let status = response.extensions().get::<CacheStatus>().copied();
        let age = response.header("age").and_then(|age| age.parse().ok());
        let code = response.status().as_u16();
        response.bytes().await.unwrap();
        (code, status, age)
    };
    send(&Method::GET, case.asked).await;
    clock.fetch_add(case.later, Ordering::Relaxed);
    let (code, status, age) = send(&case.method, case.again).await;
    let sent = sent.lock().unwrap();
    match (status, sent.len()) {
        (None, 2) => Passed,
        (Some(CacheStatus::Hit), 1) => Hit(age.unwrap()),
        (Some(CacheStatus::Stale), _) => Stale(age.unwrap()),
        (Some(CacheStatus::Revalidated), 2) if sent[1] => Revalidated,
        (Some(CacheStatus::Miss), 1) if code == 504 => Refused,
        (Some(CacheStatus::Miss), 2) if sent[1] => Replaced,
        (Some(CacheStatus::Miss), 2) => Miss,
        other => panic!("{}: {other:?}", case.name),
    }
}

#[tokio::test]
async fn every_rule_holds() {
    let cases = cases();
    assert!(cases.len() >= 80, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let found = run(case).await;
        if found != case.expected {
            wrong.push(format!("{}: {found:?}, not {:?}", case.name, case.expected));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
