//! Requests that an app of the same process answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use dunlin_client::{Client, InProcess};
use dunlin_core::{Body, Request, Response};
use dunlin_web::{App, get};
use futures_util::stream;
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn client(app: App) -> Client {
    Client::builder().with(InProcess::new(app.build().unwrap())).build().unwrap()
}

/// Writes down what it sees.
async fn show(req: Request) -> String {
    let field = |name: &str| req.headers().get_str(name).unwrap_or("-").to_owned();
    let head = format!(
        "{} {} {} {} {}",
        req.method(),
        req.uri(),
        field("host"),
        field("content-length"),
        field("transfer-encoding")
    );
    format!("{head} {}", req.text().await.unwrap())
}

#[tokio::test]
async fn the_app_sees_the_request_as_behind_a_server() {
    let client = client(App::new().add_any("/{path:.*}", show));
    let text = client.get("http://u:p@Birds.test:80/a?b=c#d").send().await.unwrap().text().await;
    assert_eq!(text.unwrap(), "GET /a?b=c birds.test - - ");
    let post = client.post("https://birds.test:8443/").body("tall").send().await.unwrap();
    assert_eq!(post.text().await.unwrap(), "POST / birds.test:8443 4 - tall");
    let empty = client.put("http://[::1]/").send().await.unwrap();
    assert_eq!(empty.text().await.unwrap(), "PUT / [::1] 0 - ");
    let chunks = stream::iter([Ok::<_, std::io::Error>("ta"), Ok("ll")]);
    let streamed = client.post("http://a/").stream(chunks).send().await.unwrap();
    assert_eq!(streamed.text().await.unwrap(), "POST / a - chunked tall");
}

#[tokio::test]
async fn a_stream_is_sent_once() {
    let client = client(App::new().add_any("/{path:.*}", show));
    let body = stream::iter([Ok::<_, std::io::Error>("a")]);
    let request = client.post("http://a/").stream(body).build().unwrap();
    assert!(client.execute(request.clone()).await.is_ok());
    assert!(client.execute(request).await.unwrap_err().is_request());
}

#[tokio::test]
async fn head_and_204_have_no_body() {
    async fn none() -> Response {
        Response::new("dropped").with_status(StatusCode::NO_CONTENT)
    }
    let client = client(App::new().routes([get("/a", async || "abc"), get("/none", none)]));
    let head = client.head("http://a/a").send().await.unwrap();
    assert_eq!(head.header("content-length"), Some("3"));
    assert_eq!(head.text().await.unwrap(), "");
    let none = client.get("http://a/none").send().await.unwrap();
    assert_eq!(none.header("content-length"), None);
    assert_eq!(none.text().await.unwrap(), "");
    assert_eq!(client.get("http://a/b").send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn bodies_stream_both_ways_with_trailers() {
    async fn echo(req: Request) -> Response {
        Response::new(req.into_body())
    }
    let client = client(App::new().add_post("/", echo));
    let mut fields = HeaderMap::new();
    fields.insert("x-sum", HeaderValue::from_static("2"));
    let (mut sender, body) = Body::channel(16);
    let request = client.post("http://a/").body(body).trailers(fields.clone()).send();
    let mut response = request.await.unwrap();
    sender.send(Bytes::from_static(b"a")).await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "a");
    sender.send(Bytes::from_static(b"b")).await.unwrap();
    sender.finish();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "b");
    assert_eq!(response.chunk().await.unwrap(), None);
    assert_eq!(response.trailers(), Some(&fields));
}

#[tokio::test]
async fn redirects_and_cookies_work_as_with_a_server() {
    async fn login() -> Response {
        Response::new("")
            .with_status(StatusCode::SEE_OTHER)
            .with_header(http::header::LOCATION, HeaderValue::from_static("/me"))
            .with_header(http::header::SET_COOKIE, HeaderValue::from_static("id=7"))
    }
    async fn me(req: Request) -> String {
        req.headers().get_str("cookie").unwrap_or_default().to_owned()
    }
    let app = App::new().add_post("/login", login).add_get("/me", me).build().unwrap();
    let client = Client::builder()
        .cookies(dunlin_client::cookies::CookieJar::new())
        .with(InProcess::new(app))
        .build()
        .unwrap();
    let response = client.post("http://a/login").send().await.unwrap();
    assert_eq!(response.url().as_str(), "http://a/me");
    assert_eq!(response.text().await.unwrap(), "id=7");
}

#[tokio::test]
async fn other_hosts_go_on_to_the_rest_of_the_chain() {
    let service = |text: &'static str| move |_: Request| async move { Response::new(text) };
    let client = Client::builder()
        .with(InProcess::new(service("a")).for_host("A.test"))
        .with(InProcess::new(service("rest")))
        .build()
        .unwrap();
    for (url, text) in [("https://a.test:8/", "a"), ("http://b.a.test/", "rest")] {
        assert_eq!(client.get(url).send().await.unwrap().text().await.unwrap(), text, "{url}");
    }
}

#[tokio::test]
async fn an_upgraded_connection_goes_both_ways() {
    async fn upper(_: Request) -> Response {
        Response::upgrade(HeaderValue::from_static("shout"), |mut io| async move {
            let mut word = [0; 3];
            io.read_exact(&mut word).await.unwrap();
            io.write_all(&word.map(|b| b.to_ascii_uppercase())).await.unwrap();
        })
    }
    let client = client(App::new().add_get("/", upper));
    let request =
        client.get("http://a/").header("connection", "upgrade").header("upgrade", "shout");
    let mut io = request.send().await.unwrap().into_upgraded().unwrap();
    io.write_all(b"knot").await.unwrap();
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "KNO");
}

#[tokio::test(start_paused = true)]
async fn the_service_is_cancelled_at_the_deadline() {
    struct OnDrop(Arc<AtomicBool>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&dropped);
    let service = move |_: Request| {
        let guard = OnDrop(Arc::clone(&flag));
        async move {
            let _guard = guard;
            std::future::pending::<Response>().await
        }
    };
    let client = Client::builder().with(InProcess::new(service)).build().unwrap();
    let error = client.get("http://a/").timeout(std::time::Duration::from_secs(1)).send().await;
    assert!(error.unwrap_err().is_timeout() && dropped.load(Ordering::Relaxed));
}
