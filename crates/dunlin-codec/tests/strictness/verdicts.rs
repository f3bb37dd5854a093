//! Asks Dunlin and httparse for their verdicts, in the words of the tables.

use dunlin_codec::{
    BodyDecoder, BodyEvent, BodyLen, ChunkedDecoder, ClientConn, ClientEvent, Event, Facts,
    Framing, HeadDecoder, Limits, Method, RequestCtx, ResponseHeadDecoder, SendCtx, ServerConn,
};
use dunlin_core::{RequestHead, ResponseHead};
use http::{HeaderValue, header};

use crate::table::{Kind, Row};

pub(crate) const CALLER: &str = "caller's";

/// Dunlin's verdict, its input given in pieces of `step` bytes.
pub(crate) fn dunlin(row: &Row, step: usize) -> String {
    match row.kind {
        Kind::Response | Kind::ResponseFraming | Kind::Cut => dunlin_response(row, step),
        Kind::Requests => dunlin_server(row, step),
        Kind::Responses => dunlin_client(row, step),
        Kind::ChunkSize | Kind::Chunks => {
            dunlin_chunks(row, step, |decoded| shown_unless(&decoded.data, b"hello"))
        }
        Kind::ChunkBounds | Kind::Trailers => dunlin_chunks(row, step, |_| "accepts".into()),
        Kind::TrailerNames => dunlin_chunks(row, step, |decoded| names(&decoded.trailers)),
        _ => dunlin_request(row, step),
    }
}

fn dunlin_request(row: &Row, step: usize) -> String {
    let (mut decoder, limits) = (HeadDecoder::new(), Limits::default());
    let decoded = feed(&row.wire, step, |input| decoder.decode(input, &limits));
    let (head, facts) = match decoded {
        Ok(Some((decoded, _))) => decoded,
        Ok(None) => return "waits".into(),
        Err(error) => return rejects(Some(error.status()), &error),
    };
    let facts: &Facts = &facts;
    match row.kind {
        Kind::Framing => format!("accepts: {}", framing(facts.framing())),
        Kind::Persistence if facts.keep_alive() => "accepts: persists".into(),
        Kind::Persistence => "accepts: closes".into(),
        Kind::Expectation if facts.expects_continue() => "accepts: waits for 100".into(),
        Kind::Expectation => "accepts: ignored".into(),
        Kind::Upgrade if facts.upgrade().is_some() => "accepts: upgrade".into(),
        Kind::Upgrade => "accepts: ignored".into(),
        Kind::Value => {
            let (_, value) = head.headers().iter().last().expect("has fields");
            shown(value)
        }
        _ => "accepts".into(),
    }
}

/// How many requests a server's connection answers, each once it is whole.
fn dunlin_server(row: &Row, step: usize) -> String {
    let mut conn = ServerConn::new(Limits::default().into());
    let mut answered = 0;
    let ended = feed(&row.wire, step, |input| {
        while let Some(event) = conn.next_event(input)? {
            let is_whole = match event {
                Event::Head { framing, .. } => framing.is_empty(),
                Event::End => true,
                _ => false,
            };
            if is_whole {
                answered += 1;
                let (head, ctx) = (ResponseHead::default(), SendCtx::default());
                conn.send_whole(&head, b"", ctx, &mut Vec::new()).expect("an answer is due");
            }
        }
        Ok::<Option<()>, dunlin_codec::ConnError>(None)
    });
    match ended {
        Err(error) => rejects(Some(error.status().as_u16()), &error),
        Ok(_) => messages(answered),
    }
}

/// How many responses a client's connection takes for the answer to one request, interim ones counted.
fn dunlin_client(row: &Row, step: usize) -> String {
    let mut conn = ClientConn::new(Limits::default().into());
    let (method, offer) = match row.method.split_once(" offering ") {
        Some((method, offer)) => (method, Some(offer)),
        None if row.method.is_empty() => ("GET", None),
        None => (&row.method[..], None),
    };
    let method = method.parse().expect("a method");
    let mut head = RequestHead::new(method, "http://a/".parse().expect("a target"));
    if let Some(offer) = offer {
        let offer = HeaderValue::from_str(offer).expect("a protocol");
        head.headers_mut().insert(header::UPGRADE, offer);
    }
    let (ctx, mut out) = (RequestCtx::default(), Vec::new());
    conn.send_head(&head, BodyLen::Exact(0), ctx, &mut out).expect("a request");
    conn.send_end(None, &mut out).expect("no body");
    let (mut heads, mut left) = (0, false);
    let ended = feed(&row.wire, step, |input| {
        while let Some(event) = conn.next_event(input)? {
            match event {
                ClientEvent::Head { .. } | ClientEvent::Interim(_) => heads += 1,
                ClientEvent::Upgrade(_) => left = true,
                _ => {}
            }
        }
        Ok::<Option<()>, dunlin_codec::ClientError>(None)
    });
    match ended {
        Err(error) => rejects(None, &error),
        Ok(_) if left => "accepts: upgrade".into(),
        Ok(_) => messages(heads),
    }
}

