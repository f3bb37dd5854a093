//! Requests by real proxies: tinyproxy, squid, microsocks and dante, as far as they are installed. Each
//! runs on a free port with a configuration of its own, until its test is over.

#![cfg(unix)]

mod proxies_common;
mod real;

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dunlin_client::{Client, Error, Proxy};
use tempfile::TempDir;

use self::proxies_common::{Server, origin};

/// A proxy's process and the files that it reads.
struct Running {
    at: SocketAddr,
    child: Child,
    dir: TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = &self.dir;
    }
}

/// Where a program is; says so where it is not.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let found = std::env::split_paths(&path)
        .chain(sbin)
        .map(|dir| dir.join(program))
        .find(|path| path.is_file());
    if found.is_none() {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// Starts a proxy and waits until it accepts connections. The function gets the port and a directory
/// for files, and adds the arguments.
async fn run(
    program: &str,
    configure: impl FnOnce(&mut Command, u16, &Path) -> std::io::Result<()>,
) -> Option<Running> {
    let program = find(program)?;
    let dir = tempfile::tempdir().unwrap();
    // Some give up root before they read their files.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(dir.path(), open).unwrap();
    let at = SocketAddr::from(([127, 0, 0, 1], real::free_port()));
    let mut command = Command::new(program);
    configure(&mut command, at.port(), dir.path()).unwrap();
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = quiet.spawn().unwrap();
    let mut running = Running { at, child, dir };
    let began = Instant::now();
    while TcpStream::connect(at).is_err() {
        let ended = running.child.try_wait().unwrap();
        assert!(ended.is_none(), "it has ended: {ended:?} ({command:?})");
        assert!(began.elapsed() < Duration::from_secs(30), "it does not listen ({command:?})");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Some(running)
}

async fn tinyproxy(more: &str) -> Option<Running> {
    run("tinyproxy", |command, port, dir| {
        let file = dir.join("tinyproxy.conf");
        std::fs::write(&file, format!("Port {port}\nListen 127.0.0.1\nTimeout 30\n{more}\n"))?;
        command.args(["-d", "-c"]).arg(file);
        Ok(())
    })
    .await
}

/// `more` goes first; in it `DIR` stands for the directory of the files, among which are passwords.
async fn squid(more: &str) -> Option<Running> {
    run("squid", |command, port, dir| {
        // ada, secret: by APR1-MD5 for Basic, as it is for Digest.
        std::fs::write(dir.join("basic"), "ada:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\n")?;
        std::fs::write(dir.join("digest"), "ada:secret\n")?;
        let file = dir.join("squid.conf");
        let more = more.replace("DIR", dir.to_str().unwrap());
        let common = format!(
            "http_port 127.0.0.1:{port}\nhttp_access allow all\ncache deny all\naccess_log none\n\
             cache_log /dev/null\npid_filename none\nvisible_hostname squid.test\n\
             shutdown_lifetime 0 seconds\npinger_enable off\n"
        );
        std::fs::write(&file, format!("{more}\n{common}"))?;
        command.args(["-N", "-f"]).arg(file);
        Ok(())
    })
    .await
}

async fn microsocks(arguments: &[&str]) -> Option<Running> {
    run("microsocks", |command, port, _| {
        command.args(["-i", "127.0.0.1", "-p", &port.to_string()]).args(arguments);
        Ok(())
    })
    .await
}

async fn dante(method: &str) -> Option<Running> {
    run("danted", |command, port, dir| {
        let file = dir.join("danted.conf");
        let config = format!(
            "logoutput: /dev/null\ninternal: 127.0.0.1 port = {port}\nexternal: lo\n\
             external.rotation: same-same\n\
             socksmethod: {method}\nclientmethod: none\nuser.privileged: root\n\
             client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n\
             socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 command: connect }}\n"
        );
        std::fs::write(&file, config)?;
        command.args(["-N", "1", "-f"]).arg(file);
        Ok(())
    })
    .await
}

fn by(scheme: &str, login: &str, proxy: &Running) -> Proxy {
    Proxy::new(format!("{scheme}://{login}{}", proxy.at)).unwrap()
}

/// Sends a request, and one with a body, by the proxy; both have to come to the origin, and nothing of
/// the proxy's login with them.
async fn works(proxy: Proxy, host: &str) {
    let origin = origin(None).await;
    let client = Client::builder().proxy(proxy.clone()).build().unwrap();
    let url = format!("http://{host}:{}/x?y", origin.at.port());
    let response = client.get(&url).send().await.unwrap();
    assert_eq!(response.status(), 200, "{proxy}");
    assert_eq!(response.text().await.unwrap(), "from the origin", "{proxy}");
    let body: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
    // One that may be sent again: tinyproxy closes behind each answer without saying so, and sometimes late.
    let response = client.put(&url).body(body.clone()).send().await.unwrap();
    assert!(response.bytes().await.unwrap() == body, "{proxy}");
    for head in origin.notes.all() {
        assert!(head.lines().next().unwrap().contains(" /x?y http/1."), "{proxy}: {head}");
        assert!(!head.contains("proxy-authorization"), "{proxy}: {head}");
    }
    #[cfg(feature = "tls")]
    works_over_tls(proxy, host).await;
}

#[cfg(feature = "tls")]
async fn works_over_tls(proxy: Proxy, host: &str) {
    let identity = proxies_common::identity(host);
    let origin = origin(Some(identity.acceptor.clone())).await;
    let tls = dunlin_client::TlsConfig::builder().only_given_roots();
    let tls = tls.root_pem(identity.pem.as_bytes()).unwrap().build().unwrap();
    let client = Client::builder().proxy(proxy.clone()).tls(tls).build().unwrap();
    let url = format!("https://{host}:{}/x?y", origin.at.port());
    for _ in 0..2 {
        let response = client.get(&url).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "from the origin", "{proxy}");
    }
    assert_eq!((client.pool_metrics().opened, origin.accepted()), (1, 1), "{proxy}");
    assert!(!origin.notes.last().contains("proxy-authorization"), "{proxy}");
}

/// What becomes of a request that the proxy is to refuse.
async fn failure(proxy: Proxy) -> Error {
    let origin = origin(None).await;
    refused_on_the_way_to(&origin, proxy).await
}

async fn refused_on_the_way_to(origin: &Server, proxy: Proxy) -> Error {
    let client = Client::builder().proxy(proxy).build().unwrap();
    let error = client.get(format!("http://{}/", origin.at)).send().await.unwrap_err();
    assert_eq!(origin.accepted(), 0, "{error}");
    eprintln!("{error}");
    error
}

async fn forwarded_status(proxy: Proxy) -> u16 {
    let origin = origin(None).await;
    let client = Client::builder().proxy(proxy).build().unwrap();
    let response = client.get(format!("http://{}/", origin.at)).send().await.unwrap();
    response.status().as_u16()
}

#[tokio::test]
async fn tinyproxy_forwards_and_tunnels() {
    let Some(proxy) = tinyproxy("").await else { return };
    works(by("http", "", &proxy), "127.0.0.1").await;
    works(by("http", "", &proxy).always_tunnel(), "127.0.0.1").await;
    works(by("http", "", &proxy).always_tunnel(), "localhost").await;
}

#[tokio::test]
async fn tinyproxy_with_a_password() {
    let Some(proxy) = tinyproxy("BasicAuth ada secret").await else { return };
    works(by("http", "ada:secret@", &proxy), "127.0.0.1").await;
    works(by("http", "ada:secret@", &proxy).always_tunnel(), "127.0.0.1").await;
    for login in ["", "ada:wrong@"] {
        let refused = by("http", login, &proxy);
        assert!(matches!(forwarded_status(refused.clone()).await, 401 | 407));
        let error = failure(refused.always_tunnel()).await;
        assert!(matches!(error.status().unwrap().as_u16(), 401 | 407), "{error}");
    }
}

#[tokio::test]
async fn squid_forwards_and_tunnels() {
    let Some(proxy) = squid("").await else { return };
    works(by("http", "", &proxy), "127.0.0.1").await;
    works(by("http", "", &proxy).always_tunnel(), "127.0.0.1").await;
    works(by("http", "", &proxy).always_tunnel(), "localhost").await;
    let gone = origin(None).await.at;
    tokio::task::yield_now().await;
    let client = Client::builder().proxy(by("http", "", &proxy).always_tunnel()).build().unwrap();
    let error = client.get(format!("http://{gone}/")).send().await.unwrap_err();
    assert!(error.to_string().contains("503 Service Unavailable: ERROR"), "{error}");
}

#[tokio::test]
async fn squid_with_a_password() {
    let helper = "/usr/lib/squid/basic_ncsa_auth";
    if !Path::new(helper).exists() {
        return eprintln!("skipped: {helper} is not installed");
    }
    let config = format!(
        "auth_param basic program {helper} DIR/basic\nauth_param basic realm birds\n\
         acl known proxy_auth REQUIRED\nhttp_access deny !known"
    );
    let Some(proxy) = squid(&config).await else { return };
    works(by("http", "ada:secret@", &proxy), "127.0.0.1").await;
    works(by("http", "ada:secret@", &proxy).always_tunnel(), "127.0.0.1").await;
    for login in ["", "ada:wrong@"] {
        let refused = by("http", login, &proxy);
        assert_eq!(forwarded_status(refused.clone()).await, 407);
        let error = failure(refused.always_tunnel()).await;
        assert_eq!(error.status().unwrap(), 407);
        assert!(error.to_string().contains("asks for Basic"), "{error}");
    }
}

#[tokio::test]
async fn squid_with_a_password_by_digest() {
    let helper = "/usr/lib/squid/digest_file_auth";
    if !Path::new(helper).exists() {
        return eprintln!("skipped: {helper} is not installed");
    }
    let config = format!(
        "auth_param digest program {helper} DIR/digest\nauth_param digest realm birds\n\
         acl known proxy_auth REQUIRED\nhttp_access deny !known"
    );
    let Some(proxy) = squid(&config).await else { return };
    works(by("http", "ada:secret@", &proxy).always_tunnel(), "127.0.0.1").await;
    works(by("http", "ada:secret@", &proxy), "127.0.0.1").await;
    let wrong = by("http", "ada:wrong@", &proxy);
    assert_eq!(forwarded_status(wrong.clone()).await, 407);
    let error = failure(wrong.always_tunnel()).await;
    assert_eq!(error.status().unwrap(), 407);
}

#[tokio::test]
async fn microsocks_by_name_and_by_address() {
    let Some(proxy) = microsocks(&[]).await else { return };
    works(by("socks5", "", &proxy), "127.0.0.1").await;
    works(by("socks5", "", &proxy), "localhost").await;
    works(by("socks5h", "", &proxy), "127.0.0.1").await;
    let gone = origin(None).await.at;
    tokio::task::yield_now().await;
    let client = Client::builder().proxy(by("socks5h", "", &proxy)).build().unwrap();
    let error = client.get(format!("http://{gone}/")).send().await.unwrap_err();
    assert!(error.to_string().contains("the target refused the connection"), "{error}");
}

#[tokio::test]
async fn microsocks_with_a_password() {
    let Some(proxy) = microsocks(&["-u", "ada", "-P", "secret"]).await else { return };
    works(by("socks5", "ada:secret@", &proxy), "127.0.0.1").await;
    works(by("socks5h", "ada:secret@", &proxy), "127.0.0.1").await;
    failure(by("socks5", "ada:wrong@", &proxy)).await;
    failure(by("socks5", "", &proxy)).await;
}

#[tokio::test]
async fn dante_by_every_version_of_socks() {
    let Some(proxy) = dante("none").await else { return };
    for scheme in ["socks4", "socks4a", "socks5", "socks5h"] {
        works(by(scheme, "", &proxy), "127.0.0.1").await;
    }
    // It takes the name of SOCKS4a for the address 0.0.0.1.
    for scheme in ["socks4", "socks5", "socks5h"] {
        works(by(scheme, "", &proxy), "localhost").await;
    }
}

/// Its passwords are those of the system's accounts, so none is known to be right.
#[tokio::test]
async fn dante_with_a_wrong_password() {
    let Some(proxy) = dante("username").await else { return };
    let error = failure(by("socks5", "nobody-of-this-name:wrong@", &proxy)).await;
    assert!(error.to_string().contains("does not accept the user"), "{error}");
    let error = failure(by("socks5", "", &proxy)).await;
    assert!(error.to_string().contains("wants a user and password"), "{error}");
}
