//! What errors say, to the letter: what happened, with whom, and what to do.
#![allow(missing_docs)]

mod util;

use std::time::Duration;

use dunlin_client::{Client, Error, Proxy, Redirects};
use util::{Server, answer, ok};

async fn text_of(request: dunlin_client::RequestBuilder) -> String {
    request.send().await.unwrap_err().to_string()
}

/// An address on which nothing listens, for as long as the socket is kept.
fn closed() -> (tokio::net::TcpSocket, std::net::SocketAddr) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named_beside_the_url() {
    let (_kept, address) = closed();
    let proxy = Proxy::new(format!("http://{address}")).unwrap();
    let client = Client::builder().proxy(proxy).build().unwrap();
    assert_eq!(
        text_of(client.get("https://example.com/")).await,
        format!(
            "cannot connect: {address}: Connection refused (os error 111), through the proxy {address}, for \
             https://example.com/; nothing listens there: is the server running, and is the port right?"
        )
    );
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_once() {
    let server = Server::answering(|_, _| {
        answer("403 Forbidden", "Content-Type: text/plain\r\n", "not you")
    })
    .await;
    let proxy = Proxy::new(format!("http://{}", server.address)).unwrap();
    let client = Client::builder().proxy(proxy).build().unwrap();
    assert_eq!(
        text_of(client.get("https://example.com/")).await,
        format!(
            "the proxy refused: 403 Forbidden: not you, through the proxy {}, for https://example.com/",
            server.address
        )
    );
}

#[tokio::test]
async fn a_deadline_says_how_long_which_and_what_was_awaited() {
    let server = Server::start(|mut conn| async move {
        let _ = conn.request().await;
        std::future::pending::<()>().await;
    })
    .await;
    let url = server.url("/");
    assert_eq!(
        text_of(Client::new().get(&url).timeout(Duration::from_millis(50))).await,
        format!("no success within 50ms (total timeout), waiting for the response, for {url}")
    );
}

#[tokio::test]
async fn limits_that_are_passed_name_their_setting() {
    let circle = Server::answering(|_, _| answer("302 Found", "Location: /\r\n", "")).await;
    let client = Client::builder().redirects(Redirects::follow(3)).build().unwrap();
    assert_eq!(
        text_of(client.get(circle.url("/"))).await,
        format!(
            "more than 3 redirects, for {}; the limit is that of `Redirects::follow`",
            circle.url("/")
        )
    );
    let long = Server::answering(|_, _| ok("too long")).await;
    let read = async { Client::new().get(long.url("/")).max_body(3).send().await?.text().await };
    let error: Error = read.await.unwrap_err();
    assert!(
        error.to_string().starts_with("the body exceeds the limit of 3 bytes, ")
            && error.to_string().ends_with("; the limit is that of `max_body`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_does_not_speak_http_is_told_as_one() {
    // An alert of TLS, as servers say to who speaks plain HTTP on a port of theirs.
    let tls = Server::answering(|_, _| b"\x15\x03\x01\x00\x02\x02\x46".to_vec()).await;
    assert_eq!(
        text_of(Client::new().get(tls.url("/"))).await,
        format!(
            "bad response: invalid protocol version at byte 0, waiting for the response, for {}; it does not begin \
             as HTTP/1 does: is the port right, and is it http, not https?",
            tls.url("/")
        )
    );
}

#[tokio::test]
async fn a_status_is_told_with_its_url() {
    let server = Server::answering(|_, _| answer("404 Not Found", "", "")).await;
    let response = Client::new().get(server.url("/birds")).send().await.unwrap();
    assert_eq!(
        response.ok().unwrap_err().to_string(),
        format!("the server answered 404 Not Found, for {}", server.url("/birds"))
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_before_it_is_sent() {
    let client = Client::new();
    for (url, told) in [
        (
            "localhost:8080/birds",
            "cannot request \"localhost:8080/birds\": the scheme is localhost, not http or https: begin it with \
             http:// or https://",
        ),
        (
            "127.0.0.1:8080",
            "cannot request \"127.0.0.1:8080\": it is relative: write it with http:// or https://, or give the \
             client a base_url",
        ),
        ("ftp://a/", "cannot request \"ftp://a/\": the scheme is ftp, not http or https"),
    ] {
        assert_eq!(text_of(client.get(url)).await, told);
    }
    assert_eq!(
        text_of(client.get("http://a.test/").header("x-bird", "a\nb")).await,
        "not a field value: x-bird: failed to parse header value; line breaks and control characters are not \
         allowed, for http://a.test/"
    );
}

#[cfg(feature = "tls")]
#[test]
fn files_of_certificates_that_are_not_usable_are_named() {
    use dunlin_client::TlsConfig;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roots.pem");
    let shown = path.display().to_string();
    let told = || TlsConfig::builder().root_file(&path).unwrap_err().to_string();
    assert_eq!(
        told(),
        format!(
            "a PEM file: {shown}: No such file or directory (os error 2); the path is taken from the folder that \
             the program runs in"
        )
    );
    std::fs::write(&path, "garbage").unwrap();
    assert_eq!(
        told(),
        format!("a certificate: {shown} holds no block -----BEGIN CERTIFICATE-----")
    );
    std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .unwrap();
    assert!(told().starts_with(&format!("a root certificate: in {shown}: ")), "{}", told());
    let key = rcgen::KeyPair::generate().unwrap();
    std::fs::write(
        &path,
        rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap().pem(),
    )
    .unwrap();
    let identity = TlsConfig::builder().identity_files(&path, &path).unwrap_err();
    assert_eq!(
        identity.to_string(),
        format!("the client's private key: {shown} holds no block -----BEGIN PRIVATE KEY-----")
    );
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let chain = std::fs::read(&path).unwrap();
    let identity = TlsConfig::builder().identity_pem(&chain, other.as_bytes()).unwrap();
    assert_eq!(
        identity.build().unwrap_err().to_string(),
        "the client's certificate: the private key is another certificate's: they must have been made together, \
         and the client's own certificate must stand before its issuers'"
    );
}
