//! TLS: certificates by name and read anew, clients' own, and whoever speaks something else.
#![cfg(feature = "tls")]

mod util;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use dunlin_core::{IntoResponse, Lifecycle, Request, Response, Service};
use dunlin_server::{Fault, ProxyProtocol, Running, Server, ServerBuilder, TlsConfig, TlsError};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use util::Raw;
use util::sockets::{dial, eventually, within};

/// Somebody who signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    roots: RootCertStore,
}

struct Leaf {
    pem: String,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "a test's authority");
        let own = params.self_signed(&key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(own.der().clone()).unwrap();
        Self { pem: own.pem(), issuer: Issuer::new(params, key), roots }
    }

    fn sign(&self, names: &[&str]) -> Leaf {
        self.sign_with(names, |_| {})
    }

    fn sign_with(&self, names: &[&str], edit: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        edit(&mut params);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Leaf { pem: cert.pem(), key }
    }

    fn server(&self, names: &[&str]) -> TlsConfig {
        let leaf = self.sign(names);
        TlsConfig::builder().certificate_pem(leaf.pem, leaf.key.serialize_pem()).build().unwrap()
    }

    fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth()
    }

    fn client_with(&self, leaf: &Leaf) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = der_chain(&leaf.pem);
        let key = PrivateKeyDer::try_from(leaf.key.serialize_der()).unwrap();
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_client_auth_cert(chain, key)
            .unwrap()
    }
}

fn der_chain(pem: &str) -> Vec<rustls::pki_types::CertificateDer<'static>> {
    use rustls::pki_types::pem::PemObject;
    rustls::pki_types::CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect()
}

impl Leaf {
    fn write(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let (chain, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&chain, &self.pem).unwrap();
        std::fs::write(&key, self.key.serialize_pem()).unwrap();
        (chain, key)
    }
}

async fn serve<S: Service + Lifecycle>(
    builder: ServerBuilder,
    tls: &TlsConfig,
    service: S,
) -> Running<S> {
    builder.bind_tls("127.0.0.1:0", tls.clone()).start(service).await.expect("a free port")
}

async fn shake(
    config: ClientConfig,
    address: SocketAddr,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let io = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    within(20, TlsConnector::from(Arc::new(config)).connect(name, io)).await
}

/// Answers with what is known of the connection.
async fn told(req: Request) -> Response {
    let connection = req.connection().expect("a connection").clone();
    let tls = connection.tls.expect("a handshake");
    let text = format!(
        "{} {} {:?} {:?} {}",
        connection.secure,
        tls.version,
        tls.server_name,
        tls.alpn,
        tls.peer_certificates.len()
    );
    assert!(tls.cipher_suite.starts_with("TLS"), "{}", tls.cipher_suite);
    text.into_response()
}

#[tokio::test]
async fn requests_know_of_the_handshake_in_both_versions() {
    let authority = Authority::new();
    let server = serve(Server::builder(), &authority.server(&["a.test"]), told).await;
    for (version, name) in [(&version::TLS12, "TLSv1.2"), (&version::TLS13, "TLSv1.3")] {
        let mut config = authority.client(&[version]);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut client = Raw::new(shake(config, server.addresses()[0], "a.test").await.unwrap());
        let want = format!("true {name} Some(\"a.test\") Some(\"http/1.1\") 0");
        assert_eq!(client.get("/").await.text(), want);
        assert_eq!(client.get("/again").await.text(), want);
    }
}

#[tokio::test]
async fn bodies_of_megabytes_pass_both_ways() {
    let authority = Authority::new();
    let echo = |req: Request| async move { Response::new(req.into_body()) };
    let server = serve(Server::builder(), &authority.server(&["a.test"]), echo).await;
    let io = shake(authority.client(rustls::ALL_VERSIONS), server.addresses()[0], "a.test").await;
    let (mut near, mut far) = Raw::new(io.unwrap()).split();
    let body: Vec<u8> = (0..4_000_000_u32).map(|i| (i % 251) as u8).collect();
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    let sent = async {
        near.send(head).await;
        near.send(&body).await;
        near.io_mut().flush().await.unwrap();
    };
    let ((), answer) = within(60, async { tokio::join!(sent, far.answer()) }).await;
    assert!(answer.unwrap().body == body);
}

