//! Startup, shutdown and cleanup: order, failures, and state that is set on the way.

mod common;

use std::sync::{Arc, Mutex};

use common::{build, get};
use dunlin_core::{BoxError, Lifecycle, StateKey};
use dunlin_web::{App, AppRef, Startup, State, Teardown};

type Log = Arc<Mutex<Vec<String>>>;

static NUMBER: StateKey<u32> = StateKey::new("number");
static OTHER: StateKey<u32> = StateKey::new("other");

fn write(log: &Log, text: impl Into<String>) {
    log.lock().unwrap().push(text.into());
}

fn taken(log: &Log) -> String {
    std::mem::take(&mut *log.lock().unwrap()).join(" ")
}

/// Every kind of step, each of which writes its kind and the app's name.
fn steps(app: App, log: &Log, name: &'static str) -> App {
    let step = |kind: &str| {
        let (log, text) = (log.clone(), format!("{kind}:{name}"));
        move || write(&log, text.clone())
    };
    let (start, stop, clean) = (step("start"), step("stop"), step("clean"));
    app.on_startup(move |_| {
        start();
        async {}
    })
    .on_shutdown(move |_| {
        stop();
        async {}
    })
    .on_cleanup(move |_| {
        clean();
        async {}
    })
    .cleanup_ctx(context(log, name))
}

fn context(
    log: &Log,
    name: &'static str,
) -> impl Fn(Startup) -> dunlin_core::BoxFuture<'static, Result<DynTeardown, BoxError>> + use<> {
    let log = log.clone();
    move |_| {
        let log = log.clone();
        Box::pin(async move {
            write(&log, format!("+{name}"));
            Ok(DynTeardown(log, name))
        })
    }
}

struct DynTeardown(Log, &'static str);

impl Teardown for DynTeardown {
    async fn teardown(self) -> Result<(), BoxError> {
        write(&self.0, format!("-{}", self.1));
        Ok(())
    }
}

#[tokio::test]
async fn steps_run_in_order_with_those_of_mounted_apps_where_they_were_mounted() {
    let log = Log::default();
    let deep = steps(App::new(), &log, "deep");
    let child = steps(App::new(), &log, "child").nest("/deep", deep);
    let app = steps(App::new(), &log, "outer")
        .nest("/child", child)
        .host("a.b", steps(App::new(), &log, "host"));
    let last = log.clone();
    let app = build(
        app.on_startup(move |_| {
            write(&last, "last");
            async {}
        })
        .cleanup_ctx(context(&log, "late")),
    );
    app.startup().await.unwrap();
    assert_eq!(
        taken(&log),
        "+outer +late start:outer +child start:child +deep start:deep +host start:host last"
    );
    app.shutdown().await;
    assert_eq!(taken(&log), "stop:outer stop:child stop:deep stop:host");
    app.cleanup().await.unwrap();
    assert_eq!(
        taken(&log),
        "clean:outer clean:child clean:deep clean:host -host -deep -child -late -outer"
    );
    app.cleanup().await.unwrap();
    assert!(!taken(&log).contains('-'), "what was torn down stays so");
    assert!(app.startup().await.unwrap_err().to_string().contains("before"));
}

#[tokio::test]
async fn a_failed_start_takes_down_what_stood() {
    let log = Log::default();
    let child =
        App::new().cleanup_ctx(context(&log, "child")).on_startup(|_| async { Err("port taken") });
    let app = build(
        steps(App::new(), &log, "outer")
            .nest("/child", child)
            .nest("/never", steps(App::new(), &log, "never")),
    );
    let error = app.startup().await.unwrap_err();
    assert!(error.to_string().contains("port taken"), "{error}");
    assert!(error.to_string().contains("lifecycle.rs"), "{error}");
    assert_eq!(taken(&log), "+outer start:outer +child -child -outer");
}

#[tokio::test]
async fn a_setup_that_panics_is_a_failed_start() {
    async fn panics(_: Startup) -> Result<(), BoxError> {
        panic!("no database")
    }
    let log = Log::default();
    let app = build(App::new().cleanup_ctx(context(&log, "a")).cleanup_ctx(panics));
    let error = app.startup().await.unwrap_err();
    assert!(error.to_string().contains("no database"), "{error}");
    assert_eq!(taken(&log), "+a -a");
}

#[tokio::test]
async fn every_failure_of_the_end_is_told() {
    async fn context(_: Startup) -> Result<impl Teardown, BoxError> {
        Ok(async || Err("third"))
    }
    let log = Log::default();
    let app = build(
        App::new()
            .cleanup_ctx(self::context(&log, "a"))
            .cleanup_ctx(context)
            .on_shutdown(|_| async { Err("first") })
            .on_cleanup(|_| async { Err("second") }),
    );
    app.startup().await.unwrap();
    app.shutdown().await;
    let text = app.cleanup().await.unwrap_err().to_string();
    for word in ["first", "second", "third"] {
        assert!(text.contains(word), "{text}");
    }
    assert_eq!(taken(&log), "+a -a");
}

#[tokio::test]
async fn startup_sets_state_that_later_steps_and_handlers_read() {
    async fn number(number: State<u32>) -> String {
        number.to_string()
    }
    async fn set(cx: Startup) -> Result<impl Teardown, BoxError> {
        cx.set(&NUMBER, 7);
        Ok(())
    }
    async fn read(cx: Startup) {
        assert_eq!(cx.state(&NUMBER), Some(&7));
        assert_eq!(cx.state(&OTHER), None);
    }
    async fn own(cx: Startup) {
        assert_eq!(cx.state(&NUMBER), Some(&7), "that of the app around it");
        cx.set(&NUMBER, 8);
    }
    async fn end(app: AppRef) {
        assert_eq!(app.state(&NUMBER), Some(&7));
    }
    let child = App::new().on_startup(own).add_get("/", number);
    let app = build(
        App::new()
            .on_startup(read)
            .cleanup_ctx(set)
            .on_cleanup(end)
            .add_get("/", number)
            .nest("/child", child),
    );
    app.startup().await.unwrap();
    assert_eq!(get(&app, "/").await, "200 7");
    assert_eq!(get(&app, "/child/").await, "200 8");
    app.cleanup().await.unwrap();
}

#[tokio::test]
async fn state_that_is_missing_after_startup_is_told_before_anything_is_served() {
    async fn number(_: State<u32>) {}
    let log = Log::default();
    let app = build(
        App::new()
            .cleanup_ctx(context(&log, "a"))
            .provides(&OTHER)
            .add_get("/a", |_: State<String>| async {})
            .add_get("/b", number),
    );
    let text = app.startup().await.unwrap_err().to_string();
    for word in ["`other`", "GET `/a`", "String", "lifecycle.rs"] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    assert_eq!(taken(&log), "+a -a");
}

#[tokio::test]
async fn a_key_is_set_once() {
    async fn again(cx: Startup) {
        cx.set(&NUMBER, 2);
    }
    let app = build(App::new().state(&NUMBER, 1).on_startup(again));
    let text = app.startup().await.unwrap_err().to_string();
    assert!(text.contains("`number`") && text.contains("already"), "{text}");
}
