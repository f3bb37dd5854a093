use std::io;
use std::time::Duration;

use dunlin_client::Client;
use dunlin_core::{Body, IntoResponse, Request, Response};
use dunlin_server::ServeError;
use dunlin_test::{TestError, TestServer, unused_port};
use dunlin_web::App;
use tokio::net::TcpStream;

use crate::Log;

#[tokio::test]
async fn an_app_is_served_from_startup_to_cleanup() {
    let log = Log::default();
    let server = TestServer::new(log.app()).await.unwrap();
    assert!(server.address().ip().is_loopback());
    assert_eq!(log.text(), "startup");
    let response = Client::new().get(server.url("")).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "hello");
    let address = server.address();
    let report = server.stop().await.unwrap();
    assert_eq!((report.cut, report.faults), (0, vec![]));
    assert_eq!(log.text(), "startup shutdown cleanup");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_function_is_served_too() {
    let hello = |req: Request| async move { req.path().to_owned().into_response() };
    let server = TestServer::new(hello).await.unwrap();
    let text = Client::new().get(server.url("/a?b")).send().await.unwrap().text().await.unwrap();
    assert_eq!(text, "/a");
}

#[tokio::test]
async fn one_that_is_dropped_is_ended_in_the_background() {
    let log = Log::default();
    let server = TestServer::new(log.app()).await.unwrap();
    let address = server.address();
    drop(server);
    let ended = async {
        while log.text() != "startup shutdown cleanup" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[test]
fn one_that_is_dropped_without_a_runtime_goes_with_its_connections() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(TestServer::new(App::new())).unwrap();
    let address = server.address();
    drop(runtime);
    drop(server);
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn what_is_wrong_with_an_app_is_told_at_the_start() {
    let twice = || App::new().add_get("/", || async {}).add_get("/", || async {});
    let error = TestServer::new(twice()).await.unwrap_err();
    assert!(matches!(error, TestError::Serve(ServeError::Build(_))), "{error}");
    assert_eq!(format!("{error:?}"), error.to_string(), "unwrap prints the message");

    let failing = App::new().on_startup(|_| async { Err::<(), _>("no database") });
    let error = TestServer::new(failing).await.unwrap_err();
    assert!(error.to_string().contains("no database"), "{error}");
}

#[tokio::test]
async fn the_end_tells_of_failed_cleanup_cut_requests_and_faults() {
    let app = App::new().on_cleanup(|_| async { Err::<(), _>("still locked") });
    let error = TestServer::new(app).await.unwrap().stop().await.unwrap_err();
    assert!(error.to_string().contains("still locked"), "{error}");

    let broken = || async {
        let (sender, body) = Body::channel(16);
        drop(sender);
        Response::new(body)
    };
    let app = App::new().add_get("/broken", broken).add_get("/slow", std::future::pending::<()>);
    let server =
        TestServer::builder().shutdown_timeout(Duration::from_millis(50)).start(app).await.unwrap();
    let client = Client::new();
    let broken = client.get(server.url("/broken")).send().await.unwrap();
    assert!(broken.text().await.is_err());
    assert_eq!(server.faults().len(), 1, "{:?}", server.faults());
    let slow = client.get(server.url("/slow"));
    let slow = tokio::spawn(async move { slow.send().await });
    while server.connections() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let report = server.stop().await.unwrap();
    assert_eq!(report.cut, 1);
    assert!(report.faults[0].contains("dropped before it finished"), "{:?}", report.faults);
    assert!(slow.await.unwrap().is_err());
}

#[tokio::test]
async fn settings_of_the_server_count() {
    let server = TestServer::builder()
        .server(|server| server.server_name(None))
        .start(Log::default().app())
        .await
        .unwrap();
    let response = Client::new().get(server.url("/")).send().await.unwrap();
    assert!(!response.headers().contains("server"));
}

#[test]
fn an_unused_port_can_be_bound() -> io::Result<()> {
    let port = unused_port()?;
    assert_ne!(port, 0);
    std::net::TcpListener::bind(("127.0.0.1", port)).map(drop)
}
