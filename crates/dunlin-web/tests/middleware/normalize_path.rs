use dunlin_core::Service;
use dunlin_web::{App, BuiltApp, NormalizePath, get, post};
use http::StatusCode;

use crate::common::{build, field, get as fetched, request, send, shown};

fn app(settings: NormalizePath) -> BuiltApp {
    let admin = App::new().routes([get("/users/", || async { "users" })]);
    build(App::new().middleware(settings).nest("/admin", admin).routes([
        get("/slash/", || async { "slash" }),
        get("/none", || async { "none" }),
        get("/two/none", || async { "none" }),
        post("/post/", || async { "posted" }),
        get("/any/{name}/", || async { "any" }),
        get("/{name}/", || async { "name" }),
    ]))
}

async fn redirected(app: &BuiltApp, method: &str, target: &str) -> Option<String> {
    let response = send(app, method, target).await;
    let location = field(&response, "location").map(str::to_owned);
    assert_eq!(response.status() == 308, location.is_some(), "{target}");
    location
}

#[tokio::test]
async fn a_slash_is_added_where_that_has_a_route() {
    let app = app(NormalizePath::new());
    for (target, location) in [
        ("/slash", Some("/slash/")),
        ("/slash?a=b&c=%2F", Some("/slash/?a=b&c=%2F")),
        ("//slash//", Some("/slash/")),
        ("/any//x", Some("/any/x/")),
        ("/any/x%20y", Some("/any/x%20y/")),
        ("//none", Some("/none")),
        ("/admin/users", Some("/admin/users/")),
        ("/admin//users/", Some("/admin/users/")),
        ("/admin/none", None),
        ("/no/such/path", None),
    ] {
        assert_eq!(redirected(&app, "GET", target).await.as_deref(), location, "{target}");
    }
    assert_eq!(fetched(&app, "/slash/").await, "200 slash");
    assert_eq!(fetched(&app, "/none").await, "200 none");
    assert_eq!(redirected(&app, "HEAD", "/slash").await.as_deref(), Some("/slash/"));
}

#[tokio::test]
async fn the_other_path_must_take_the_method() {
    let app = app(NormalizePath::new());
    assert_eq!(redirected(&app, "POST", "/post").await.as_deref(), Some("/post/"));
    assert_eq!(redirected(&app, "DELETE", "/post").await, None);
    assert_eq!(send(&app, "DELETE", "/slash/").await.status(), 405);
}

#[tokio::test]
async fn a_slash_is_removed_or_left_as_said() {
    let removing = app(NormalizePath::new().remove_slash());
    assert_eq!(redirected(&removing, "GET", "/two/none/?x").await.as_deref(), Some("/two/none?x"));
    assert_eq!(redirected(&removing, "GET", "//two//none//").await.as_deref(), Some("/two/none"));
    assert_eq!(redirected(&removing, "POST", "/slash").await, None);
    let keeping = app(NormalizePath::new().keep_slash());
    assert_eq!(redirected(&keeping, "GET", "/slash").await, None);
    assert_eq!(redirected(&keeping, "GET", "//none").await.as_deref(), Some("/none"));
    let apart = app(NormalizePath::new().merge_slashes(false).status(StatusCode::FOUND));
    assert_eq!(send(&apart, "GET", "//slash//").await.status(), 404);
    assert_eq!(send(&apart, "GET", "/slash").await.status(), 302);
}

#[tokio::test]
async fn no_path_redirects_to_another_host() {
    let app = app(NormalizePath::new());
    for target in ["//evil.example", "//evil.example/", "///evil.example//", "/%5Cevil.example"] {
        let mut req = request("GET", "/");
        // As it stands in a request line: a URI parser takes the first for a host.
        *req.head_mut() = dunlin_core::RequestHead::new(
            http::Method::GET,
            http::Uri::builder().path_and_query(target).build().unwrap(),
        );
        let response = app.call(req).await;
        let location = field(&response, "location").expect("/{name}/ has a route").to_owned();
        assert!(location.starts_with('/') && !location.starts_with("//"), "{target} → {location}");
        assert!(!location.contains('\\'));
        assert_eq!(response.status(), 308);
    }
}

#[tokio::test]
async fn hosts_have_paths_of_their_own() {
    let own = App::new().add_get("/own/", || async { "own" });
    let app = build(App::new().middleware(NormalizePath::new()).host("a.example", own));
    let at = |host| crate::common::with_field(request("GET", "/own"), "host", host);
    assert_eq!(field(&app.call(at("a.example")).await, "location"), Some("/own/"));
    assert_eq!(shown(app.call(at("b.example")).await).await.split(' ').next(), Some("404"));
}
