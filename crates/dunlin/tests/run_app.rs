//! Where `run_app` listens.

#![cfg(feature = "server")]

use std::net::TcpListener;
use std::sync::mpsc;

use dunlin::run_app;
use dunlin::web::App;

/// What a program has opened itself is all: the default port is not bound beside it.
#[tokio::test]
async fn a_listener_of_the_programs_own_is_all_that_is_listened_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap();
    let (tell, told) = mpsc::channel();
    let server = run_app(App::new()).banner(false).server(|server| {
        server.listener(listener).on_listening(move |addresses| {
            tell.send(addresses.to_vec()).unwrap();
        })
    });
    let served = tokio::spawn(server.into_future());
    let addresses = tokio::task::spawn_blocking(move || told.recv()).await.unwrap().unwrap();
    assert_eq!(addresses, [own]);
    served.abort();
}
