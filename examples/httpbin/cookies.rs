//! Cookies: told, set and removed.

use dunlin::http::StatusCode;
use dunlin::web::respond::{ResponseExt, SetCookie};
use dunlin::web::{Group, Path, Query, Result, get, group};
use dunlin::{Request, Response};
use serde_json::{Map, json};

use crate::inspect::pretty;
use crate::redirects::redirect;
use crate::refuse;

type Pairs = Vec<(String, String)>;

pub(crate) fn routes() -> Group {
    group("").routes([
        get("/cookies", tell),
        get("/cookies/set", async |Query(cookies): Query<Pairs>, req: Request| set(&req, cookies)),
        get(
            "/cookies/set/{name}/{value}",
            async |Path(one): Path<(String, String)>, req: Request| set(&req, vec![one]),
        ),
        get("/cookies/delete", async |Query(cookies): Query<Pairs>| {
            with_cookies(cookies.into_iter().map(|(name, _)| SetCookie::remove(name)))
        }),
    ])
}

/// The first where a name comes again, as the most specific path's stands there (RFC 6265 §5.4).
async fn tell(req: Request) -> Response {
    let mut cookies = Map::new();
    for (name, value) in req.cookies() {
        cookies.entry(name).or_insert_with(|| value.into_owned().into());
    }
    pretty(&json!({ "cookies": cookies }))
}

fn set(req: &Request, cookies: Pairs) -> Result {
    let is_secure = req.scheme() == "https";
    with_cookies(cookies.into_iter().map(|(name, value)| {
        let cookie = SetCookie::new(name, value);
        if is_secure { cookie.secure() } else { cookie }
    }))
}

fn with_cookies(cookies: impl Iterator<Item = SetCookie>) -> Result {
    let mut response = redirect("/cookies", StatusCode::FOUND);
    for cookie in cookies {
        response = response.with_cookie(&cookie).map_err(refuse)?;
    }
    Ok(response)
}
