use std::net::SocketAddr;
use std::sync::Arc;

use dunlin_core::{Connection, Request, Service};
use dunlin_server::Server;
use dunlin_web::{App, Next, TrustedProxies, get, host_is};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::{build, request, with_field};

async fn seen(req: Request) -> String {
    let peer = req.peer().map_or_else(|| "-".into(), |peer| peer.to_string());
    let secure = req.connection().is_some_and(|connection| connection.secure);
    format!(
        "{peer} {} {}",
        if secure { "https" } else { "http" },
        req.headers().get_str("host").unwrap()
    )
}

/// What a handler sees of a request by `peer` with these fields.
async fn via(proxies: TrustedProxies, peer: &str, fields: &[(&str, &str)]) -> String {
    let app = build(App::new().middleware(proxies).add_get("/", seen));
    let mut req = with_field(request("GET", "/"), "host", "inner");
    let mut connection = Connection::default();
    connection.peer = (!peer.is_empty()).then(|| peer.parse::<SocketAddr>().unwrap());
    req.set_connection(Arc::new(connection));
    for (name, value) in fields {
        req = with_field(req, name, value);
    }
    app.call(req).await.into_body().text().await.unwrap()
}

fn networks() -> TrustedProxies {
    TrustedProxies::networks(["10.0.0.0/8", "fd00::/8"]).unwrap()
}

const XFF: &str = "x-forwarded-for";

#[tokio::test]
async fn by_networks_the_first_stranger_from_the_right_is_the_client() {
    for (forwarded, want) in [
        ("192.0.2.1", "192.0.2.1:0 http inner"),
        ("203.0.113.9, 192.0.2.1", "192.0.2.1:0 http inner"),
        ("203.0.113.9, 192.0.2.1, 10.0.0.2, 10.0.0.3", "192.0.2.1:0 http inner"),
        ("10.9.9.9, 10.0.0.2", "10.9.9.9:0 http inner"),
        ("192.0.2.1:4711", "192.0.2.1:4711 http inner"),
        ("[2001:db8::1]:80, fd00::7", "[2001:db8::1]:80 http inner"),
        ("2001:db8::1", "[2001:db8::1]:0 http inner"),
        ("192.0.2.1, unknown", "10.0.0.1:9 http inner"),
        ("192.0.2.1, nonsense, 10.0.0.2", "10.0.0.2:0 http inner"),
        ("", "10.0.0.1:9 http inner"),
        (",", "10.0.0.1:9 http inner"),
    ] {
        assert_eq!(via(networks(), "10.0.0.1:9", &[(XFF, forwarded)]).await, want, "{forwarded}");
    }
    let lines = [(XFF, "203.0.113.9"), (XFF, "192.0.2.1"), (XFF, "10.0.0.2")];
    assert_eq!(via(networks(), "10.0.0.1:9", &lines).await, "192.0.2.1:0 http inner");
}

