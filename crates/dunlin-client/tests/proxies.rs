//! Requests by proxies that the tests bring along.

mod proxies_common;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use dunlin_client::{AddressFilter, Client, ErrorKind, NoProxy, Phase, Proxy, Timeouts};
use tokio::io::AsyncWriteExt;

use self::proxies_common::{
    Server, answer, digest_proxy, http_proxy, origin, read_head, saying, socks_proxy,
};

fn by(scheme: &str, server: &Server) -> Proxy {
    Proxy::new(format!("{scheme}://{}", server.at)).unwrap()
}

fn client(proxy: Proxy) -> Client {
    Client::builder().proxy(proxy).build().unwrap()
}

async fn text(client: &Client, url: &str) -> String {
    client.get(url).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn http_targets_are_forwarded_with_the_whole_uri_and_the_proxys_fields() {
    let proxy = http_proxy(None, "127.0.0.1:1".parse().unwrap(), None).await;
    let by_proxy = by("http", &proxy).basic_auth("ada", "secret").unwrap();
    let client = client(by_proxy.header("x-team", "birds").unwrap());
    let response = client.get("http://t.example/x?y").send().await.unwrap();
    assert!(response.connection().unwrap().via_proxy);
    assert_eq!(response.text().await.unwrap(), "from the proxy");
    let head = proxy.notes.last();
    assert!(head.starts_with("get http://t.example/x?y http/1.1\r\nhost: t.example\r\n"), "{head}");
    assert!(head.contains("\r\nproxy-authorization: basic ywrhonnly3jlda==\r\n"), "{head}");
    assert!(head.contains("\r\nx-team: birds\r\n"), "{head}");

    let request = client.get("http://t.example/").header("proxy-authorization", "own");
    request.header("x-team", "own").send().await.unwrap();
    let head = proxy.notes.last();
    assert!(head.contains("\r\nproxy-authorization: own\r\n"), "{head}");
    assert!(!head.contains("basic") && !head.contains("birds"), "{head}");
    assert_eq!(proxy.accepted(), 1, "the connection is kept");
}

#[tokio::test]
async fn nothing_that_is_the_proxys_goes_through_a_tunnel() {
    let origin = origin(None).await;
    let proxy = http_proxy(None, origin.at, Some("Basic YWRhOnNlY3JldA==")).await;
    let by_proxy = Proxy::new(format!("http://ada:secret@{}", proxy.at)).unwrap();
    let by_proxy = by_proxy.header("x-team", "birds").unwrap().always_tunnel();
    let client = client(by_proxy);
    for _ in 0..2 {
        let request = client.get("http://t.example/x").header("proxy-authorization", "leak");
        let response = request.send().await.unwrap();
        let info = response.connection().unwrap();
        assert!(!info.via_proxy);
        let said = info.proxy_headers.as_ref().unwrap();
        assert_eq!(said.get_str("x-proxy"), Some("yes"));
        assert_eq!(response.text().await.unwrap(), "from the origin");
    }
    let asked = proxy.notes.all();
    assert_eq!(asked.len(), 1, "one tunnel for both: {asked:?}");
    assert!(asked[0].starts_with("connect t.example:80 http/1.1\r\nhost: t.example:80\r\n"));
    assert!(asked[0].contains("x-team: birds") && !asked[0].contains("leak"), "{asked:?}");
    for head in origin.notes.all() {
        assert!(head.starts_with("get /x http/1.1\r\nhost: t.example\r\n"), "{head}");
        assert!(!head.contains("proxy-") && !head.contains("birds"), "{head}");
    }
}

#[tokio::test]
async fn without_a_proxy_its_credentials_are_not_sent() {
    let origin = origin(None).await;
    let url = format!("http://{}/", origin.at);
    let request = Client::new().get(url).header("proxy-authorization", "Basic leak");
    request.send().await.unwrap();
    assert!(!origin.notes.last().contains("leak"));
}

#[tokio::test]
async fn upgrades_ask_for_a_tunnel() {
    let origin = origin(None).await;
    let proxy = http_proxy(None, origin.at, None).await;
    let client = client(by("http", &proxy));
    let request = client.get("ws://t.example/").header("connection", "upgrade");
    request.header("upgrade", "websocket").send().await.unwrap();
    assert!(proxy.notes.last().starts_with("connect t.example:80 "));
    assert!(origin.notes.last().contains("upgrade: websocket"));
}

#[tokio::test]
async fn what_is_bypassed_goes_directly_and_each_request_may_choose() {
    let origin = origin(None).await;
    let proxy = http_proxy(None, origin.at, None).await;
    let list = NoProxy::parse("127.0.0.0/8").unwrap();
    let client = client(by("http", &proxy).bypass(list));
    let url = format!("http://{}/", origin.at);
    assert_eq!(text(&client, &url).await, "from the origin");
    let response = client.get(&url).proxy(by("http", &proxy)).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "from the proxy");
    assert_eq!(text(&client, "http://t.example/").await, "from the proxy");
    let direct = Client::builder().proxy(by("http", &proxy)).build().unwrap();
    let response = direct.get(&url).proxy(None).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "from the origin");
}

