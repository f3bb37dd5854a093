//! TLS: whose certificates are taken, what is shown, and who shares a connection.
#![cfg(feature = "tls")]
#![allow(missing_docs)]

mod util;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dunlin_client::cache::{Cache, MemoryStore};
use dunlin_client::sse::EventSource;
use dunlin_client::{
    Client, Connect, Connecting, Error, ErrorKind, Hsts, Phase, RequestBuilder, Retry, Timeouts,
    TlsConfig,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use util::{Server, field, ok};

/// Somebody who signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

struct Leaf {
    chain: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Two of one name would be taken for one whose signature is wrong.
        let name = format!("{:x?}", Sha256::digest(key.subject_public_key_info()));
        params.distinguished_name.push(DnType::CommonName, name);
        let own = params.self_signed(&key).unwrap();
        let (pem, der) = (own.pem(), own.der().clone());
        Self { issuer: Issuer::new(params, key), pem, der }
    }

    fn sign(&self, names: &[&str], last_year: i32) -> Leaf {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = rcgen::date_time_ymd(last_year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Leaf { chain: cert.der().clone(), pem: cert.pem(), key }
    }

    fn tls(&self) -> TlsConfig {
        let builder = TlsConfig::builder().root_pem(self.pem.as_bytes()).unwrap();
        builder.only_given_roots().build().unwrap()
    }
}

/// A server that answers with its view of the connection, and then the request's head.
struct TlsServer {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl TlsServer {
    async fn start(
        leaf: &Leaf,
        client_authority: Option<&Authority>,
        body_until_close: bool,
    ) -> Self {
        // Without a word of farewell.
        let instead = body_until_close.then_some("HTTP/1.1 200 OK\r\n\r\nhalf");
        Self::start_with(leaf, client_authority, instead).await
    }

    /// A server that says this and closes.
    async fn saying(leaf: &Leaf, answer: &'static str) -> Self {
        Self::start_with(leaf, None, Some(answer)).await
    }

    fn acceptor(leaf: &Leaf, client_authority: Option<&Authority>) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match client_authority {
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.der.clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
            None => builder.with_no_client_auth(),
        };
        let key = PrivateKeyDer::try_from(leaf.key.serialize_der()).unwrap();
        let mut config = builder.with_single_cert(vec![leaf.chain.clone()], key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    async fn start_with(
        leaf: &Leaf,
        client_authority: Option<&Authority>,
        instead: Option<&'static str>,
    ) -> Self {
        let acceptor = Self::acceptor(leaf, client_authority);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, heads) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::<String>::new())));
        let (count, seen) = (Arc::clone(&connections), Arc::clone(&heads));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, SeqCst);
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut head = vec![0; 4096];
                    while let Ok(n @ 1..) = stream.read(&mut head).await {
                        let head = String::from_utf8_lossy(&head[..n]).into_owned();
                        seen.lock().unwrap().push(head.clone());
                        let tls = stream.get_ref().1;
                        let text = format!(
                            "sni={:?} alpn={:?} certs={}\n{head}",
                            tls.server_name(),
                            tls.alpn_protocol().map(String::from_utf8_lossy),
                            tls.peer_certificates().map_or(0, <[_]>::len),
                        );
                        if let Some(answer) = instead {
                            let _ = stream.write_all(answer.as_bytes()).await;
                            return;
                        }
                        let _ = stream.write_all(&ok(&text)).await;
                    }
                });
            }
        });
        Self { address, connections, heads }
    }

    fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/", self.address.port())
    }
}

/// A client that finds every name on this machine.
fn client(tls: TlsConfig) -> Client {
    Client::builder().tls(tls).resolve_to("*", &[[127, 0, 0, 1].into()]).build().unwrap()
}

async fn text(client: &Client, url: &str) -> Result<String, Error> {
    client.get(url).send().await?.text().await
}

fn refused(error: &Error, hint: &str) {
    assert!(matches!(error.kind(), ErrorKind::Tls(_)), "{error}");
    assert_eq!((error.phase(), error.is_connect()), (Phase::Tls, true));
    assert!(error.to_string().contains(hint), "{error}");
    assert!(error.peer().is_some(), "{error}");
}

