use dunlin_compress::encode_all;
use dunlin_core::{Body, Request, Response, Service};
use dunlin_web::{App, BuiltApp, Coding, Decompress, Result, post};

use crate::common::{build, field, posted, shown, with_field};

async fn echo(req: Request) -> Result {
    let coded =
        req.headers().contains("content-encoding") || req.headers().contains("content-length");
    assert!(!coded, "what is said of the encoded body does not reach the handler");
    Ok(Response::new(req.bytes().await?))
}

async fn count(mut req: Request) -> Result<String> {
    let mut len = 0;
    while let Some(piece) = req.body_mut().chunk().await {
        len += piece?.len();
    }
    Ok(len.to_string())
}

fn app(settings: Decompress) -> BuiltApp {
    let routes =
        [post("/echo", echo), post("/count", count), post("/ignore", || async { "ignored" })];
    build(App::new().middleware(settings).routes(routes))
}

async fn sent(app: &BuiltApp, target: &str, coding: &str, body: impl Into<Body>) -> Response {
    let body = body.into();
    let len = body.exact_len().unwrap().to_string();
    let req = with_field(posted(target, "text/plain", body), "content-length", &len);
    app.call(with_field(req, "content-encoding", coding)).await
}

fn all(coding: Coding, bytes: &[u8]) -> Vec<u8> {
    encode_all(coding, 1, bytes).unwrap()
}

#[tokio::test]
async fn handlers_see_what_was_encoded() {
    let app = app(Decompress::new());
    for coding in Coding::ALL {
        for name in [coding.name().to_owned(), coding.name().to_uppercase()] {
            let response = sent(&app, "/echo", &name, all(coding, b"hello")).await;
            assert_eq!(shown(response).await, "200 hello", "{name}");
        }
    }
    let twice = all(Coding::Brotli, &all(Coding::Gzip, b"hello"));
    assert_eq!(shown(sent(&app, "/echo", "gzip, br", twice).await).await, "200 hello");
    let members = [all(Coding::Gzip, b"one, "), all(Coding::Gzip, b"two")].concat();
    assert_eq!(shown(sent(&app, "/echo", "x-gzip", members).await).await, "200 one, two");
    assert_eq!(shown(sent(&app, "/echo", "gzip", "").await).await, "200 ");
    let plain = app.call(posted("/echo", "text/plain", "plain")).await;
    assert_eq!(shown(plain).await, "200 plain");
    let plain = with_field(posted("/echo", "text/plain", "plain"), "content-encoding", "identity");
    assert_eq!(shown(app.call(plain).await).await, "200 plain");
}

#[tokio::test]
async fn an_unknown_coding_is_415_with_what_is_known() {
    let app = app(Decompress::new());
    for coding in ["compress", "gzip, pack200", "gzip, gzip, gzip, gzip"] {
        let response = sent(&app, "/echo", coding, "x").await;
        assert_eq!(response.status(), 415, "{coding}");
        assert_eq!(field(&response, "accept-encoding"), Some("gzip, deflate, br, zstd"));
    }
}

#[tokio::test]
async fn what_is_corrupt_cut_or_followed_by_anything_is_400() {
    let app = app(Decompress::new());
    for coding in Coding::ALL {
        let good = all(coding, b"hello, hello, hello");
        let mut corrupt = good.clone();
        corrupt[0] ^= 0x55;
        let cut = good[..good.len() - 1].to_vec();
        let more = [&good[..], b"x"].concat();
        let padded = [&good[..], &[0; 4]].concat();
        for (what, body) in [("corrupt", corrupt), ("cut", cut), ("more", more), ("padded", padded)]
        {
            let response = sent(&app, "/echo", coding.name(), body).await;
            assert_eq!(response.status(), 400, "{what} {coding:?}");
        }
    }
    let many = all(Coding::Gzip, b"1").repeat(1_025);
    assert_eq!(sent(&app, "/echo", "gzip", many).await.status(), 400);
}

#[tokio::test]
async fn bombs_are_413_by_the_bodys_limit_by_ratio_and_by_size() {
    let zeros = vec![0; 3 << 20];
    for coding in Coding::ALL {
        let bomb = all(coding, &zeros);
        let apps = [
            // What is gathered is bounded by the app's own limit, decoded.
            (app(Decompress::new()), "/echo"),
            (app(Decompress::new()), "/count"),
            (app(Decompress::new().max_ratio(None).max_size(2 << 20)), "/count"),
        ];
        for (app, target) in apps {
            let response = sent(&app, target, coding.name(), bomb.clone()).await;
            assert_eq!(response.status(), 413, "{coding:?} {target}");
        }
        let open = app(Decompress::new().max_ratio(None).max_size(None));
        let response = sent(&open, "/count", coding.name(), bomb).await;
        assert_eq!(shown(response).await, format!("200 {}", 3 << 20), "{coding:?}");
    }
    // Declared too long: refused before any of it is asked for.
    let response = sent(&app(Decompress::new().max_size(10)), "/ignore", "gzip", vec![0; 11]).await;
    assert_eq!(response.status(), 413);
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_not_decoded() {
    let response = sent(&app(Decompress::new()), "/ignore", "gzip", "no gzip at all").await;
    assert_eq!(shown(response).await, "200 ignored");
}
