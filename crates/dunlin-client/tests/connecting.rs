//! Who is connected to: names, addresses, Unix sockets, connectors, and who is refused.
#![allow(missing_docs)]

mod util;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dunlin_client::{
    AddressFilter, Client, ClientBuilder, Connect, Connecting, Error, ErrorKind, Phase, PoolLimits,
    Resolve, Resolving,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use util::{Server, answer, field, ok};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Knows some names, and counts what it is asked.
#[derive(Clone, Default)]
struct Names(Arc<AtomicUsize>);

impl Resolve for Names {
    fn resolve(&self, host: &str) -> Resolving {
        self.0.fetch_add(1, SeqCst);
        let known = match host {
            "none.test" => Ok(Vec::new()),
            "bad.test" => Err("the name server is asleep".into()),
            "away.test" => Ok(vec![Ipv4Addr::new(127, 0, 0, 2).into()]),
            _ => Ok(vec![HOME]),
        };
        Box::pin(async move { known })
    }
}

async fn text(client: &Client, url: &str) -> Result<String, Error> {
    client.get(url).send().await?.text().await
}

fn built(builder: ClientBuilder) -> Client {
    builder.build().unwrap()
}

#[tokio::test]
async fn names_are_looked_up_once_and_addresses_never() {
    let server = Server::mirror().await;
    let port = server.address.port();
    let names = Names::default();
    // Nothing is kept, so that each request connects.
    let limits = PoolLimits { idle: 0, ..PoolLimits::default() };
    let client = built(Client::builder().resolver(names.clone()).pool(limits));
    for _ in 0..3 {
        text(&client, &format!("http://Birds.test.:{port}/")).await.unwrap();
    }
    assert_eq!(names.0.load(SeqCst), 1);
    text(&client, &server.url("/")).await.unwrap();
    assert_eq!(names.0.load(SeqCst), 1);
    client.clear_dns_cache(Some("other.test"));
    text(&client, &format!("http://birds.test:{port}/")).await.unwrap();
    assert_eq!(names.0.load(SeqCst), 1);
    for forgotten in [Some("birds.test"), None] {
        client.clear_dns_cache(forgotten);
        text(&client, &format!("http://birds.test:{port}/")).await.unwrap();
    }
    assert_eq!(names.0.load(SeqCst), 3);

    let client =
        built(Client::builder().resolver(names.clone()).dns_ttl(Duration::ZERO).pool(limits));
    for _ in 0..2 {
        text(&client, &format!("http://birds.test:{port}/")).await.unwrap();
    }
    assert_eq!(names.0.load(SeqCst), 5);
}

#[tokio::test]
async fn a_name_without_address_is_told_with_its_host() {
    let client = built(Client::builder().resolver(Names::default()));
    for (host, why) in [("none.test", "no address"), ("bad.test", "the name server is asleep")] {
        let error = text(&client, &format!("https://{host}:8443/")).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Resolve(_)), "{error}");
        assert_eq!((error.phase(), error.is_connect()), (Phase::Resolve, true));
        assert_eq!((error.host(), error.port(), error.peer()), (Some(host), Some(8443), None));
        let text = error.to_string();
        let told = format!("cannot resolve the name {host}: ");
        assert!(text.starts_with(&told) && text.contains(why), "{text}");
        assert!(text.ends_with(&format!("for https://{host}:8443/")), "{text}");
    }
}

#[tokio::test]
async fn the_systems_resolver_knows_localhost() {
    let server = Server::mirror().await;
    let url = format!("http://localhost:{}/", server.address.port());
    assert!(text(&Client::new(), &url).await.is_ok());
}

#[tokio::test]
async fn addresses_can_be_given_by_hand_for_a_name_a_port_or_all() {
    let server = Server::mirror().await;
    let port = server.address.port();
    let names = Names::default();
    let dead = [Ipv4Addr::new(127, 0, 0, 9).into()];
    let client = built(
        Client::builder()
            .resolver(names.clone())
            .resolve_to("Birds.test.", &[HOME])
            .resolve_to("odd.test", &dead)
            .resolve_port_to("odd.test", port, &[HOME]),
    );
    for host in ["birds.test", "BIRDS.test.", "odd.test"] {
        let head = text(&client, &format!("http://{host}:{port}/")).await.unwrap();
        assert!(
            field(&head, "host").unwrap().starts_with(host.to_lowercase().trim_end_matches('.'))
        );
    }
    assert_eq!(names.0.load(SeqCst), 0);
    let client = built(Client::builder().resolve_to("*", &[HOME]));
    assert!(text(&client, &format!("http://any.invalid:{port}/")).await.is_ok());
}

