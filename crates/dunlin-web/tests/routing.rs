//! Which handler a request reaches, and what it gets where there is none.

mod common;

use common::{build, field, get, request, send, shown};
use dunlin_core::{IntoResponse, Request, Response, Service};
use dunlin_web::{
    App, HttpError, Path, Redirect, Result, Urls, any, delete, group, resource, route,
};
use http::StatusCode;

async fn index() -> &'static str {
    "index"
}

async fn show(req: Request) -> String {
    format!("{} {}", req.pattern().unwrap(), req.param("id").unwrap_or_default())
}

#[tokio::test]
async fn each_way_of_adding_a_route_works() {
    async fn method(req: Request) -> String {
        req.method().to_string()
    }
    let app = build(
        App::new()
            .add_get("/get", method)
            .add_post("/post", method)
            .add_put("/put", method)
            .add_patch("/patch", method)
            .add_delete("/delete", method)
            .add_options("/options", method)
            .add_head("/head", method)
            .add_route("PURGE", "/purge", method)
            .add_any("/any", method)
            .routes([
                resource("/r").get(method).put(method),
                delete("/d", method),
                route(http::Method::TRACE, "/t", method),
            ])
            .routes(vec![any("/all", method)])
            .routes(["/x", "/y"].map(|path| dunlin_web::get(path, method))),
    );
    for (method, path) in [
        ("GET", "/get"),
        ("POST", "/post"),
        ("PUT", "/put"),
        ("PATCH", "/patch"),
        ("DELETE", "/delete"),
        ("OPTIONS", "/options"),
        ("HEAD", "/head"),
        ("PURGE", "/purge"),
        ("BREW", "/any"),
        ("PUT", "/r"),
        ("GET", "/r"),
        ("DELETE", "/d"),
        ("TRACE", "/t"),
        ("CONNECT", "/all"),
        ("GET", "/y"),
    ] {
        let got = shown(send(&app, method, path).await).await;
        assert_eq!(got, format!("200 {method}"), "{path}");
    }
}

#[tokio::test]
async fn misses_are_404_and_405_with_allow() {
    let app = build(App::new().routes([
        resource("/notes/{id}").get(show).put(show),
        dunlin_web::post("/notes/new", show),
    ]));
    assert_eq!(get(&app, "/nothing").await, "404 404: Not Found");
    let response = send(&app, "PATCH", "/notes/7").await;
    assert_eq!(field(&response, "allow"), Some("GET, HEAD, PUT"));
    assert_eq!(shown(response).await, "405 405: Method Not Allowed");
    let response = send(&app, "DELETE", "/notes/new").await;
    assert_eq!(field(&response, "allow"), Some("GET, HEAD, POST, PUT"));
    assert_eq!(get(&app, "/notes/new").await, "200 /notes/{id} new");
}

#[tokio::test]
async fn head_takes_the_way_of_get_unless_it_is_told_not_to() {
    let app =
        build(App::new().add_get("/a", index).routes([dunlin_web::get("/b", index).no_head()]));
    assert_eq!(send(&app, "HEAD", "/a").await.status(), 200);
    let response = send(&app, "HEAD", "/b").await;
    assert_eq!((response.status().as_u16(), field(&response, "allow")), (405, Some("GET")));
}

#[tokio::test]
async fn options_is_405_unless_registered_and_asks_about_the_server_with_a_star() {
    let app = build(App::new().add_get("/a", index).add_options("/b", index));
    assert_eq!(send(&app, "OPTIONS", "/a").await.status(), 405);
    assert_eq!(send(&app, "OPTIONS", "/b").await.status(), 200);
    let response = send(&app, "OPTIONS", "*").await;
    assert!(response.status() == 200 && response.body().is_empty());
    assert_eq!(send(&app, "GET", "*").await.status(), 404);
    assert_eq!(send(&app, "CONNECT", "example.com:443").await.status(), 404);
}

#[tokio::test]
async fn targets_in_absolute_form_are_routed_by_their_path() {
    let app = build(App::new().add_get("/", index).add_get("/n/{id}", show));
    assert_eq!(get(&app, "http://example.com/n/7?q").await, "200 /n/{id} 7");
    assert_eq!(get(&app, "http://example.com").await, "200 index");
}

#[tokio::test]
async fn escapes_never_split_a_segment_and_broken_ones_are_400() {
    let app = build(App::new().add_get("/n/{id}", show).add_get("/n/{id}/x", index));
    assert_eq!(get(&app, "/n/a%2Fx").await, "200 /n/{id} a/x");
    assert_eq!(get(&app, "/%6e/%41").await, "200 /n/{id} A");
    assert!(get(&app, "/n/%zz").await.starts_with("400 "));
    assert!(get(&app, "/%").await.starts_with("400 "));
}

