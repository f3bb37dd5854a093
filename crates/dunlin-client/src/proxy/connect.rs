//! Tunnels by CONNECT (RFC 9110 §9.3.6).

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use dunlin_codec::{ClientConn, ClientError, ClientEvent, RequestCtx};
use dunlin_core::{Headers, RequestHead, ResponseHead};
use http::header::PROXY_AUTHORIZATION;
use http::{Method, StatusCode, Uri};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::digest::{Asked, asked_for};
use super::{Again, NotOpened, Proxy, broken, refused};
use crate::error::{Error, ErrorKind, Phase};
use crate::settings::Route;
use crate::url::Origin;

/// Read at a time.
const READ: usize = 4 * 1024;

/// How long the body of a refusal may keep the client waiting: it only explains.
const BODY_WAIT: Duration = Duration::from_secs(1);

/// Most bytes of such a body that are read, so that another request can follow it.
const BODY_MAX: usize = 64 * 1024;

/// Most bytes of it that are kept to be read for a reason.
const BODY_KEPT: usize = 4 * 1024;

/// Asks for a tunnel; returns the fields of the answer.
///
/// A login is sent at once, as Basic. Where the proxy answers that with a Digest challenge, it gets
/// that answered too, on another connection if it closes this one.
pub(super) async fn open<T: AsyncRead + AsyncWrite + Unpin>(
    io: &mut T,
    proxy: &Proxy,
    origin: &Origin,
    route: &Route,
) -> Result<Headers, NotOpened> {
    let target = origin.authority();
    let uri = Uri::try_from(&target).map_err(|error| Error::url(&target, error))?;
    let mut fields = proxy.fields().as_deref().cloned().unwrap_or_default();
    let mut asking = Asking {
        io,
        conn: ClientConn::new(Arc::clone(&route.limits)).lenient(route.leniency),
        input: BytesMut::new(),
    };
    let asked = Asked { method: Method::CONNECT.as_str(), target: &target, body: Some(b"") };
    if let Some(value) = proxy.preempt(asked) {
        fields.insert(PROXY_AUTHORIZATION, value);
    }
    for answered in 0.. {
        let mut head = RequestHead::new(Method::CONNECT, uri.clone());
        *head.headers_mut() = fields.clone();
        asking.send(&head).await?;
        let (head, body) = match asking.answer().await? {
            Answer::Open(_) if !asking.input.is_empty() => {
                // Whoever is behind the tunnel waits to be spoken to: the bytes are the proxy's.
                return Err(refused("it sent something by itself through the tunnel").into());
            }
            Answer::Open(head) => return Ok(head.headers),
            Answer::Refused { head, body } => (head, body),
        };
        let answer = (head.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED)
            .then(|| proxy.answer(asked, &head.headers, answered))
            .flatten();
        match answer {
            Some(value) if asking.conn.is_reusable() => fields.insert(PROXY_AUTHORIZATION, value),
            again => {
                let may = match again {
                    Some(_) => Again::OnAnother,
                    None => Again::No,
                };
                return Err(NotOpened { error: refusal(&head, &body, proxy), again: may });
            }
        }
    }
    unreachable!("no challenge is answered for ever")
}

/// A request under way on a connection to a proxy.
struct Asking<'t, T> {
    io: &'t mut T,
    conn: ClientConn,
    input: BytesMut,
}

#[derive(Debug)]
enum Answer {
    /// From here on the connection is the tunnel.
    Open(ResponseHead),
    Refused {
        head: ResponseHead,
        /// The first bytes of it.
        body: Vec<u8>,
    },
}

