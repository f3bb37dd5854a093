//! The trait: around what middleware runs, in which order, and what it may do.
#![allow(missing_docs)]

mod util;

use std::sync::{Arc, Mutex};

use dunlin_client::cookies::{CookieJar, SetCookie};
use dunlin_client::{Client, Error, Middleware, Next, Request, Response, Url};
use dunlin_core::{Body, BoxFuture, ResponseHead};
use http::HeaderValue;
use util::{Server, answer, field, ok, target};

/// Notes down when it is entered and left.
struct Noting(&'static str, Arc<Mutex<Vec<String>>>);

impl Middleware for Noting {
    fn handle(&self, request: Request, next: Next) -> BoxFuture<'_, Result<Response, Error>> {
        Box::pin(async move {
            let path = request.url().path().to_owned();
            self.1.lock().unwrap().push(format!("{} in {path}", self.0));
            let response = next.run(request).await;
            self.1.lock().unwrap().push(format!("{} out {path}", self.0));
            response
        })
    }
}

#[tokio::test]
async fn the_first_is_outermost_and_each_hop_goes_through_all() {
    let server = Server::answering(|head, _| match target(head) {
        "/go" => answer("302 Found", "Location: /there\r\n", ""),
        _ => ok(""),
    })
    .await;
    let log = Arc::new(Mutex::new(Vec::new()));
    let client = Client::builder()
        .with(Noting("a", Arc::clone(&log)))
        .with(Noting("b", Arc::clone(&log)))
        .build()
        .unwrap();
    client.get(server.url("/go")).send().await.unwrap();
    let seen = std::mem::take(&mut *log.lock().unwrap());
    let hop = |path| ["a in", "b in", "b out", "a out"].map(|step| format!("{step} {path}"));
    assert_eq!(seen, [hop("/go"), hop("/there")].concat());

    let own: Arc<dyn Middleware> = Arc::new(Noting("c", Arc::clone(&log)));
    client.get(server.url("/")).middleware([own]).send().await.unwrap();
    assert_eq!(std::mem::take(&mut *log.lock().unwrap()), ["c in /", "c out /"], "in their place");
    client.get(server.url("/")).middleware([]).send().await.unwrap();
    assert!(log.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_attempt_on_a_fresh_connection_goes_through_all_again() {
    let server = Server::start(|mut conn| async move {
        let nth = conn.nth;
        if conn.request().await.is_some() {
            let _ = conn.send(&ok("")).await;
            // The first connection breaks at its second request.
            let _ = conn.request().await;
            if nth > 0 {
                let _ = conn.send(&ok("")).await;
            }
        }
    })
    .await;
    let log = Arc::new(Mutex::new(Vec::new()));
    let client = Client::builder().with(Noting("a", Arc::clone(&log))).build().unwrap();
    for _ in 0..2 {
        client.get(server.url("/")).send().await.unwrap();
    }
    assert_eq!(log.lock().unwrap().len(), 2 * 3);
}

#[tokio::test]
async fn it_may_send_a_request_more_than_once_or_not_at_all() {
    async fn twice(request: Request, next: Next) -> Result<Response, Error> {
        let first = next.clone().run(request.clone()).await?;
        match first.status().as_u16() {
            503 => next.run(request).await,
            _ => Ok(first),
        }
    }
    let server = Server::start(|mut conn| async move {
        let mut nth = conn.nth;
        while conn.request().await.is_some() {
            let status = if nth == 0 { "503 Busy" } else { "200 OK" };
            let _ = conn.send(&answer(status, "", "served")).await;
            nth += 1;
        }
    })
    .await;
    let client = Client::builder().with(twice).build().unwrap();
    let response = client.get(server.url("/")).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.text().await.unwrap()),
        (200, "served".into())
    );

    let kept = |request: Request, _: Next| async move {
        let mut head = ResponseHead::default();
        head.status = http::StatusCode::IM_A_TEAPOT;
        Ok(Response::from_parts(head, Body::from("kept"), request.url().clone()))
    };
    let client = Client::builder().with(kept).build().unwrap();
    let response = client.get("http://nowhere.invalid/").send().await.unwrap();
    assert!(response.connection().is_none());
    assert_eq!((response.status().as_u16(), response.text().await.unwrap()), (418, "kept".into()));
}

#[tokio::test]
async fn what_it_gets_has_cookies_and_credentials_and_what_it_gives_is_stored() {
    let server = Server::answering(|_, _| answer("200 OK", "Set-Cookie: b=2\r\n", "")).await;
    let jar = Arc::new(CookieJar::new());
    let url = Url::parse(&server.url("/")).unwrap();
    jar.add(SetCookie::parse(b"a=1").unwrap(), url.as_url()).unwrap();
    let seen = Arc::new(Mutex::new(String::new()));
    let told = Arc::clone(&seen);
    let look = move |request: Request, next: Next| {
        let head = format!(
            "{:?} {:?}",
            request.headers().get_str("cookie"),
            request.headers().get_str("authorization")
        );
        told.lock().unwrap().push_str(&head);
        async move { next.run(request).await }
    };
    let client = Client::builder().cookies(Arc::clone(&jar)).with(look).build().unwrap();
    client.get(server.url("/").replace("http://", "http://u:p@")).send().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), "Some(\"a=1\") Some(\"Basic dTpw\")");
    assert_eq!(jar.len(), 2);
}

#[tokio::test]
async fn a_request_of_its_own_goes_by_the_same_client() {
    let server = Server::answering(|head, _| match target(head) {
        "/token" => ok("fresh"),
        _ => ok(field(head, "authorization").unwrap_or("none")),
    })
    .await;
    let token = server.url("/token");
    let login = move |mut request: Request, next: Next| {
        let token = token.clone();
        async move {
            let asked = next.client().get(token).middleware([]).send().await?;
            let value = format!("Bearer {}", asked.text().await?);
            let value = HeaderValue::try_from(value).map_err(Error::other)?;
            request.insert_header(http::header::AUTHORIZATION, value);
            next.run(request).await
        }
    };
    let client = Client::builder().with(login).build().unwrap();
    let response = client.get(server.url("/")).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "Bearer fresh");
    assert_eq!(server.connections(), 1, "the token's connection served again");
}

#[tokio::test]
async fn its_error_is_the_requests() {
    let fail = |_: Request, _: Next| async { Err(Error::other("no birds today")) };
    let client = Client::builder().with(fail).build().unwrap();
    let error = client.get("http://nowhere.invalid/").send().await.unwrap_err();
    assert!(error.to_string().contains("no birds today"), "{error}");
}