#[tokio::test]
async fn an_address_that_fails_gives_way_to_the_next_and_the_last_failure_is_told() {
    let server = Server::mirror().await;
    let port = server.address.port();
    let dead: [IpAddr; 2] =
        [Ipv4Addr::new(127, 0, 0, 8).into(), Ipv4Addr::new(127, 0, 0, 9).into()];
    let client = built(
        Client::builder()
            .resolve_to("birds.test", &[dead[0], "::1".parse().unwrap(), HOME])
            .resolve_to("dead.test", &dead)
            .happy_eyeballs_delay(Duration::from_millis(20)),
    );
    let response = client.get(format!("http://birds.test:{port}/")).send().await.unwrap();
    assert_eq!(response.connection().unwrap().peer, Some(server.address));
    let error = text(&client, &format!("http://dead.test:{port}/")).await.unwrap_err();
    assert!(error.is_connect() && matches!(error.kind(), ErrorKind::Connect(_)));
    assert!(error.to_string().contains("127.0.0.9"), "{error}");
}

#[tokio::test]
async fn a_local_address_is_connected_from_and_divides_the_pool() {
    let server = Server::mirror().await;
    let other: IpAddr = Ipv4Addr::new(127, 0, 0, 2).into();
    let client = built(Client::builder().local_address(other));
    let from = async |address: Option<Option<IpAddr>>| {
        let mut request = client.get(server.url("/"));
        if let Some(address) = address {
            request = request.local_address(address);
        }
        request.send().await.unwrap().connection().unwrap().local.unwrap().ip()
    };
    assert_eq!(from(None).await, other);
    assert_eq!(from(Some(Some(HOME))).await, HOME);
    assert_eq!(from(None).await, other);
    assert_eq!(server.connections(), 2);
    let elsewhere = client.get(server.url("/")).local_address(Some("192.0.2.1".parse().unwrap()));
    assert!(elsewhere.send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn only_addresses_that_the_filter_allows_are_connected_to() {
    let inside = Server::mirror().await;
    let port = inside.address.port();
    let hosts = [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://inside.test:{port}/"),
        format!("http://given.test:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://[::ffff:7f00:1]:{port}/"),
    ];
    let locations = hosts.clone();
    let outside = Server::start_at("127.0.0.2", move |mut conn| {
        let locations = locations.clone();
        async move {
            while let Some((head, _)) = conn.request().await {
                let nth: usize = util::target(&head)[1..].parse().unwrap();
                let location = format!("Location: {}\r\n", locations[nth]);
                let _ = conn.send(&answer("302 Found", &location, "")).await;
            }
        }
    })
    .await;
    let out: IpAddr = Ipv4Addr::new(127, 0, 0, 2).into();
    let client = built(
        Client::builder()
            .resolver(Names::default())
            .resolve_to("given.test", &[HOME])
            .resolve_to("localhost", &[HOME])
            .address_filter(AddressFilter::new(move |address| address.ip() == out)),
    );
    let away = outside.address.port();
    for (nth, host) in hosts.iter().enumerate() {
        for url in [host.clone(), format!("http://away.test:{away}/{nth}")] {
            let error = text(&client, &url).await.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Refused(_)), "{url}: {error}");
            assert_eq!(error.phase(), Phase::Connect);
            assert!(error.peer().is_some_and(|peer| peer.port() == port), "{error}");
            assert!(error.to_string().contains("filter says no"), "{error}");
        }
    }
    assert_eq!((inside.connections(), outside.connections()), (0, 1));

    let public = built(Client::builder().address_filter(AddressFilter::public_only()));
    for host in hosts.iter().filter(|host| !host.contains(".test")) {
        let error = text(&public, host).await.unwrap_err();
        assert!(error.to_string().contains("not a public address"), "{host}: {error}");
    }
    // Of several addresses the others are left.
    let both = built(
        Client::builder()
            .resolve_to("both.test", &[HOME, out])
            .address_filter(AddressFilter::new(move |address| address.ip() == HOME)),
    );
    assert!(text(&both, &format!("http://both.test:{port}/")).await.is_ok());
}

