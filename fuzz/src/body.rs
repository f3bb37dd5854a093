//! Chunked bodies: splits do not matter, and what is encoded decodes to the same.

use dunlin_codec::{BodyDecoder, BodyEncoder, BodyError, BodyEvent, BodyKind, Framing, Limits};

use crate::reads;

/// What a body was: data, trailers, bytes left behind it, and whether it ended.
pub(crate) type Decoded = (Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>, usize, bool);

/// Any input: whole, byte by byte and in reads of any size give the same body or the same error,
/// data is never more than the wire, and the end of input is an error unless the body has ended.
pub fn chunked_body(data: &[u8]) {
    let (read, wire) = reads(data);
    let whole = decode_in_reads(wire, usize::MAX);
    for read in [read, 1] {
        assert_eq!(decode_in_reads(wire, read), whole, "in reads of {read}");
    }
    if let Ok((data, _, left, _)) = whole {
        assert!(data.len() + left <= wire.len());
    }
}

/// Any input, cut into chunks at zero bytes: encoding and decoding gives it back.
pub fn chunk_round_trip(data: &[u8]) {
    let (read, plain) = reads(data);
    let (mut wire, mut body) = (Vec::new(), BodyEncoder::new(BodyKind::Chunked));
    for piece in plain.split_inclusive(|&byte| byte == 0) {
        body.data(piece, &mut wire).expect("chunks have no length to pass");
    }
    let trailer = (&b"x-trailer"[..], &b"value"[..]);
    body.finish([trailer], &mut wire).expect("a valid trailer");
    let (decoded, trailers, left, ended) = decode_in_reads(&wire, read).expect("our own chunks");
    assert_eq!((&decoded[..], left, ended), (plain, 0, true));
    assert_eq!(trailers, [(trailer.0.to_vec(), trailer.1.to_vec())]);
}

pub(crate) fn decode_in_reads(wire: &[u8], read: usize) -> Result<Decoded, BodyError> {
    let limits = Limits::default().max_chunk_line_bytes(64).max_chunk_ext_bytes(128);
    let limits = limits.max_trailer_bytes(128).max_headers(6);
    let mut decoder = BodyDecoder::new(Framing::Chunked, &limits);
    let (mut data, mut trailers) = (Vec::new(), Vec::new());
    let (mut start, mut end) = (0, 0);
    while end < wire.len() {
        end = end.saturating_add(read).min(wire.len());
        let mut input = &wire[start..end];
        while let Some(event) = decoder.decode(&mut input)? {
            match event {
                BodyEvent::Data(piece) => data.extend_from_slice(piece),
                BodyEvent::Trailers(fields) => {
                    trailers.extend(fields.iter().map(|(n, v)| (n.to_vec(), v.to_vec())));
                }
                BodyEvent::End => {
                    assert_eq!(decoder.eof(), Ok(()));
                    return Ok((data, trailers, wire.len() - end + input.len(), true));
                }
            }
        }
        start = end - input.len();
    }
    assert_eq!(decoder.eof(), Err(BodyError::Unterminated));
    Ok((data, trailers, end - start, false))
}
