//! Probes: what they answer, in memory with time moved by hand and over a socket through a shutdown.
#![cfg(feature = "timeout")]
#![allow(missing_docs)]

mod common;

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{build, field, get, send, shown};
use dunlin_core::{BoxError, Response};
use dunlin_server::{Readiness, Server};
use dunlin_web::{App, CheckTimedOut, Health, group};
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

async fn fine() -> Result<(), Infallible> {
    Ok(())
}

async fn broken() -> Result<(), BoxError> {
    Err("password=hunter2 refused".into())
}

#[tokio::test(start_paused = true)]
async fn probes_without_checks_pass_and_list_them_when_asked() {
    let health = Health::new().ready_check("cache", fine).ready_check("database", fine);
    let app = build(App::new().group(health.into_group()));
    for (target, body) in [
        ("/livez", "200 ok"),
        ("/readyz", "200 ok"),
        ("/livez?verbose", "200 livez check passed"),
        ("/readyz?a=b&verbose=1", "200 [+]cache ok\n[+]database ok\nreadyz check passed"),
    ] {
        assert_eq!(get(&app, target).await, body, "{target}");
    }
    let answer = send(&app, "HEAD", "/readyz").await;
    assert_eq!(
        (answer.status(), field(&answer, "cache-control")),
        (StatusCode::OK, Some("no-store"))
    );
    assert_eq!(send(&app, "POST", "/readyz").await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_named_and_why_is_told_to_the_hook_alone() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    let health = Health::new()
        .live_check("loop", fine)
        .ready_check("cache", fine)
        .ready_check("database", broken)
        .on_failure(move |name, error| telling.lock().unwrap().push(format!("{name}: {error}")));
    let app = build(App::new().group(group("/internal").group(health.into_group())));
    let failed = "503 [+]cache ok\n[-]database failed: reason withheld\nreadyz check failed";
    assert_eq!(get(&app, "/internal/readyz").await, failed);
    assert_eq!(get(&app, "/internal/livez").await, "200 ok");
    assert_eq!(*told.lock().unwrap(), ["database: password=hunter2 refused"]);
}

#[tokio::test(start_paused = true)]
async fn checks_run_at_once_and_each_has_a_deadline() {
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        Ok::<_, Infallible>(())
    };
    let timed_out = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&timed_out);
    let health = Health::new()
        .ready_check("one", slow)
        .ready_check("hangs", pending::<Result<(), Infallible>>)
        .ready_check("other", slow)
        .on_failure(move |_, error| seen.store(error.is::<CheckTimedOut>(), Ordering::SeqCst));
    let app = build(App::new().group(health.into_group()));
    let began = Instant::now();
    let failed =
        "503 [+]one ok\n[-]hangs failed: reason withheld\n[+]other ok\nreadyz check failed";
    assert_eq!(get(&app, "/readyz").await, failed);
    let took = began.elapsed().as_millis();
    assert!((800..=802).contains(&took), "{took} ms");
    assert!(timed_out.load(Ordering::SeqCst));

    let health = Health::new().timeout(Duration::from_millis(100)).ready_check("one", slow);
    let health = health.on_failure(|_, _| {});
    let app = build(App::new().group(health.into_group()));
    let answer: Response = send(&app, "GET", "/readyz").await;
    assert!(shown(answer).await.starts_with("503 [-]one failed"));
}

#[tokio::test]
async fn a_server_that_is_told_to_end_is_alive_and_not_ready() {
    async fn probe(address: std::net::SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read =
            tokio::time::timeout(Duration::from_secs(20), stream.read_to_string(&mut answer));
        read.await.expect("in time").unwrap();
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or("").to_owned();
        format!("{} {body}", &answer[9..12])
    }

    let readiness = Readiness::new();
    let asked = readiness.clone();
    let checked = Arc::new(AtomicBool::new(false));
    let checking = Arc::clone(&checked);
    let database = move || {
        checking.store(true, Ordering::SeqCst);
        fine()
    };
    let health =
        Health::new().ready_while(move || asked.is_ready()).ready_check("database", database);
    let server = Server::builder()
        .bind("127.0.0.1:0")
        .readiness(readiness.clone())
        .shutdown_delay(Duration::from_millis(500))
        .start(App::new().group(health.into_group()))
        .await
        .unwrap();
    let address = server.addresses()[0];
    let all = "200 [+]serving ok\n[+]database ok\nreadyz check passed\n";
    assert_eq!(probe(address, "/readyz?verbose").await, all);
    assert!(checked.swap(false, Ordering::SeqCst));
    let ending = tokio::spawn(server.shutdown());
    while readiness.is_ready() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let not = "503 [-]serving failed: reason withheld\nreadyz check failed\n";
    assert_eq!(probe(address, "/readyz").await, not);
    assert!(!checked.load(Ordering::SeqCst), "nothing is checked for nobody");
    assert_eq!(probe(address, "/livez").await, "200 ok\n");
    ending.await.unwrap().unwrap();
}