#[tokio::test]
async fn a_whole_body_reaches_a_reader_that_lets_the_socket_fill() {
    let authority = Authority::new();
    let large = |_: Request| async { vec![7_u8; 8_000_000].into_response() };
    let server = serve(Server::builder(), &authority.server(&["a.test"]), large).await;
    let io = shake(authority.client(rustls::ALL_VERSIONS), server.addresses()[0], "a.test").await;
    let mut client = Raw::new(io.unwrap());
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let answer = within(60, client.answer()).await.unwrap();
    assert_eq!(answer.body.len(), 8_000_000);
}

#[tokio::test]
async fn the_certificate_is_chosen_by_the_name_asked_for() {
    let authority = Authority::new();
    let mut builder = TlsConfig::builder();
    for names in [&["first.test"][..], &["*.wild.test", "b.test"], &["own.wild.test"]] {
        let leaf = authority.sign(names);
        builder = builder.certificate_pem(leaf.pem, leaf.key.serialize_pem());
    }
    let server = serve(Server::builder(), &builder.build().unwrap(), told).await;
    let shake = |name| shake(authority.client(rustls::ALL_VERSIONS), server.addresses()[0], name);
    for name in ["first.test", "b.test", "any.wild.test", "own.wild.test"] {
        assert!(shake(name).await.is_ok(), "{name}");
    }
    for name in ["other.test", "two.deep.wild.test", "wild.test"] {
        let error = shake(name).await.unwrap_err().to_string();
        assert!(error.contains("not valid for name"), "{error}");
    }
}

#[tokio::test]
async fn clients_show_certificates_where_they_must_or_may() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let leaf = authority.sign(&["a.test"]);
    let builder = || {
        TlsConfig::builder()
            .certificate_pem(leaf.pem.clone(), leaf.key.serialize_pem())
            .client_roots_pem(authority.pem.clone())
    };
    let own = authority.sign(&["client.test"]);
    let foreign = stranger.sign(&["client.test"]);
    let der = der_chain(&own.pem)[0].to_vec();
    let check = move |req: Request| {
        let tls = req.connection().unwrap().tls.clone().unwrap();
        let shown = tls.peer_certificates.first().map(|shown| *shown == der);
        async move { format!("{shown:?}").into_response() }
    };
    for required in [true, false] {
        let tls = if required { builder() } else { builder().client_certificates_optional() };
        let server = serve(Server::builder(), &tls.build().unwrap(), check.clone()).await;
        let address = server.addresses()[0];
        let ask = async |config| {
            let mut io = shake(config, address, "a.test").await.ok()?;
            let wire = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            io.write_all(wire).await.ok()?;
            let mut text = String::new();
            io.read_to_string(&mut text).await.ok()?;
            text.rsplit("\r\n\r\n").next().map(str::to_owned)
        };
        assert_eq!(ask(authority.client_with(&own)).await.as_deref(), Some("Some(true)"));
        let without = ask(authority.client(rustls::ALL_VERSIONS)).await;
        assert_eq!(without.as_deref(), (!required).then_some("None"));
        let mut config = authority.client_with(&foreign);
        config.resumption = rustls::client::Resumption::disabled();
        assert_eq!(ask(config).await, None, "signed by a stranger");
    }
}

