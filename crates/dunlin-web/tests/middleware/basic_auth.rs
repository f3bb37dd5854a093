use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use dunlin_core::{Response, Service};
use dunlin_web::{App, AuthUser, BasicAuth, BasicCredentials, BuiltApp};

use crate::common::{build, field, request, shown, with_field};

async fn name(user: AuthUser) -> String {
    user.as_str().to_owned()
}

fn app(auth: BasicAuth) -> BuiltApp {
    build(App::new().middleware(auth).add_get("/", name))
}

async fn sent(app: &BuiltApp, authorization: &str) -> Response {
    app.call(with_field(request("GET", "/"), "authorization", authorization)).await
}

fn basic(pair: impl AsRef<[u8]>) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

#[tokio::test]
async fn the_right_pair_is_let_in_and_the_handler_knows_who() {
    let app = app(BasicAuth::users([("ada", "countess"), ("grace", "a:b"), ("zoë", "pässwörd")]));
    for (pair, name) in [("ada:countess", "ada"), ("grace:a:b", "grace"), ("zoë:pässwörd", "zoë")]
    {
        assert_eq!(shown(sent(&app, &basic(pair)).await).await, format!("200 {name}"));
    }
    let token = BASE64_STANDARD.encode("ada:countess");
    assert_eq!(sent(&app, &format!("bAsIc {token}")).await.status(), 200);
}

#[tokio::test]
async fn whatever_else_is_401_with_a_challenge() {
    let app = app(BasicAuth::user("ada", "countess").realm("the \"engine\" room"));
    let challenge = r#"Basic realm="the \"engine\" room", charset="UTF-8""#;
    for pair in [
        "ada:",
        "ada:countes",
        "ada:countesss",
        "ad:acountess",
        "Ada:countess",
        ":",
        "",
        "ada",
        "ada:countess\0",
        "ada:countess\n",
        "countess:ada",
    ] {
        let response = sent(&app, &basic(pair)).await;
        assert_eq!(response.status(), 401, "{pair:?}");
        assert_eq!(field(&response, "www-authenticate"), Some(challenge));
    }
    let token = BASE64_STANDARD.encode("ada:countess");
    for authorization in [
        token.clone(),
        format!("Bearer {token}"),
        "Basic".into(),
        "Basic !".into(),
        basic(b"ada:\xff"),
    ] {
        assert_eq!(sent(&app, &authorization).await.status(), 401, "{authorization}");
    }
    assert_eq!(app.call(request("GET", "/")).await.status(), 401);
    let twice = with_field(request("GET", "/"), "authorization", &basic("ada:countess"));
    let twice = with_field(twice, "authorization", &basic("ada:x"));
    assert_eq!(app.call(twice).await.status(), 401, "which of the two is anybody's guess");
}

#[tokio::test]
async fn a_function_may_decide_and_a_realm_cannot_split_the_response() {
    let auth = BasicAuth::check(|name, password| async move {
        tokio::task::yield_now().await;
        name == password
    });
    let app = app(auth.realm("a\r\nx: y\u{e9}"));
    assert_eq!(shown(sent(&app, &basic("x:x")).await).await, "200 x");
    let refused = sent(&app, &basic("x:y")).await;
    assert_eq!(
        field(&refused, "www-authenticate"),
        Some(r#"Basic realm="ax: y", charset="UTF-8""#)
    );
}

#[tokio::test]
async fn a_handler_that_nobody_guards_lets_nobody_in() {
    let app = build(App::new().add_get("/", name));
    assert_eq!(app.call(request("GET", "/")).await.status(), 401);
}

#[tokio::test]
async fn handlers_take_credentials_unjudged() {
    let required = async |sent: BasicCredentials| {
        assert!(!format!("{sent:?}").contains(&sent.password));
        format!("{} {}", sent.name, sent.password)
    };
    let judged = async |sent: Option<BasicCredentials>| sent.is_some().to_string();
    let app = build(App::new().add_get("/", required).add_get("/judged", judged));
    assert_eq!(shown(sent(&app, &basic("ada:a:b")).await).await, "200 ada a:b");
    for (field, status) in [("Bearer x", 401), ("Basic !", 401)] {
        assert_eq!(sent(&app, field).await.status(), status, "{field}");
    }
    let refused = app.call(request("GET", "/")).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(
        field(&refused, "www-authenticate"),
        Some("Basic realm=\"restricted\", charset=\"UTF-8\"")
    );
    assert_eq!(shown(app.call(request("GET", "/judged")).await).await, "200 false");
}
