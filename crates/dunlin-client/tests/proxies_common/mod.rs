//! Servers for the tests of proxies: an origin that notes what it is sent, and small proxies.

#![allow(dead_code, reason = "each test program uses a part")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A connection, plain or of TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What a server was sent, head by head.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(crate) fn add(&self, note: impl Into<String>) {
        self.0.lock().unwrap().push(note.into());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn last(&self) -> String {
        self.all().pop().unwrap_or_default()
    }
}

/// A listener on a free port that serves until it is dropped.
pub(crate) struct Server {
    pub(crate) at: SocketAddr,
    pub(crate) notes: Notes,
    accepted: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

#[cfg(feature = "tls")]
pub(crate) type Tls = Option<tokio_rustls::TlsAcceptor>;
#[cfg(not(feature = "tls"))]
pub(crate) type Tls = Option<NoTls>;

/// Nothing: there is no TLS without its feature.
#[cfg(not(feature = "tls"))]
#[derive(Clone)]
pub(crate) enum NoTls {}

impl Server {
    pub(crate) async fn start<F>(
        tls: Tls,
        serve: impl Fn(Box<dyn Stream>, Notes) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (notes, accepted) = (Notes::default(), Arc::new(AtomicUsize::new(0)));
        let (kept, counted) = (notes.clone(), Arc::clone(&accepted));
        let serve = Arc::new(serve);
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let (tls, kept, serve) = (tls.clone(), kept.clone(), Arc::clone(&serve));
                serving.spawn(async move {
                    let io: Box<dyn Stream> = match tls {
                        #[cfg(feature = "tls")]
                        Some(tls) => match tls.accept(tcp).await {
                            Ok(io) => Box::new(io),
                            Err(_) => return,
                        },
                        #[cfg(not(feature = "tls"))]
                        Some(never) => match never {},
                        None => Box::new(tcp),
                    };
                    drop(serve(io, kept).await);
                });
            }
        });
        Self { at, notes, accepted, task }
    }

    /// Connections that it has accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads up to and with an empty line; `None` at an end before it.
pub(crate) async fn read_head(io: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap().to_ascii_lowercase())
}

