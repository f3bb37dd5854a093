//! Apps inside apps: prefixes, hosts, state, middleware and misses.

mod common;

use common::{build, field, get, request, send, shown, with_field};
use dunlin_core::{Request, Response, Service, StateKey};
use dunlin_web::{App, Next, Path, Result, State, group, resource};
use http::{HeaderName, HeaderValue};

static TITLE: StateKey<&'static str> = StateKey::new("title");
static COUNT: StateKey<u32> = StateKey::new("count");

/// Middleware that writes its name behind those that were written further in.
fn mark(name: &'static str) -> impl dunlin_web::Middleware {
    move |req: Request, next: Next| async move {
        let mut response: Response = next.run(req).await;
        let marks = HeaderName::from_static("marks");
        let marked = match response.headers().get_str("marks") {
            Some(inner) => format!("{inner} {name}"),
            None => name.to_owned(),
        };
        response.headers_mut().insert(marks, HeaderValue::try_from(marked).unwrap());
        response
    }
}

async fn marks(app: &dunlin_web::BuiltApp, method: &str, target: &str) -> String {
    let response = send(app, method, target).await;
    format!("{} {}", response.status().as_u16(), field(&response, "marks").unwrap_or(""))
}

async fn pattern(req: Request) -> String {
    req.pattern().unwrap().to_owned()
}

#[tokio::test]
async fn middleware_of_outer_apps_is_outside_and_runs_around_misses() {
    let child = App::new()
        .middleware(mark("child"))
        .add_get("/x", pattern)
        .nest("/deep", App::new().middleware(mark("deep")).add_get("/y", pattern));
    let app = build(
        App::new()
            .middleware(mark("outer"))
            .middleware(mark("second"))
            .group(group("/g").middleware(mark("group")).routes([
                dunlin_web::get("/r", pattern).middleware(mark("r1")).middleware(mark("r2")),
            ]))
            .add_get("/plain", pattern)
            .nest("/child", child),
    );
    assert_eq!(marks(&app, "GET", "/plain").await, "200 second outer");
    assert_eq!(marks(&app, "GET", "/g/r").await, "200 r2 r1 group second outer");
    assert_eq!(marks(&app, "GET", "/g/none").await, "404 second outer");
    assert_eq!(marks(&app, "GET", "/child/x").await, "200 child second outer");
    assert_eq!(marks(&app, "GET", "/child/none").await, "404 child second outer");
    assert_eq!(marks(&app, "GET", "/child").await, "404 child second outer");
    assert_eq!(marks(&app, "GET", "/children").await, "404 second outer");
    assert_eq!(marks(&app, "POST", "/child/x").await, "405 child second outer");
    assert_eq!(marks(&app, "GET", "/child/deep/y").await, "200 deep child second outer");
    assert_eq!(marks(&app, "GET", "/child/deep/z").await, "404 deep child second outer");
    assert_eq!(marks(&app, "GET", "/%63hild/none").await, "404 child second outer");
    assert_eq!(marks(&app, "GET", "/child/%zz").await, "400 second outer");
}

#[tokio::test]
async fn what_lies_below_a_prefix_is_the_mounted_apps_alone() {
    async fn outer(Path(_): Path<String>) -> &'static str {
        "outer"
    }
    let child = App::new().add_get("/x", pattern).add_get("/n/{n:[0-9]+}", pattern);
    let app = build(
        App::new()
            .add_any("/{path:.*}", outer)
            .add_get("/child/special", || async { "special" })
            .nest("/child", child),
    );
    assert_eq!(get(&app, "/other").await, "200 outer");
    assert_eq!(get(&app, "/child/x").await, "200 /child/x");
    assert_eq!(get(&app, "/child/special").await, "200 special");
    assert_eq!(get(&app, "/child/none").await, "404 404: Not Found");
    assert_eq!(get(&app, "/child").await, "404 404: Not Found");
    let response = send(&app, "POST", "/child/x").await;
    assert_eq!((response.status().as_u16(), field(&response, "allow")), (405, Some("GET, HEAD")));
}

#[tokio::test]
async fn prefixes_may_have_captures() {
    async fn both(Path((org, user)): Path<(String, u32)>) -> String {
        format!("{org} {user}")
    }
    let app = build(App::new().nest("/{org}/", App::new().add_get("/users/{id}", both)));
    assert_eq!(get(&app, "/ada/users/7").await, "200 ada 7");
    assert_eq!(get(&app, "/ada/none").await, "404 404: Not Found");
}

