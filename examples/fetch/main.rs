//! Fetches URLs by one client and prints a line of JSON for each.
//!
//! Run `cargo run --release --example fetch -- http://localhost:8080/`; see `--help`.

mod options;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dunlin::client::auth::DigestAuth;
use dunlin::client::cookies::{CookieJar, SessionCookies};
use dunlin::client::multipart::Form;
use dunlin::client::{
    Client, Error, Proxy, Redirects, RequestBuilder, Timeouts, TlsConfig, file_part,
};
use dunlin::{BoxError, http::Method};
use options::Options;
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> dunlin::Result {
    let options = Options::from_args();
    let jar = Arc::new(CookieJar::new());
    if let Some(path) = options.cookie_jar.as_ref().filter(|path| path.exists()) {
        jar.load(path).await?;
    }
    let client = client(&options, Arc::clone(&jar));
    for (nth, url) in options.urls.iter().enumerate() {
        if nth > 0 {
            tokio::time::sleep(options.pause).await;
        }
        let outcome = match &client {
            Ok(client) => fetch(client, url, &options).await,
            Err(error) => Outcome::failed(url, error),
        };
        println!("{}", outcome.line());
    }
    if let Some(path) = &options.cookie_jar {
        jar.save(path, SessionCookies::Keep).await?;
    }
    Ok(())
}

fn client(options: &Options, jar: Arc<CookieJar>) -> Result<Client, Error> {
    let mut tls = TlsConfig::builder();
    if let Some(path) = &options.cacert {
        tls = tls.root_file(path)?;
    }
    if options.insecure {
        tls = tls.insecure();
    }
    let defaults = Timeouts::default();
    let timeouts = Timeouts {
        read: options.timeout.or(defaults.read),
        connect: options.connect_timeout.or(defaults.connect),
        total: options.total.or(defaults.total),
        ..defaults
    };
    let redirects = if options.follow { Redirects::follow(20) } else { Redirects::none() };
    let mut builder = Client::builder()
        .tls(tls.build()?)
        .cookies(jar)
        .timeouts(timeouts)
        .redirects(redirects)
        .max_body(options.max_body);
    if let Some(url) = &options.proxy {
        builder = builder.proxy(Proxy::new(url)?);
    }
    for (host, port, address) in &options.resolve {
        builder = builder.resolve_port_to(host, *port, &[*address]);
    }
    if let Some((user, password)) = &options.digest {
        builder = builder.with(DigestAuth::new(user, password).map_err(Error::other)?);
    }
    builder.build()
}

/// What became of a URL, as far as it came.
#[derive(Default)]
struct Outcome {
    url: String,
    status: Option<u16>,
    version: Option<&'static str>,
    headers: Vec<Value>,
    body: Vec<u8>,
    redirects: usize,
    error: Option<String>,
}

impl Outcome {
    fn failed(url: &str, error: impl std::fmt::Display) -> Self {
        Self { url: url.to_owned(), error: Some(error.to_string()), ..Self::default() }
    }

    fn line(&self) -> Value {
        json!({
            "ok": self.error.is_none(),
            "status": self.status,
            "http_version": self.version,
            "headers": self.headers,
            "body_b64": STANDARD.encode(&self.body),
            "url": self.url,
            "redirects": self.redirects,
            "error": self.error,
        })
    }
}

async fn fetch(client: &Client, url: &str, options: &Options) -> Outcome {
    let sent = match request(client, url, options).await {
        Ok(request) => request.send().await.map_err(BoxError::from),
        Err(error) => Err(error),
    };
    let mut response = match sent {
        Ok(response) => response,
        Err(error) => return Outcome::failed(url, error),
    };
    let latin1 = |bytes: &[u8]| bytes.iter().map(|&byte| char::from(byte)).collect::<String>();
    let mut outcome = Outcome {
        url: response.url().to_string(),
        status: Some(response.status().as_u16()),
        version: Some(match response.version() {
            dunlin::http::Version::HTTP_10 => "1.0",
            _ => "1.1",
        }),
        headers: response
            .headers()
            .iter()
            .map(|(name, value)| json!([latin1(name), latin1(value)]))
            .collect(),
        redirects: response.history().len(),
        ..Outcome::default()
    };
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => outcome.body.extend_from_slice(&chunk),
            Ok(None) => return outcome,
            Err(error) => {
                outcome.error = Some(error.to_string());
                return outcome;
            }
        }
    }
}

async fn request(
    client: &Client,
    url: &str,
    options: &Options,
) -> Result<RequestBuilder, BoxError> {
    let method = match &options.method {
        Some(method) => Method::from_bytes(method.as_bytes())?,
        None => Method::GET,
    };
    let mut request = client.request(method, url);
    for (name, value) in &options.headers {
        request = request.header(name.as_str(), value.as_str());
    }
    if let Some(data) = &options.data {
        request = request.body(data.clone());
    }
    if let Some(text) = &options.json {
        request = request.header("content-type", "application/json").body(text.clone());
    }
    if !options.files.is_empty() {
        let mut form = Form::new().add_fields(options.form.iter().cloned());
        for (name, path) in &options.files {
            form = form.part(name, file_part(path).await?);
        }
        request = request.multipart(form);
    } else if !options.form.is_empty() {
        request = request.form(&options.form);
    }
    Ok(request)
}