/// Answers each request with the given text, and echoes a body of a known length.
pub(crate) async fn answer(
    mut io: Box<dyn Stream>,
    notes: Notes,
    text: &'static str,
) -> std::io::Result<()> {
    while let Some(head) = read_head(&mut io).await {
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        io.read_exact(&mut body).await?;
        notes.add(head);
        if body.is_empty() {
            body.extend_from_slice(text.as_bytes());
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        io.write_all(head.as_bytes()).await?;
        io.write_all(&body).await?;
        io.flush().await?;
    }
    Ok(())
}

/// An origin server.
pub(crate) async fn origin(tls: Tls) -> Server {
    Server::start(tls, |io, notes| answer(io, notes, "from the origin")).await
}

/// A proxy by HTTP: answers what it is to forward by itself, and tunnels to one address whatever the
/// name. With `login` it wants that value of Proxy-Authorization.
pub(crate) async fn http_proxy(tls: Tls, to: SocketAddr, login: Option<&'static str>) -> Server {
    Server::start(tls, move |mut io, notes| async move {
        while let Some(head) = read_head(&mut io).await {
            notes.add(head.clone());
            if login.is_some_and(|login| !head.contains(&login.to_ascii_lowercase())) {
                let no = "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"p\"\r\n\
                          Content-Length: 0\r\nConnection: close\r\n\r\n";
                io.write_all(no.as_bytes()).await?;
                return io.shutdown().await;
            }
            if head.starts_with("connect ") {
                let mut target = TcpStream::connect(to).await?;
                io.write_all(b"HTTP/1.1 200 Open\r\nX-Proxy: yes\r\n\r\n").await?;
                io.flush().await?;
                copy_bidirectional(&mut io, &mut target).await?;
                return Ok(());
            }
            io.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\nfrom the proxy").await?;
            io.flush().await?;
        }
        Ok(())
    })
    .await
}

/// The same with a login by Digest, and echoing bodies; with `closes` it ends the connection behind each
/// refusal.
pub(crate) async fn digest_proxy(to: SocketAddr, closes: bool) -> Server {
    Server::start(None, move |mut io, notes| async move {
        while let Some(head) = read_head(&mut io).await {
            notes.add(head.clone());
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            io.read_exact(&mut body).await?;
            if !head.contains("proxy-authorization: digest username=\"ada\"") {
                let close = if closes { "Connection: close\r\n" } else { "" };
                let no = format!(
                    "HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm=\"p\", nonce=\"n\", \
                     qop=\"auth\"\r\nContent-Length: 0\r\n{close}\r\n"
                );
                io.write_all(no.as_bytes()).await?;
                if closes {
                    return io.shutdown().await;
                }
                continue;
            }
            if head.starts_with("connect ") {
                let mut target = TcpStream::connect(to).await?;
                io.write_all(b"HTTP/1.1 200 Open\r\n\r\n").await?;
                copy_bidirectional(&mut io, &mut target).await?;
                return Ok(());
            }
            let yes = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            io.write_all(yes.as_bytes()).await?;
            io.write_all(&body).await?;
        }
        Ok(())
    })
    .await
}

/// A proxy that reads a head, says this, and closes.
pub(crate) async fn saying(answer: &'static str) -> Server {
    Server::start(None, move |mut io, notes| async move {
        notes.add(read_head(&mut io).await.unwrap_or_default());
        io.write_all(answer.as_bytes()).await?;
        io.shutdown().await
    })
    .await
}

/// A proxy by SOCKS 4, 4a and 5 that tunnels to one address whatever it is told, and notes the version
/// and what it was told. It refuses the address 127.0.0.9.
pub(crate) async fn socks_proxy(
    to: SocketAddr,
    login: Option<(&'static str, &'static str)>,
) -> Server {
    Server::start(None, move |mut io, notes| async move {
        let (target, yes) = match io.read_u8().await? {
            4 => (read_4(&mut io).await?, vec![0, 90, 0, 0, 0, 0, 0, 0]),
            _ => {
                let mut ways = vec![0; usize::from(io.read_u8().await?)];
                io.read_exact(&mut ways).await?;
                let way = if login.is_some() { 2 } else { 0 };
                if !ways.contains(&way) {
                    io.write_all(&[5, 0xff]).await?;
                    return io.shutdown().await;
                }
                io.write_all(&[5, way]).await?;
                if let Some((user, password)) = login {
                    io.read_u8().await?;
                    let said = (read_text(&mut io).await?, read_text(&mut io).await?);
                    let is_known = said == (user.to_owned(), password.to_owned());
                    io.write_all(&[1, u8::from(!is_known)]).await?;
                    if !is_known {
                        return io.shutdown().await;
                    }
                }
                (read_5(&mut io).await?, vec![5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
            }
        };
        notes.add(&target);
        if target.contains("127.0.0.9:") {
            io.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
            return io.shutdown().await;
        }
        io.write_all(&yes).await?;
        let mut target = TcpStream::connect(to).await?;
        copy_bidirectional(&mut io, &mut target).await?;
        Ok(())
    })
    .await
}

async fn read_text(io: &mut Box<dyn Stream>) -> std::io::Result<String> {
    let mut text = vec![0; usize::from(io.read_u8().await?)];
    io.read_exact(&mut text).await?;
    Ok(String::from_utf8(text).unwrap())
}

async fn read_until_nul(io: &mut Box<dyn Stream>) -> std::io::Result<String> {
    let mut text = String::new();
    loop {
        match io.read_u8().await? {
            0 => return Ok(text),
            byte => text.push(char::from(byte)),
        }
    }
}

async fn read_4(io: &mut Box<dyn Stream>) -> std::io::Result<String> {
    io.read_u8().await?;
    let port = io.read_u16().await?;
    let ip = std::net::Ipv4Addr::from(io.read_u32().await?);
    let user = read_until_nul(io).await?;
    let host = match ip.octets() {
        [0, 0, 0, last] if last > 0 => read_until_nul(io).await?,
        _ => ip.to_string(),
    };
    Ok(format!("4 {user}@{host}:{port}"))
}

async fn read_5(io: &mut Box<dyn Stream>) -> std::io::Result<String> {
    let mut start = [0; 4];
    io.read_exact(&mut start).await?;
    let host = match start[3] {
        1 => format!("address {}", std::net::Ipv4Addr::from(io.read_u32().await?)),
        4 => format!("address {}", std::net::Ipv6Addr::from(io.read_u128().await?)),
        _ => format!("name {}", read_text(io).await?),
    };
    Ok(format!("5 {host}:{}", io.read_u16().await?))
}

/// A certificate for a name, signed by itself, and what trusts it.
#[cfg(feature = "tls")]
pub(crate) struct Identity {
    pub(crate) pem: String,
    pub(crate) der: Vec<u8>,
    pub(crate) acceptor: tokio_rustls::TlsAcceptor,
}

#[cfg(feature = "tls")]
pub(crate) fn identity(name: &str) -> Identity {
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    Identity {
        pem: made.cert.pem(),
        der: made.cert.der().to_vec(),
        acceptor: Arc::new(config).into(),
    }
}
