//! Zero-copy HTTP/1.1 codec without I/O: heads, bodies and connection state machines.
//!
//! Bytes go in as slices, positions and borrowed slices come out; the caller owns the socket, the
//! buffer and the clock. So it runs under any executor or none, and a whole connection can be
//! tested and fuzzed in memory.
//!
//! ```
//! use dunlin_codec::{BodyDecoder, BodyEvent, Limits, RequestParser};
//!
//! let mut input = &b"POST /notes HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello"[..];
//! let (limits, mut fields) = (Limits::default(), Vec::new());
//! let head = RequestParser::new().parse(&mut input, &limits, &mut fields)?.expect("complete");
//! let facts = head.facts(&fields)?;
//! assert_eq!((head.path(), facts.keep_alive()), (&b"/notes"[..], true));
//! let mut body = BodyDecoder::of_request(&facts, &limits);
//! assert!(matches!(body.decode(&mut input)?, Some(BodyEvent::Data(b"hello"))));
//! assert!(matches!(body.decode(&mut input)?, Some(BodyEvent::End)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How input is passed
//!
//! Every decoder takes `input: &mut &[u8]` and advances it past what it has consumed, as reading
//! from a `&[u8]` does; what it returns borrows from the slice. `Ok(None)` always means: append
//! bytes, call again with what was left. A call goes as far as its event does, so ask
//! until `Ok(None)`. What is left in the input, of a head or a trailer section, is not scanned again from
//! its start: a call goes on where the last one stopped, at most a few bytes before.
//!
//! # Map
//!
//! | to | use |
//! | --- | --- |
//! | parse a head that is there, borrowed | [`parse_request`], [`parse_response`] |
//! | parse a head in pieces, borrowed | [`RequestParser`], [`ResponseParser`] |
//! | decode a head, owned (`std`) | `HeadDecoder`, `ResponseHeadDecoder` |
//! | know where its body ends, whether to keep the connection | [`Facts`], [`Framing`] |
//! | read a body | [`BodyDecoder`], or [`ChunkedDecoder`] alone |
//! | write a head (`std`) | `encode_request`, `encode_response`, [`DateCache`] |
//! | write a body | [`BodyEncoder`] |
//! | hold one end of a connection (`std`) | `ServerConn`, `ClientConn` |
//! | put one end into tokio-util's `Framed` (`codec`) | `ServerCodec`, `ClientCodec` |
//! | go to and from `http` types (`std`) | `RequestHead` and `ResponseHead` of `dunlin-core` |
//! | bound what a peer may send | [`Limits`] |
//! | answer what was refused | `status()` of [`HeadError`] and [`BodyError`] |
//! | overlook what servers get wrong (`std`) | `Leniency` |
//!
//! # Costs
//!
//! Parsing and decoding allocate nothing; an owned head is one copy into a block that its thread
//! keeps for the next. Work is linear in the bytes however they are split: a verdict depends on
//! the bytes alone, never on the reads that brought them.
//!
//! Heads are scanned 64 bytes at a time, with AVX-512, AVX2 or SSE2 on x86_64 and NEON on aarch64. With
//! `std` the best that the machine has is found out once; without, it is the best that the target
//! guarantees (`-C target-feature`, `-C target-cpu`). Other targets, such as RISC-V, 32-bit ARM or wasm,
//! get the scalar code, in words of eight bytes: it is there to be right everywhere, and slower on heads
//! that are there as a whole than parsers that were written for such machines.
//!
//! # Strictness
//!
//! Everything follows the grammar of RFC 9110 and RFC 9112, without the leniences that those allow
//! a recipient, because each has been used to smuggle requests: lines end in CRLF, a colon follows
//! its name directly, fields do not fold, a length and a coding do not stand together, and a field
//! that decides anything stands once. Left in are empty lines before a request (§2.2), a status
//! line without a blank before its missing reason, and the characters in targets that real clients
//! send unencoded (``"<>\^`{|}``). [`strictness`] has it rule by rule, beside three other parsers.
//!
//! That is what servers want. Clients meet servers that break rules without harm: `Leniency` overlooks
//! their faults one by one, and none that could move the end of a message.
//!
//! # Features
//!
//! | feature | adds | needs |
//! | --- | --- | --- |
//! | none | scanning, parsing of both heads, [`Facts`], body decoders and encoders, [`DateCache`] | `alloc` |
//! | `std` (default) | owned heads, encoding of heads, `ServerConn`, `ClientConn` | `dunlin-core`, `http` |
//! | `codec` | `ServerCodec`, `ClientCodec` | `std`; `bytes`, `tokio-util` and, through it, `tokio` |
//!
//! Without `std` a head is written by hand and its body by [`BodyEncoder`]. Only with `codec` does tokio
//! stand in the tree, for its I/O traits: no runtime is started.

#![cfg_attr(not(feature = "std"), no_std)]
// `scan` alone allows it, for vector instructions.
#![deny(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(feature = "codec")]
mod adapter;
mod body;
#[cfg(feature = "std")]
mod conn;
mod date;
mod encode;
mod error;
mod framing;
mod head;
mod limits;
mod names;
#[allow(unsafe_code)]
mod scan;
#[doc = include_str!("strictness.md")]
pub mod strictness {}
mod target;

/// What the README shows is run.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(feature = "codec")]
pub use adapter::{ClientCodec, CodecError, RequestEvent, ResponseEvent, ServerCodec};
pub use body::{BodyDecoder, BodyEvent, ChunkedDecoder, Trailers};
#[cfg(feature = "std")]
pub use conn::{
    ClientConn, ClientError, ClientEvent, ClientPhase, ConnError, Event, Phase, SendCtx, SendError,
    ServerConn,
};
pub use date::DateCache;
pub use encode::{BodyEncodeError, BodyEncoder, BodyKind, EncodeError, SingletonField};
#[cfg(feature = "std")]
pub use encode::{BodyLen, EncodeCtx, RequestCtx, Signature, encode_request, encode_response};
pub use error::{BodyError, ChunkError, FramingError, HeadError};
pub use framing::{Facts, Framing};
pub use head::{
    Field, FieldSink, Method, ParsedRequest, ParsedResponse, RequestParser, ResponseParser, Span,
    Version, parse_request, parse_response,
};
#[cfg(feature = "std")]
pub use head::{HeadDecoder, Leniency, ResponseHeadDecoder};
pub use limits::Limits;
pub use scan::FieldSlots;
pub use target::{Target, TargetForm};

/// What benches and tests need and nobody else: no promise is made about it.
#[doc(hidden)]
pub mod internals {
    pub use crate::scan::Level;
}