/// A server on a Unix socket that answers with what it was sent.
#[cfg(unix)]
fn unix_mirror(path: &std::path::Path) {
    let listener = tokio::net::UnixListener::bind(path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = vec![0; 4096];
                while let Ok(n @ 1..) = stream.read(&mut head).await {
                    let text = String::from_utf8_lossy(&head[..n]).into_owned();
                    let _ = stream.write_all(&ok(&text)).await;
                }
            });
        }
    });
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_connected_to_for_a_client_or_a_request() {
    let dir = tempfile::tempdir().unwrap();
    let paths = [dir.path().join("a.sock"), dir.path().join("b.sock")];
    paths.iter().for_each(|path| unix_mirror(path));
    let client = built(Client::builder().unix_socket(&paths[0]));
    let response = client.get("http://docker/v1/info").send().await.unwrap();
    assert_eq!(response.connection().unwrap().peer, None);
    let head = response.text().await.unwrap();
    assert!(head.starts_with("GET /v1/info HTTP/1.1\r\n"), "{head}");
    assert_eq!(field(&head, "host"), Some("docker"));
    client.get("http://docker/").send().await.unwrap();
    assert_eq!(client.pool_metrics().opened, 1);
    client.get("http://docker/").unix_socket(&paths[1]).send().await.unwrap();
    assert_eq!(client.pool_metrics().opened, 2, "another socket is another server");

    let none = dir.path().join("none.sock");
    let error = Client::new().get("http://a/").unix_socket(&none).send().await.unwrap_err();
    assert!(error.is_connect() && error.to_string().contains("none.sock"), "{error}");
}

/// Answers in memory, or not at all.
struct Pipe(Arc<Mutex<Vec<(String, u16)>>>);

impl Connect for Pipe {
    fn connect(&self, host: &str, port: u16) -> Connecting {
        self.0.lock().unwrap().push((host.to_owned(), port));
        let refused = host == "down.test";
        Box::pin(async move {
            if refused {
                return Err("the pipe is clogged".into());
            }
            let (ours, mut theirs) = tokio::io::duplex(1024);
            tokio::spawn(async move {
                let mut head = [0; 1024];
                while let Ok(1..) = theirs.read(&mut head).await {
                    let _ = theirs.write_all(&ok("piped")).await;
                }
            });
            Ok(Box::pin(ours) as _)
        })
    }
}

#[tokio::test]
async fn a_connector_of_ones_own_takes_the_place_of_tcp() {
    let asked = Arc::default();
    let client = built(Client::builder().connector(Pipe(Arc::clone(&asked))));
    for _ in 0..2 {
        assert_eq!(text(&client, "http://up.test:81/").await.unwrap(), "piped");
    }
    let error = text(&client, "http://down.test/").await.unwrap_err();
    assert!(error.is_connect() && error.to_string().contains("the pipe is clogged"), "{error}");
    let asked = asked.lock().unwrap();
    assert_eq!(*asked, [("up.test".to_owned(), 81), ("down.test".to_owned(), 80)]);
}

#[tokio::test]
async fn a_client_that_is_closed_lets_what_is_under_way_end_and_refuses_who_waits() {
    let server = Server::start(|mut conn| async move {
        while conn.request().await.is_some() {
            tokio::time::sleep(Duration::from_millis(40)).await;
            let _ = conn.send(&ok("done")).await;
        }
    })
    .await;
    let limits = PoolLimits { total: 1, ..PoolLimits::default() };
    let client = built(Client::builder().pool(limits));
    let under_way = tokio::spawn(client.get(server.url("/")).send());
    while server.seen.requests.load(SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let waiting = tokio::spawn(client.get(server.url("/")).send());
    while client.pool_metrics().waiting == 0 {
        tokio::task::yield_now().await;
    }
    client.close();
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Closed) && error.phase() == Phase::Queue, "{error}");
    assert_eq!(under_way.await.unwrap().unwrap().text().await.unwrap(), "done");
    assert_eq!(client.pool_metrics().open, 0, "what ends after the close is not kept");
}

#[tokio::test]
async fn connections_of_other_names_and_ports_are_not_shared() {
    let (a, b) = (Server::mirror().await, Server::mirror().await);
    let client = built(Client::builder().resolve_to("*", &[HOME]));
    let urls = [
        format!("http://one.test:{}/", a.address.port()),
        format!("http://two.test:{}/", a.address.port()),
        format!("http://one.test:{}/", b.address.port()),
    ];
    for url in urls.iter().chain(&urls) {
        text(&client, url).await.unwrap();
    }
    assert_eq!((a.connections(), b.connections()), (2, 1));
    let peer = SocketAddr::new(HOME, a.address.port());
    let response = client.get(&urls[0]).send().await.unwrap();
    assert_eq!(response.connection().unwrap().peer, Some(peer));
}