#[tokio::test]
async fn a_server_is_trusted_by_the_roots_that_are_given() {
    let authority = Authority::new();
    let leaf = authority.sign(&["birds.test"], 2099);
    let server = TlsServer::start(&leaf, None, false).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    std::fs::write(&file, &authority.pem).unwrap();
    let from_file = TlsConfig::builder().root_file(&file).unwrap().only_given_roots();
    let beside = TlsConfig::builder().root_pem(authority.pem.as_bytes()).unwrap();
    for tls in [authority.tls(), from_file.build().unwrap(), beside.build().unwrap()] {
        let client = client(tls);
        let response = client.get(server.url("birds.test")).send().await.unwrap();
        assert_eq!(response.connection().unwrap().certificate.as_deref(), Some(&leaf.chain[..]));
        let text = response.text().await.unwrap();
        assert!(
            text.starts_with("sni=Some(\"birds.test\") alpn=Some(\"http/1.1\") certs=0\n"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn certificates_that_do_not_hold_are_refused_with_the_reason() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for (leaf, hint) in [
        (stranger.sign(&["birds.test"], 2099), "nobody that is trusted has signed it"),
        (authority.sign(&["other.test"], 2099), "it is for another name"),
        (authority.sign(&["birds.test"], 2001), "it has expired"),
    ] {
        let server = TlsServer::start(&leaf, None, false).await;
        let error = text(&client(authority.tls()), &server.url("birds.test")).await.unwrap_err();
        refused(&error, hint);
        assert_eq!(error.host(), Some("birds.test"));
        let insecure = TlsConfig::builder().insecure().build().unwrap();
        assert!(text(&client(insecure), &server.url("birds.test")).await.is_ok());
        assert_eq!(server.heads.lock().unwrap().len(), 1, "only whom the server was good for");
    }
    // The platform does not know them either.
    let leaf = stranger.sign(&["birds.test"], 2099);
    let server = TlsServer::start(&leaf, None, false).await;
    let client = client(TlsConfig::default());
    assert!(text(&client, &server.url("birds.test")).await.unwrap_err().is_connect());
}

#[tokio::test]
async fn another_server_name_is_asked_for_and_checked() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority.sign(&["birds.test"], 2099), None, false).await;
    let tls = authority.tls().server_name("birds.test").unwrap();
    let seen = text(&client(tls), &server.url("127.0.0.1")).await.unwrap();
    assert!(seen.starts_with("sni=Some(\"birds.test\")"), "{seen}");
    assert_eq!(field(&seen, "host"), Some(&*server.address.to_string()), "of the URL");
    let tls = authority.tls().server_name("other.test").unwrap();
    let error = text(&client(tls), &server.url("birds.test")).await.unwrap_err();
    refused(&error, "another name");
    assert!(authority.tls().server_name("not a name").is_err());
}

#[tokio::test]
async fn addresses_are_checked_and_not_named_and_a_final_dot_is_none() {
    let authority = Authority::new();
    let server =
        TlsServer::start(&authority.sign(&["127.0.0.1", "birds.test"], 2099), None, false).await;
    let client = client(authority.tls());
    let seen = text(&client, &server.url("127.0.0.1")).await.unwrap();
    assert!(seen.starts_with("sni=None"), "{seen}");
    let seen = text(&client, &server.url("birds.test.")).await.unwrap();
    assert!(seen.starts_with("sni=Some(\"birds.test\")"), "{seen}");
}

#[tokio::test]
async fn a_pin_refuses_any_other_certificate_before_a_byte_is_sent() {
    let authority = Authority::new();
    let leaf = authority.sign(&["birds.test"], 2099);
    let server = TlsServer::start(&leaf, None, false).await;
    let pin: [u8; 32] = Sha256::digest(&leaf.chain).into();
    let good = authority.tls().pin_sha256([[0; 32], pin]);
    assert!(text(&client(good), &server.url("birds.test")).await.is_ok());
    let bad = authority.tls().pin_sha256([[0; 32]]);
    let error = text(&client(bad), &server.url("birds.test")).await.unwrap_err();
    let hex: String = pin.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(matches!(error.kind(), ErrorKind::Pin { found } if *found == hex), "{error}");
    assert!(error.to_string().contains(&hex) && error.phase() == Phase::Tls, "{error}");
    // A pin is checked besides what else is, and in place of it where that was switched off.
    let pinned = TlsConfig::builder().insecure().build().unwrap().pin_sha256([pin]);
    assert!(text(&client(pinned), &server.url("other.test")).await.is_ok());
    let unknown = Authority::new().tls().pin_sha256([pin]);
    refused(&text(&client(unknown), &server.url("birds.test")).await.unwrap_err(), "nobody");
    assert_eq!(server.heads.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_certificate_of_ones_own_is_shown_where_it_is_asked_for() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server =
        TlsServer::start(&authority.sign(&["birds.test"], 2099), Some(&clients), false).await;
    let own = clients.sign(&["me"], 2099);
    let key = own.key.serialize_pem();
    let root =
        || TlsConfig::builder().root_pem(authority.pem.as_bytes()).unwrap().only_given_roots();
    let dir = tempfile::tempdir().unwrap();
    let (chain_file, key_file) = (dir.path().join("me.pem"), dir.path().join("me.key"));
    std::fs::write(&chain_file, &own.pem).unwrap();
    std::fs::write(&key_file, &key).unwrap();
    for builder in [
        root().identity_pem(own.pem.as_bytes(), key.as_bytes()).unwrap(),
        root().identity_files(&chain_file, &key_file).unwrap(),
    ] {
        let seen =
            text(&client(builder.build().unwrap()), &server.url("birds.test")).await.unwrap();
        assert!(seen.contains("certs=1"), "{seen}");
    }
    let stranger = authority.sign(&["me"], 2099);
    let wrong =
        root().identity_pem(stranger.pem.as_bytes(), stranger.key.serialize_pem().as_bytes());
    for tls in [root().build().unwrap(), wrong.unwrap().build().unwrap()] {
        assert!(text(&client(tls), &server.url("birds.test")).await.is_err());
    }
    assert_eq!(server.heads.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_port_that_speaks_something_else_is_recognised() {
    let authority = Authority::new();
    let chatty = Server::start(|mut conn| async move {
        let _ = conn.send(b"220 mail.test ESMTP ready\r\n").await;
        let _ = conn.request().await;
    })
    .await;
    let url = chatty.url("/").replace("http:", "https:");
    let error = text(&client(authority.tls()), &url).await.unwrap_err();
    refused(&error, "does not seem to speak TLS on this port");

    let server = TlsServer::start(&authority.sign(&["127.0.0.1"], 2099), None, false).await;
    let url = server.url("127.0.0.1").replace("https:", "http:");
    assert!(text(&client(authority.tls()), &url).await.is_err());
}

#[tokio::test]
async fn what_is_no_certificate_or_key_is_refused_when_it_is_given() {
    let authority = Authority::new();
    let own = authority.sign(&["me"], 2099);
    assert!(TlsConfig::builder().root_pem(b"").is_err());
    assert!(TlsConfig::builder().root_pem(b"-----BEGIN CERTIFICATE-----\n!\n").is_err());
    let error = TlsConfig::builder().root_file("/no/such.pem").unwrap_err();
    assert!(error.to_string().contains("/no/such.pem"), "{error}");
    assert!(TlsConfig::builder().identity_pem(own.pem.as_bytes(), b"").is_err());
    let other = KeyPair::generate().unwrap().serialize_pem();
    let builder = TlsConfig::builder().identity_pem(own.pem.as_bytes(), other.as_bytes()).unwrap();
    assert!(builder.only_given_roots().build().is_err(), "the key of somebody else");
}

#[tokio::test]
async fn requests_on_other_terms_have_connections_of_their_own() {
    let authority = Authority::new();
    let leaf = authority.sign(&["birds.test", "waders.test"], 2099);
    let server = TlsServer::start(&leaf, None, false).await;
    let tls = authority.tls();
    let pin: [u8; 32] = Sha256::digest(&leaf.chain).into();
    let client = client(tls.clone());
    let terms = [
        tls.clone(),
        tls.clone().server_name("waders.test").unwrap(),
        tls.clone().pin_sha256([pin]),
        authority.tls(),
        TlsConfig::builder().insecure().build().unwrap(),
    ];
    for (nth, tls) in terms.iter().enumerate() {
        for _ in 0..2 {
            let request = client.get(server.url("birds.test")).tls(tls.clone());
            request.send().await.unwrap().bytes().await.unwrap();
            assert_eq!(server.connections.load(SeqCst), nth + 1);
        }
    }
    text(&client, &server.url("birds.test")).await.unwrap();
    assert_eq!(server.connections.load(SeqCst), terms.len(), "the client's own are the first");
}

#[tokio::test]
async fn a_body_until_close_that_ends_without_farewell_is_cut() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority.sign(&["birds.test"], 2099), None, true).await;
    let response = client(authority.tls()).get(server.url("birds.test")).send().await.unwrap();
    let error = response.bytes().await.unwrap_err();
    assert!(error.is_body() && error.to_string().contains("close_notify"), "{error}");
}

#[tokio::test]
async fn credentials_do_not_go_from_https_to_http() {
    let authority = Authority::new();
    let plain = Server::mirror().await;
    let leaf = authority.sign(&["127.0.0.1"], 2099);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::try_from(leaf.key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.chain.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let to = plain.url("/");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let head = format!("HTTP/1.1 307 Down\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
        let _ = stream.write_all(head.as_bytes()).await;
    });
    let request = client(authority.tls()).get(format!("https://{address}/")).bearer_auth("secret");
    let head = request.send().await.unwrap().text().await.unwrap();
    assert_eq!(field(&head, "authorization"), None, "{head}");
}

/// Before the server: hangs up on so many connections in the middle of their handshake.
async fn hanging_up(first: usize, server: &TlsServer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, to) = (listener.local_addr().unwrap(), server.address);
    tokio::spawn(async move {
        for nth in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            if nth < first {
                let _ = stream.read(&mut [0; 16]).await;
                continue;
            }
            tokio::spawn(async move {
                let mut target = tokio::net::TcpStream::connect(to).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut target).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn a_handshake_that_breaks_off_is_tried_again_and_a_bad_certificate_is_not() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority.sign(&["a.test"], 2999), None, false).await;
    let retry = || Retry::new().backoff(Duration::from_millis(1), Duration::from_millis(1));
    let client = |tls| {
        let builder = Client::builder().tls(tls).resolve_to("*", &[[127, 0, 0, 1].into()]);
        builder.with(retry()).build().unwrap()
    };
    let at = hanging_up(2, &server).await;
    // Not even POST has been seen by anybody.
    let request = client(authority.tls()).post(format!("https://a.test:{}/", at.port())).body("x");
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(server.connections.load(SeqCst), 1);
    let error = client(Authority::new().tls()).get(server.url("a.test")).send().await.unwrap_err();
    refused(&error, "not accepted");
    assert_eq!(server.connections.load(SeqCst), 2);
}

#[tokio::test]
async fn a_handshake_that_breaks_off_does_not_end_a_stream_of_events() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority.sign(&["a.test"], 2999), None, false).await;
    let at = hanging_up(2, &server).await;
    let client = client(authority.tls());
    let request = client.get(format!("https://a.test:{}/", at.port())).build().unwrap();
    let mut events = EventSource::new(client, request).retry(Duration::from_millis(100));
    // The server has no events, but it has been come to.
    let error = events.next().await.unwrap().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Content { .. }), "{error}");
}

