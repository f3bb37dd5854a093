//! Requests to a built app, without a socket.
#![allow(dead_code, reason = "each test binary uses its own part")]

use dunlin_core::{Body, Request, Response, Service};
use dunlin_web::{App, BuiltApp};
use http::{HeaderName, HeaderValue, Method, Uri};

pub(crate) fn build(app: App) -> BuiltApp {
    app.build().unwrap_or_else(|errors| panic!("{errors}"))
}

pub(crate) fn request(method: &str, target: &str) -> Request {
    Request::new(
        Method::from_bytes(method.as_bytes()).unwrap(),
        target.parse::<Uri>().unwrap(),
        Body::empty(),
    )
}

pub(crate) fn with_field(mut req: Request, name: &str, value: &str) -> Request {
    let name = HeaderName::try_from(name).unwrap();
    req.headers_mut().append(name, HeaderValue::try_from(value).unwrap());
    req
}

pub(crate) fn posted(target: &str, content_type: &str, body: impl Into<Body>) -> Request {
    let uri = target.parse::<Uri>().unwrap();
    with_field(Request::new(Method::POST, uri, body), "content-type", content_type)
}

pub(crate) async fn send(app: &BuiltApp, method: &str, target: &str) -> Response {
    app.call(request(method, target)).await
}

/// Status and body of a response, as `200 text`.
pub(crate) async fn shown(response: Response) -> String {
    let status = response.status().as_u16();
    format!("{status} {}", response.into_body().text().await.unwrap().trim_end())
}

pub(crate) async fn get(app: &BuiltApp, target: &str) -> String {
    shown(send(app, "GET", target).await).await
}

pub(crate) fn field<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response.headers().get_str(name)
}
