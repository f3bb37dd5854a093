//! Both ends of a connection, joined in memory: what one sends the other understands.

#![cfg(feature = "std")]
#![allow(missing_docs)]

use dunlin_codec::{
    BodyLen, ClientConn, ClientError, ClientEvent, ClientPhase, Event, Framing, Limits, Phase,
    RequestCtx, SendCtx, ServerConn,
};
use dunlin_core::{Headers, RequestHead, ResponseHead};
use http::{HeaderName, HeaderValue, Method, StatusCode};

/// Two ends, and the bytes on their way: some of each read at a time.
struct Pair {
    client: ClientConn,
    server: ServerConn,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    read: usize,
}

type Fields<'f> = &'f [(&'static str, &'static str)];

impl Pair {
    fn new(read: usize) -> Self {
        Self {
            client: ClientConn::new(Limits::default().into()),
            server: ServerConn::new(Limits::default().into()),
            to_server: Vec::new(),
            to_client: Vec::new(),
            read,
        }
    }

    fn ask(&mut self, method: Method, target: &str, fields: Fields<'_>, len: Option<u64>) {
        let mut head = RequestHead::new(method, target.parse().unwrap());
        *head.headers_mut() = typed(fields);
        let ctx = RequestCtx::default().authority("a.example");
        self.client.send_head(&head, len.into(), ctx, &mut self.to_server).unwrap();
    }

    fn ask_whole(&mut self, method: Method, target: &str) {
        self.ask(method, target, &[], Some(0));
        self.client.send_end(None, &mut self.to_server).unwrap();
    }

    fn answer(&mut self, status: u16, fields: Fields<'_>, len: Option<u64>) {
        let mut head = ResponseHead::default();
        head.status = StatusCode::from_u16(status).unwrap();
        head.headers = typed(fields);
        self.server
            .send_head(&head, BodyLen::from(len), SendCtx::default(), &mut self.to_client)
            .unwrap();
    }

    fn answer_whole(&mut self, status: u16, body: &str) {
        self.answer(status, &[], Some(body.len() as u64));
        self.server.send_data(body.as_bytes(), &mut self.to_client).unwrap();
        self.server.send_end(None, &mut self.to_client).unwrap();
    }

    /// What the server makes of everything that was sent to it.
    fn server_hears(&mut self) -> Vec<String> {
        let (mut log, mut data, mut start, mut end) = (Vec::new(), Vec::new(), 0, 0);
        while end < self.to_server.len() {
            end = (end + self.read).min(self.to_server.len());
            let mut input = &self.to_server[start..end];
            while let Some(event) = self.server.next_event(&mut input).unwrap() {
                match event {
                    Event::Head { head, framing } => {
                        log.push(format!("{} {} {framing:?}", head.method(), head.target()));
                    }
                    Event::Data(piece) => data.extend_from_slice(piece),
                    Event::Trailers(trailers) => log.push(format!("{trailers:?}")),
                    _ => {
                        log.push(String::from_utf8(std::mem::take(&mut data)).unwrap());
                        log.push("end".into());
                    }
                }
            }
            start = end - input.len();
        }
        self.to_server.drain(..start);
        if !data.is_empty() {
            log.push(String::from_utf8(data).unwrap());
        }
        log
    }

    /// What the client makes of everything that was sent to it.
    fn client_hears(&mut self) -> Vec<String> {
        let (mut log, mut data, mut start, mut end) = (Vec::new(), Vec::new(), 0, 0);
        while end < self.to_client.len() {
            end = (end + self.read).min(self.to_client.len());
            let mut input = &self.to_client[start..end];
            while let Some(event) = self.client.next_event(&mut input).unwrap() {
                match event {
                    ClientEvent::Interim(head) => log.push(head.status.as_str().into()),
                    ClientEvent::Head { head, framing } => {
                        log.push(format!("{} {framing:?}", head.status.as_str()));
                    }
                    ClientEvent::Data(piece) => data.extend_from_slice(piece),
                    ClientEvent::Trailers(trailers) => log.push(format!("{trailers:?}")),
                    ClientEvent::Upgrade(_) => log.push("upgrade".into()),
                    _ => {
                        log.push(String::from_utf8(std::mem::take(&mut data)).unwrap());
                        log.push("end".into());
                    }
                }
            }
            start = end - input.len();
        }
        self.to_client.drain(..start);
        if !data.is_empty() {
            log.push(String::from_utf8(data).unwrap());
        }
        log
    }

    fn phases(&self) -> (ClientPhase, Phase) {
        (self.client.phase(), self.server.phase())
    }
}

