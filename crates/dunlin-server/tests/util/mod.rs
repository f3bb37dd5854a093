//! A small client of raw bytes, over a socket or a pipe in memory.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(unreachable_pub, reason = "shared by several test crates")]

pub mod sockets;

use std::time::Duration;

use dunlin_core::Service;
use dunlin_server::{Server, ServerBuilder};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

/// A client that writes what it is told and reads responses one by one.
#[derive(Debug)]
pub struct Raw<T> {
    io: T,
    read: Vec<u8>,
}

/// A response as it came.
#[derive(Debug, Eq, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a field, if the head has it.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (n, value) = line.split_once(':')?;
            n.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Raw<T> {
    pub fn new(io: T) -> Self {
        Self { io, read: Vec::new() }
    }

    pub fn io(&self) -> &T {
        &self.io
    }

    pub fn io_mut(&mut self) -> &mut T {
        &mut self.io
    }

    /// What has been read and not yet taken.
    pub fn unread(&self) -> &[u8] {
        &self.read
    }

    /// Two clients of the same connection, one to send and one to read.
    pub fn split(self) -> (Raw<impl AsyncRead + AsyncWrite>, Raw<impl AsyncRead + AsyncWrite>) {
        let (read, write) = tokio::io::split(self.io);
        let near = Raw::new(tokio::io::join(tokio::io::empty(), write));
        (near, Raw { io: tokio::io::join(read, tokio::io::sink()), read: self.read })
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.write_all(bytes.as_ref()).await.expect("the server reads");
    }

    /// Closes the writing half.
    pub async fn finish(&mut self) {
        self.io.shutdown().await.expect("the server reads");
    }

    /// Reads more; `false` at the end of the stream or where it was reset.
    pub async fn fill(&mut self) -> bool {
        let mut chunk = vec![0; 64 * 1024];
        match self.io.read(&mut chunk).await {
            Ok(0) | Err(_) => false,
            Ok(n) => {
                self.read.extend_from_slice(&chunk[..n]);
                true
            }
        }
    }

    /// Everything up to the end of the stream.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.read)
    }

    async fn until(&mut self, mark: &[u8]) -> Option<usize> {
        loop {
            if let Some(at) = self.read.windows(mark.len()).position(|w| w == mark) {
                return Some(at + mark.len());
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    async fn take(&mut self, n: usize) -> Option<Vec<u8>> {
        while self.read.len() < n {
            if !self.fill().await {
                return None;
            }
        }
        Some(self.read.drain(..n).collect())
    }

    /// The head of the next response, or `None` where the connection ended first.
    pub async fn head(&mut self) -> Option<Answer> {
        let end = self.until(b"\r\n\r\n").await?;
        let head = String::from_utf8(self.take(end).await?).expect("a head of text");
        let status = head.get(9..12).and_then(|s| s.parse().ok()).expect("a status line");
        Some(Answer { status, head, body: Vec::new() })
    }

    /// The next response, whole; `None` where the connection ended before its end.
    pub async fn answer(&mut self) -> Option<Answer> {
        self.answer_to("GET").await
    }

    pub async fn answer_to(&mut self, method: &str) -> Option<Answer> {
        let mut answer = self.head().await?;
        if method == "HEAD" || matches!(answer.status, 100..=199 | 204 | 304) {
            return Some(answer);
        }
        if let Some(len) = answer.field("content-length") {
            let len = len.parse().expect("a length");
            answer.body = self.take(len).await?;
        } else if answer.field("transfer-encoding") == Some("chunked") {
            loop {
                let line = self.until(b"\r\n").await?;
                let line = self.take(line).await?;
                let size = std::str::from_utf8(&line[..line.len() - 2]).expect("a size");
                let size = usize::from_str_radix(size, 16).expect("a size in hex");
                if size == 0 {
                    let end = self.until(b"\r\n").await?;
                    self.take(end).await?;
                    break;
                }
                answer.body.extend(self.take(size).await?);
                assert_eq!(self.take(2).await?, b"\r\n");
            }
        } else {
            answer.body = self.rest().await;
        }
        Some(answer)
    }

    /// Sends a GET of `path` and reads its answer.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        self.answer().await.expect("an answer")
    }

    /// Whether the connection has ended, with nothing unread.
    pub async fn is_closed(&mut self) -> bool {
        self.read.is_empty() && !self.fill().await && self.read.is_empty()
    }
}

/// A connection in memory to a server with those settings; the task ends with the connection.
pub fn connect_with(
    builder: ServerBuilder,
    service: impl Service,
) -> (Raw<DuplexStream>, JoinHandle<()>) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    (Raw::new(near), tokio::spawn(builder.serve_io(service, far)))
}

/// A connection in memory to a server with default settings.
pub fn connect(service: impl Service) -> Raw<DuplexStream> {
    connect_with(Server::builder(), service).0
}

/// Fails instead of hanging.
pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(600), future).await.expect("in time")
}