#[tokio::test]
async fn socks_proxies_get_a_name_or_an_address() {
    let origin = origin(None).await;
    let proxy = socks_proxy(origin.at, None).await;
    for (scheme, told) in [
        ("socks4", "4 @127.0.0.7:81"),
        ("socks4a", "4 @t.example:81"),
        ("socks5", "5 address 127.0.0.7:81"),
        ("socks5h", "5 name t.example:81"),
    ] {
        let ip: IpAddr = "127.0.0.7".parse().unwrap();
        let client = Client::builder()
            .proxy(by(scheme, &proxy))
            .resolve_to("t.example", &[ip])
            .build()
            .unwrap();
        let response = client.get("http://t.example:81/x").send().await.unwrap();
        assert!(!response.connection().unwrap().via_proxy);
        assert_eq!(response.text().await.unwrap(), "from the origin");
        assert_eq!(proxy.notes.last(), told);
        assert!(origin.notes.last().starts_with("get /x http/1.1\r\nhost: t.example:81\r\n"));
    }
    let client = client(by("socks5h", &proxy));
    assert_eq!(text(&client, "http://[::7]/").await, "from the origin");
    assert_eq!(proxy.notes.last(), "5 address ::7:80");
}

#[tokio::test]
async fn socks5_tries_the_next_address_where_one_cannot_be_reached() {
    let origin = origin(None).await;
    let proxy = socks_proxy(origin.at, None).await;
    let addresses = ["127.0.0.9", "127.0.0.7"].map(|ip| ip.parse().unwrap());
    let client = Client::builder()
        .proxy(by("socks5", &proxy))
        .resolve_to("t.example", &addresses)
        .resolve_to("u.example", &addresses[..1])
        .build()
        .unwrap();
    assert_eq!(text(&client, "http://t.example/").await, "from the origin");
    assert_eq!(proxy.notes.all(), ["5 address 127.0.0.9:80", "5 address 127.0.0.7:80"]);
    let error = client.get("http://u.example/").send().await.unwrap_err();
    assert!(error.to_string().contains("cannot reach the target"), "{error}");
}

#[tokio::test]
async fn socks_logins() {
    let origin = origin(None).await;
    let proxy = socks_proxy(origin.at, Some(("ada", "p@ss"))).await;
    let at = proxy.at;
    let good = Proxy::new(format!("socks5h://ada:p%40ss@{at}")).unwrap();
    assert_eq!(text(&client(good), "http://t.example/").await, "from the origin");
    for (url, expected) in [
        (format!("socks5h://ada:bad@{at}"), "does not accept the user and password"),
        (format!("socks5://{at}"), "wants a user and password"),
    ] {
        let client = client(Proxy::new(url).unwrap());
        let error = client.get("http://127.0.0.1:9/").send().await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.is_connect() && error.phase() == Phase::Proxy);
        assert_eq!(error.port(), Some(at.port()));
    }
    let user = Proxy::new(format!("socks4a://ada@{at}")).unwrap();
    assert_eq!(text(&client(user), "http://t.example/").await, "from the origin");
    assert_eq!(proxy.notes.last(), "4 ada@t.example:80");
}

