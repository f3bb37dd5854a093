//! Background tasks: who starts them, what shutdown does with them, and who hears of their failures.
#![cfg(feature = "tasks")]
#![allow(missing_docs)]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dunlin_core::{BoxError, Lifecycle, Request, Service};
use dunlin_server::{Ended, Running, Server, ServerBuilder, Workers};
use dunlin_web::{App, BuiltApp, ErrorView, Panic, Startup, TaskError, Tasks};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const BOTH: [Workers; 2] = [Workers::Shared, Workers::PerCore(2)];

fn settings(workers: Workers, limit: Duration) -> ServerBuilder {
    Server::builder().bind("127.0.0.1:0").workers(workers).shutdown_timeout(limit).on_fault(|_| {})
}

async fn serve(app: App, settings: ServerBuilder) -> (Running<BuiltApp>, SocketAddr) {
    let server = settings.start(app).await.unwrap();
    let address = server.addresses()[0];
    (server, address)
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn events() -> (UnboundedSender<&'static str>, UnboundedReceiver<&'static str>) {
    unbounded_channel()
}

fn all(events: &mut UnboundedReceiver<&'static str>) -> Vec<&'static str> {
    std::iter::from_fn(|| events.try_recv().ok()).collect()
}

/// Says that it was dropped.
struct Dropped(UnboundedSender<&'static str>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send("dropped");
    }
}

#[tokio::test]
async fn a_task_of_a_handler_ends_before_what_it_uses_is_taken_down() {
    for workers in BOTH {
        let (tell, mut told) = events();
        let (in_handler, in_context) = (tell.clone(), tell.clone());
        let app = App::new()
            .cleanup_ctx(move |_| {
                let tell = in_context.clone();
                async move {
                    Ok::<_, BoxError>(async move || {
                        let _ = tell.send("database closed");
                    })
                }
            })
            .add_get("/", move |tasks: Tasks| {
                let tell = in_handler.clone();
                tasks.spawn(async move {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    let _ = tell.send("mail sent");
                });
                async { "accepted" }
            });
        let (server, address) = serve(app, settings(workers, Duration::from_secs(20))).await;
        assert!(get(address, "/").await.ends_with("accepted"));
        assert!(all(&mut told).is_empty(), "the answer does not wait for the task");
        assert_eq!(server.shutdown().await.unwrap(), Ended::default());
        assert_eq!(all(&mut told), ["mail sent", "database closed"]);
    }
}

#[tokio::test]
async fn tasks_of_startup_and_of_contexts_hear_of_the_end_and_end() {
    let (tell, mut told) = events();
    let (in_startup, in_context) = (tell.clone(), tell.clone());
    let app = App::new()
        .on_startup(move |cx: Startup| {
            let (tell, tasks) = (in_startup.clone(), cx.tasks());
            let stopping = tasks.stopping();
            tasks.spawn(async move {
                stopping.await;
                let _ = tell.send("told");
            });
            async {}
        })
        .cleanup_ctx(move |cx: Startup| {
            let held = Dropped(in_context.clone());
            cx.tasks().spawn_until_shutdown(async move {
                let _held = held;
                std::future::pending::<()>().await;
            });
            async { Ok::<_, BoxError>(async move || {}) }
        });
    let (server, _) = serve(app, settings(Workers::Shared, Duration::from_secs(20))).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(all(&mut told).is_empty(), "nothing ends before the end");
    let began = Instant::now();
    assert_eq!(server.shutdown().await.unwrap().cut_tasks, 0);
    assert!(began.elapsed() < Duration::from_secs(10));
    let mut told = all(&mut told);
    told.sort_unstable();
    assert_eq!(told, ["dropped", "told"]);
}

#[tokio::test]
async fn what_does_not_end_within_the_deadline_is_cut_counted_and_named() {
    for workers in BOTH {
        let (tell, mut told) = events();
        let cleaned = tell.clone();
        let names = Arc::new(Mutex::new(Vec::new()));
        let seen = names.clone();
        let app = App::new()
            .on_error(move |view: &ErrorView<'_>| {
                let source = std::error::Error::source(view.error).unwrap();
                seen.lock().unwrap().push(source.to_string());
            })
            .on_cleanup(move |_| {
                let _ = cleaned.send("cleanup");
                async {}
            })
            .add_get("/", move |tasks: Tasks| {
                let held = Dropped(tell.clone());
                tasks.spawn(async move {
                    let _held = held;
                    std::future::pending::<()>().await;
                });
                async {}
            });
        let (server, address) = serve(app, settings(workers, Duration::from_millis(300))).await;
        get(address, "/").await;
        get(address, "/").await;
        let ended = server.shutdown().await.unwrap();
        assert_eq!((ended.cut, ended.cut_tasks), (0, 2));
        assert_eq!(all(&mut told), ["dropped", "dropped", "cleanup"], "{workers:?}");
        let names = names.lock().unwrap();
        assert!(names.len() == 2 && names[0].contains("tasks.rs:"), "{names:?}");
    }
}

#[tokio::test]
async fn a_request_that_runs_still_may_start_tasks_that_are_waited_for() {
    let (tell, mut told) = events();
    let app = App::new().add_get("/", move |tasks: Tasks| {
        let tell = tell.clone();
        async move {
            tasks.stopping().await;
            tasks.spawn(async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let _ = tell.send("done");
            });
        }
    });
    let (server, address) = serve(app, settings(Workers::Shared, Duration::from_secs(20))).await;
    let asked = tokio::spawn(async move { get(address, "/").await });
    while server.connections() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(server.shutdown().await.unwrap(), Ended::default());
    assert!(asked.await.unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(all(&mut told), ["done"]);
}

