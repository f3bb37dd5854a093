//! Dunlin and tower in each other, with the real axum and tower-http.
#![allow(missing_docs)]

mod layers;
mod services;

use dunlin_core::{Body, Request, Response, Service};
use dunlin_web::{App, BuiltApp};
use http::{HeaderName, HeaderValue, Method};

fn build(app: App) -> BuiltApp {
    app.build().unwrap_or_else(|errors| panic!("{errors}"))
}

fn get(target: &str) -> Request {
    Request::new(Method::GET, target.parse().unwrap(), ())
}

fn post(target: &str, body: impl Into<Body>) -> Request {
    Request::new(Method::POST, target.parse().unwrap(), body)
}

fn with_field(mut req: Request, name: &'static str, value: &'static str) -> Request {
    req.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_static(value));
    req
}

/// Status and body, as `200 text`.
async fn shown(response: Response) -> String {
    let status = response.status().as_u16();
    format!("{status} {}", response.into_body().text().await.unwrap())
}

async fn asked(app: &impl Service, target: &str) -> String {
    shown(app.call(get(target)).await).await
}
