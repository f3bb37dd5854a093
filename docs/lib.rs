//! The book's Rust blocks as doc tests: one module for each page that has any. A block that fails is told as
//! `lib.rs - PAGE::`, with its line in the page.
//!
//! `tests/book.rs` sees to it that no page is left out.

macro_rules! pages {
    ($($page:ident $file:literal)*) => {$(
        #[cfg(doctest)]
        #[doc = include_str!($file)]
        mod $page {}
    )*};
}

pages! {
    introduction "src/introduction.md"
    tutorial_hello "src/tutorial/1-hello.md"
    tutorial_database "src/tutorial/2-database.md"
    tutorial_notes "src/tutorial/3-notes.md"
    tutorial_sign_in "src/tutorial/4-sign-in.md"
    tutorial_pages "src/tutorial/5-pages.md"
    tutorial_live "src/tutorial/6-live.md"
    tutorial_tests "src/tutorial/7-tests.md"
    guide_routing "src/guide/routing.md"
    guide_extractors "src/guide/extractors.md"
    guide_errors "src/guide/errors.md"
    guide_middleware "src/guide/middleware.md"
    guide_state "src/guide/state.md"
    guide_testing "src/guide/testing.md"
    guide_streaming "src/guide/streaming.md"
    guide_files "src/guide/files.md"
    guide_uploads "src/guide/uploads.md"
    guide_websocket "src/guide/websocket.md"
    guide_sse "src/guide/sse.md"
    guide_client "src/guide/client.md"
    guide_limits "src/guide/limits.md"
    guide_tls "src/guide/tls.md"
    guide_nginx "src/guide/nginx.md"
    guide_systemd "src/guide/systemd.md"
    guide_observability "src/guide/observability.md"
    howto_databases "src/howto/databases.md"
    howto_redis "src/howto/redis.md"
    howto_queues "src/howto/queues.md"
    howto_dns "src/howto/dns.md"
    howto_templates "src/howto/templates.md"
    howto_jobs "src/howto/jobs.md"
    from_axum "src/from-axum.md"
}
