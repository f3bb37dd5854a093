//! A server of a few lines that does what a test says, byte by byte.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use dunlin_client::{Connect, Connecting};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a server has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: AtomicUsize,
    pub(crate) open: AtomicUsize,
    pub(crate) most_open: AtomicUsize,
    pub(crate) requests: AtomicUsize,
}

#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
}

impl Server {
    /// Calls `serve` for each connection.
    pub(crate) async fn start<F, Fut>(serve: F) -> Self
    where
        F: Fn(Conn) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::start_at("127.0.0.1", serve).await
    }

    /// The same at another address of this machine.
    pub(crate) async fn start_at<F, Fut>(ip: &str, serve: F) -> Self
    where
        F: Fn(Conn) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let counting = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let nth = counting.connections.fetch_add(1, SeqCst);
                let open = counting.open.fetch_add(1, SeqCst) + 1;
                counting.most_open.fetch_max(open, SeqCst);
                let seen = Arc::clone(&counting);
                tokio::spawn(serve(Conn { stream, nth, seen, ahead: Vec::new() }));
            }
        });
        Self { address, seen }
    }

    /// Answers every request with what the function makes of its head and body.
    pub(crate) async fn answering<F>(answer: F) -> Self
    where
        F: Fn(&str, &[u8]) -> Vec<u8> + Clone + Send + Sync + 'static,
    {
        Self::start(move |mut conn| {
            let answer = answer.clone();
            async move {
                while let Some((head, body)) = conn.request().await {
                    let bytes = answer(&head, &body);
                    if conn.send(&bytes).await.is_err() {
                        break;
                    }
                }
            }
        })
        .await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Brings whoever asks for any host to this server.
    pub(crate) fn for_any_host(&self) -> impl Connect + use<> {
        To(self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(SeqCst)
    }

    /// Answers every request with its own head.
    pub(crate) async fn mirror() -> Self {
        Self::answering(|head, _| ok(head)).await
    }
}

struct To(SocketAddr);

impl Connect for To {
    fn connect(&self, _: &str, _: u16) -> Connecting {
        let address = self.0;
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            Ok(Box::pin(stream) as std::pin::Pin<Box<dyn dunlin_core::Io>>)
        })
    }
}

/// One connection, from the server's side.
pub(crate) struct Conn {
    pub(crate) stream: TcpStream,
    /// Which one it is of the server's, from 0.
    pub(crate) nth: usize,
    seen: Arc<Seen>,
    ahead: Vec<u8>,
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.seen.open.fetch_sub(1, SeqCst);
    }
}

impl Conn {
    /// Head (in lower case but for values) and body of the next request; `None` at the end.
    pub(crate) async fn request(&mut self) -> Option<(String, Vec<u8>)> {
        let head = self.head().await?;
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
            })
            .unwrap_or(0);
        let body = self.exactly(length).await?;
        Some((head, body))
    }

    pub(crate) async fn head(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.ahead.drain(..at + 4).collect();
                self.seen.requests.fetch_add(1, SeqCst);
                return Some(String::from_utf8_lossy(&head).into_owned());
            }
            self.more().await?;
        }
    }

    pub(crate) async fn exactly(&mut self, len: usize) -> Option<Vec<u8>> {
        while self.ahead.len() < len {
            self.more().await?;
        }
        Some(self.ahead.drain(..len).collect())
    }

    /// Everything up to and with these bytes.
    pub(crate) async fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.ahead.windows(end.len()).position(|some| some == end) {
                return Some(self.ahead.drain(..at + end.len()).collect());
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Option<()> {
        let mut piece = [0; 8 * 1024];
        match self.stream.read(&mut piece).await {
            Ok(0) | Err(_) => None,
            Ok(n) => {
                self.ahead.extend_from_slice(&piece[..n]);
                Some(())
            }
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Ends the connection by a reset.
    pub(crate) fn reset(self) {
        let socket = socket2::SockRef::from(&self.stream);
        let _ = socket.set_linger(Some(std::time::Duration::ZERO));
    }
}

/// The values of a field in a head, in order.
pub(crate) fn all<'h>(head: &'h str, name: &str) -> Vec<&'h str> {
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    fields.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

/// The one value of a field in a head.
pub(crate) fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let values = all(head, name);
    assert!(values.len() < 2, "{name} several times in {head}");
    values.first().copied()
}

/// The request target.
pub(crate) fn target(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

/// 200 with a body of known length.
pub(crate) fn ok(body: &str) -> Vec<u8> {
    answer("200 OK", "", body)
}

/// A status line's rest, more fields (each with its end), and a body of known length.
pub(crate) fn answer(status: &str, fields: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}
