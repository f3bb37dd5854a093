//! `Statics`: what is served below a prefix, and what never is.
#![cfg(feature = "files")]

mod common;

use std::path::Path;
use std::time::{Duration, SystemTime};

use common::{build, field, get, request, send, shown, with_field};
use dunlin_core::{Request, Response, Service};
use dunlin_web::{App, BuiltApp, Statics, Urls, group};
use http::HeaderValue;
use tempfile::TempDir;

fn write(path: &Path, content: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(1000);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
}

/// A folder with `public/` in it and a secret beside that.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("secret.txt", "TOPSECRET"),
        ("public/hello.txt", "hello"),
        ("public/js/app.js", "plain"),
        ("public/js/app.js.gz", "zipped"),
        ("public/docs/index.html", "<h1>docs</h1>"),
        ("public/docs/a b&c.txt", "odd"),
        ("public/.env", "TOPSECRET"),
        ("public/.git/config", "TOPSECRET"),
        ("public/.well-known/acme", "token"),
    ] {
        write(&folder.path().join(name), content);
    }
    folder
}

fn public(folder: &TempDir) -> Statics {
    Statics::new("/static", folder.path().join("public"))
}

fn app(statics: Statics) -> BuiltApp {
    build(App::new().add_static(statics))
}

async fn ask(app: &BuiltApp, target: &str, name: &str, value: &str) -> Response {
    app.call(with_field(request("GET", target), name, value)).await
}

#[tokio::test]
async fn files_are_served_as_they_come_and_go() {
    let folder = folder();
    let app = app(public(&folder));
    assert_eq!(get(&app, "/static/hello.txt").await, "200 hello");
    assert_eq!(get(&app, "/static/docs/a%20b%26c.txt").await, "200 odd");
    assert_eq!(get(&app, "/static/later.txt").await, "404 404: Not Found");
    write(&folder.path().join("public/later.txt"), "later");
    assert_eq!(get(&app, "/static/later.txt").await, "200 later");
    let response = ask(&app, "/static/js/app.js", "accept-encoding", "gzip").await;
    assert_eq!(field(&response, "content-encoding"), Some("gzip"));
    assert_eq!(shown(response).await, "200 zipped");
    let response = ask(&app, "/static/hello.txt", "range", "bytes=1-2").await;
    assert_eq!(shown(response).await, "206 el");
    let date = httpdate::fmt_http_date(SystemTime::now());
    let response = ask(&app, "/static/hello.txt", "if-modified-since", &date).await;
    assert_eq!(response.status(), 304);
}

#[tokio::test]
async fn only_get_and_head_are_answered() {
    let folder = folder();
    let app = app(public(&folder));
    let head = send(&app, "HEAD", "/static/hello.txt").await;
    assert_eq!((head.status().as_u16(), head.body().exact_len()), (200, Some(5)));
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"] {
        let response = send(&app, method, "/static/hello.txt").await;
        assert_eq!(
            (response.status().as_u16(), field(&response, "allow")),
            (405, Some("GET, HEAD"))
        );
    }
}