#[tokio::test]
async fn refusals_have_status_proxy_and_reason() {
    let bad_gateway = "HTTP/1.1 502 x\r\nContent-Length: 8\r\n\r\nno route";
    for (answer, status, expected) in [
        (bad_gateway, Some(502), "502 Bad Gateway: no route"),
        (
            "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=\"p\"\r\n\r\n",
            Some(407),
            "user and password",
        ),
        ("HTTP/1.1 200 x\r\n\r\nHTTP/1.1 200 faked\r\n\r\n", None, "by itself"),
        ("", None, "without an answer"),
    ] {
        let proxy = saying(answer).await;
        let client = client(by("http", &proxy).always_tunnel());
        let error = client.get("http://t.example/").send().await.unwrap_err();
        assert_eq!(error.status().map(|status| status.as_u16()), status, "{error}");
        assert!(matches!(error.kind(), ErrorKind::Proxy { .. }), "{error}");
        assert_eq!((error.host(), error.port()), (Some("127.0.0.1"), Some(proxy.at.port())));
        assert_eq!(error.peer(), Some(proxy.at));
        let text = error.to_string();
        assert!(text.contains(expected) && text.contains("http://t.example/"), "{text}");
        assert_eq!(client.pool_metrics().open, 0);
    }
}

#[tokio::test]
async fn a_407_to_a_forwarded_request_is_its_response() {
    let proxy = http_proxy(None, "127.0.0.1:1".parse().unwrap(), Some("Basic x")).await;
    let response = client(by("http", &proxy)).get("http://t.example/").send().await.unwrap();
    assert_eq!(response.status(), 407);
}

