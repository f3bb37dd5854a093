//! Who is let in: by name and password, by a token.

use dunlin::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use dunlin::http::{HeaderValue, StatusCode};
use dunlin::web::{BasicCredentials, Group, Path, get, group};
use dunlin::{IntoResponse, Request, Response};
use serde_json::json;

use crate::inspect::pretty;
use crate::{digest, status};

pub(crate) fn routes() -> Group {
    group("")
        .routes([
            get("/basic-auth/{user}/{passwd}", async |Path(right), sent| {
                basic(right, sent, StatusCode::UNAUTHORIZED)
            }),
            get("/hidden-basic-auth/{user}/{passwd}", async |Path(right), sent| {
                basic(right, sent, StatusCode::NOT_FOUND)
            }),
            get("/bearer", bearer),
        ])
        .group(digest::routes())
}

fn basic(
    (user, passwd): (String, String),
    sent: Option<BasicCredentials>,
    refused: StatusCode,
) -> Response {
    match sent {
        Some(sent) if sent.name == user && sent.password == passwd => {
            pretty(&json!({ "authenticated": true, "user": user }))
        }
        _ => status::of(refused),
    }
}

async fn bearer(req: Request) -> Response {
    let sent = req.headers().get_str(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    match sent {
        Some(token) => pretty(&json!({ "authenticated": true, "token": token })),
        None => StatusCode::UNAUTHORIZED
            .into_response()
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
    }
}