impl<T: AsyncRead + AsyncWrite + Unpin> Asking<'_, T> {
    async fn send(&mut self, head: &RequestHead) -> Result<(), Error> {
        let mut out = Vec::new();
        self.conn
            .send_whole(head, b"", RequestCtx::default(), &mut out)
            .map_err(|error| Error::new(ErrorKind::Send(error), Phase::Proxy))?;
        self.io.write_all(&out).await.map_err(broken)?;
        self.io.flush().await.map_err(broken)
    }

    async fn answer(&mut self) -> Result<Answer, Error> {
        let failed = |error| match error {
            ClientError::Unanswered => refused("it closed the connection without an answer"),
            error => Error::protocol(Phase::Proxy, error),
        };
        let head = loop {
            match self.head().map_err(failed)? {
                Some(Answer::Refused { head, .. }) => break head,
                Some(open) => return Ok(open),
                None => {}
            }
            self.input.reserve(READ);
            if self.io.read_buf(&mut self.input).await.map_err(broken)? == 0 {
                self.conn.handle_eof().map_err(failed)?;
            }
        };
        let mut body = Vec::new();
        // Why it was refused is known by now. Whatever becomes of the body says no more than that.
        let _ = tokio::time::timeout(BODY_WAIT, self.body(&mut body)).await;
        Ok(Answer::Refused { head, body })
    }

    /// The final head, once it is here.
    fn head(&mut self) -> Result<Option<Answer>, ClientError> {
        let mut rest = &self.input[..];
        let answer = loop {
            match self.conn.next_event(&mut rest)? {
                None => break None,
                Some(ClientEvent::Upgrade(head)) => break Some(Answer::Open(head)),
                Some(ClientEvent::Head { head, .. }) => {
                    break Some(Answer::Refused { head, body: Vec::new() });
                }
                // Interim responses say nothing here, and no body comes before its head.
                Some(_) => {}
            }
        };
        let used = self.input.len() - rest.len();
        self.input.advance(used);
        Ok(answer)
    }

    /// Reads the body, as far as it can be had, and keeps the beginning.
    async fn body(&mut self, kept: &mut Vec<u8>) {
        let mut read = 0;
        while self.conn.is_receiving_body() && read < BODY_MAX {
            let mut rest = &self.input[..];
            while let Ok(Some(event)) = self.conn.next_event(&mut rest) {
                if let ClientEvent::Data(data) = event {
                    let fits = data.len().min(BODY_KEPT.saturating_sub(kept.len()));
                    kept.extend_from_slice(&data[..fits]);
                    read += data.len();
                }
            }
            let used = self.input.len() - rest.len();
            self.input.advance(used);
            if !self.conn.is_receiving_body() {
                return;
            }
            self.input.reserve(READ);
            match self.io.read_buf(&mut self.input).await {
                Ok(1..) => {}
                Ok(0) if self.conn.handle_eof().is_ok() => {}
                Ok(0) | Err(_) => return,
            }
        }
    }
}

/// What a status other than 2xx means, in words.
fn refusal(head: &ResponseHead, body: &[u8], proxy: &Proxy) -> Error {
    let mut reason = head.status.to_string();
    if head.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        let asked = asked_for(&head.headers);
        let schemes: Vec<_> = asked.iter().map(crate::auth::Challenge::scheme).collect();
        reason.push_str(match proxy.fields() {
            Some(fields) if fields.contains(PROXY_AUTHORIZATION) => {
                " (it does not accept the credentials; it asks for "
            }
            _ => " (it was given no user and password; it asks for ",
        });
        reason.push_str(&if schemes.is_empty() { "none".to_owned() } else { schemes.join(", ") });
        reason.push(')');
    } else if let Some(text) = gist(body).filter(|text| *text != reason) {
        reason.push_str(": ");
        reason.push_str(&text);
    }
    Error::new(ErrorKind::Proxy { status: Some(head.status), reason }, Phase::Proxy)
}

/// Most characters of a proxy's own words.
const GIST_MAX: usize = 120;

