//! `dunlin bench` against servers that run: its figures against what the server has seen.

mod util;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use dunlin::http::StatusCode;
use dunlin::test::TestServer;
use dunlin::web::{App, HttpError, get, post};
use serde_json::Value;
use util::{Out, dunlin, fails, ok};

/// Counts what it is asked.
fn counting(count: &Arc<AtomicU64>) -> App {
    let seen = Arc::clone(count);
    App::new().add_get("/", move || {
        seen.fetch_add(1, Relaxed);
        async { "0123456789" }
    })
}

async fn figures(args: &[&str]) -> Value {
    let out = ok(&[&["bench", "--json"], args].concat()).await;
    assert_eq!(out.stderr, "");
    serde_json::from_str(&out.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_requests_is_that_number() {
    let seen = Arc::new(AtomicU64::new(0));
    let server = TestServer::new(counting(&seen)).await.unwrap();
    let url = server.url("/").replace("http://", "http://ada:wing@");
    let figures = figures(&["-c", "7", "-n", "500", &url]).await;
    // Figures are no place for a password.
    assert_eq!(figures["url"], *url.replace("wing", "***"));
    assert_eq!(seen.load(Relaxed), 500);
    assert_eq!((&figures["answers"], &figures["statuses"]["200"]), (&500.into(), &500.into()));
    assert_eq!(figures["body_bytes"], 5_000);
    assert_eq!(figures["errors"], serde_json::json!({}));
    let latency = &figures["latency_microseconds"];
    let at = |name: &str| latency[name].as_u64().unwrap();
    assert!(
        0 < at("min") && at("min") <= at("p50") && at("p50") <= at("p99") && at("p99") <= at("max")
    );
    assert!(figures["answers_per_second"].as_f64().unwrap() > 1.0);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_is_that_time_and_no_request_is_left_out() {
    let seen = Arc::new(AtomicU64::new(0));
    let server = TestServer::new(counting(&seen)).await.unwrap();
    let begun = Instant::now();
    let figures = figures(&["-c", "3", "-d", "0.5", &server.url("/")]).await;
    assert!(begun.elapsed() >= Duration::from_millis(500));
    assert_eq!(figures["answers"], seen.load(Relaxed));
    assert!(figures["answers"].as_u64().unwrap() > 10, "{figures}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_kept_whatever_the_server_could_do() {
    let seen = Arc::new(AtomicU64::new(0));
    let server = TestServer::new(counting(&seen)).await.unwrap();
    let figures = figures(&["-c", "8", "-d", "1", "--rate", "200", &server.url("/")]).await;
    let answers = figures["answers"].as_u64().unwrap();
    assert_eq!(answers + figures["unsent"].as_u64().unwrap(), 200, "{figures}");
    assert_eq!(answers, seen.load(Relaxed));
    assert!(answers > 100, "{figures}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn latency_counts_from_when_a_request_was_due() {
    // It answers one after the other, in 20 ms each, and stands still for half a second at the first.
    let first = Arc::new(AtomicU64::new(0));
    let app = App::new().add_get("/", move || {
        let nth = first.fetch_add(1, Relaxed);
        async move {
            tokio::time::sleep(Duration::from_millis(if nth == 0 { 500 } else { 1 })).await;
        }
    });
    let server = TestServer::new(app).await.unwrap();
    let args = ["-c", "1", "-n", "50", "--rate", "100", &server.url("/")];
    let figures = figures(&args).await;
    let at = |of: &str, name: &str| figures[of][name].as_u64().unwrap();
    // One in fifty was slow to answer; all that were due behind it were late.
    assert!(at("latency_microseconds", "p50") > 100_000, "{figures}");
    assert!(at("service_microseconds", "p50") < 100_000, "{figures}");
    assert!(at("service_microseconds", "max") >= 500_000, "{figures}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_found_no_connection_are_told() {
    let app = App::new().add_get("/", || async {
        tokio::time::sleep(Duration::from_millis(200)).await;
    });
    let server = TestServer::new(app).await.unwrap();
    let url = server.url("/");
    let args = ["-c", "1", "-d", "1", "--rate", "50", &url];
    let figures = figures(&args).await;
    let (answers, unsent) = (figures["answers"].as_u64(), figures["unsent"].as_u64());
    assert_eq!(answers.unwrap() + unsent.unwrap(), 50, "{figures}");
    // One at a time, 200 ms each, begun within a second.
    assert!((1..=5).contains(&answers.unwrap()), "{figures}");
    let text = ok(&[&["bench"], &args[..]].concat()).await.stdout;
    assert!(text.contains("found no free connection until the end"), "{text}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_and_errors_are_counted_by_kind() {
    let nth = Arc::new(AtomicU64::new(0));
    let app = App::new().routes([
        get("/", move || {
            let nth = nth.fetch_add(1, Relaxed);
            async move {
                match nth % 4 {
                    0 => Err(HttpError::new(StatusCode::IM_A_TEAPOT)),
                    1 => {
                        tokio::time::sleep(Duration::from_secs(60)).await;
                        Ok("late")
                    }
                    _ => Ok("well"),
                }
            }
        }),
        post("/", async |body: String| body),
    ]);
    let builder = TestServer::builder().shutdown_timeout(Duration::ZERO);
    let server = builder.start(app).await.unwrap();
    let url = server.url("/");
    let counted = figures(&["-c", "2", "-n", "8", "--timeout", "1.5", &url]).await;
    assert_eq!(counted["statuses"], serde_json::json!({ "200": 4, "418": 2 }), "{counted}");
    assert_eq!(counted["errors"], serde_json::json!({ "timeout": 2 }), "{counted}");
    let posted = figures(&["-n", "3", "-X", "POST", "--body", "four", &url]).await;
    assert_eq!(posted["body_bytes"], 12);

    let text = ok(&["bench", "-c", "2", "-n", "8", "--timeout", "1.5", &url]).await.stdout;
    for part in [
        "6 answers in",
        "status 200: 4",
        "status 418: 2",
        "2 errors, which are in no latency",
        "timeout: 2",
        "75%",
        "histogram",
        "#",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let _ = server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_a_run_with_its_figures() {
    let seen = Arc::new(AtomicU64::new(0));
    let server = TestServer::new(counting(&seen)).await.unwrap();
    for more in [&[][..], &["--rate", "300"]] {
        seen.store(0, Relaxed);
        let url = server.url("/");
        let args = [&["bench", "--json", "-d", "60", "-c", "2", &url], more].concat();
        let child = dunlin(&args).spawn().unwrap();
        while seen.load(Relaxed) < 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        util::interrupt(&child);
        let out = Out::from(child.wait_with_output().await.unwrap());
        assert_eq!(out.code, 0, "{out:?}");
        let figures: Value = serde_json::from_str(&out.stdout).unwrap();
        assert_eq!(figures["interrupted"], true);
        // Those that were under way are not counted.
        let missing = seen.load(Relaxed) - figures["answers"].as_u64().unwrap();
        assert!(missing <= 2, "{missing}: {figures}");
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_which_nothing_succeeds_is_a_failure() {
    let url = format!("http://127.0.0.1:{}/", util::free_port());
    let out = fails(3, &["bench", "-c", "2", "-n", "5", &url]).await;
    assert!(out.stdout.contains("0 answers") && out.stdout.contains("not connected: 5"), "{out:?}");
    for args in [&["-c", "0"][..], &["-n", "0"], &["--rate", "0"], &["-d", "x"]] {
        fails(2, &[&["bench", &url], args].concat()).await;
    }
}