#[tokio::test]
async fn errors_and_panics_are_told_with_the_line_that_started_the_task() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hook = heard.clone();
    let app = App::new()
        .on_error(move |view: &ErrorView<'_>| {
            assert!(view.request.is_none());
            let failed = std::error::Error::source(view.error).unwrap();
            let Some(TaskError::Failed { at, source, .. }) = failed.downcast_ref() else {
                panic!("{failed}");
            };
            assert!(at.file().ends_with("tasks.rs"));
            let panic = source.downcast_ref::<Panic>().map(|panic| panic.message.clone());
            hook.lock().unwrap().push(panic.unwrap_or_else(|| source.to_string()));
        })
        .nest(
            "/in",
            App::new().add_get("/fail", async |tasks: Tasks| {
                tasks.spawn(async { Err::<(), _>("no mail server") });
            }),
        )
        .add_get("/panic", async |tasks: Tasks| {
            tasks.spawn(async {
                tokio::task::yield_now().await;
                assert!(std::hint::black_box(false), "boom");
            });
        });
    let (server, address) = serve(app, settings(Workers::Shared, Duration::from_secs(20))).await;
    get(address, "/in/fail").await;
    get(address, "/panic").await;
    assert!(get(address, "/none").await.starts_with("HTTP/1.1 404"), "nothing else ends");
    assert_eq!(server.shutdown().await.unwrap(), Ended::default());
    let mut heard = std::mem::take(&mut *heard.lock().unwrap());
    heard.sort_unstable();
    assert_eq!(heard, ["boom", "no mail server"]);
}

#[tokio::test]
async fn a_server_that_is_dropped_cuts_its_tasks() {
    let (tell, mut told) = events();
    let app = App::new().on_startup(move |cx: Startup| {
        let held = Dropped(tell.clone());
        cx.tasks().spawn(async move {
            let _held = held;
            std::future::pending::<()>().await;
        });
        async {}
    });
    let (server, _) = serve(app, settings(Workers::Shared, Duration::from_secs(20))).await;
    drop(server);
    let told = tokio::time::timeout(Duration::from_secs(10), told.recv()).await.unwrap();
    assert_eq!(told, Some("dropped"));
}

#[tokio::test]
async fn a_start_that_fails_and_a_runner_that_does_not_wait_cut_tasks_too() {
    async fn spawn(cx: Startup, count: Arc<AtomicUsize>) {
        let running = Counted::new(count);
        cx.tasks().spawn(async move {
            let _running = running;
            std::future::pending::<()>().await;
        });
    }
    struct Counted(Arc<AtomicUsize>);
    impl Counted {
        fn new(count: Arc<AtomicUsize>) -> Self {
            count.fetch_add(1, Ordering::SeqCst);
            Self(count)
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    async fn none(count: &AtomicUsize) {
        tokio::time::timeout(Duration::from_secs(10), async {
            while count.load(Ordering::SeqCst) > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("the task is dropped");
    }

    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let app = App::new()
        .on_error(|_: &ErrorView<'_>| {})
        .on_startup(move |cx| spawn(cx, counted.clone()))
        .on_startup(async |_| Err::<(), _>("no"))
        .build()
        .unwrap();
    app.startup().await.unwrap_err();
    none(&count).await;

    let counted = count.clone();
    let (late, kept) = (Arc::new(Mutex::new(None)), count.clone());
    let keep = late.clone();
    let app = App::new()
        .on_error(|_: &ErrorView<'_>| {})
        .on_startup(move |cx| {
            *keep.lock().unwrap() = Some(cx.tasks());
            spawn(cx, counted.clone())
        })
        .build()
        .unwrap();
    app.startup().await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
    app.cleanup().await.unwrap();
    none(&count).await;
    let tasks: Tasks = late.lock().unwrap().take().unwrap();
    let running = Counted::new(kept);
    let handle = tasks.spawn(async move {
        let _running = running;
        std::future::pending::<()>().await;
    });
    none(&count).await;
    assert!(tasks.is_empty(), "nothing is begun after the end");
    drop(handle);
}

#[tokio::test]
async fn a_request_without_an_app_has_tasks_of_its_own() {
    let (tell, mut told) = events();
    let mut req = Request::new(http::Method::GET, http::Uri::from_static("/"), ());
    let tasks = <Tasks as dunlin_web::FromParts>::from_parts(&mut req).await.unwrap();
    tasks.spawn(async move {
        let _ = tell.send("ran");
    });
    assert_eq!(told.recv().await, Some("ran"));
}

#[tokio::test]
async fn an_app_without_a_server_shares_its_tasks_with_those_inside() {
    let app = App::new()
        .nest(
            "/in",
            App::new().add_get("/", async |tasks: Tasks| {
                tasks.spawn(std::future::pending::<()>());
                tasks.len().to_string()
            }),
        )
        .on_error(|_: &ErrorView<'_>| {})
        .build()
        .unwrap();
    for count in ["1", "2"] {
        let req = Request::new(http::Method::GET, http::Uri::from_static("/in/"), ());
        assert_eq!(app.call(req).await.into_body().text().await.unwrap(), count);
    }
    assert_eq!(app.cut_tasks(), 2);
    app.tasks_ended().await;
}