#[tokio::test]
async fn state_is_read_from_the_inside_out() {
    async fn both(title: State<&'static str>, count: State<u32>, req: Request) -> String {
        assert_eq!((*title, *count), (*req.state(&TITLE), *req.state(&COUNT)));
        format!("{} {}", *title, *count)
    }
    let child = App::new().state(&TITLE, "child").add_get("/", both);
    let app = build(
        App::new().state(&TITLE, "outer").state(&COUNT, 3).add_get("/", both).nest("/child", child),
    );
    assert_eq!(get(&app, "/").await, "200 outer 3");
    assert_eq!(get(&app, "/child/").await, "200 child 3");
}

#[tokio::test]
async fn middleware_reaches_state_for_misses_too() {
    async fn title(req: Request, _: Next) -> String {
        req.state(&TITLE).to_string()
    }
    let app = build(App::new().state(&TITLE, "outer").middleware(title));
    assert_eq!(get(&app, "/none").await, "200 outer");
}

#[tokio::test]
async fn names_mean_the_nearest_route_else_the_only_one() {
    async fn link(req: Request) -> Result<String> {
        Ok(req.url_for(req.query().unwrap_or(""), [])?)
    }
    let child = |own: &str| {
        App::new().add_get("/link", link).routes([
            dunlin_web::get("/home", link).name("home"),
            resource("/own").get(link).name(own),
        ])
    };
    let app = build(
        App::new()
            .add_get("/link", link)
            .routes([dunlin_web::get("/home", link).name("home")])
            .nest("/a", child("both"))
            .nest("/b", child("both"))
            .nest("/c", child("only")),
    );
    assert_eq!(get(&app, "/link?home").await, "200 /home");
    assert_eq!(get(&app, "/a/link?home").await, "200 /a/home");
    assert_eq!(get(&app, "/a/link?both").await, "200 /a/own");
    assert_eq!(get(&app, "/a/link?only").await, "200 /c/own");
    assert_eq!(send(&app, "GET", "/link?both").await.status(), 500, "two apps have it");
}

#[tokio::test]
async fn hosts_choose_apps_before_paths_do() {
    let tenant = App::new().middleware(mark("tenant")).state(&COUNT, 5).add_get("/t", pattern);
    let app = build(
        App::new()
            .middleware(mark("outer"))
            .add_get("/", pattern)
            .host("*.example.com", tenant)
            .host("api.example.com", App::new().add_get("/api", pattern)),
    );
    let at = async |host: &str, target: &str| {
        let response = app.call(with_field(request("GET", target), "host", host)).await;
        let marks = field(&response, "marks").unwrap_or("").to_owned();
        format!("{} {marks}", response.status().as_u16())
    };
    assert_eq!(at("a.example.com", "/t").await, "200 tenant outer");
    assert_eq!(at("A.Example.com:8080", "/t").await, "200 tenant outer");
    assert_eq!(at("a.example.com", "/").await, "404 tenant outer");
    assert_eq!(at("api.example.com", "/api").await, "200 outer");
    assert_eq!(at("example.com", "/").await, "200 outer");
    assert_eq!(at("example.com", "http://u@a.example.com/t").await, "200 tenant outer");
    assert_eq!(get(&app, "/").await, "200 /");
}

#[tokio::test]
async fn limits_fallbacks_and_renderers_are_taken_from_the_outside() {
    async fn echo(body: String) -> String {
        body
    }
    let post = |path: &str| common::posted(path, "text/plain", "12345678");
    let inner = App::new()
        .add_post("/echo", echo)
        .routes([dunlin_web::post("/more", echo).client_max_size(8)]);
    let own = App::new().client_max_size(None).fallback(|| async { "own" }).add_post("/echo", echo);
    let app = build(
        App::new()
            .client_max_size(7)
            .fallback(|| async { "outer" })
            .render_errors(|view| Response::new(format!("worded {}", view.status().as_u16())))
            .nest("/inner", inner)
            .nest("/own", own),
    );
    assert_eq!(shown(app.call(post("/inner/echo")).await).await, "413 worded 413");
    assert_eq!(shown(app.call(post("/inner/more")).await).await, "200 12345678");
    assert_eq!(shown(app.call(post("/own/echo")).await).await, "200 12345678");
    assert_eq!(get(&app, "/inner/none").await, "200 outer");
    assert_eq!(get(&app, "/own/none").await, "200 own");
    assert_eq!(get(&app, "/inner/echo").await, "405 worded 405");
}