#[tokio::test]
async fn a_proxy_that_wants_digest_gets_it_for_what_it_forwards_and_what_it_tunnels() {
    let origin = origin(None).await;
    for closes in [false, true] {
        let proxy = digest_proxy(origin.at, closes).await;
        let login = || Proxy::new(format!("http://ada:secret@{}", proxy.at)).unwrap();
        let client_of = client(login());
        let post = |body: &'static str| client_of.post("http://t.example/x?y").body(body);
        for body in ["one", "two"] {
            let response = post(body).send().await.unwrap();
            assert_eq!(
                (response.status().as_u16(), response.text().await.unwrap().as_str()),
                (200, body)
            );
        }
        let all = proxy.notes.all();
        assert!(all[0].contains("proxy-authorization: basic "), "{all:?}");
        assert!(all[1].contains(r#"uri="http://t.example/x?y""#) && all[1].contains("nc=00000001"));
        // It is known by now what the proxy wants.
        assert!(all[2].contains("nc=00000002") && all.len() == 3, "{all:?}");
        let once = futures_util::stream::iter([Ok::<_, std::io::Error>(&b"x"[..])]);
        let once = client_of.post("http://t.example/").stream(once).header("content-length", "1");
        assert_eq!(once.send().await.unwrap().status(), 200);

        let tunnelled = client(login().always_tunnel());
        assert_eq!(text(&tunnelled, "http://u.example/").await, "from the origin");
        assert_eq!(text(&tunnelled, "http://v.example/").await, "from the origin");
        let all = proxy.notes.all();
        assert_eq!(all.len(), 4 + 3, "{all:?}");
        assert!(!origin.notes.all().concat().contains("proxy-authorization"));

        let wrong = Proxy::new(format!("http://bob:secret@{}", proxy.at)).unwrap();
        let response = client(wrong.clone()).get("http://t.example/").send().await.unwrap();
        assert_eq!(response.status(), 407);
        let error =
            client(wrong.always_tunnel()).get("http://t.example/").send().await.unwrap_err();
        assert_eq!(error.status().unwrap(), 407);
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let gone = origin(None).await.at;
    // The listener goes with its task.
    tokio::task::yield_now().await;
    let client = client(Proxy::new(format!("socks5h://{gone}")).unwrap());
    let error = client.get("http://t.example/").send().await.unwrap_err();
    assert!(error.is_connect(), "{error}");
    assert_eq!(error.port(), Some(gone.port()));
}

#[tokio::test]
async fn a_proxy_that_never_answers_is_not_waited_for() {
    let silent = Server::start(None, |mut io, notes| async move {
        notes.add(read_head(&mut io).await.unwrap_or_default());
        std::future::pending().await
    })
    .await;
    for proxy in [by("http", &silent).always_tunnel(), by("socks5h", &silent)] {
        let connect = Some(Duration::from_millis(100));
        let client = Client::builder()
            .proxy(proxy)
            .timeouts(Timeouts { connect, ..Timeouts::default() })
            .build()
            .unwrap();
        let began = Instant::now();
        let error = client.get("http://t.example/").send().await.unwrap_err();
        assert!(error.is_timeout() && error.is_connect(), "{error}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_refusal_whose_body_never_ends_is_told_all_the_same() {
    let slow = Server::start(None, |mut io, notes| async move {
        notes.add(read_head(&mut io).await.unwrap_or_default());
        io.write_all(b"HTTP/1.1 403 x\r\nContent-Length: 99\r\n\r\nforbidden").await?;
        std::future::pending().await
    })
    .await;
    let client = client(by("http", &slow).always_tunnel());
    let error = client.get("http://t.example/").send().await.unwrap_err();
    assert!(error.to_string().contains("403 Forbidden: forbidden"), "{error}");
}

#[tokio::test]
async fn connections_of_different_proxies_and_credentials_are_not_mixed() {
    let origin = origin(None).await;
    let (one, two) =
        (http_proxy(None, origin.at, None).await, http_proxy(None, origin.at, None).await);
    let client = Client::new();
    let send = async |proxy: Proxy| {
        let request = client.get("http://t.example/").proxy(proxy);
        request.send().await.unwrap().text().await.unwrap();
    };
    let tunnelled = || by("http", &one).always_tunnel();
    send(tunnelled()).await;
    send(tunnelled()).await;
    assert_eq!(one.accepted(), 1, "equal proxies share");
    send(by("http", &one)).await;
    assert_eq!(one.accepted(), 2, "a forwarded request takes no tunnel");
    send(tunnelled().basic_auth("ada", "a").unwrap()).await;
    send(tunnelled().basic_auth("ada", "b").unwrap()).await;
    send(tunnelled().header("x-team", "birds").unwrap()).await;
    assert_eq!(one.accepted(), 5);
    send(by("http", &two).always_tunnel()).await;
    assert_eq!((one.accepted(), two.accepted()), (5, 1));
    send(tunnelled().basic_auth("ada", "a").unwrap()).await;
    assert_eq!((one.accepted(), origin.accepted()), (5, 5));
}

#[tokio::test]
async fn an_address_filter_looks_at_the_proxy_and_at_what_is_resolved_here() {
    let origin = origin(None).await;
    let proxy = socks_proxy(origin.at, None).await;
    let at = proxy.at;
    let build = |filter| {
        let ip = "127.0.0.7".parse().unwrap();
        let builder = Client::builder().proxy(by("socks5", &proxy)).resolve_to("t.example", &[ip]);
        builder.address_filter(filter).build().unwrap()
    };
    let target = std::net::SocketAddr::from(([127, 0, 0, 7], 80));
    let both = AddressFilter::new(move |address| *address == at || *address == target);
    assert_eq!(text(&build(both), "http://t.example/").await, "from the origin");
    for one in [at, target] {
        let client = build(AddressFilter::new(move |address| *address == one));
        let error = client.get("http://t.example/").send().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Refused(_)), "{error}");
    }
    let client = build(AddressFilter::public_only());
    let error = client.get("http://t.example/").send().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Refused(_)), "{error}");
}

#[tokio::test]
async fn redirects_choose_their_proxy_anew() {
    let target = Server::start(None, |io, notes| answer(io, notes, "from the origin")).await;
    let location = format!("http://{}/", target.at);
    let proxy = Server::start(None, move |mut io, notes| {
        let location = location.clone();
        async move {
            notes.add(read_head(&mut io).await.unwrap_or_default());
            let head =
                format!("HTTP/1.1 302 x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
            io.write_all(head.as_bytes()).await
        }
    })
    .await;
    let bypass = NoProxy::parse("127.0.0.1").unwrap();
    let by_proxy = by("http", &proxy).basic_auth("ada", "secret").unwrap().bypass(bypass);
    assert_eq!(text(&client(by_proxy), "http://t.example/").await, "from the origin");
    assert!(proxy.notes.last().contains("proxy-authorization"));
    assert!(!target.notes.last().contains("proxy-authorization"));
}

#[cfg(feature = "tls")]
mod tls {
    use dunlin_client::{Client, Proxy, TlsConfig};

    use super::proxies_common::{Identity, Server, http_proxy, identity, origin, socks_proxy};

    fn trusting(identities: &[&Identity]) -> TlsConfig {
        let mut builder = TlsConfig::builder().only_given_roots();
        for identity in identities {
            builder = builder.root_pem(identity.pem.as_bytes()).unwrap();
        }
        builder.build().unwrap()
    }

    /// By its name, so that the certificate fits.
    fn by(scheme: &str, server: &Server) -> Proxy {
        Proxy::new(format!("{scheme}://proxy.example:{}", server.at.port())).unwrap()
    }

    fn client(proxy: Proxy, tls: TlsConfig) -> Client {
        let local = "127.0.0.1".parse().unwrap();
        Client::builder().proxy(proxy).tls(tls).resolve_to("*", &[local]).build().unwrap()
    }

    #[tokio::test]
    async fn https_goes_through_every_kind_of_tunnel() {
        let (of_target, of_proxy) = (identity("t.example"), identity("proxy.example"));
        let origin = origin(Some(of_target.acceptor.clone())).await;
        let plain = http_proxy(None, origin.at, None).await;
        let secure = http_proxy(Some(of_proxy.acceptor.clone()), origin.at, None).await;
        let socks = socks_proxy(origin.at, None).await;
        let tls = trusting(&[&of_target, &of_proxy]);
        for (scheme, proxy) in [
            ("http", &plain),
            ("https", &secure),
            ("socks4", &socks),
            ("socks4a", &socks),
            ("socks5", &socks),
            ("socks5h", &socks),
        ] {
            let client = client(by(scheme, proxy), tls.clone());
            // More than any buffer on the way holds, there and back.
            let body: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
            for _ in 0..2 {
                let request = client.post("https://t.example/x").body(body.clone());
                let response = request.send().await.unwrap();
                let info = response.connection().unwrap();
                assert_eq!(info.certificate.as_deref(), Some(&of_target.der[..]), "{scheme}");
                assert!(response.bytes().await.unwrap() == body, "{scheme}");
            }
            assert_eq!(client.pool_metrics().opened, 1, "{scheme}");
        }
        assert!(secure.notes.last().starts_with("connect t.example:443 "));
        assert!(origin.notes.all().iter().all(|head| !head.contains("proxy")));
    }

    #[tokio::test]
    async fn http_is_forwarded_over_tls_to_the_proxy() {
        let of_proxy = identity("proxy.example");
        let proxy =
            http_proxy(Some(of_proxy.acceptor.clone()), "127.0.0.1:1".parse().unwrap(), None);
        let proxy = proxy.await;
        let client = client(by("https", &proxy), trusting(&[&of_proxy]));
        let response = client.get("http://t.example/").send().await.unwrap();
        assert_eq!(response.connection().unwrap().certificate, None, "it is not the server's");
        assert_eq!(response.text().await.unwrap(), "from the proxy");
    }

    #[tokio::test]
    async fn server_name_and_pins_are_the_targets() {
        let (of_target, of_proxy) = (identity("other.example"), identity("proxy.example"));
        let origin = origin(Some(of_target.acceptor.clone())).await;
        let proxy = http_proxy(Some(of_proxy.acceptor.clone()), origin.at, None).await;
        let pin = {
            use sha2::Digest;
            sha2::Sha256::digest(&of_target.der).into()
        };
        let tls = trusting(&[&of_target, &of_proxy]).server_name("other.example").unwrap();
        let client = client(by("https", &proxy), tls.pin_sha256([pin]));
        let response = client.get("https://t.example/").send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "from the origin");
    }

    #[tokio::test]
    async fn a_proxy_has_terms_of_its_own() {
        let (of_target, of_proxy) = (identity("t.example"), identity("proxy.example"));
        let origin = origin(Some(of_target.acceptor.clone())).await;
        let proxy = http_proxy(Some(of_proxy.acceptor.clone()), origin.at, None).await;
        let distrusting = client(by("https", &proxy), trusting(&[&of_target]));
        let error = distrusting.get("https://t.example/").send().await.unwrap_err();
        assert_eq!(error.host(), Some("proxy.example"), "{error}");
        assert!(error.to_string().contains("certificate is not accepted"), "{error}");

        let by_proxy = by("https", &proxy).tls(trusting(&[&of_proxy]));
        let client = client(by_proxy, trusting(&[&of_target]));
        assert!(client.get("https://t.example/").send().await.is_ok());
        assert_eq!(client.pool_metrics().open, 1);
    }
}