/// The title of a page, or the first line of a text.
fn gist(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let lower = text.to_ascii_lowercase();
    let part = match lower.find("<title>") {
        Some(at) => {
            let title = &text[at + "<title>".len()..];
            title.split('<').next()?
        }
        None if text.trim_start().starts_with('<') => return None,
        None => text.trim_start().lines().next()?,
    };
    let mut gist = String::new();
    for word in part.split(|c: char| c.is_whitespace() || c.is_control()) {
        if !word.is_empty() {
            if !gist.is_empty() {
                gist.push(' ');
            }
            gist.push_str(word);
        }
    }
    if let Some((at, _)) = gist.char_indices().nth(GIST_MAX) {
        gist.truncate(at);
    }
    (!gist.is_empty()).then_some(gist)
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;
    use crate::url::Url;

    /// What the client sent, and the outcome, where the proxy answers with this and closes.
    async fn ask(proxy: &str, url: &str, answer: &[u8]) -> (String, Result<Headers, Error>) {
        let (mut near, mut far) = duplex(64 * 1024);
        far.write_all(answer).await.unwrap();
        far.shutdown().await.unwrap();
        let proxy = Proxy::new(proxy).unwrap().header("x-team", "birds").unwrap();
        let origin = Url::parse(url).unwrap().origin().clone();
        let opened = open(&mut near, &proxy, &origin, &Route::default()).await;
        let opened = opened.map_err(|not| not.error);
        drop(near);
        let mut sent = String::new();
        far.read_to_string(&mut sent).await.unwrap();
        (sent, opened)
    }

    #[tokio::test]
    async fn an_authority_is_asked_for_with_the_proxys_fields() {
        let answer = b"HTTP/1.0 200 Connection established\r\nVia: a\r\n\r\n";
        let (sent, opened) = ask("http://a:b@p", "https://t.example/x?y", answer).await;
        assert_eq!(
            sent,
            "CONNECT t.example:443 HTTP/1.1\r\nhost: t.example:443\r\nx-team: birds\r\n\
             proxy-authorization: Basic YTpi\r\n\r\n"
        );
        assert_eq!(opened.unwrap().get_str("via"), Some("a"));
        let (sent, _) = ask("http://p", "http://[::1]:8080/", answer).await;
        assert!(sent.starts_with("CONNECT [::1]:8080 HTTP/1.1\r\nhost: [::1]:8080\r\n"), "{sent}");
    }

    #[tokio::test]
    async fn a_tunnel_opens_with_any_2xx_and_a_length_means_nothing() {
        let answer = b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n";
        assert!(ask("http://p", "https://t/", answer).await.1.is_ok());
    }

    #[tokio::test]
    async fn bytes_behind_the_answer_are_refused() {
        let (_, opened) = ask("http://p", "https://t/", b"HTTP/1.1 200 OK\r\n\r\nX").await;
        assert!(opened.unwrap_err().to_string().contains("by itself"));
    }

    #[tokio::test]
    async fn refusals_say_why() {
        for (answer, expected) in [
            ("HTTP/1.1 502 x\r\nContent-Length: 9\r\n\r\nno route\n", "502 Bad Gateway: no route"),
            ("HTTP/1.1 403 x\r\n\r\n<html><TITLE>Not\n today</TITLE>", "403 Forbidden: Not today"),
            ("HTTP/1.1 403 x\r\n\r\n<html><h1>a</h1>", "403 Forbidden"),
            ("HTTP/1.1 503 x\r\nContent-Length: 9\r\n\r\ncut", "503 Service Unavailable: cut"),
            (
                "HTTP/1.1 401 x\r\n\r\n<html><title>401 Unauthorized</title></html>",
                "401 Unauthorized",
            ),
            ("HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n", "500 Internal Server Error"),
            (
                "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=a\r\n\r\n",
                "407 Proxy Authentication Required (it was given no user and password; it asks for Basic)",
            ),
            ("HTTP/1.1 302 x\r\nLocation: /\r\n\r\n", "302 Found"),
        ] {
            let error = ask("http://p", "https://t/", answer.as_bytes()).await.1.unwrap_err();
            let ErrorKind::Proxy { status, reason } = error.kind() else { panic!("{error}") };
            assert_eq!(reason, expected);
            assert_eq!(status.unwrap().as_str(), &answer[9..12]);
            assert_eq!(error.phase(), Phase::Proxy);
        }
    }

    #[tokio::test]
    async fn no_answer_and_no_http_are_errors() {
        let (_, opened) = ask("http://p", "https://t/", b"").await;
        assert!(opened.unwrap_err().to_string().contains("without an answer"));
        for answer in
            [&b"SSH-2.0\r\n"[..], b"HTTP/1.1 200", b"HTTP/1.1 101 x\r\nUpgrade: a\r\n\r\n"]
        {
            let (_, opened) = ask("http://p", "https://t/", answer).await;
            assert!(matches!(opened.unwrap_err().kind(), ErrorKind::Protocol(_)));
        }
        let long = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(40_000));
        let (_, opened) = ask("http://p", "https://t/", &long.as_bytes()[..60_000]).await;
        assert!(matches!(opened.unwrap_err().kind(), ErrorKind::Protocol(_)));
    }

    #[tokio::test]
    async fn a_digest_challenge_is_answered_on_the_same_connection() {
        let asks = "HTTP/1.1 407 x\r\nProxy-Authenticate: Digest realm=r, nonce=n, qop=auth\r\n\
                    Content-Length: 2\r\n\r\nno";
        let (mut near, mut far) = duplex(64 * 1024);
        let proxy = Proxy::new("http://ada:secret@p").unwrap();
        let origin = Url::parse("https://t/").unwrap().origin().clone();
        let route = Route::default();
        let served = async {
            let mut seen = Vec::new();
            for answer in [asks, "HTTP/1.1 200 OK\r\n\r\n"] {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(far.read_u8().await.unwrap());
                }
                seen.push(String::from_utf8(head).unwrap());
                far.write_all(answer.as_bytes()).await.unwrap();
            }
            seen
        };
        let (opened, seen) = tokio::join!(open(&mut near, &proxy, &origin, &route), served);
        opened.unwrap();
        assert!(seen[0].contains("Basic "), "{seen:?}");
        assert!(seen[1].contains("Digest ") && seen[1].contains(r#"uri="t:443""#), "{seen:?}");
        assert_eq!(seen[1].matches("proxy-authorization").count(), 1);
    }
}
