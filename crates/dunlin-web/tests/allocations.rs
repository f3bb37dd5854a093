//! What a request costs, counted: the handler's future is the one allocation of dispatch.
//!
//! Counted on the test's own thread: the harness allocates on others when it likes. Heads and lists of
//! fields come from lists that each thread keeps, so the first requests, which fill them, are not
//! counted.
#![allow(unsafe_code, reason = "a global allocator is an unsafe trait")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use dunlin_core::{Request, Response, Service};
use dunlin_web::{App, BuiltApp, Next, Path};

struct Counting;

thread_local!(static ALLOCATIONS: Cell<usize> = const { Cell::new(0) });

fn note() {
    // A thread that ends may allocate when its counter has gone.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's too.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: `ptr` comes from `alloc` above, so from the system's allocator.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: `ptr` comes from `alloc` above, and the caller keeps the rest of the contract.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

async fn plaintext() -> &'static str {
    "Hello, World!"
}

#[cfg(feature = "json")]
mod json {
    use dunlin_core::Request;
    use dunlin_web::Json;
    use std::borrow::Cow;

    #[derive(serde::Serialize)]
    pub(super) struct Message {
        message: &'static str,
    }

    pub(super) async fn message() -> Json<Message> {
        Json(Message { message: "Hello, World!" })
    }

    #[derive(serde::Serialize)]
    struct Ids<'r> {
        id: Cow<'r, str>,
        post: Cow<'r, str>,
    }

    pub(super) async fn params(req: Request) -> dunlin_core::Response {
        let param = |name| req.param(name).unwrap_or_default();
        let ids = Ids { id: param("id"), post: param("post") };
        dunlin_core::IntoResponse::into_response(Json(ids))
    }
}

async fn numbers(Path((id, post)): Path<(u32, u32)>) -> Response {
    Response::new(if id < post { "less" } else { "more" })
}

async fn through(req: Request, next: Next) -> Response {
    next.run(req).await
}

/// Allocations of one request, from the call to the response, which is dropped uncounted.
fn count(app: &BuiltApp, target: &str) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut counts = (0..20).map(|_| {
        let req = common::request("GET", target);
        let mut dispatch = std::pin::pin!(async { app.call(req).await });
        runtime.block_on(async {
            let before = ALLOCATIONS.get();
            let response = dispatch.as_mut().await;
            let count = ALLOCATIONS.get() - before;
            assert_eq!(response.status(), 200);
            count
        })
    });
    counts.by_ref().nth(9);
    let counts: Vec<usize> = counts.collect();
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    counts[0]
}

#[test]
fn a_request_allocates_its_future_and_what_its_handler_asks_for() {
    let app = App::new()
        .add_get("/plaintext", plaintext)
        .add_get("/numbers/{id}/{post}", numbers)
        .group(dunlin_web::group("/group").middleware(through).add_get("/plaintext", plaintext));
    #[cfg(feature = "json")]
    let app = app
        .add_get("/json", json::message)
        .add_get("/users/{id}/posts/{post}", json::params)
        .on_startup(|_| async {});
    let app = common::build(app);
    assert_eq!(count(&app, "/plaintext"), 1);
    assert_eq!(count(&app, "/numbers/7/8"), 1);
    assert_eq!(count(&app, "/group/plaintext"), 2, "one more for each middleware");
    #[cfg(feature = "json")]
    {
        assert_eq!(count(&app, "/json"), 2);
        assert_eq!(count(&app, "/users/7/posts/8"), 2);
    }
    let watched =
        common::build(App::new().on_response_prepare(|_, _| {}).add_get("/plaintext", plaintext));
    assert!(
        count(&watched, "/plaintext") <= 3,
        "a copy of a head made by hand has a text of its own"
    );
}
