use dunlin_client::Client;
use dunlin_core::{IntoResponse, Request, Response};
use dunlin_test::{TestCertificate, TestClient, TestError, TestServer};
use dunlin_web::respond::{ResponseExt, SetCookie};
use dunlin_web::{App, Cookies, Redirect, Result, SecurityHeaders, Tls, WsUpgrade};

fn certificate() -> TestCertificate {
    TestCertificate::new(["localhost", "shop.example"]).unwrap()
}

async fn sign_in() -> Result<Response> {
    let cookie = SetCookie::new("a", "b").secure();
    Ok(Redirect::see_other("/kept").into_response().with_cookie(&cookie)?)
}

async fn ws(upgrade: WsUpgrade) -> Response {
    upgrade.on_upgrade(|mut ws| async move {
        let _ = ws.send("hello").await;
    })
}

/// What differs where TLS is spoken.
fn app() -> App {
    App::new()
        .middleware(SecurityHeaders::new())
        .add_get("/scheme", async |req: Request| req.scheme())
        .add_get("/tls", async |Tls(tls): Tls| tls.version)
        .add_get("/kept", async |cookies: Cookies| cookies.get("a").unwrap_or("").to_owned())
        .add_get("/sign-in", sign_in)
        .add_get("/ws", ws)
}

#[tokio::test]
async fn an_app_is_asked_over_tls_by_a_client_that_trusts_its_certificate() {
    let client = TestClient::builder().tls(&certificate()).start(app()).await.unwrap();
    let text = async |path: &str| client.get(path).send().await.unwrap().text().await.unwrap();
    assert_eq!(text("/scheme").await, "https");
    assert_eq!(text("/tls").await, "TLSv1.3");
    assert_eq!(text("/sign-in").await, "b", "redirects stay, and keep what is secure");
    let server = client.server().unwrap();
    assert!(server.url("/a").starts_with("https://127.0.0.1:"), "{}", server.url("/a"));
    let mut ws = client.ws_connect("/ws").send().await.unwrap();
    assert_eq!(ws.receive_text().await.unwrap().unwrap(), "hello");
    drop(ws);
    let report = client.stop().await.unwrap();
    assert_eq!((report.cut, report.faults), (0, vec![]));
}

#[tokio::test]
async fn who_trusts_another_certificate_is_refused_and_plain_http_gets_a_400() {
    let own = certificate();
    let server = TestServer::builder().tls(&own).start(app()).await.unwrap();
    let stranger = certificate().client_tls().unwrap().build().unwrap();
    let stranger = Client::builder().tls(stranger).build().unwrap();
    assert!(stranger.get(server.url("/scheme")).send().await.is_err());
    let trusting = own.client_tls().unwrap().build().unwrap();
    let trusting = Client::builder().tls(trusting).build().unwrap();
    let port = server.address().port();
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("https://{host}:{port}/scheme");
        let answer = trusting.get(url).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "https", "{host}");
    }
    let plain = format!("http://127.0.0.1:{port}/scheme");
    assert_eq!(Client::new().get(plain).send().await.unwrap().status(), 400);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn plain_servers_have_no_tls_to_tell_of() {
    let client = TestClient::new(app()).await.unwrap();
    let answer = client.get("/tls").send().await.unwrap();
    assert_eq!(answer.status(), 403);
    client.stop().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_is_told() {
    let refused = TestCertificate::new(["no name\u{e9}"]).unwrap_err();
    assert!(matches!(refused, TestError::Certificate(_)), "{refused}");
    let pipes = TestClient::builder().tls(&certificate()).in_memory(app()).await.unwrap_err();
    assert!(matches!(pipes, TestError::TlsInMemory), "{pipes}");
    let broken = TestServer::builder()
        .tls_with(&certificate(), |tls| tls.client_roots_pem("nonsense"))
        .start(app())
        .await
        .unwrap_err();
    assert!(broken.to_string().contains("client roots"), "{broken}");
}
