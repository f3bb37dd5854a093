//! Arguments of handlers, in the app.

mod common;

use common::{build, get, posted, request, shown, with_field};
use dunlin_core::{Body, Connection, RequestHead, Service};
use dunlin_web::{App, Form, HttpError, Path, Peer, Query};
use http::{HeaderMap, Method, Uri, Version};

#[derive(Debug, serde::Deserialize)]
struct Filter {
    page: u32,
    #[serde(default)]
    tag: Vec<String>,
}

#[tokio::test]
async fn a_query_fills_fields_and_lists() {
    async fn list(Query(filter): Query<Filter>) -> String {
        format!("{} {}", filter.page, filter.tag.join("+"))
    }
    let app = build(App::new().add_get("/", list));
    assert_eq!(get(&app, "/?tag=a%20b&page=2&tag=c").await, "200 2 a b+c");
    assert_eq!(get(&app, "/?page=2").await, "200 2");
    for bad in ["/", "/?page=x"] {
        let text = get(&app, bad).await;
        assert!(text.starts_with("400 400: Bad Request\nquery: "), "{text}");
    }
}

#[tokio::test]
async fn a_form_is_read_from_a_body_of_its_type() {
    async fn login(Form(filter): Form<Filter>) -> String {
        format!("{} {}", filter.page, filter.tag.join("+"))
    }
    let urlencoded = "application/x-www-form-urlencoded";
    let app = build(App::new().client_max_size(20).add_post("/", login));
    let send = async |content_type: &str, body: &'static str| {
        shown(app.call(posted("/", content_type, body)).await).await
    };
    assert_eq!(
        send(urlencoded, "page=1&tag=a&tag=%C3%A9").await,
        "413 413: Payload Too Large\nthe body exceeds the limit of 20 bytes"
    );
    assert_eq!(send(urlencoded, "page=1&tag=a&tag=b+c").await, "200 1 a+b c");
    assert!(send("text/plain", "page=1").await.starts_with("415 "));
    assert!(send(urlencoded, "page=x").await.starts_with("400 "));
}

#[tokio::test]
async fn heads_and_bodies_are_arguments_too() {
    async fn head(
        method: Method,
        uri: Uri,
        version: Version,
        map: HeaderMap,
        head: RequestHead,
        body: Body,
    ) -> String {
        let same = head.headers().get_str("x-a") == map["x-a"].to_str().ok();
        format!("{method} {uri} {version:?} {same} {:?}", body.exact_len())
    }
    async fn bytes(body: bytes::Bytes) -> Vec<u8> {
        body.into()
    }
    let app = build(App::new().add_post("/head", head).add_post("/bytes", bytes));
    let req = with_field(posted("/head?q", "a/b", "four"), "x-a", "1");
    assert_eq!(shown(app.call(req).await).await, "200 POST /head?q HTTP/1.1 true Some(4)");
    assert_eq!(shown(app.call(posted("/bytes", "a/b", "four")).await).await, "200 four");
}

#[tokio::test]
async fn the_peer_is_known_where_there_is_one() {
    async fn peer(Peer(peer): Peer) -> String {
        peer.to_string()
    }
    async fn maybe(peer: Option<Peer>) -> String {
        peer.map_or_else(|| "none".into(), |peer| peer.0.to_string())
    }
    let app = build(App::new().add_get("/peer", peer).add_get("/maybe", maybe));
    assert!(get(&app, "/peer").await.starts_with("500 "));
    assert_eq!(get(&app, "/maybe").await, "200 none");
    let mut req = request("GET", "/peer");
    let mut connection = Connection::default();
    connection.peer = Some(([127, 0, 0, 1], 80).into());
    req.set_connection(connection.into());
    assert_eq!(shown(app.call(req).await).await, "200 127.0.0.1:80");
}

#[tokio::test]
async fn rejections_may_be_left_to_the_handler() {
    async fn either(id: Result<Path<u8>, HttpError>) -> String {
        match id {
            Ok(Path(id)) => id.to_string(),
            Err(error) => format!("instead of {}", error.status()),
        }
    }
    async fn optional(Path(name): Path<String>, form: Option<Form<Filter>>) -> String {
        format!("{name} {}", form.is_some())
    }
    let app = build(App::new().add_get("/n/{id}", either).add_post("/f/{name}", optional));
    assert_eq!(get(&app, "/n/7").await, "200 7");
    assert_eq!(get(&app, "/n/700").await, "200 instead of 400 Bad Request");
    assert_eq!(shown(app.call(posted("/f/a", "text/plain", "")).await).await, "200 a false");
}
