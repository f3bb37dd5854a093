//! Errors in the form that the peer prefers, and one renderer for those of the server as well.

mod common;

use std::time::Duration;

use common::{build, field, get, request, shown, with_field};
use dunlin_core::{IntoResponse, ReasonPhrase, Request, Response, Service};
use dunlin_server::{Server, ServerBuilder};
use dunlin_web::{App, ErrorView, HttpError, Result, problem_details};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn poor() -> Result<()> {
    Err(HttpError::payment_required()
        .with_message("you have 5 and need <7> \"coins\"")
        .with_problem_type("https://example.org/out-of-credit"))
}

async fn accepting(app: &dunlin_web::BuiltApp, target: &str, accept: &str) -> Response {
    app.call(with_field(request("GET", target), "accept", accept)).await
}

#[tokio::test]
async fn programs_get_a_problem_document_and_browsers_a_page() {
    let app = build(App::new().render_errors(problem_details).add_get("/poor", poor));
    let response = accepting(&app, "/poor", "application/json").await;
    assert_eq!(field(&response, "content-type"), Some("application/problem+json"));
    assert_eq!(field(&response, "vary"), Some("accept"));
    let document = shown(response).await;
    assert_eq!(
        document,
        r#"402 {"type":"https://example.org/out-of-credit","title":"Payment Required","status":402,"detail":"you have 5 and need <7> \"coins\""}"#
    );
    let response = accepting(&app, "/poor", "text/html,*/*;q=0.8").await;
    assert_eq!(field(&response, "content-type"), Some("text/html; charset=utf-8"));
    let page = shown(response).await;
    assert!(page.contains("<h1>402: Payment Required</h1>"), "{page}");
    assert!(page.contains("<p>you have 5 and need &lt;7&gt; &quot;coins&quot;</p>"), "{page}");
    for accept in ["text/plain", "*/*", "image/png"] {
        let text = shown(accepting(&app, "/poor", accept).await).await;
        assert!(text.starts_with("402 402: Payment Required\nyou have 5"), "{text}");
    }
}

#[tokio::test]
async fn status_fields_and_reason_stand_in_every_form() {
    let app = App::new()
        .render_errors(problem_details)
        .add_post("/post", || async { "posted" })
        .add_get("/gone", || async {
            let reason = ReasonPhrase::new("Flown").unwrap();
            Err::<(), _>(HttpError::gone().with_reason(reason))
        });
    let app = build(app);
    for accept in ["application/problem+json", "text/html", "text/plain"] {
        let response = accepting(&app, "/post", accept).await;
        assert_eq!((response.status().as_u16(), field(&response, "allow")), (405, Some("POST")));
        let response = accepting(&app, "/gone", accept).await;
        assert_eq!(response.head().reason.as_ref().unwrap().as_bytes(), b"Flown");
        assert!(shown(response).await.contains("Flown"));
    }
    assert_eq!(get(&app, "/none").await, "404 404: Not Found");
}

/// Sends bytes, and reads to the end of the connection.
async fn talk(builder: ServerBuilder, app: App, wire: Vec<u8>) -> String {
    let server = builder.bind("127.0.0.1:0").start(app).await.unwrap();
    let mut socket = tokio::net::TcpStream::connect(server.addresses()[0]).await.unwrap();
    socket.write_all(&wire).await.unwrap();
    let mut got = Vec::new();
    let read = socket.read_to_end(&mut got);
    tokio::time::timeout(Duration::from_secs(60), read).await.unwrap().unwrap();
    drop(socket);
    server.shutdown().await.unwrap();
    String::from_utf8(got).unwrap()
}

#[tokio::test]
async fn what_the_server_refuses_goes_through_the_apps_renderer() {
    let long = "x".repeat(100_000);
    let cases: [(&str, String); 6] = [
        ("400", "GET / HTTP/1.1\r\nHost : a\r\n\r\n".into()),
        ("408", "GET / HTTP/1.1\r\nHost:".into()),
        ("413", "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n".into()),
        ("414", format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n")),
        ("431", format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {long}\r\n\r\n")),
        ("505", "GET / HTTP/3.0\r\nHost: a\r\n\r\n".into()),
    ];
    for (status, wire) in cases {
        let app = App::new()
            .add_post("/read", |body: bytes::Bytes| async move { body })
            .render_errors(|view: &ErrorView<'_>| {
                format!(
                    "worded {}: {}",
                    view.status().as_str(),
                    view.error.message().unwrap_or("-")
                )
                .into_response()
            });
        let builder = Server::builder().head_timeout(Duration::from_millis(300));
        let got = talk(builder, app, wire.into_bytes()).await;
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {got}");
        assert!(got.contains(&format!("\r\n\r\nworded {status}: ")), "{status}: {got}");
        assert!(status != "413" || got.contains("1048576 bytes"), "the limit is named: {got}");
    }
}

#[tokio::test]
async fn problem_details_tell_the_servers_own_refusals_as_text() {
    let app = App::new().render_errors(problem_details);
    let got = talk(Server::builder(), app, b"GET / HTTP/1.1\r\n\r\n".to_vec()).await;
    assert!(got.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{got}");
    assert!(got.contains("content-type: text/plain; charset=utf-8\r\n"), "{got}");
}

#[tokio::test]
async fn a_redirect_goes_nowhere_that_control_characters_lead() {
    async fn go(req: Request) -> dunlin_web::Redirect {
        dunlin_web::Redirect::found(req.param("to").unwrap_or_default())
    }
    let app = build(App::new().add_get("/{to:.*}", go));
    let response = app.call(request("GET", "/a%0d%0aset-cookie:%20x=1")).await;
    assert_eq!(field(&response, "location"), Some("a%0D%0Aset-cookie:%20x=1"));
    assert!(!response.headers().contains("set-cookie"));
    assert_eq!(app.call(request("GET", "/")).await.status(), 500);
}