/// Every way out that path traversals have been written in, at every kind of prefix and setting.
#[tokio::test]
async fn nothing_outside_is_served_in_any_mode() {
    let folder = folder();
    let root = folder.path().join("public");
    let secret = folder.path().join("secret.txt");
    let modes: [fn(Statics) -> Statics; 5] = [
        |statics| statics,
        |statics| statics.follow_symlinks(true),
        |statics| statics.dot_files(true).listing(true),
        |statics| statics.follow_symlinks(true).dot_files(true).listing(true).index("index.html"),
        |statics| statics.fallback("hello.txt"),
    ];
    let outside = secret.to_str().unwrap();
    let escapes = [
        "../secret.txt",
        "../../secret.txt",
        "js/../../secret.txt",
        "%2e%2e/secret.txt",
        "%2e%2e%2fsecret.txt",
        "..%2fsecret.txt",
        "..%5csecret.txt",
        "..\\secret.txt",
        ".%2e/secret.txt",
        "js/%2e%2e/%2e%2e/secret.txt",
        "%252e%252e%252fsecret.txt",
        "..%c0%afsecret.txt",
        "..%00/secret.txt",
        "hello.txt/../../secret.txt",
        "%2e%2e/public/../secret.txt",
        "./../secret.txt",
        "//../secret.txt",
        "....//secret.txt",
        "..;/secret.txt",
        outside,
        &outside.replace('/', "%2f"),
        "%2e%2e/public/hello.txt",
    ];
    for mode in modes {
        for prefix in ["/static", "/static/", "/a/{b}"] {
            let app = app(mode(Statics::new(prefix, &root)));
            let at = if prefix == "/a/{b}" { "/a/x" } else { "/static" };
            for escape in &escapes {
                let target = format!("{at}/{escape}");
                // Not every target is a URI; the server hands them on as they come.
                let Ok(uri) = target.parse::<http::Uri>() else { continue };
                let req = Request::new(http::Method::GET, uri, ());
                let response = app.call(req).await;
                let status = response.status().as_u16();
                let text = response.into_body().text().await.unwrap();
                assert!(!text.contains("TOPSECRET"), "{target}");
                assert!(status == 404 || text == "hello", "{target}: {status}");
            }
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn links_lead_where_they_may() {
    use std::os::unix::fs::symlink;
    let folder = folder();
    let root = folder.path().join("public");
    symlink("hello.txt", root.join("inside")).unwrap();
    symlink(root.join("js"), root.join("scripts")).unwrap();
    symlink("../secret.txt", root.join("outside")).unwrap();
    symlink(folder.path(), root.join("up")).unwrap();
    symlink("round", root.join("round")).unwrap();
    symlink("none", root.join("dangling")).unwrap();
    symlink("/dev/zero", root.join("zero")).unwrap();
    let kept = app(public(&folder).listing(true));
    let free = app(public(&folder).follow_symlinks(true));
    for (path, by_default, followed) in [
        ("inside", "200 hello", "200 hello"),
        ("scripts/app.js", "200 plain", "200 plain"),
        ("outside", "404 404: Not Found", "200 TOPSECRET"),
        ("up/secret.txt", "404 404: Not Found", "200 TOPSECRET"),
        ("round", "404 404: Not Found", "404 404: Not Found"),
        ("dangling", "404 404: Not Found", "404 404: Not Found"),
        ("zero", "404 404: Not Found", "403 403: Forbidden"),
        // What a link leads to is the program's, what a client writes is not.
        ("up/../secret.txt", "404 404: Not Found", "404 404: Not Found"),
    ] {
        assert_eq!(get(&kept, &format!("/static/{path}")).await, by_default, "{path}");
        assert_eq!(get(&free, &format!("/static/{path}")).await, followed, "{path}");
    }
    let list = get(&kept, "/static/").await;
    assert!(list.contains("inside") && list.contains("scripts/"), "{list}");
    for hidden in ["outside", "up", "round", "dangling", "zero", ".env"] {
        assert!(!list.contains(&format!("./{hidden}")), "{hidden}: {list}");
    }
}

#[tokio::test]
async fn dot_files_are_hidden_unless_asked_for() {
    let folder = folder();
    let hidden = app(public(&folder));
    let open = app(public(&folder).dot_files(true));
    for path in [".env", ".git/config", "%2egit/config", ".well-known/acme"] {
        assert!(get(&hidden, &format!("/static/{path}")).await.starts_with("404"), "{path}");
        assert!(get(&open, &format!("/static/{path}")).await.starts_with("200"), "{path}");
    }
}

#[tokio::test]
async fn a_directory_is_403_unless_it_has_an_index_or_may_be_listed() {
    let folder = folder();
    let plain = app(public(&folder));
    for path in ["/static/", "/static/docs", "/static/docs/", "/static/js/"] {
        assert_eq!(get(&plain, path).await, "403 403: Forbidden", "{path}");
    }
    assert_eq!(get(&plain, "/static").await, "404 404: Not Found");
    assert_eq!(get(&plain, "/static/hello.txt/").await, "404 404: Not Found");
    let indexed = app(public(&folder).index("index.html"));
    assert_eq!(get(&indexed, "/static/docs/").await, "200 <h1>docs</h1>");
    assert_eq!(get(&indexed, "/static/js/").await, "403 403: Forbidden");
    let moved = send(&indexed, "GET", "/static/docs?a=1").await;
    assert_eq!(moved.status(), 301);
    assert_eq!(field(&moved, "location"), Some("/static/docs/?a=1"));
}

#[tokio::test]
async fn a_list_is_sorted_escaped_and_off_by_default() {
    let folder = folder();
    write(&folder.path().join("public/docs/<img src=x onerror=alert(1)>.txt"), "x");
    let app = app(public(&folder).listing(true));
    let response = send(&app, "GET", "/static/docs/").await;
    assert_eq!(field(&response, "content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(field(&response, "content-security-policy"), Some("default-src 'none'"));
    let page = shown(response).await;
    assert!(!page.contains("<img") && page.contains("&lt;img src=x"), "{page}");
    assert!(page.contains("href=\"./a%20b%26c%2Etxt\">a b&amp;c.txt</a>"), "{page}");
    assert!(page.find("a b&amp;c") < page.find("index.html"), "{page}");
    assert_eq!(send(&app, "GET", "/static/docs").await.status(), 301);
    assert_eq!(get(&app, "/static/docs/%3Cimg%20src=x%20onerror=alert(1)%3E.txt").await, "200 x");
}

#[tokio::test]
async fn what_is_missing_may_have_a_page() {
    let folder = folder();
    let single = app(public(&folder).fallback("docs/index.html"));
    assert_eq!(get(&single, "/static/some/route").await, "200 <h1>docs</h1>");
    assert_eq!(get(&single, "/static/docs/").await, "403 403: Forbidden");
    let page = app(public(&folder).not_found("docs/index.html"));
    assert_eq!(get(&page, "/static/none").await, "404 <h1>docs</h1>");
    assert_eq!(get(&page, "/static/../x").await, "404 <h1>docs</h1>");
    let none = app(public(&folder).not_found("none.html"));
    assert_eq!(get(&none, "/static/none").await, "404 404: Not Found");
}

#[tokio::test]
async fn settings_reach_every_file() {
    let folder = folder();
    let nosniff = HeaderValue::from_static("nosniff");
    let statics = public(&folder)
        .max_age(Duration::from_secs(60))
        .header(http::header::X_CONTENT_TYPE_OPTIONS, nosniff)
        .media_type(".TXT", HeaderValue::from_static("text/x-note"))
        .precompressed(false)
        .max_ranges(1);
    let app = app(statics);
    let response = send(&app, "GET", "/static/hello.txt").await;
    assert_eq!(field(&response, "cache-control"), Some("public, max-age=60"));
    assert_eq!(field(&response, "x-content-type-options"), Some("nosniff"));
    assert_eq!(field(&response, "content-type"), Some("text/x-note"));
    let response = ask(&app, "/static/js/app.js", "accept-encoding", "gzip").await;
    assert_eq!(shown(response).await, "200 plain");
    let response = ask(&app, "/static/hello.txt", "range", "bytes=0-0,2-2").await;
    assert_eq!(shown(response).await, "200 hello");
}

async fn script(urls: Urls) -> String {
    urls.static_url("assets", "js/app.js").await.unwrap_or_else(|error| error.to_string())
}

#[tokio::test]
async fn versioned_urls_change_with_the_content_and_may_be_kept() {
    let folder = folder();
    let inner = App::new()
        .add_static(Statics::new("/assets", folder.path().join("public")).name("assets"))
        .add_get("/", script)
        .add_get(
            "/none",
            |urls: Urls| async move { urls.static_url("assets", "none").await.unwrap() },
        );
    let app = build(App::new().nest("/site", inner));
    let first = get(&app, "/site/").await;
    let url = first.strip_prefix("200 ").unwrap();
    // sha256("plain")
    assert_eq!(url, "/site/assets/js/app.js?v=oRbJ7UbWIHc0pDMX0w_Yj1KshjTDfZBLv05B2GX5BHU");
    let year = "public, max-age=31536000, immutable";
    assert_eq!(field(&send(&app, "GET", url).await, "cache-control"), Some(year));
    let zipped = ask(&app, url, "accept-encoding", "gzip").await;
    assert_eq!(field(&zipped, "cache-control"), Some(year));
    assert!(
        !send(&app, "GET", "/site/assets/js/app.js?v=x").await.headers().contains("cache-control")
    );
    assert_eq!(get(&app, "/site/").await, first);
    assert_eq!(get(&app, "/site/none").await, "200 /site/assets/none");
    std::fs::write(folder.path().join("public/js/app.js"), "other").unwrap();
    let second = get(&app, "/site/").await;
    assert_ne!(second, first);
    // The old version's URL no longer names what is there.
    assert!(!send(&app, "GET", url).await.headers().contains("cache-control"));
}

fn in_memory() -> Statics {
    let files: [(&str, &[u8]); 5] = [
        ("index.html", b"<h1>root</h1>"),
        ("js/app.js", b"plain"),
        ("js/app.js.br", b"packed"),
        ("docs/a.txt", b"a"),
        (".hidden", b"TOPSECRET"),
    ];
    Statics::memory("/m", files)
}

#[tokio::test]
async fn files_in_memory_are_served_like_those_of_a_disk() {
    let app = app(in_memory().index("index.html").listing(true));
    assert_eq!(get(&app, "/m/").await, "200 <h1>root</h1>");
    assert_eq!(get(&app, "/m/js/app.js").await, "200 plain");
    let packed = ask(&app, "/m/js/app.js", "accept-encoding", "br, gzip").await;
    assert_eq!(field(&packed, "vary"), Some("accept-encoding"));
    assert_eq!(field(&packed, "content-type"), Some("text/javascript; charset=utf-8"));
    let tag = field(&packed, "etag").unwrap().to_owned();
    assert_eq!(shown(packed).await, "200 packed");
    let plain = send(&app, "GET", "/m/js/app.js").await;
    assert_ne!(field(&plain, "etag"), Some(&*tag));
    let again = ask(&app, "/m/js/app.js", "if-none-match", field(&plain, "etag").unwrap()).await;
    assert_eq!(again.status(), 304);
    let part = ask(&app, "/m/js/app.js", "range", "bytes=-2").await;
    assert_eq!(shown(part).await, "206 in");
    assert_eq!(send(&app, "GET", "/m/docs").await.status(), 301);
    assert!(get(&app, "/m/docs/").await.contains("./a%2Etxt"));
    for path in ["/m/none", "/m/.hidden", "/m/docs/../index.html", "/m/docs/none/", "/m/js/app.js/"]
    {
        assert_eq!(get(&app, path).await, "404 404: Not Found", "{path}");
    }
    assert_eq!(send(&app, "POST", "/m/js/app.js").await.status(), 405);
}

/// As a program embeds what it is built with: nothing of it is copied to be served.
static EMBEDDED: [(&str, &[u8]); 3] = [
    ("statics.rs", include_bytes!("statics.rs")),
    ("statics.rs.gz", b"as if packed"),
    ("common/mod.rs", include_bytes!("common/mod.rs")),
];

#[tokio::test]
async fn embedded_files_are_served_over_a_socket_with_tags_ranges_and_siblings() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let app = App::new().add_static(Statics::memory("/e", EMBEDDED));
    let server = dunlin_server::Server::builder().bind("127.0.0.1:0").start(app).await.unwrap();
    let ask = async |method: &str, fields: &str| {
        let mut socket = tokio::net::TcpStream::connect(server.addresses()[0]).await.unwrap();
        let head = format!("{method} /e/statics.rs HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
        socket.write_all(format!("{head}{fields}\r\n").as_bytes()).await.unwrap();
        let mut got = String::new();
        let read = socket.read_to_string(&mut got);
        tokio::time::timeout(Duration::from_secs(60), read).await.unwrap().unwrap();
        let (head, body) = got.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    };
    let own = include_str!("statics.rs");
    let (head, body) = ask("GET", "").await;
    assert!(head.starts_with("HTTP/1.1 200 OK") && body == own, "{head}");
    assert!(head.contains(&format!("content-length: {}", own.len())), "{head}");
    assert!(head.contains("content-type: text/x-rust"), "{head}");
    let tag = head.split("etag: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    assert!(tag.starts_with('"'), "made of the content, so strong: {tag}");
    let (head, body) = ask("HEAD", "").await;
    assert!(head.contains(&format!("content-length: {}", own.len())) && body.is_empty(), "{head}");
    let (head, body) = ask("GET", &format!("If-None-Match: {tag}\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 304") && body.is_empty(), "{head}");
    let (head, body) = ask("GET", &format!("If-Range: {tag}\r\nRange: bytes=4-9\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 206") && body == own[4..10], "{head}");
    assert!(head.contains(&format!("content-range: bytes 4-9/{}", own.len())), "{head}");
    let (head, body) = ask("GET", "If-Range: \"other\"\r\nRange: bytes=4-9\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200") && body == own, "{head}");
    let (head, _) = ask("GET", &format!("Range: bytes={}-\r\n", own.len())).await;
    assert!(head.starts_with("HTTP/1.1 416"), "{head}");
    let (head, body) = ask("GET", "Accept-Encoding: gzip\r\n").await;
    assert!(head.contains("content-encoding: gzip") && head.contains("vary:"), "{head}");
    assert_eq!(body, "as if packed");
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_version_of_a_file_in_memory_is_known_from_the_start() {
    let urls = |urls: Urls| async move { urls.static_url("m", "js/app.js").await.unwrap() };
    let app = build(App::new().add_static(in_memory().name("m")).add_get("/", urls));
    let url = get(&app, "/").await;
    let url = url.strip_prefix("200 ").unwrap();
    let response = send(&app, "GET", url).await;
    assert_eq!(field(&response, "cache-control"), Some("public, max-age=31536000, immutable"));
}

#[tokio::test]
async fn files_may_lie_at_the_root_beside_other_routes() {
    let folder = folder();
    let app = App::new()
        .add_get("/api", || async { "api" })
        .add_static(Statics::new("/", folder.path().join("public")).index("index.html"));
    let app = build(app);
    assert_eq!(get(&app, "/api").await, "200 api");
    assert_eq!(get(&app, "/hello.txt").await, "200 hello");
    // A path that begins with two slashes must not become a redirect to another host (CVE-2021-21330).
    let response = send(&app, "GET", "//docs").await;
    assert_eq!(response.status(), 404);
    let group = group("/g").add_static(Statics::new("/files", folder.path().join("public")));
    assert_eq!(get(&build(App::new().group(group)), "/g/files/hello.txt").await, "200 hello");
}

#[test]
fn mistakes_are_told_when_the_app_is_built() {
    let folder = folder();
    let file = folder.path().join("public/hello.txt");
    let errors = App::new()
        .add_static(Statics::new("/a", folder.path().join("none")))
        .add_static(Statics::new("/b", file))
        .add_static(Statics::memory("/c", [("../a", "")]))
        .add_static(Statics::memory("/d", [("/a", "")]))
        .add_static(Statics::memory("/e", [("a", "1"), ("a", "2")]))
        .add_static(Statics::new("/h", folder.path()).fallback("../x"))
        .add_static(Statics::new("/i", folder.path()).index("../index.html"))
        .add_static(Statics::new("no-slash", folder.path()))
        .add_static(Statics::memory("/f", [("a", "")]).name("same"))
        .add_static(Statics::memory("/g", [("a", "")]).name("same"))
        .build()
        .unwrap_err()
        .to_string();
    for told in [
        "No such file or directory",
        "hello.txt",
        "no request can name `../a`",
        "no request can name `/a`",
        "no request can name `../x`",
        "no request can name `../index.html`",
        "there are two files `a`",
        "`same`",
        "statics.rs:",
    ] {
        assert!(errors.contains(told), "{told}: {errors}");
    }
}

/// Targets that no URI type would hold reach the app as they came.
#[tokio::test]
async fn nothing_outside_is_served_over_a_socket_either() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let folder = folder();
    let app = App::new().add_static(public(&folder).listing(true).index("index.html"));
    let server = dunlin_server::Server::builder().bind("127.0.0.1:0").start(app).await.unwrap();
    for (target, status) in [
        (&b"/static/hello.txt"[..], Some("200")),
        (b"/static/../../secret.txt", Some("404")),
        (b"/static/..\\..\\secret.txt", None),
        (b"/static/%2e%2e%5csecret.txt", Some("404")),
        (b"/static/%2E%2E/secret.txt", Some("404")),
        (b"/static/..%00/secret.txt", Some("404")),
        (b"/static/\xc0\xae\xc0\xae/secret.txt", None),
        (b"/static/%c0%ae%c0%ae/secret.txt", Some("404")),
        (b"/static/\"../secret.txt", None),
        (b"http://a/static/../secret.txt", Some("404")),
        (b"/static/..%2f..%2f..%2f..%2f..%2fetc/passwd", Some("404")),
        (b"/static/%", None),
    ] {
        let mut socket = tokio::net::TcpStream::connect(server.addresses()[0]).await.unwrap();
        let wire = [b"GET ", target, b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"].concat();
        socket.write_all(&wire).await.unwrap();
        let mut got = Vec::new();
        let read = socket.read_to_end(&mut got);
        tokio::time::timeout(Duration::from_secs(60), read).await.unwrap().unwrap();
        let got = String::from_utf8_lossy(&got);
        assert!(!got.contains("TOPSECRET") && !got.contains("root:"), "{got}");
        match status {
            Some(status) => assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{got}"),
            None => assert!(got.starts_with("HTTP/1.1 40"), "{got}"),
        }
    }
    server.shutdown().await.unwrap();
}

/// Caches would keep the page for what may be there in a minute.
#[tokio::test]
async fn a_page_for_what_is_missing_is_not_said_to_be_kept() {
    let folder = folder();
    let year = Duration::from_secs(31_536_000);
    let nosniff = (http::header::X_CONTENT_TYPE_OPTIONS, http::HeaderValue::from_static("nosniff"));
    let kept = || public(&folder).max_age(year).header(nosniff.0.clone(), nosniff.1.clone());
    for (statics, status) in [
        (kept().fallback("docs/index.html"), 200),
        (kept().not_found("docs/index.html"), 404),
        (
            Statics::memory("/static", [("docs/index.html", "page")])
                .max_age(year)
                .not_found("docs/index.html"),
            404,
        ),
    ] {
        let app = app(statics);
        let page = send(&app, "GET", "/static/app.1f3a.js").await;
        assert_eq!(page.status().as_u16(), status);
        assert_eq!(field(&page, "cache-control"), Some("no-cache"));
        let found = send(&app, "GET", "/static/docs/index.html").await;
        assert_eq!(field(&found, "cache-control"), Some("public, max-age=31536000"));
        assert_eq!(field(&found, "x-content-type-options"), field(&page, "x-content-type-options"));
    }
}

/// A segment in front of the prefix may be anything, and browsers read `/\` as `//`.
#[tokio::test]
async fn the_redirect_of_a_directory_never_leads_to_another_host() {
    let folder = folder();
    let statics = Statics::new("/{tenant}/files", folder.path().join("public")).index("index.html");
    let app = App::new().add_static(statics);
    let server = dunlin_server::Server::builder().bind("127.0.0.1:0").start(app).await.unwrap();
    for (target, location) in [
        ("/a/files/docs?x=//y", "/a/files/docs/?x=//y"),
        (r"/\evil.example/files/docs", "/%5Cevil.example/files/docs/"),
        (r"/\/files/docs", "/%5C/files/docs/"),
    ] {
        let mut stream = tokio::net::TcpStream::connect(server.addresses()[0]).await.unwrap();
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.unwrap();
        let want = format!("\r\nlocation: {location}\r\n");
        assert!(answer.starts_with("HTTP/1.1 301 ") && answer.contains(&want), "{target} {answer}");
    }
    server.shutdown().await.unwrap();
}