fn typed(fields: Fields<'_>) -> Headers {
    fields
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

/// A conversation must not depend on how much is read at a time.
fn in_reads_of_any_size(conversation: impl Fn(Pair)) {
    for read in [1, 2, 7, usize::MAX / 2] {
        conversation(Pair::new(read));
    }
}

#[test]
fn requests_follow_each_other_on_one_connection() {
    in_reads_of_any_size(|mut pair| {
        for n in 0..3 {
            let target = format!("/{n}");
            pair.ask_whole(Method::GET, &target);
            assert_eq!(pair.server_hears(), [format!("GET {target} None")]);
            pair.answer_whole(200, &target);
            assert_eq!(pair.client_hears(), ["200 Length(2)", &target, "end"]);
            assert_eq!(pair.phases(), (ClientPhase::Idle, Phase::Idle));
        }
    });
}

#[test]
fn close_on_either_side_closes_both() {
    for (asked, answered) in [(true, false), (false, true)] {
        let close: Fields<'_> = &[("connection", "close")];
        let mut pair = Pair::new(5);
        pair.ask(Method::GET, "/", if asked { close } else { &[] }, Some(0));
        pair.client.send_end(None, &mut pair.to_server).unwrap();
        pair.server_hears();
        pair.answer(200, if answered { close } else { &[] }, Some(0));
        pair.server.send_end(None, &mut pair.to_client).unwrap();
        assert_eq!(pair.client_hears(), ["200 Length(0)"]);
        assert_eq!(pair.phases(), (ClientPhase::Close, Phase::Close));
    }
}

#[test]
fn head_has_the_length_of_get_and_no_body() {
    in_reads_of_any_size(|mut pair| {
        pair.ask_whole(Method::HEAD, "/");
        assert_eq!(pair.server_hears(), ["HEAD / None"]);
        pair.answer(200, &[], Some(1000));
        pair.server.send_end(None, &mut pair.to_client).unwrap();
        assert_eq!(pair.client_hears(), ["200 None"]);
        assert_eq!(pair.phases(), (ClientPhase::Idle, Phase::Idle));
    });
}

#[test]
fn a_body_waits_for_the_server_to_want_it() {
    in_reads_of_any_size(|mut pair| {
        pair.ask(Method::PUT, "/", &[("expect", "100-continue")], Some(4));
        assert_eq!(pair.server_hears(), ["PUT / Length(4)"]);
        assert_eq!(pair.client.phase(), ClientPhase::Continue);
        pair.server.send_continue(&mut pair.to_client);
        assert_eq!(pair.client_hears(), ["100"]);
        assert_eq!(pair.client.phase(), ClientPhase::Head);
        pair.client.send_data(b"body", &mut pair.to_server).unwrap();
        pair.client.send_end(None, &mut pair.to_server).unwrap();
        assert_eq!(pair.server_hears(), ["body", "end"]);
        pair.answer_whole(201, "");
        assert_eq!(pair.client_hears(), ["201 Length(0)"]);
        assert_eq!(pair.phases(), (ClientPhase::Idle, Phase::Idle));
    });
}

#[test]
fn a_body_that_the_server_does_not_want_is_never_sent() {
    in_reads_of_any_size(|mut pair| {
        pair.ask(Method::PUT, "/", &[("expect", "100-continue")], Some(4));
        pair.server_hears();
        pair.answer_whole(401, "no");
        assert_eq!(pair.client_hears(), ["401 Length(2)", "no", "end"]);
        assert!(!pair.client.is_sending_body());
        assert_eq!(pair.client.phase(), ClientPhase::Close);
        assert!(pair.server.is_body_in_doubt());
    });
}

#[test]
fn chunks_and_trailers_go_both_ways() {
    in_reads_of_any_size(|mut pair| {
        pair.ask(Method::POST, "/", &[("trailer", "x-sum")], None);
        for piece in ["one", "", " two"] {
            pair.client.send_data(piece.as_bytes(), &mut pair.to_server).unwrap();
        }
        let sum = typed(&[("x-sum", "7")]);
        pair.client.send_end(Some(&sum), &mut pair.to_server).unwrap();
        let trailers = r#"{"x-sum": "7"}"#;
        assert_eq!(pair.server_hears(), ["POST / Chunked", trailers, "one two", "end"]);

        pair.answer(200, &[], None);
        pair.server.send_prefix(5, &mut pair.to_client).unwrap();
        pair.to_client.extend_from_slice(b"three");
        pair.server.send_suffix(5, &mut pair.to_client);
        pair.server.send_end(Some(&sum), &mut pair.to_client).unwrap();
        assert_eq!(pair.client_hears(), ["200 Chunked", trailers, "three", "end"]);
        assert_eq!(pair.phases(), (ClientPhase::Idle, Phase::Idle));
    });
}

#[test]
fn a_body_until_close_ends_with_the_connection() {
    in_reads_of_any_size(|mut pair| {
        pair.ask_whole(Method::GET, "/");
        pair.server_hears();
        // As an HTTP/1.0 server answers: ours would send chunks.
        pair.to_client.extend_from_slice(b"HTTP/1.0 200 OK\r\n\r\nall of it");
        assert_eq!(pair.client_hears(), [&format!("200 {:?}", Framing::UntilClose), "all of it"]);
        assert_eq!(pair.client.handle_eof(), Ok(()));
        let event = pair.client.next_event(&mut &b""[..]);
        assert!(matches!(event, Ok(Some(ClientEvent::End))));
        assert_eq!(pair.client.phase(), ClientPhase::Close);
    });
}

#[test]
fn an_upgrade_hands_both_ends_over() {
    in_reads_of_any_size(|mut pair| {
        pair.ask(Method::GET, "/feed", &[("upgrade", "echo, websocket")], Some(0));
        pair.client.send_end(None, &mut pair.to_server).unwrap();
        assert_eq!(pair.server_hears(), ["GET /feed None"]);
        pair.answer(101, &[("upgrade", "ECHO")], Some(0));
        pair.to_client.extend_from_slice(b"\x81\x00");
        assert_eq!(pair.client_hears(), ["upgrade"]);
        assert_eq!(pair.phases(), (ClientPhase::Upgrade, Phase::Upgrade));
        assert_eq!(pair.to_client, b"\x81\x00");
    });
}

#[test]
fn a_tunnel_begins_behind_the_response() {
    in_reads_of_any_size(|mut pair| {
        pair.ask_whole(Method::CONNECT, "a.example:443");
        assert_eq!(pair.server_hears(), ["CONNECT a.example:443 None"]);
        pair.answer(200, &[("connection", "close")], None);
        assert_eq!(pair.to_client, b"HTTP/1.1 200 OK\r\n\r\n");
        pair.to_client.extend_from_slice(b"\x16");
        assert_eq!(pair.client_hears(), ["upgrade"]);
        assert_eq!(pair.phases(), (ClientPhase::Upgrade, Phase::Upgrade));
        assert_eq!(pair.to_client, b"\x16");
        let mut input = &b"\x16\x03"[..];
        assert!(matches!(pair.server.next_event(&mut input), Ok(None)) && input.len() == 2);
    });
}

#[test]
fn a_tunnel_that_is_refused_closes() {
    in_reads_of_any_size(|mut pair| {
        pair.ask_whole(Method::CONNECT, "a.example:443");
        pair.server_hears();
        pair.answer_whole(502, "no");
        assert_eq!(pair.client_hears(), ["502 Length(2)", "no", "end"]);
        assert_eq!(pair.phases(), (ClientPhase::Close, Phase::Close));
    });
}

#[test]
fn an_early_answer_lets_the_client_send_on_or_stop() {
    for stop in [false, true] {
        let mut pair = Pair::new(3);
        pair.ask(Method::POST, "/", &[], Some(4));
        pair.client.send_data(b"bo", &mut pair.to_server).unwrap();
        assert_eq!(pair.server_hears(), ["POST / Length(4)", "bo"]);
        pair.answer_whole(413, "no");
        assert_eq!(pair.server.phase(), Phase::Drain);
        assert_eq!(pair.client_hears(), ["413 Length(2)", "no", "end"]);
        assert_eq!(pair.client.phase(), ClientPhase::Send);
        if stop {
            pair.client.stop_sending();
            assert_eq!(pair.client.phase(), ClientPhase::Close);
        } else {
            pair.client.send_data(b"dy", &mut pair.to_server).unwrap();
            pair.client.send_end(None, &mut pair.to_server).unwrap();
            assert_eq!(pair.server_hears(), ["dy", "end"]);
            assert_eq!(pair.phases(), (ClientPhase::Idle, Phase::Idle));
        }
    }
}

#[test]
fn a_connection_that_was_closed_for_idleness_can_be_told() {
    let mut pair = Pair::new(usize::MAX / 2);
    pair.ask_whole(Method::GET, "/");
    assert_eq!(pair.client.handle_eof(), Err(ClientError::Unanswered));
    assert!(!pair.client.is_response_begun());
}

/// A client may close its half right behind the request; what it sent is then whole, and answered.
#[test]
fn a_whole_body_ends_also_where_the_close_is_heard_first() {
    let mut server = ServerConn::new(Limits::default().into());
    let mut input = &b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"[..];
    assert!(matches!(server.next_event(&mut input), Ok(Some(Event::Head { .. }))));
    assert!(matches!(server.next_event(&mut input), Ok(Some(Event::Data(b"hi")))));
    assert_eq!(server.handle_eof(), Ok(()));
    assert!(matches!(server.next_event(&mut input), Ok(Some(Event::End))));
    let mut out = Vec::new();
    server.send_whole(&ResponseHead::default(), b"", Default::default(), &mut out).unwrap();
    assert!(String::from_utf8(out).unwrap().contains("connection: close"));
    assert_eq!(server.phase(), Phase::Close);
}