pub(crate) fn messages(count: u32) -> String {
    match count {
        1 => "accepts: one".into(),
        count => format!("accepts: {count}"),
    }
}

fn dunlin_response(row: &Row, step: usize) -> String {
    let (mut decoder, limits) = (ResponseHeadDecoder::new(), Limits::default());
    let (head, facts, end) = match feed(&row.wire, step, |input| decoder.decode(input, &limits)) {
        Ok(Some(((head, facts), end))) => (head, facts, end),
        Ok(None) if row.kind == Kind::Cut => return CALLER.into(),
        Ok(None) => return "waits".into(),
        Err(error) => return rejects(None, &error),
    };
    let method = if row.method.is_empty() { "GET" } else { &row.method };
    let method = Method::new(method.as_bytes());
    let framed = match facts.response_framing(head.status.as_u16(), method) {
        Ok(framed) => framed,
        Err(error) => return rejects(None, &error),
    };
    match row.kind {
        Kind::ResponseFraming => format!("accepts: {}", framing(framed)),
        Kind::Cut => {
            let (mut body, mut input) = (BodyDecoder::new(framed, &limits), &row.wire[end..]);
            loop {
                match body.decode(&mut input) {
                    Ok(Some(BodyEvent::End)) => return "accepts".into(),
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(error) => return rejects(None, &error),
                }
            }
            match body.eof() {
                Ok(()) => "accepts".into(),
                Err(error) => rejects(None, &error),
            }
        }
        _ => "accepts".into(),
    }
}

struct Decoded {
    data: Vec<u8>,
    trailers: Vec<String>,
}

fn dunlin_chunks(row: &Row, step: usize, accepted: impl Fn(&Decoded) -> String) -> String {
    let mut decoder = ChunkedDecoder::new(&Limits::default());
    let mut decoded = Decoded { data: Vec::new(), trailers: Vec::new() };
    let ended = feed(&row.wire, step, |input| {
        loop {
            match decoder.decode(input)? {
                Some(BodyEvent::Data(data)) => decoded.data.extend_from_slice(data),
                Some(BodyEvent::Trailers(trailers)) => {
                    let name = |(name, _): (&[u8], _)| name.escape_ascii().to_string();
                    decoded.trailers.extend(trailers.iter().map(name));
                }
                Some(BodyEvent::End) => return Ok(Some(())),
                None => return Ok(None),
            }
        }
    });
    match ended {
        Ok(Some(_)) => accepted(&decoded),
        Ok(None) => "waits".into(),
        Err(error) => {
            let error: dunlin_codec::ChunkError = error;
            rejects(Some(error.status()), &error)
        }
    }
}

/// Gives `wire` to a decoder, `step` bytes more each time, but for what it has taken.
fn feed<T, E>(
    wire: &[u8],
    step: usize,
    mut decode: impl FnMut(&mut &[u8]) -> Result<Option<T>, E>,
) -> Result<Option<(T, usize)>, E> {
    let mut taken = 0;
    for end in (step..wire.len()).step_by(step).chain([wire.len()]) {
        let mut input = &wire[taken..end];
        let output = decode(&mut input)?;
        taken = end - input.len();
        if let Some(output) = output {
            return Ok(Some((output, taken)));
        }
    }
    Ok(None)
}

/// The name of the innermost variant says what was refused.
fn rejects(status: Option<u16>, error: &impl std::fmt::Debug) -> String {
    let debug = format!("{error:?}");
    let mut name = &debug[..];
    for outer in ["Head(", "Body(", "Chunk(", "Trailers(", "Framing("] {
        name = name.strip_prefix(outer).unwrap_or(name);
    }
    let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
    match status {
        Some(status) => format!("rejects ({status} `{}`)", &name[..end]),
        None => format!("rejects (`{}`)", &name[..end]),
    }
}

