//! Guards and views: several routes of one pattern and method, several methods of one type.

mod common;

use common::{build, field, get as fetch, request, send, shown, with_field};
use dunlin_core::{FromParts, Request, Service, StateKey};
use dunlin_web::{
    App, Cookies, Host, HttpError, Path, RouteDef, State, View, get, group, header_is, host_is,
    post, resource, view,
};

async fn one() -> &'static str {
    "one"
}

async fn two() -> &'static str {
    "two"
}

async fn rest() -> &'static str {
    "rest"
}

#[tokio::test]
async fn the_first_route_whose_guards_accept_takes_the_request() {
    let app =
        build(
            App::new().routes([
                get("/", two).guard(header_is("API-Version", "2")),
                get("/", one)
                    .guard(host_is("*.example.com"))
                    .guard(|req: &Request| req.query().is_none()),
                get("/", rest),
                post("/", rest),
            ]),
        );
    let to = async |target: &str, name: &str, value: &str| {
        shown(app.call(with_field(request("GET", target), name, value)).await).await
    };
    assert_eq!(to("/", "api-version", "2").await, "200 two");
    assert_eq!(to("/", "api-version", "3").await, "200 rest");
    assert_eq!(to("/", "host", "A.Example.com:81").await, "200 one");
    assert_eq!(to("/?a", "host", "a.example.com").await, "200 rest");
    assert_eq!(to("http://a.example.com/", "host", "other").await, "200 one");
    assert_eq!(fetch(&app, "/").await, "200 rest");
    let head = app.call(with_field(request("HEAD", "/"), "api-version", "2")).await;
    assert_eq!(head.status(), 200);
}

#[tokio::test]
async fn where_no_guard_accepts_there_is_nothing() {
    let guarded = |path: &str| get(path, one).guard(header_is("x-a", "1"));
    let app = build(
        App::new()
            .routes([guarded("/a"), post("/a", two)])
            .group(group("/g").guard(header_is("x-a", "1")).routes([get("/b", one)]))
            .nest("/n", App::new().routes([guarded("/c/{id}")]).fallback(rest)),
    );
    for path in ["/a", "/g/b"] {
        assert_eq!(fetch(&app, path).await, "404 404: Not Found", "{path}");
    }
    assert_eq!(fetch(&app, "/n/c/7").await, "200 rest", "the fallback of its own app");
    for path in ["/a", "/g/b", "/n/c/7"] {
        let req = with_field(request("GET", path), "x-a", "1");
        assert_eq!(shown(app.call(req).await).await, "200 one", "{path}");
    }
    assert_eq!(field(&send(&app, "PUT", "/a").await, "allow"), Some("GET, HEAD, POST"));
}

#[tokio::test]
async fn a_guard_that_panics_is_500_and_the_app_goes_on() {
    fn panics(req: &Request) -> bool {
        assert!(req.query().is_none(), "a query");
        true
    }
    let app = build(App::new().routes([get("/", one).guard(panics), get("/", two)]));
    assert!(fetch(&app, "/?x").await.starts_with("500 "));
    assert_eq!(fetch(&app, "/").await, "200 one");
}

#[test]
fn guarded_routes_are_listed_in_the_order_in_which_they_are_asked() {
    let app = build(App::new().routes([
        get("/", one).guard(header_is("a", "1")).name("first"),
        get("/", two).guard(header_is("a", "2")).name("first"),
        get("/", rest).name("first"),
    ]));
    let listed: Vec<_> = app.routes().map(|route| (route.handler(), route.is_guarded())).collect();
    let ends: Vec<_> = listed
        .iter()
        .map(|(name, guarded)| (name.rsplit("::").next().unwrap(), *guarded))
        .collect();
    assert_eq!(ends, [("one", true), ("two", true), ("rest", false)]);
    let lines: Vec<u32> = app.routes().map(|route| route.location().line()).collect();
    assert!(lines.is_sorted() && lines[0] != lines[2], "{lines:?}");
    assert!(app.routes().all(|route| route.name() == Some("first")));
}

static GREETING: StateKey<String> = StateKey::new("greeting");

struct Note {
    id: u32,
    greeting: State<String>,
}

impl FromParts for Note {
    type Rejection = HttpError;

    async fn from_parts(req: &mut Request) -> Result<Self, HttpError> {
        let Path(id) = Path::from_parts(req).await?;
        Ok(Self { id, greeting: State::from_parts(req).await? })
    }
}

impl View for Note {
    fn methods(route: RouteDef) -> RouteDef {
        route.get(Self::show).put(Self::write)
    }
}

impl Note {
    async fn show(self) -> String {
        format!("{} {}", *self.greeting, self.id)
    }

    async fn write(self, text: String) -> String {
        format!("{} is {text}", self.id)
    }
}

#[tokio::test]
async fn a_view_answers_with_its_methods_and_allows_no_others() {
    let app = build(
        App::new()
            .state(&GREETING, "note".to_owned())
            .routes([view::<Note>("/notes/{id}").name("note")])
            .add_view::<Note>("/again/{id}"),
    );
    assert_eq!(fetch(&app, "/notes/7").await, "200 note 7");
    assert_eq!(fetch(&app, "/again/8").await, "200 note 8");
    assert!(fetch(&app, "/notes/x").await.starts_with("400 "));
    let mut put = request("PUT", "/notes/7");
    *put.body_mut() = "text".into();
    assert_eq!(shown(app.call(put).await).await, "200 7 is text");
    let delete = send(&app, "DELETE", "/notes/7").await;
    assert_eq!((delete.status().as_u16(), field(&delete, "allow")), (405, Some("GET, HEAD, PUT")));
}

#[test]
fn mistakes_of_guards_and_routes_behind_them_are_told_together() {
    let errors = App::new()
        .routes([
            get("/a", one).guard(header_is("no token", "1")),
            get("/b", one).guard(host_is("http://a")),
            get("/c", one).guard(header_is("a", "1")),
            get("/c", two),
            get("/c", rest),
            resource("/d").guard(header_is("a", "1")),
        ])
        .build()
        .unwrap_err();
    let text = errors.to_string();
    for words in
        ["`no token` is not the name", "scheme", "`/c` already has GET", "`/d` has no handler"]
    {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
    assert_eq!(errors.iter().count(), 4, "{text}");
}

#[tokio::test]
async fn cookies_and_host_are_arguments() {
    async fn show(cookies: Cookies, Host(host): Host) -> String {
        let all = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        format!("{} {:?} {host}", all.join("&"), cookies.get("a"))
    }
    let app = build(App::new().add_get("/", show));
    let req = with_field(request("GET", "/"), "host", "a.example:80");
    let req = with_field(req, "cookie", "a=1; b=\"2\"; a=3");
    assert_eq!(shown(app.call(req).await).await, "200 a=1&b=2&a=3 Some(\"3\") a.example:80");
    assert_eq!(fetch(&app, "/").await, "200  None");
}