#[tokio::test]
async fn what_anybody_may_have_said_is_neither_believed_nor_kept() {
    let (liar, honest) = (Authority::new(), Authority::new());
    let start = async |authority: &Authority, says: &'static str| {
        let identity = authority.sign(&["a.test"], 2999);
        TlsServer::saying(&identity, says).await
    };
    const LIE: &str = "HTTP/1.1 200 OK\r\nCache-Control: max-age=9\r\n\
                       Strict-Transport-Security: max-age=9\r\nContent-Length: 3\r\n\r\nlie";
    const TRUTH: &str = "HTTP/1.1 200 OK\r\nCache-Control: max-age=9\r\n\
                         Strict-Transport-Security: max-age=9\r\nContent-Length: 5\r\n\r\ntruth";
    let (liar, server) = (start(&liar, LIE).await, start(&honest, TRUTH).await);
    let moving = Arc::new(AtomicUsize::new(liar.address.port().into()));
    let (hsts, port) = (Hsts::new(), Arc::clone(&moving));
    let client = Client::builder()
        .tls(honest.tls())
        .with(hsts.clone())
        .with(Cache::new(MemoryStore::new(1 << 20)))
        .connector(MovingTo(port))
        .build()
        .unwrap();
    let insecure = TlsConfig::builder().insecure().build().unwrap();
    let get = || client.get("https://a.test/");
    let text = async |request: RequestBuilder| request.send().await.unwrap().text().await.unwrap();
    assert_eq!(text(get().tls(insecure.clone())).await, "lie");
    assert!(hsts.is_empty(), "who spoke was anybody");
    moving.store(server.address.port().into(), SeqCst);
    assert_eq!(text(get()).await, "truth");
    assert!(hsts.is_known("a.test"));
    // Other terms, built anew and equal: what is kept on disk outlives the program.
    moving.store(1, SeqCst);
    assert_eq!(text(get().tls(honest.tls())).await, "truth");
    assert_eq!(text(get().tls(TlsConfig::builder().insecure().build().unwrap())).await, "lie");
    let pinned = honest.tls().pin_sha256([[0; 32]]);
    assert!(get().tls(pinned).send().await.unwrap_err().is_connect());
}