pub(crate) fn framing(framing: Framing) -> String {
    match framing {
        Framing::None | Framing::Length(0) => "no body".into(),
        Framing::Length(length) => format!("length {length}"),
        Framing::Chunked => "chunked".into(),
        Framing::UntilClose => "until close".into(),
        other => panic!("{other:?} is new"),
    }
}

pub(crate) fn names(names: &[String]) -> String {
    match names {
        [] => "accepts: none".into(),
        names => format!("accepts: `{}`", names.join("`, `")),
    }
}

pub(crate) fn shown_unless(data: &[u8], expected: &[u8]) -> String {
    match data == expected {
        true => "accepts".into(),
        false => shown(data),
    }
}

pub(crate) fn shown(data: &[u8]) -> String {
    match data {
        [] => "accepts: empty".into(),
        data => format!("accepts: `{}`", data.escape_ascii()),
    }
}

/// The letters by which the tables name what httparse can be told to let through.
type Lenience = (char, fn(&mut httparse::ParserConfig));

const LENIENCES: [Lenience; 6] = [
    ('m', |config| _ = config.allow_multiple_spaces_in_request_line_delimiters(true)),
    ('s', |config| _ = config.allow_multiple_spaces_in_response_status_delimiters(true)),
    ('o', |config| _ = config.allow_obsolete_multiline_headers_in_responses(true)),
    ('f', |config| _ = config.allow_space_before_first_header_name(true)),
    ('n', |config| _ = config.allow_spaces_after_header_name_in_responses(true)),
    ('i', |config| {
        config.ignore_invalid_headers_in_requests(true).ignore_invalid_headers_in_responses(true);
    }),
];

/// httparse's verdict, and which of its leniences would change it.
pub(crate) fn httparse(row: &Row) -> String {
    match row.kind {
        Kind::ChunkSize | Kind::Chunks | Kind::ChunkBounds => {
            return match httparse::parse_chunk_size(&row.wire) {
                Err(_) => "rejects".into(),
                Ok(_) if row.kind != Kind::ChunkSize => CALLER.into(),
                Ok(httparse::Status::Partial) => "waits".into(),
                Ok(httparse::Status::Complete((_, 5))) => "accepts".into(),
                Ok(httparse::Status::Complete((_, size))) => format!("accepts: {size}"),
            };
        }
        Kind::Trailers | Kind::TrailerNames => {
            let mut fields = [httparse::EMPTY_HEADER; 128];
            return match httparse::parse_headers(&row.wire[row.start..], &mut fields) {
                Err(_) => "rejects".into(),
                Ok(httparse::Status::Partial) => "waits".into(),
                Ok(httparse::Status::Complete(_)) if row.kind == Kind::Trailers => "accepts".into(),
                Ok(httparse::Status::Complete((_, fields))) => {
                    names(&fields.iter().map(|field| field.name.into()).collect::<Vec<_>>())
                }
            };
        }
        _ => {}
    }
    let verdict = httparse_head(row, &httparse::ParserConfig::default());
    if verdict != "rejects" {
        return verdict;
    }
    let changes = |(_, set): &&Lenience| {
        let mut config = httparse::ParserConfig::default();
        set(&mut config);
        httparse_head(row, &config) != "rejects"
    };
    let letters: Vec<_> =
        LENIENCES.iter().filter(changes).map(|(letter, _)| letter.to_string()).collect();
    if letters.is_empty() { verdict } else { format!("rejects ({})", letters.join(", ")) }
}

fn httparse_head(row: &Row, config: &httparse::ParserConfig) -> String {
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let mut value = Vec::new();
    let parsed = match row.kind {
        Kind::Response | Kind::ResponseFraming | Kind::Responses | Kind::Cut => {
            let mut response = httparse::Response::new(&mut fields);
            config.parse_response(&mut response, &row.wire)
        }
        _ => {
            let mut request = httparse::Request::new(&mut fields);
            let parsed = config.parse_request(&mut request, &row.wire);
            value.extend(request.headers.iter().last().map_or(&b""[..], |field| field.value));
            parsed
        }
    };
    match (parsed, row.kind) {
        (Err(_), _) => "rejects".into(),
        (_, Kind::Cut) => CALLER.into(),
        (Ok(httparse::Status::Partial), _) => "waits".into(),
        (_, Kind::Request | Kind::Response) => "accepts".into(),
        (_, Kind::Value) => shown(&value),
        _ => CALLER.into(),
    }
}