#[tokio::test]
async fn certificates_are_read_anew_and_open_connections_stay() {
    let (old, new) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = old.sign(&["a.test"]).write(folder.path());
    let tls = TlsConfig::from_files(&chain, &key).unwrap();
    let server = serve(Server::builder(), &tls, told).await;
    let address = server.addresses()[0];
    let shake =
        |authority: &Authority| shake(authority.client(rustls::ALL_VERSIONS), address, "a.test");
    let mut open = Raw::new(shake(&old).await.unwrap());
    assert_eq!(open.get("/").await.status, 200);

    // What is not usable changes nothing.
    std::fs::write(&chain, "no certificate").unwrap();
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("cert.pem") && error.contains("holds no certificate"), "{error}");
    assert!(shake(&old).await.is_ok());

    new.sign(&["a.test"]).write(folder.path());
    tls.reload().unwrap();
    assert!(shake(&new).await.is_ok() && shake(&old).await.is_err());
    assert_eq!(open.get("/").await.status, 200);
}

#[tokio::test]
async fn changed_files_are_noticed() {
    let (old, new) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = old.sign(&["a.test"]).write(folder.path());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&heard);
    let tls = TlsConfig::builder()
        .certificate_files(&chain, &key)
        .reload_on_change(Duration::from_millis(20), move |reloaded| {
            tell.lock().unwrap().push(reloaded.map_err(|error| error.to_string()));
        })
        .build()
        .unwrap();
    let server = serve(Server::builder(), &tls, told).await;
    std::fs::write(&key, "no key").unwrap();
    eventually(|| heard.lock().unwrap().last().is_some_and(Result::is_err)).await;
    new.sign(&["a.test"]).write(folder.path());
    eventually(|| heard.lock().unwrap().last() == Some(&Ok(()))).await;
    let config = new.client(rustls::ALL_VERSIONS);
    assert!(shake(config, server.addresses()[0], "a.test").await.is_ok());
    // The thread that watches goes with its configuration.
    drop((server, tls));
    eventually(|| Arc::strong_count(&heard) == 1).await;
}

#[tokio::test]
async fn plain_http_on_the_port_is_told_so() {
    let authority = Authority::new();
    let server = serve(Server::builder(), &authority.server(&["a.test"]), told).await;
    let mut client = dial(server.addresses()[0]).await;
    let answer = within(20, client.get("/")).await;
    assert_eq!((answer.status, answer.field("connection")), (400, Some("close")));
    assert_eq!(answer.field("content-type"), Some("text/plain; charset=utf-8"));
    assert!(answer.text().contains("https://"), "{}", answer.text());
    assert!(client.is_closed().await);
    drop(client);
    eventually(|| server.connections() == 0).await;
}

#[tokio::test]
async fn what_is_neither_is_refused_and_the_hook_told() {
    let authority = Authority::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&heard);
    let builder = Server::builder().on_fault(move |fault| {
        assert!(matches!(fault, Fault::Handshake { .. }));
        tell.lock().unwrap().push(fault.to_string());
    });
    let server = serve(builder, &authority.server(&["a.test"]), told).await;
    let mut client = dial(server.addresses()[0]).await;
    client.send("\x01\x02 something else").await;
    within(20, client.rest()).await;
    eventually(|| heard.lock().unwrap().len() == 1).await;
    assert!(heard.lock().unwrap()[0].starts_with("the TLS handshake of a connection from 127."));
}

#[tokio::test]
async fn a_handshake_has_a_deadline_and_holds_up_nobody() {
    let authority = Authority::new();
    let builder = Server::builder().head_timeout(Duration::from_millis(400));
    let server = serve(builder, &authority.server(&["a.test"]), told).await;
    let address = server.addresses()[0];
    let began = Instant::now();
    let (mut silent, mut half) = (dial(address).await, dial(address).await);
    half.send(b"\x16\x03\x01\x02\x00\x01").await;
    // Others are served meanwhile.
    let config = authority.client(rustls::ALL_VERSIONS);
    let mut other = Raw::new(shake(config, address, "a.test").await.unwrap());
    assert_eq!(other.get("/").await.status, 200);
    assert!(within(20, silent.is_closed()).await && within(20, half.is_closed()).await);
    assert!(began.elapsed() >= Duration::from_millis(400));
    eventually(|| server.connections() == 1).await;
}

