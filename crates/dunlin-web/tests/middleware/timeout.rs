use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dunlin_core::{Body, Service};
use dunlin_web::{App, HttpError, TimedOut, Timeout, get, post};
use http::StatusCode;
use tokio::time::{Instant, sleep};

use crate::common::{build, field, posted, send};

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_dropped_and_answered_for() {
    struct Told(Arc<AtomicBool>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&dropped);
    let slow = move || {
        let told = Told(Arc::clone(&flag));
        async move {
            sleep(Duration::from_secs(60)).await;
            drop(told);
            "late"
        }
    };
    let gateway = Timeout::new(Duration::from_secs(1)).status(StatusCode::GATEWAY_TIMEOUT);
    let app = build(App::new().middleware(Timeout::new(Duration::from_secs(5))).routes([
        get("/slow", slow.clone()),
        get("/behind", slow).middleware(gateway),
        get("/quick", || async { "quick" }),
    ]));
    for (target, status, seconds) in [("/slow", 503, 5), ("/behind", 504, 1), ("/quick", 200, 0)] {
        let began = Instant::now();
        dropped.store(false, Ordering::Relaxed);
        let response = send(&app, "GET", target).await;
        assert_eq!((response.status().as_u16(), began.elapsed().as_secs()), (status, seconds));
        assert_eq!(dropped.load(Ordering::Relaxed), seconds > 0);
        let cause = HttpError::of(&response).and_then(std::error::Error::source);
        assert_eq!(cause.is_some_and(|cause| cause.is::<TimedOut>()), seconds > 0);
        assert_eq!(field(&response, "connection"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_includes_the_requests_body_and_not_the_responses() {
    let app = build(App::new().middleware(Timeout::new(Duration::from_secs(5))).routes([
        post("/read", |body: String| async { body }),
        get("/stream", || async {
            let (mut sender, body) = Body::channel(1024);
            tokio::spawn(async move {
                sleep(Duration::from_secs(60)).await;
                sender.push("late".into()).unwrap();
                sender.finish();
            });
            body
        }),
    ]));
    let (_sender, body) = Body::channel(1024);
    let response = app.call(posted("/read", "text/plain", body)).await;
    assert_eq!((response.status().as_u16(), field(&response, "connection")), (503, Some("close")));
    let streamed = send(&app, "GET", "/stream").await;
    assert_eq!(streamed.into_body().text().await.unwrap(), "late");
}
