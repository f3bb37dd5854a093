//! Leniency: it takes more heads and moves no message's end.

use dunlin_codec::{HeadError, Leniency, Limits, Method, ResponseHeadDecoder};

use crate::head::{Pairs, tight};
use crate::{prefixes, reads};

/// Status and facts in words, the status, the fields, whether the connection persists, and the head's end.
type Verdict = Result<Option<(String, u16, Pairs, bool, usize)>, HeadError>;

/// Any input, with the switches that its second byte has set:
///
/// - What no leniency is needed for is read as without any.
/// - A head that was accepted ends where the first empty line behind leading ones does, for reads of
///   any size.
/// - The status stands in it between blanks, and the fields that decide where messages end word by word,
///   and none was left out.
/// - The connection is not used again where leniency was needed.
/// - Whatever is refused has the error that it has without leniency, or passes a bound.
pub fn lenient_response(data: &[u8]) {
    let (read, data) = reads(data);
    let (&switches, wire) = data.split_first().unwrap_or((&0, data));
    let leniency = leniency(switches);
    for limits in [Limits::default(), tight()] {
        let whole = decode(wire, usize::MAX, leniency, &limits);
        for read in [read, 1] {
            assert_eq!(decode(wire, read, leniency, &limits), whole, "in reads of {read}");
        }
        let strict = decode(wire, usize::MAX, Leniency::default(), &limits);
        match (&whole, &strict) {
            (_, Ok(_)) => assert_eq!(whole, strict),
            (Ok(Some((_, status, fields, keep_alive, end))), Err(_)) => {
                assert!(!keep_alive);
                hold(&wire[..*end], *status, fields, leniency);
            }
            // More bytes may mend it.
            (Ok(None), Err(_)) => assert_ne!(leniency, Leniency::default()),
            (Err(lenient), Err(strict)) => assert!(lenient == strict || is_bound(lenient)),
        }
    }
}

fn leniency(switches: u8) -> Leniency {
    let is_set = |bit: u8| switches & 1 << bit != 0;
    Leniency::default()
        .obs_fold(is_set(0))
        .blank_before_colon(is_set(1))
        .value_controls(is_set(2))
        .invalid_lines(is_set(3))
        .equal_lengths(is_set(4))
        .status_blanks(is_set(5))
        .minor_version(is_set(6))
        .leading_empty_lines(is_set(7))
}

fn decode(wire: &[u8], read: usize, leniency: Leniency, limits: &Limits) -> Verdict {
    let mut decoder = ResponseHeadDecoder::new().lenient(leniency);
    for end in prefixes(wire, read) {
        let mut input = &wire[..end];
        if let Some((head, facts)) = decoder.decode(&mut input, limits)? {
            assert!(!decoder.is_within_head());
            // As for a response with a body: one without is nothing to be lenient with.
            facts.response_framing(200, Method::Get)?;
            let fields = head.headers.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
            let line = format!("{:?} {:?} {:?} {facts:?}", head.version, head.status, head.reason);
            let status = head.status.as_u16();
            return Ok(Some((line, status, fields, facts.keep_alive(), end - input.len())));
        }
        assert_eq!(input.len(), end, "a partial head is left alone");
    }
    Ok(None)
}

fn is_bound(error: &HeadError) -> bool {
    matches!(
        error,
        HeadError::TooLarge { .. }
            | HeadError::LineTooLong { .. }
            | HeadError::FieldTooLong { .. }
            | HeadError::TooManyFields { .. }
            | HeadError::EmptyLines { .. }
    )
}

/// What holds for a head that was mended.
fn hold(wire: &[u8], status: u16, fields: &Pairs, leniency: Leniency) {
    let mut head = wire;
    while let [b'\r', b'\n', rest @ ..] = head {
        assert!(leniency.leading_empty_lines);
        head = rest;
    }
    let end = head.windows(4).position(|four| four == b"\r\n\r\n");
    assert_eq!(end.map(|at| at + 4), Some(head.len()));
    let text = &head[..head.len() - 4];
    assert!(!text.contains(&0));
    // Every CR has its LF and the other way round, so these are lines to every reader.
    let breaks = text.windows(2).filter(|two| two == b"\r\n").count();
    let count = |byte| text.iter().filter(|b| **b == byte).count();
    assert_eq!((count(b'\r'), count(b'\n')), (breaks, breaks));
    // Version and status are words of their own: nobody can read another status, or none.
    let line = lines(text).next().unwrap_or_default();
    let words = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let words: Vec<_> = words.take(2).collect();
    assert_eq!((words[0].len(), words[1]), (8, status.to_string().as_bytes()));
    let mut sent: Vec<_> = lines(text).skip(1).filter_map(framing_field).collect();
    let mut read: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .filter(|(name, _)| is_framing(name))
        .collect();
    if leniency.equal_lengths {
        for field in sent.iter_mut().chain(&mut read).filter(|(n, _)| n == b"content-length") {
            let mut members = field.1.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
            let first = members.next().unwrap_or_default().to_vec();
            assert!(members.all(|member| member == first));
            field.1 = first;
        }
        let mut lengths = 0;
        sent.retain(|(name, _)| {
            name != b"content-length" || std::mem::replace(&mut lengths, 1) == 0
        });
    }
    assert_eq!(sent, read);
}

/// Lines, but for those that go on with the one before.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    let all = std::iter::from_fn(move || {
        let from = rest?;
        let end = from.windows(2).position(|two| two == b"\r\n");
        rest = end.map(|end| &from[end + 2..]);
        Some(&from[..end.unwrap_or(from.len())])
    });
    all.filter(|line| !matches!(line.first(), Some(b' ' | b'\t')))
}

fn framing_field(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = (line[..colon].to_ascii_lowercase(), line[colon + 1..].trim_ascii());
    // Whoever drops what no name may hold would read this one as well.
    let is_kept = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    let kept = name.iter().copied().filter(is_kept);
    is_framing(&kept.collect::<Vec<_>>()).then(|| (name, value.to_vec()))
}

fn is_framing(name: &[u8]) -> bool {
    let framing = [&b"content-length"[..], b"transfer-encoding", b"connection", b"upgrade"];
    framing.contains(&name)
}