#[tokio::test]
async fn captures_past_the_fourth_are_found() {
    async fn all(Path(parts): Path<Vec<String>>) -> String {
        parts.join("-")
    }
    let app = build(App::new().add_get("/{a}/{b}/{c}/{d}/{e}/{f:.*}", all));
    assert_eq!(get(&app, "/1/2/3/4/5/6/7").await, "200 1-2-3-4-5-6/7");
}

#[tokio::test]
async fn a_fallback_answers_in_place_of_404_alone() {
    async fn lost(req: Request) -> (StatusCode, String) {
        (StatusCode::NOT_FOUND, format!("no {}", req.path()))
    }
    let app = build(App::new().add_get("/a", index).fallback(lost));
    assert_eq!(get(&app, "/b").await, "404 no /b");
    assert_eq!(send(&app, "POST", "/a").await.status(), 405);
}

#[tokio::test]
async fn groups_join_prefixes() {
    let app = build(
        App::new().group(
            group("/api")
                .add_get("", index)
                .group(group("/v{id}").routes([dunlin_web::get("/users", show)])),
        ),
    );
    assert_eq!(get(&app, "/api").await, "200 index");
    assert_eq!(get(&app, "/api/v2/users").await, "200 /api/v{id}/users 2");
    assert_eq!(get(&app, "/api/").await, "404 404: Not Found");
}

#[tokio::test]
async fn named_routes_make_urls() {
    async fn to(req: Request) -> Result<Redirect> {
        Ok(Redirect::found(req.url_for("note.show", [("id", "a/b é")])?))
    }
    async fn missing(urls: Urls, _: String) -> Result<String> {
        Ok(urls.url_for("nope", [])?)
    }
    let app = build(
        App::new().add_get("/to", to).add_post("/missing", missing).routes([resource(
            "/notes/{id}",
        )
        .get(show)
        .delete(show)
        .name("note.show")]),
    );
    let response = send(&app, "GET", "/to").await;
    assert_eq!(field(&response, "location"), Some("/notes/a%2Fb%20%C3%A9"));
    assert_eq!(send(&app, "POST", "/missing").await.status(), 500);
}

#[tokio::test]
async fn handlers_may_be_closures_and_take_twelve_arguments_and_a_body() {
    type M = http::Method;
    #[allow(clippy::too_many_arguments)]
    async fn many(
        _: M,
        _: M,
        _: M,
        _: M,
        _: M,
        _: M,
        _: M,
        _: M,
        _: M,
        _: M,
        _: M,
        _: M,
        body: String,
    ) -> String {
        body
    }
    let prefix = String::from("kept: ");
    let app = build(App::new().add_post("/many", many).add_get("/c", move |Path(()): Path<()>| {
        let prefix = prefix.clone();
        async move { prefix }
    }));
    let req = common::posted("/many", "text/plain", "body");
    assert_eq!(shown(app.call(req).await).await, "200 body");
    assert_eq!(get(&app, "/c").await, "200 kept:");
}

#[tokio::test]
async fn handlers_return_anything_that_is_a_response() {
    async fn error() -> Result {
        Err(HttpError::conflict().with_message("taken"))
    }
    async fn either() -> Result<Response, StatusCode> {
        Err(StatusCode::IM_A_TEAPOT)
    }
    async fn created() -> impl IntoResponse {
        (StatusCode::CREATED, "made")
    }
    let app = build(
        App::new().add_get("/error", error).add_get("/either", either).add_get("/made", created),
    );
    assert_eq!(get(&app, "/error").await, "409 409: Conflict\ntaken");
    assert_eq!(get(&app, "/either").await, "418 ");
    assert_eq!(get(&app, "/made").await, "201 made");
}

#[test]
fn the_routes_of_an_app_are_listed() {
    let app = build(
        App::new()
            .add_get("/", index)
            .routes([resource("/n/{id}").put(show).name("note")])
            .nest("/admin", App::new().add_any("/{id}", show))
            .host("*.example.com", App::new().add_post("/", index)),
    );
    let routes: Vec<_> = app.routes().collect();
    assert_eq!(routes.len(), 4);
    assert!(routes[0].methods().eq(["GET", "HEAD"]));
    assert_eq!((routes[1].pattern(), routes[1].name()), ("/n/{id}", Some("note")));
    assert_eq!(routes[2].pattern(), "/admin/{id}");
    assert_eq!(routes[3].host(), Some("*.example.com"));
    assert!(routes[0].handler().ends_with("index"));
    assert!(routes[0].location().file().ends_with("routing.rs"));
    let table = app.routes().to_string();
    assert!(table.lines().count() == 4 && table.contains("*.example.com/"), "{table}");
    assert!(format!("{app:?}").contains("/admin/{id}"));
}

#[test]
fn a_future_of_an_app_may_cross_threads() {
    fn send<T: Send + 'static>(_: &T) {}
    let app = build(App::new());
    send(&app.call(request("GET", "/")));
}
