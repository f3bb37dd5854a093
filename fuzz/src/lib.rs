//! Bodies of the fuzz targets, as plain functions that stable tests replay.
//!
//! Each states what holds for every input and panics where it does not. `cargo test -p dunlin-fuzz`
//! runs them over `corpus/` and `regressions/`; `fuzz_targets/` has the same for libFuzzer. An
//! input that a fuzzer found goes into `regressions/<target>/`, in the commit that fixes it.

#![forbid(unsafe_code)]

mod body;
mod coding;
mod conn;
mod differential;
mod encode;
mod head;
mod lenient;
mod levels;
mod multipart;
mod router;
mod websocket;

pub use body::{chunk_round_trip, chunked_body};
pub use coding::content_coding;
pub use conn::{client_conn, server_conn};
pub use differential::httparse_differential;
pub use encode::encode_round_trip;
pub use head::{request_head, response_head};
pub use lenient::lenient_response;
pub use levels::levels;
pub use multipart::multipart;
pub use router::router;
pub use websocket::{ws_decoder, ws_handshake, ws_inflate, ws_round_trip};

/// The first byte of an input picks how the rest is cut into reads: whole at 0.
fn reads(data: &[u8]) -> (usize, &[u8]) {
    match data {
        [0, wire @ ..] => (usize::MAX, wire),
        [read, wire @ ..] => (usize::from(*read), wire),
        [] => (usize::MAX, data),
    }
}

/// Ends of the ever longer prefixes of `wire` that reads of `read` bytes make, the last one whole.
fn prefixes(wire: &[u8], read: usize) -> impl Iterator<Item = usize> + use<> {
    (read..wire.len()).step_by(read).chain([wire.len()])
}