/// Goes to a port of this machine that may change.
struct MovingTo(Arc<AtomicUsize>);

impl Connect for MovingTo {
    fn connect(&self, _: &str, _: u16) -> Connecting {
        let port = u16::try_from(self.0.load(SeqCst)).unwrap();
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
            Ok(Box::pin(stream) as std::pin::Pin<Box<dyn dunlin_core::Io>>)
        })
    }
}

/// A server by a pipe of one KiB, that reads this many bytes every 20 ms until it has all of a request.
struct Narrow {
    acceptor: TlsAcceptor,
    len: usize,
    at_a_time: usize,
}

impl Connect for Narrow {
    fn connect(&self, _: &str, _: u16) -> Connecting {
        let (near, far) = tokio::io::duplex(1024);
        let (acceptor, len, at_a_time) = (self.acceptor.clone(), self.len, self.at_a_time);
        tokio::spawn(async move {
            let mut stream = acceptor.accept(far).await.unwrap();
            let (mut read, mut piece) = (0, vec![0; at_a_time]);
            while read < len {
                tokio::time::sleep(Duration::from_millis(20)).await;
                read += stream.read(&mut piece).await.unwrap();
            }
            let _ = stream.write_all(&ok("")).await;
            let _ = stream.flush().await;
        });
        Box::pin(async move { Ok(Box::pin(near) as std::pin::Pin<Box<dyn dunlin_core::Io>>) })
    }
}

