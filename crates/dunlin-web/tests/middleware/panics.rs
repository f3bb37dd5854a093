use dunlin_core::{IntoResponse, Request, Response};
use dunlin_web::{App, Next, Panic};

use crate::common::{build, field, send, shown};

/// What catches panics is built in: middleware outside sees the answer, and goes on.
#[tokio::test]
async fn middleware_sees_that_what_it_stands_around_panicked() {
    async fn told(req: Request, next: Next) -> Response {
        let response = next.run(req).await;
        match Panic::of(&response) {
            Some(panic) => format!("caught: {}", panic.message).into_response(),
            None => response,
        }
    }
    async fn panics() -> &'static str {
        panic!("no such luck")
    }
    let app = App::new().add_get("/", panics).add_get("/well", || async { "well" });
    let app = build(app.middleware(told));
    assert_eq!(shown(send(&app, "GET", "/").await).await, "200 caught: no such luck");
    assert_eq!(shown(send(&app, "GET", "/well").await).await, "200 well");

    let plain = build(App::new().add_get("/", panics));
    let response = send(&plain, "GET", "/").await;
    assert_eq!((response.status().as_u16(), field(&response, "connection")), (500, Some("close")));
    assert!(!shown(response).await.contains("luck"), "the peer is not told");
}
