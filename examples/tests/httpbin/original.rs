//! The same requests to httpbin from PyPI: run where `HTTPBIN_PYTHON` names a Python that has it.

use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use dunlin::client::{Client, Redirects, Response};
use dunlin::http::Method;
use serde_json::Value;

use super::Site;
use super::common::Running;

const SERVE: &str = "import sys\n\
    from werkzeug.serving import make_server, WSGIRequestHandler\n\
    WSGIRequestHandler.protocol_version = 'HTTP/1.1'\n\
    from httpbin import app\n\
    make_server('127.0.0.1', int(sys.argv[1]), app, threaded=True).serve_forever()";

/// The fields on which both agree where they are there.
const FIELDS: [&str; 10] = [
    "accept-ranges",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-max-age",
    "cache-control",
    "content-encoding",
    "location",
    "proxy-authenticate",
];

fn original() -> Option<(Running, String)> {
    let Ok(python) = std::env::var("HTTPBIN_PYTHON") else {
        eprintln!("skipped: HTTPBIN_PYTHON names no Python that has httpbin");
        return None;
    };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let mut command = Command::new(python);
    command.args(["-c", SERVE, &address.port().to_string()]).stderr(Stdio::null());
    let running = Running(command.spawn().unwrap());
    for _ in 0..3_000 {
        if TcpStream::connect(address).is_ok() {
            return Some((running, format!("http://{address}")));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the original does not listen on {address}");
}

/// What of an answer does not depend on time, chance or address.
async fn seen(response: Response) -> String {
    let mut all = response.status().as_u16().to_string();
    for name in FIELDS {
        if let Some(value) = response.header(name) {
            all.push_str(&format!("\n{name}: {value}"));
        }
    }
    let mut cookies: Vec<_> =
        response.cookies().iter().map(|cookie| format!("\n{cookie:?}")).collect();
    cookies.sort();
    all.extend(cookies);
    let is_json =
        response.content_type().is_some_and(|media| media.starts_with("application/json"));
    let bytes = response.bytes().await.unwrap();
    if is_json {
        for line in serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>() {
            all.push_str(&format!("\n{}", line.unwrap()));
        }
    }
    all
}

#[tokio::test]
async fn the_original_says_the_same() {
    let Some((_running, original)) = original() else { return };
    let site = Site::start();
    let client = Client::builder().redirects(Redirects::none()).build().unwrap();
    let form = ("content-type", "application/x-www-form-urlencoded");
    let multipart = ("content-type", "multipart/form-data; boundary=x");
    let parts = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
        --x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n\"\r\n\r\nhi\r\n--x--\r\n";
    let none = ("x-none", "none");
    let basic = ("authorization", "Basic dTpw");
    let mut cases: Vec<(&str, &str, (&str, &str), &str)> = vec![
        ("GET", "/get?show_env", ("x-forwarded-for", "192.0.2.1"), ""),
        ("GET", "/get?a=1", ("x-forwarded-proto", "https"), ""),
        ("GET", "/get", ("origin", "http://a.example"), ""),
        ("OPTIONS", "/get", ("access-control-request-headers", "x"), ""),
        ("POST", "/post", none, "plain"),
        ("POST", "/post", ("content-type", "application/json"), "{\"a\": [1, null]}"),
        ("POST", "/post", form, "a=1&b=x+y&a=%C3%A9"),
        ("POST", "/post", multipart, parts),
        ("PUT", "/put", none, "1"),
        ("PATCH", "/patch", none, "x"),
        ("DELETE", "/delete", none, "y"),
        ("PUT", "/anything/x/y?z=1", form, "q=1"),
        ("POST", "/delay/0", form, "a=1"),
        ("POST", "/status/404", none, ""),
        ("POST", "/get", none, ""),
        ("GET", "/basic-auth/u/p", basic, ""),
        ("GET", "/hidden-basic-auth/u/p", basic, ""),
        ("GET", "/bearer", ("authorization", "Bearer abc"), ""),
        ("GET", "/cookies", ("cookie", "a=1; b=2; a=3"), ""),
        ("GET", "/image", ("accept", "text/html"), ""),
        ("GET", "/range/26", ("range", "bytes=3-5"), ""),
        ("GET", "/cache", ("if-none-match", "x"), ""),
        ("GET", "/etag/e", ("if-none-match", "\"a\", W/\"e\""), ""),
        ("GET", "/etag/e", ("if-match", "\"f\""), ""),
    ];
    let plain = "/get?a=1&b=2&a=3&e= /anything /headers /ip /user-agent /status/200 /status/204 \
        /status/301 /status/304 /status/305 /status/308 /status/401 /status/404 /status/406 \
        /status/407 /status/418 /status/503 /status/abc /redirect/1 /redirect/3 \
        /redirect/3?absolute=true /relative-redirect/2 /absolute-redirect/1 /absolute-redirect/2 \
        /redirect-to?url=/x&status_code=307 /redirect-to?URL=/x /redirect-to?url=/x&status_code=200 \
        /cookies/set?a=1&b=2 /cookies/set/n/v /cookies/delete?a&b /basic-auth/u/p \
        /hidden-basic-auth/u/p /bearer /gzip /deflate /brotli /json /stream/3?x=1 /cache/60 \
        /etag/e /range/26 /range/0 /links/3 /links/3/1 /drip?numbytes=0 /bytes/5 /none";
    cases.extend(plain.split_whitespace().map(|path| ("GET", path, none, "")));
    for (method, path, (name, value), body) in cases {
        let send = async |base: &str| {
            let request =
                client.request(Method::try_from(method).unwrap(), format!("{base}{path}"));
            // Both are told the same host, which both tell.
            let request = request.header("host", "bin.example").header(name, value);
            let request = if body.is_empty() { request } else { request.body(body) };
            seen(request.send().await.unwrap()).await
        };
        assert_eq!(send(&site.url).await, send(&original).await, "{method} {path}");
    }
}

const RULES: &str = "from httpbin import app\n\
    for rule in app.url_map.iter_rules():\n\
    \x20   if rule.endpoint not in ('static', 'spec') and 'flasgger' not in rule.endpoint:\n\
    \x20       print(sorted(rule.methods - {'HEAD', 'OPTIONS'})[0], rule.rule)";

#[tokio::test]
async fn the_original_has_no_route_that_is_not_here() {
    let Ok(python) = std::env::var("HTTPBIN_PYTHON") else { return };
    let listed = Command::new(python).args(["-c", RULES]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let site = Site::start();
    let client = site.client();
    let mut count = 0;
    for line in listed.lines() {
        let (method, rule) = line.split_once(' ').unwrap();
        // `<int:n>` and its like become numbers, which fit all of them.
        let mut path = String::new();
        for (n, part) in rule.split(['<', '>']).enumerate() {
            path.push_str(if n % 2 == 0 { part } else { "1" });
        }
        let request = client.request(Method::try_from(method).unwrap(), &path);
        let status = request.send().await.unwrap().status().as_u16();
        // These say so by themselves, of a path that is there.
        let expected = match rule {
            "/hidden-basic-auth/<user>/<passwd>" => status == 404,
            "/redirect-to" | "/status/<codes>" => status == 400,
            _ => status < 500 && status != 404 && status != 405,
        };
        assert!(expected, "{line}: {status}");
        count += 1;
    }
    assert!(count >= 55, "{count} routes: {listed}");
}