#[tokio::test]
async fn a_server_that_takes_nothing_of_what_tls_holds_meets_the_write_deadline() {
    let authority = Authority::new();
    let acceptor = TlsServer::acceptor(&authority.sign(&["a.test"], 2999), None);
    let body = vec![b'x'; 120_000];
    for (at_a_time, done) in [(4096, true), (0, false)] {
        let narrow = Narrow { acceptor: acceptor.clone(), len: body.len(), at_a_time };
        let client = Client::builder().tls(authority.tls()).connector(narrow).build().unwrap();
        let write = Some(Duration::from_millis(150));
        let timeouts = Timeouts { write, ..Timeouts::NONE };
        let sent = client.post("https://a.test/").body(body.clone()).timeouts(timeouts).send();
        let sent = tokio::time::timeout(Duration::from_secs(5), sent).await.expect("a deadline");
        match sent {
            Ok(response) => assert!(done && response.status() == 200),
            Err(error) => assert!(!done && error.to_string().contains("write timeout"), "{error}"),
        }
    }
}

#[tokio::test]
async fn an_ipv6_address_is_checked_as_such() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority.sign(&["::1"], 2999), None, false).await;
    let client = client(authority.tls());
    let seen = text(&client, &server.url("[::1]")).await.unwrap();
    assert!(seen.starts_with("sni=None"), "{seen}");
}
