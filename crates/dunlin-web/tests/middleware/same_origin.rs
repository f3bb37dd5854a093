//! `SameOrigin` around an app.

use dunlin_core::Service;
use dunlin_web::{App, SameOrigin};

use crate::common::{build, posted, request, shown, with_field};

#[tokio::test]
async fn only_ones_own_pages_change_anything() {
    let app = App::new()
        .middleware(SameOrigin::new())
        .add_get("/notes", || async { "read" })
        .add_post("/notes", || async { "kept" });
    let app = build(app);
    let from = |site| with_field(posted("/notes", "text/plain", "x"), "sec-fetch-site", site);
    assert_eq!(shown(app.call(from("same-origin")).await).await, "200 kept");
    let refused = shown(app.call(from("cross-site")).await).await;
    assert_eq!(refused, "403 403: Forbidden\nthis comes from a page of another origin");
    let read = with_field(request("GET", "/notes"), "sec-fetch-site", "cross-site");
    assert_eq!(shown(app.call(read).await).await, "200 read");
    // No browser: curl, another server.
    assert_eq!(shown(app.call(posted("/notes", "text/plain", "x")).await).await, "200 kept");
}
