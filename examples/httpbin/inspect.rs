//! What a request said, as JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use dunlin::http::HeaderValue;
use dunlin::http::header::CONTENT_TYPE;
use dunlin::web::{
    FormData, FormLimits, FormValue, Group, Result, delete, get, group, patch, post, put,
};
use dunlin::{Request, Response};
use serde_json::{Map, Value, json};

use crate::{BODY_MAX, verbs};

/// Fields that proxies add, which are shown where the query has `show_env`.
const ENVIRONMENT: [&str; 15] = [
    "connect-time",
    "total-route-time",
    "via",
    "x-forwarded-for",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-protocol",
    "x-forwarded-ssl",
    "x-heroku-dynos-in-use",
    "x-heroku-queue-depth",
    "x-heroku-queue-wait-time",
    "x-real-ip",
    "x-request-id",
    "x-request-start",
    "x-varnish",
];

/// What is told of a request that has no body.
pub(crate) const HEAD: &[&str] = &["args", "headers", "origin", "url"];
const BODY: &[&str] = &["args", "data", "files", "form", "headers", "json", "origin", "url"];
/// What is told of a request that was kept waiting.
pub(crate) const DELAYED: &[&str] = &["args", "data", "files", "form", "headers", "origin", "url"];
const ALL: &[&str] =
    &["args", "data", "files", "form", "headers", "json", "method", "origin", "url"];

pub(crate) fn routes() -> Group {
    let any = async |req: Request| tell(req, ALL).await;
    let body = async |req: Request| tell(req, BODY).await;
    group("").routes([
        get("/get", async |req: Request| pretty(&head(&req, HEAD))),
        post("/post", body),
        put("/put", body),
        patch("/patch", body),
        delete("/delete", body),
        verbs("/anything", any),
        verbs("/anything/{path:.+}", any),
        get("/headers", async |req: Request| pretty(&head(&req, &["headers"]))),
        get("/ip", async |req: Request| pretty(&head(&req, &["origin"]))),
        get("/user-agent", async |req: Request| {
            pretty(&json!({ "user-agent": req.headers().get_str("user-agent") }))
        }),
    ])
}

/// JSON to be read by people.
pub(crate) fn pretty(value: &Value) -> Response {
    Response::new(format!("{value:#}\n"))
        .with_header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
}

/// Answers with the members of that name, the body's among them.
pub(crate) async fn tell(req: Request, members: &[&str]) -> Result {
    let mut all = head(&req, members);
    let is_form = matches!(
        req.content_type().essence(),
        "multipart/form-data" | "application/x-www-form-urlencoded"
    );
    let (mut form, mut files, mut data) = (Pairs::default(), Pairs::default(), Vec::new());
    if is_form {
        let limits = FormLimits::default().max_field_bytes(BODY_MAX);
        for (name, value) in FormData::read(req, &limits).await?.iter() {
            match value {
                FormValue::Text(text) => form.add(name, text.clone().into()),
                FormValue::File(file) => {
                    let text = text_or_url(
                        &file.bytes().await.map_err(dunlin::BoxError::from)?,
                        file.content_type().essence(),
                    );
                    files.add(name, text.into());
                }
                _ => {}
            }
        }
    } else {
        data = req.into_body().into_vec().await?;
    }
    let told = [
        ("form", form.into()),
        ("files", files.into()),
        ("json", serde_json::from_slice(&data).unwrap_or(Value::Null)),
        ("data", text_or_url(&data, "application/octet-stream").into()),
    ];
    for (member, value) in told.into_iter().filter(|(member, _)| members.contains(member)) {
        all[member] = value;
    }
    Ok(pretty(&all))
}

/// Those of the members that are known without the body.
pub(crate) fn head(req: &Request, members: &[&str]) -> Value {
    let mut all = Map::new();
    for member in members {
        let value = match *member {
            "args" => req.query_pairs().collect::<Pairs>().into(),
            "headers" => headers(req),
            "method" => req.method().as_str().into(),
            "origin" => origin(req).into(),
            "url" => url(req).into(),
            _ => continue,
        };
        all.insert((*member).to_owned(), value);
    }
    all.into()
}

/// The fields as they are mostly written, `X-Request-Id`; those that come again in one line.
fn headers(req: &Request) -> Value {
    let shows_all = req.query_value("show_env").is_some();
    let mut all = BTreeMap::<String, String>::new();
    for (name, value) in req.headers() {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        if !shows_all && ENVIRONMENT.contains(&&*name) {
            continue;
        }
        let line = all.entry(title(&name)).or_default();
        if !line.is_empty() {
            line.push(',');
        }
        line.push_str(&String::from_utf8_lossy(value));
    }
    json!(all)
}

/// `x-request-id` as `X-Request-Id`.
pub(crate) fn title(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        first.to_uppercase() + &rest.to_lowercase()
    });
    words.collect::<Vec<_>>().join("-")
}

/// Whom the request is from, by its own account: this mirror believes everybody.
pub(crate) fn origin(req: &Request) -> String {
    match req.headers().get_str("x-forwarded-for") {
        Some(origin) => origin.to_owned(),
        None => req.remote().map(|ip| ip.to_string()).unwrap_or_default(),
    }
}

/// The URL as the client had it, behind a proxy that tells its scheme too.
fn url(req: &Request) -> String {
    let forwarded = |name| req.headers().get_str(name);
    let scheme = forwarded("x-forwarded-proto")
        .or_else(|| forwarded("x-forwarded-protocol"))
        .or_else(|| (forwarded("x-forwarded-ssl") == Some("on")).then_some("https"))
        .unwrap_or_else(|| req.scheme());
    let query = req.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{}{}{query}", req.host(), req.path())
}

/// Bytes as they are where they are text, else as a `data:` URL (RFC 2397).
fn text_or_url(bytes: &[u8], media: &str) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("data:{media};base64,{}", BASE64_STANDARD.encode(bytes)),
    }
}

/// Values by name: a list where a name comes again.
#[derive(Default)]
struct Pairs(Map<String, Value>);

impl Pairs {
    fn add(&mut self, name: &str, value: Value) {
        match self.0.get_mut(name) {
            None => drop(self.0.insert(name.to_owned(), value)),
            Some(Value::Array(list)) => list.push(value),
            Some(one) => *one = json!([one.take(), value]),
        }
    }
}

impl<'a> FromIterator<(Cow<'a, str>, Cow<'a, str>)> for Pairs {
    fn from_iter<I: IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>>(pairs: I) -> Self {
        let mut all = Self::default();
        for (name, value) in pairs {
            all.add(&name, value.into_owned().into());
        }
        all
    }
}

impl From<Pairs> for Value {
    fn from(pairs: Pairs) -> Self {
        pairs.0.into()
    }
}