#[tokio::test]
async fn whoever_is_not_trusted_is_believed_nothing() {
    let fields = [
        (XFF, "192.0.2.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "for=192.0.2.1;proto=https;host=evil.example"),
    ];
    let stranger = "203.0.113.7:5";
    assert_eq!(via(networks(), stranger, &fields).await, "203.0.113.7:5 http inner");
    assert_eq!(via(networks().rfc7239(), stranger, &fields).await, "203.0.113.7:5 http inner");
    assert_eq!(via(TrustedProxies::hops(0), stranger, &fields).await, "203.0.113.7:5 http inner");
    // The family that one's proxies do not write may be the client's own.
    let own = [(XFF, "192.0.2.1"), ("forwarded", "for=198.51.100.1;proto=https;host=evil.example")];
    assert_eq!(via(networks(), "10.0.0.1:9", &own).await, "192.0.2.1:0 http inner");
    assert_eq!(
        via(networks().rfc7239(), "10.0.0.1:9", &own).await,
        "198.51.100.1:0 https evil.example"
    );
}

#[tokio::test]
async fn by_hops_so_many_from_the_right_are_believed() {
    let fields = [(XFF, "1.1.1.1, 2.2.2.2, 3.3.3.3")];
    for (hops, want) in [(1, "3.3.3.3:0"), (2, "2.2.2.2:0"), (3, "1.1.1.1:0"), (9, "1.1.1.1:0")] {
        let seen = via(TrustedProxies::hops(hops), "127.0.0.1:9", &fields).await;
        assert_eq!(seen, format!("{want} http inner"), "{hops}");
    }
    assert_eq!(via(TrustedProxies::hops(1), "", &fields).await, "3.3.3.3:0 http inner");
}

#[tokio::test]
async fn scheme_and_host_are_those_that_the_clients_proxy_saw() {
    let all = |proto, host| {
        [
            (XFF, "9.9.9.9, 192.0.2.1, 10.0.0.2"),
            ("x-forwarded-proto", proto),
            ("x-forwarded-host", host),
        ]
    };
    for (proto, host, want) in [
        ("https", "a.example", "192.0.2.1:0 https a.example"),
        ("http, https, http", "evil, a.example:8443, b", "192.0.2.1:0 https a.example:8443"),
        ("gopher", "a b", "192.0.2.1:0 http inner"),
        ("WSS", "user@a.example", "192.0.2.1:0 https inner"),
        ("https", "a.example/path", "192.0.2.1:0 https inner"),
    ] {
        assert_eq!(via(networks(), "10.0.0.1:9", &all(proto, host)).await, want, "{proto} {host}");
    }
    // A proxy that tells the scheme alone.
    let seen = via(networks(), "10.0.0.1:9", &[("x-forwarded-proto", "https")]).await;
    assert_eq!(seen, "10.0.0.1:9 https inner");
}

#[tokio::test]
async fn the_standard_field_is_read_element_by_element() {
    for (forwarded, want) in [
        (
            "for=192.0.2.1;proto=https;host=a.example, for=10.0.0.2;proto=http;host=b.example",
            "192.0.2.1:0 https a.example",
        ),
        (
            "for=9.9.9.9, For=\"[2001:db8::1]:4711\";Host=\"a.example:8\"",
            "[2001:db8::1]:4711 http a.example:8",
        ),
        ("for=192.0.2.1, for=_hidden;proto=https", "10.0.0.1:9 https inner"),
        ("for=192.0.2.1, for=10.0.0.2;for=10.0.0.3", "10.0.0.1:9 http inner"),
        ("for=\"192.0.2.1", "10.0.0.1:9 http inner"),
    ] {
        let seen = via(networks().rfc7239(), "10.0.0.1:9", &[("forwarded", forwarded)]).await;
        assert_eq!(seen, want, "{forwarded}");
    }
    assert!(TrustedProxies::networks(["10.0.0.0/40"]).is_err());
}

/// What the app answers to these lines over a socket, whose other end is 127.0.0.1.
async fn asked(app: App, path: &str, fields: &str) -> String {
    let server = Server::builder().bind("127.0.0.1:0").start(app).await.unwrap();
    let mut stream = TcpStream::connect(server.addresses()[0]).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: inner\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    // Or the server waits for this end to close.
    drop(stream);
    server.shutdown().await.unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn hosts_guards_and_earlier_middleware_see_what_trusted_proxies_say() {
    async fn logged(req: Request, next: Next) -> String {
        let peer = req.peer().unwrap().ip();
        format!("{peer} {}", next.run(req).await.into_body().text().await.unwrap())
    }
    let app = |proxies: TrustedProxies| {
        App::new()
            .middleware(logged)
            .middleware(proxies)
            .host("shop.example", App::new().add_get("/", async || "shop"))
            .host("*.blog.example", App::new().add_get("/", async |req: Request| seen(req).await))
            .routes([
                get("/guarded", async || "guarded").guard(host_is("shop.example")),
                get("/secure", async || "secure").guard(|req: &Request| req.scheme() == "https"),
            ])
            .add_get("/", async || "inner")
            .add_get("/secure", async || "plain")
    };
    let trusted = || TrustedProxies::networks(["127.0.0.0/8"]).unwrap();
    let stranger = || TrustedProxies::networks(["10.0.0.0/8"]).unwrap();
    let shop = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: shop.example\r\n";
    let blog = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: a.blog.example:8443\r\nX-Forwarded-Proto: https\r\n";
    let standard = "Forwarded: for=192.0.2.1;host=shop.example;proto=https\r\n";
    for (proxies, path, fields, want) in [
        (trusted(), "/", "", "127.0.0.1 inner"),
        (trusted(), "/", shop, "192.0.2.1 shop"),
        (trusted(), "/", blog, "192.0.2.1 192.0.2.1:0 https a.blog.example:8443"),
        (trusted(), "/secure", blog, "192.0.2.1 404: Not Found\n"),
        (trusted(), "/", standard, "127.0.0.1 inner"),
        (trusted().rfc7239(), "/", standard, "192.0.2.1 shop"),
        (stranger(), "/", shop, "127.0.0.1 inner"),
        (stranger(), "/guarded", shop, "127.0.0.1 404: Not Found\n"),
        (stranger(), "/secure", "X-Forwarded-Proto: https\r\n", "127.0.0.1 plain"),
        (trusted(), "/secure", "X-Forwarded-Proto: https\r\n", "127.0.0.1 secure"),
        (TrustedProxies::hops(1), "/", shop, "192.0.2.1 shop"),
        (TrustedProxies::hops(0), "/", shop, "127.0.0.1 inner"),
    ] {
        assert_eq!(asked(app(proxies), path, fields).await, want, "{path} {fields}");
    }
    let guarded = App::new()
        .middleware(trusted())
        .routes([get("/", async || "guarded").guard(host_is("shop.example"))]);
    assert_eq!(asked(guarded, "/", shop).await, "guarded");
    // Further in, the host has been chosen by then.
    let inside = App::new().host(
        "inner",
        App::new().middleware(trusted()).add_get("/", async |req: Request| seen(req).await),
    );
    assert_eq!(asked(inside, "/", shop).await, "192.0.2.1:0 http shop.example");
}