#[tokio::test]
async fn each_end_is_said_with_close_notify() {
    let authority = Authority::new();
    let tls = authority.server(&["a.test"]);
    let builder = Server::builder().keep_alive(Duration::from_millis(200));
    let server = serve(builder, &tls, told).await;
    let address = server.addresses()[0];
    let dial = || shake(authority.client(rustls::ALL_VERSIONS), address, "a.test");
    // Without it, rustls would report an unexpected end instead of the end.
    let ends_well = async |mut io: TlsStream<TcpStream>| {
        let mut text = String::new();
        within(20, io.read_to_string(&mut text)).await.expect("close_notify");
        text
    };
    let mut asked = dial().await.unwrap();
    asked.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(ends_well(asked).await.starts_with("HTTP/1.1 200"));
    let mut idle = dial().await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(ends_well(idle).await.starts_with("HTTP/1.1 200"));
    let unused = dial().await.unwrap();
    eventually(|| server.connections() == 1).await;
    // The handshake's last part must have been read.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (ended, text) = tokio::join!(server.shutdown(), ends_well(unused));
    assert_eq!((ended.unwrap().cut, text.as_str()), (0, ""));
}

#[tokio::test]
async fn a_proxy_header_stands_in_front_of_tls() {
    let authority = Authority::new();
    let builder = Server::builder().proxy_protocol(ProxyProtocol::from_anyone());
    let peer = |req: Request| async move { format!("{:?}", req.peer()).into_response() };
    let server = serve(builder, &authority.server(&["a.test"]), peer).await;
    let mut io = TcpStream::connect(server.addresses()[0]).await.unwrap();
    io.write_all(b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n").await.unwrap();
    let connector = TlsConnector::from(Arc::new(authority.client(rustls::ALL_VERSIONS)));
    let name = ServerName::try_from("a.test").unwrap();
    let mut client = Raw::new(within(20, connector.connect(name, io)).await.unwrap());
    assert_eq!(client.get("/").await.text(), "Some(192.0.2.1:56324)");
}

#[tokio::test]
async fn plain_and_encrypted_addresses_stand_side_by_side() {
    let authority = Authority::new();
    let secure = |req: Request| async move {
        format!("{}", req.connection().unwrap().secure).into_response()
    };
    let builder = Server::builder().bind("127.0.0.1:0");
    let server = serve(builder, &authority.server(&["a.test"]), secure).await;
    assert_eq!(dial(server.addresses()[0]).await.get("/").await.text(), "false");
    let config = authority.client(rustls::ALL_VERSIONS);
    let io = shake(config, server.addresses()[1], "a.test").await.unwrap();
    assert_eq!(Raw::new(io).get("/").await.text(), "true");
}

#[test]
fn files_that_are_not_usable_are_told_with_what_to_do() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = authority.sign(&["a.test"]).write(folder.path());
    let other = folder.path().join("other.pem");
    let says = |chain: &Path, key: &Path, words: &[&str]| {
        let error = TlsConfig::from_files(chain, key).unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "{word:?} in {error:?}");
        }
    };
    says(&other, &key, &["certificate file", "other.pem", "No such file"]);
    says(&chain, &other, &["key file", "other.pem", "No such file"]);
    says(&key, &chain, &["key.pem", "holds no certificate", "swapped"]);
    says(&chain, &chain, &["cert.pem", "holds no private key"]);
    std::fs::write(&other, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    says(&chain, &other, &["other.pem is not that of the first certificate in", "cert.pem"]);
    let block = "ENCRYPTED PRIVATE KEY";
    std::fs::write(&other, format!("-----BEGIN {block}-----\nAAAA\n-----END {block}-----\n"))
        .unwrap();
    says(&chain, &other, &["other.pem", "is encrypted", "openssl pkey"]);
    std::fs::write(&other, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        .unwrap();
    says(&chain, &other, &["other.pem", "cannot be used"]);
    std::fs::write(&other, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .unwrap();
    says(&other, &key, &["other.pem", "a certificate in it is malformed"]);
    let none = TlsConfig::builder().build().unwrap_err();
    assert!(matches!(none, TlsError::NoCertificate));
}

#[tokio::test]
async fn certificates_out_of_date_are_told_at_the_start_and_shown_all_the_same() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let day = Duration::from_secs(24 * 60 * 60);
    let today = SystemTime::now();
    let between = |name: &str, from: SystemTime, until: SystemTime| {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        let leaf = authority.sign_with(&["a.test"], |params| {
            (params.not_before, params.not_after) = (from.into(), until.into());
        });
        let files = leaf.write(&path);
        (files.0.display().to_string(), TlsConfig::from_files(files.0, files.1).unwrap())
    };
    let (old, expired) = between("old", today - 90 * day, today - 5 * day - day / 2);
    let (new, not_yet) = between("new", today + 2 * day + day / 2, today + 90 * day);
    let (_, good) = between("good", today - day, today + day);
    let (tell, faults) = std::sync::mpsc::channel();
    let server = Server::builder()
        .bind_tls("127.0.0.1:0", expired.clone())
        .bind_tls("127.0.0.1:0", expired)
        .bind_tls("127.0.0.1:0", not_yet)
        .bind_tls("127.0.0.1:0", good)
        .on_fault(move |fault| drop(tell.send(fault.to_string())));
    let server = server.start(told).await.unwrap();
    let hint = "and clients refuse it: put a valid one in its place, or set this machine's clock";
    let expected = [
        format!("the certificate of {old} has expired 5 days ago, {hint}"),
        format!("the certificate of {new} is not valid before 3 days from now, {hint}"),
    ];
    assert_eq!(faults.try_iter().collect::<Vec<_>>(), expected);
    let config = authority.client(&[&version::TLS13]);
    let shown = shake(config, server.addresses()[0], "a.test").await.unwrap_err();
    assert!(shown.to_string().contains("expired"), "{shown}");
    server.shutdown().await.unwrap();
}

/// Runs a program of the system, where it is installed.
fn run(program: &str, args: &[&str]) -> Option<String> {
    match Command::new(program).args(args).stdin(std::process::Stdio::null()).output() {
        Ok(output) => {
            Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
        }
        Err(error) => {
            eprintln!("skipped: {program}: {error}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_and_openssl_are_served() {
    let authority = Authority::new();
    let server = serve(Server::builder(), &authority.server(&["a.test"]), told).await;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.pem");
    std::fs::write(&root, &authority.pem).unwrap();
    let (root, port) = (root.to_str().unwrap().to_owned(), server.addresses()[0].port());
    tokio::task::spawn_blocking(move || {
        let resolve = format!("a.test:{port}:127.0.0.1");
        let url = format!("https://a.test:{port}/");
        let args = ["-sS", "-m", "20", "--noproxy", "*", "--cacert", &root, "--resolve", &resolve];
        if let Some(text) = run("curl", &[&args[..], &[&url]].concat()) {
            assert!(text.starts_with("true TLSv1.3 Some(\"a.test\") Some(\"http/1.1\")"), "{text}");
        }
        if let Some(text) = run("curl", &[&args[..], &["--tls-max", "1.2", &url]].concat()) {
            assert!(text.starts_with("true TLSv1.2"), "{text}");
        }
        let address = format!("127.0.0.1:{port}");
        let args = ["s_client", "-connect", &address, "-servername", "a.test", "-CAfile", &root];
        if let Some(text) = run("openssl", &[&args[..], &["-alpn", "http/1.1"]].concat()) {
            assert!(text.contains("Verify return code: 0"), "{text}");
            assert!(text.contains("ALPN protocol: http/1.1"), "{text}");
        }
    })
    .await
    .unwrap();
}
