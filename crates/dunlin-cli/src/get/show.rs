//! The answer on standard output.

use std::io::{IsTerminal, Write};

use dunlin::client::Response;
use dunlin::http::Version;

use super::args::{Args, Ask};
use super::{check_status, json};
use crate::failure::Failure;
use crate::text::printable;

/// Longest body that is indented and coloured; a longer one is shown as it came.
const MAX_JSON: usize = 8 * 1024 * 1024;

pub(super) async fn run(ask: &Ask, args: &Args) -> Result<(), Failure> {
    let for_terminal = std::io::stdout().is_terminal();
    let mut response = ask.request().send().await?;
    if args.include {
        write(&head(&response, for_terminal))?;
    }
    let rest = if args.paints() && is_json(&response) {
        painted(&mut response).await
    } else {
        let first = response.chunk().await?;
        // Bytes that are no text may switch a terminal to anything.
        if for_terminal && first.as_ref().is_some_and(|bytes| bytes.contains(&0)) {
            return Err(Failure::other(
                "the answer is no text, and standard output a terminal: save it with -o FILE",
            ));
        }
        first.map(|bytes| bytes.to_vec()).unwrap_or_default()
    };
    write(&rest)?;
    while let Some(bytes) = response.chunk().await? {
        write(&bytes)?;
    }
    check_status(&response)
}

/// Writes it at once: of an answer without an end, such as events, each piece is shown as it comes.
fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Failure::stdout(&error))
}

/// The head as it was received; for a terminal without what moves its cursor.
fn head(response: &Response, for_terminal: bool) -> Vec<u8> {
    let version = if response.version() == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" };
    let reason =
        response.reason().or_else(|| response.status().canonical_reason()).unwrap_or_default();
    let first = format!("{version} {} {reason}", response.status().as_u16()).into_bytes();
    let fields = response.headers().iter().map(|(name, value)| [name, b": ", value].concat());
    let end = if for_terminal { "\n" } else { "\r\n" };
    let mut head = Vec::new();
    for line in std::iter::once(first).chain(fields) {
        match for_terminal {
            true => head.extend_from_slice(printable(&line).as_bytes()),
            false => head.extend_from_slice(&line),
        }
        head.extend_from_slice(end.as_bytes());
    }
    head.extend_from_slice(end.as_bytes());
    head
}

fn is_json(response: &Response) -> bool {
    let Some(media) = response.content_type() else { return false };
    let media = media.to_ascii_lowercase();
    media == "application/json" || media.ends_with("+json")
}

/// The body in colours, or what has come of one that is no JSON, breaks off, or is too long.
async fn painted(response: &mut Response) -> Vec<u8> {
    let mut body = Vec::new();
    // What fails here fails again where the rest is read.
    while let Ok(Some(bytes)) = response.chunk().await {
        body.extend_from_slice(&bytes);
        if body.len() > MAX_JSON {
            return body;
        }
    }
    json::paint(&body).map(String::into_bytes).unwrap_or(body)
}
