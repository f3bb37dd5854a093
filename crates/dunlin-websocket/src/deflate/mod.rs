//! permessage-deflate (RFC 7692): what is agreed, and both directions.

mod compress;
mod inflate;
mod negotiate;
mod pool;

use std::sync::atomic::Ordering;

pub(crate) use self::compress::Compressor;
pub(crate) use self::inflate::{InflateError, Inflater};

/// What this end wants of permessage-deflate.
///
/// ```
/// use dunlin_websocket::{Config, Deflate};
///
/// let config = Config { deflate: Some(Deflate { level: 6, ..Deflate::default() }), ..Config::default() };
/// # let _ = config;
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Deflate {
    /// How hard to try, from 1 to 9. Without [`ContextTakeover::Always`], messages of 64 KiB or more are compressed
    /// at level 2 at least. Default: 1.
    pub level: u8,
    /// Messages that are shorter are sent as they are. Default: 64 bytes.
    pub threshold: usize,
    /// Which messages before them those that we send may refer to. Default: [`ContextTakeover::Recent`].
    pub context_takeover: ContextTakeover,
    /// Whether messages of the peer may refer to those before them: its last 32 KiB are kept then, and no more.
    /// Without it nothing is; a client accepts no server then that does not agree. Default: true, unless the peer
    /// itself offers not to.
    pub peer_context_takeover: bool,
    /// Bits of the window of what the server sends: a client asks for no more, a server uses no more.
    /// From 9 to 15. Default: 15.
    pub server_max_window_bits: u8,
    /// Bits of the window of what the client sends: a server asks for no more where the client lets it, a
    /// client uses no more. From 9 to 15. Default: 15.
    pub client_max_window_bits: u8,
}

/// Which messages before them those that are sent may refer to: the more, the smaller they become where they
/// are alike, and the longer a connection keeps what it compresses with, about 380 kB.
///
/// Where a secret and what an attacker chooses go through one connection, in different messages, the sizes of
/// those that refer to each other tell of the secret: [`Never`](Self::Never) is for these, and
/// [`Compress::Never`](crate::Compress::Never) where both are in one message (RFC 7692 §8).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ContextTakeover {
    /// None. The peer is told so, and need not keep what came before.
    Never,
    /// Mostly all, while the connection is one of the 64 of this process that compress: their states wait in a pool,
    /// 24 MB at most, and whoever finds none of its own there takes another's. That one starts anew, as with `Never`,
    /// and so does one that has sent 64 KiB or more at once, a message over 1 KiB that did not shrink, or what a room
    /// says. As a client's this is `Never`, which spares the server the memory.
    #[default]
    Recent,
    /// All, from the first to the last of the connection.
    Always,
}

impl Default for Deflate {
    fn default() -> Self {
        Self {
            level: 1,
            threshold: 64,
            context_takeover: ContextTakeover::Recent,
            peer_context_takeover: true,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        }
    }
}

impl Deflate {
    /// Sets how many bytes the compression states of all connections of this process may take together.
    /// Default: 256 MiB.
    ///
    /// A state is lent for a message or until what is queued is written, about 380 kB to compress and 48 kB to
    /// inflate, or to the end of the connection with [`ContextTakeover::Always`]. Those that wait for their next
    /// message do not count, and are 25 MB at most. Where the budget is used up, messages
    /// are sent as they are, and a compressed one that comes is refused with
    /// [`ProtocolError::NoDeflateState`](crate::ProtocolError::NoDeflateState), close code 1013.
    pub fn set_memory_budget(bytes: usize) {
        pool::BUDGET.store(bytes, Ordering::Relaxed);
    }

    /// Bytes that count against the [budget](Self::set_memory_budget) now.
    pub fn memory_in_use() -> usize {
        pool::IN_USE.load(Ordering::Relaxed)
    }
}

/// What both ends have agreed on, seen from this one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct DeflateParams {
    pub(crate) level: u8,
    pub(crate) threshold: usize,
    /// Bits of the window of what we send. With 8 of them nothing is compressed: zlib has no window of
    /// 256 bytes, and a peer that is promised one must not be sent more.
    pub(crate) out_bits: u8,
    pub(crate) out_takeover: ContextTakeover,
    pub(crate) in_takeover: bool,
    /// Whether a state that could be lent is kept all the same, for speed.
    pub(crate) keeps_state: bool,
}

/// The end of every flush, which is not sent (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn params(out_bits: u8, takeover: bool, level: u8) -> DeflateParams {
        let out_takeover = if takeover { ContextTakeover::Always } else { ContextTakeover::Never };
        DeflateParams {
            level,
            threshold: 0,
            out_bits,
            out_takeover,
            in_takeover: takeover,
            keeps_state: level > 5,
        }
    }

    fn inflate_in_pieces(inflater: &mut Inflater, wire: &[u8], size: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in wire.chunks(size) {
            inflater.inflate(piece, &mut out, usize::MAX).unwrap();
        }
        inflater.finish(&mut out, usize::MAX).unwrap();
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_deflated_inflates_at_every_window_size(
            messages in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..3000),
                    "[ab]{0,6000}".prop_map(String::into_bytes),
                    "(\\{\"id\":[0-9]{1,3}\\}){0,300}".prop_map(String::into_bytes),
                ],
                1..6,
            ),
            bits in 9u8..=15,
            takeover: bool,
            level in 1u8..=9,
            size in 1usize..5000,
        ) {
                let params = params(bits, takeover, level);
            let mut compressor = Compressor::new(&params).unwrap();
            let mut inflater = Inflater::new(&params);
            for message in &messages {
                let mut wire = Vec::new();
                if compressor.compress(message, &mut wire) {
                    prop_assert_eq!(&inflate_in_pieces(&mut inflater, &wire, size), message);
                } else {
                    prop_assert!(!takeover, "what has entered the window must be sent");
                }
            }
        }

        /// Whatever comes, inflating ends, and with no more than it may give.
        #[test]
        fn noise_ends(noise in prop::collection::vec(any::<u8>(), 0..400), size in 1usize..50) {
            let mut inflater = Inflater::new(&params(15, true, 1));
            let mut out = Vec::new();
            for piece in noise.chunks(size) {
                if inflater.inflate(piece, &mut out, 10_000).is_err() {
                    return Ok(());
                }
                prop_assert!(out.len() <= 10_000);
            }
            let _ = inflater.finish(&mut out, 10_000);
        }
    }

    #[test]
    fn a_window_that_is_taken_over_shortens_what_is_alike() {
        let text = b"the same words in the same order, said a second time";
        let mut compressor = Compressor::new(&params(15, true, 1)).unwrap();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        assert!(compressor.compress(text, &mut first) && compressor.compress(text, &mut second));
        assert!(second.len() * 4 < first.len(), "{} and {}", first.len(), second.len());
    }

    fn recent() -> DeflateParams {
        DeflateParams { out_takeover: ContextTakeover::Recent, ..params(12, true, 1) }
    }

    fn compressed(compressor: &mut Compressor, message: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        assert!(compressor.compress(message, &mut wire));
        wire
    }

    const WORDS: &[u8] = b"the same words in the same order, said a second time";

    #[test]
    fn a_connection_goes_on_where_it_left_off() {
        let (mut compressor, mut inflater) =
            (Compressor::new(&recent()).unwrap(), Inflater::new(&params(15, true, 1)));
        let mut size = || {
            let wire = compressed(&mut compressor, WORDS);
            compressor.end_burst();
            assert_eq!(inflate_in_pieces(&mut inflater, &wire, 7), WORDS);
            wire.len()
        };
        let first = size();
        assert!(size() * 4 < first);
    }

    proptest! {
        /// Whatever others do with the states meanwhile, nothing refers to what its peer has not been sent.
        #[test]
        fn connections_that_share_states_are_understood(
            steps in prop::collection::vec((0usize..5, 0u8..8, 0usize..3000), 1..60),
        ) {
            let words = WORDS.repeat(1500);
            let connection = || {
                let compressor = Compressor::new(&DeflateParams { out_bits: 15, ..recent() }).unwrap();
                (compressor, Inflater::new(&params(15, true, 1)))
            };
            let mut all: Vec<_> = (0..5).map(|_| connection()).collect();
            for (at, step, len) in steps {
                let (compressor, inflater) = &mut all[at];
                let message = match step {
                    0 => &words[len..len + 70_000],
                    1 => &words[len..len + 18_000],
                    2 => { all[at] = connection(); continue }
                    3 => {
                        // What a room says enters the peer's window and not ours.
                        let wire = compressor.squeeze(&words[len..len + 500]).unwrap();
                        prop_assert_eq!(&inflate_in_pieces(inflater, &wire, 900), &words[len..len + 500]);
                        compressor.forget();
                        continue;
                    }
                    _ => &words[len..len + 100 + len / 3],
                };
                let mut wire = Vec::new();
                prop_assert!(compressor.compress(message, &mut wire));
                prop_assert_eq!(&inflate_in_pieces(inflater, &wire, 5000), message);
                if step % 2 == 0 {
                    compressor.end_burst();
                }
            }
        }
    }

    #[test]
    fn what_was_forgotten_while_another_might_have_had_the_state_is_not_referred_to() {
        let mut compressor = Compressor::new(&recent()).unwrap();
        let first = compressed(&mut compressor, WORDS);
        compressor.end_burst();
        compressor.forget();
        assert_eq!(compressed(&mut compressor, WORDS), first);
        // Nor is it by whoever comes next.
        compressor.end_burst();
        drop(compressor);
        assert_eq!(compressed(&mut Compressor::new(&recent()).unwrap(), WORDS), first);
    }

    #[test]
    fn what_does_not_shrink_is_sent_if_it_is_small_and_else_forgotten() {
        let mut keys = crate::proto::Keys::new();
        let noise: Vec<u8> = (0..300).flat_map(|_| keys.next().to_ne_bytes()).collect();
        let (mut compressor, mut inflater) =
            (Compressor::new(&recent()).unwrap(), Inflater::new(&params(15, true, 1)));
        let mut compress = |message: &[u8]| {
            let mut wire = Vec::new();
            let is_sent = compressor.compress(message, &mut wire);
            compressor.end_burst();
            assert!(!is_sent || inflate_in_pieces(&mut inflater, &wire, 100) == message);
            is_sent.then_some(wire.len())
        };
        assert!(compress(&noise[..1000]).unwrap() > 1000);
        assert!(compress(&noise[..1000]).unwrap() < 100);
        // The peer has not been sent this one, so nothing may refer to it.
        assert_eq!(compress(&noise[1000..]), None);
        assert!(compress(&noise[1000..2000]).unwrap() > 1000);
    }

    #[test]
    fn long_messages_are_worth_another_level() {
        let words: String =
            (0..20_000u64).map(|n| format!("{:x} ", n * n * 2_654_435_761)).collect();
        let mut inflater = Inflater::new(&params(15, true, 1));
        let mut wires = |level, lens: &[usize]| -> Vec<usize> {
            let params = DeflateParams { level, out_bits: 15, ..recent() };
            let mut compressor = Compressor::new(&params).unwrap();
            let mut wire = |len: &usize| {
                let message = &words.as_bytes()[..*len];
                let wire = compressed(&mut compressor, message);
                compressor.end_burst();
                assert_eq!(inflate_in_pieces(&mut inflater, &wire, 1000), message);
                wire.len()
            };
            lens.iter().map(&mut wire).collect()
        };
        let large = 64 * 1024;
        assert_eq!(wires(1, &[large]), wires(2, &[large]));
        assert_ne!(wires(1, &[large - 1]), wires(2, &[large - 1]));
        // It refers to none of another level, and those behind it go on with its state.
        let sizes = wires(1, &[100, large]);
        assert_eq!(sizes[1..], wires(2, &[large]));
        assert_eq!(wires(1, &[large, 100]), wires(2, &[large, 100]));
    }

    #[test]
    fn a_message_that_does_not_shrink_is_refused_without_takeover_alone() {
        let mut keys = crate::proto::Keys::new();
        let noise: Vec<u8> = (0..75).flat_map(|_| keys.next().to_ne_bytes()).collect();
        let mut out = b"kept".to_vec();
        assert!(!Compressor::new(&params(15, false, 1)).unwrap().compress(&noise, &mut out));
        assert_eq!(out, b"kept");
        assert!(Compressor::new(&params(15, true, 1)).unwrap().compress(&noise, &mut out));
    }

    #[test]
    fn the_examples_of_the_standard_inflate() {
        let mut inflater = Inflater::new(&params(15, true, 1));
        // The window outlives the loan of the state.
        let mut all = |wire: &[u8]| inflate_in_pieces(&mut inflater, wire, 3);
        // RFC 7692 §7.2.3.1 and 7.2.3.2: the second refers to the first.
        assert_eq!(all(b"\xf2\x48\xcd\xc9\xc9\x07\x00"), b"Hello");
        assert_eq!(all(b"\xf2\x00\x11\x00\x00"), b"Hello");
        // 7.2.3.3: a block that is not compressed; 7.2.3.4: BFINAL; 7.2.3.5: two blocks.
        assert_eq!(all(b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), b"Hello");
        assert_eq!(all(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), b"Hello");
        assert_eq!(all(b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), b"Hello");
        // 7.2.3.6: an empty message, which made a peer of ours spin for ever.
        assert_eq!(all(b"\x00"), b"");
    }

    /// RFC 7692 §7.2.3.4 says that such a message is read as any other, so the window outlives it.
    #[test]
    fn what_comes_after_a_final_block_may_refer_to_what_came_before_it() {
        let hello = b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00";
        let again = b"\xf2\x00\x11\x00\x00";
        for is_lent_anew in [false, true] {
            let mut inflater = Inflater::new(&params(15, true, 1));
            // There are peers that leave out the last byte.
            for wire in [&hello[..], again, &hello[..7], again] {
                assert_eq!(inflate_in_pieces(&mut inflater, wire, 3), b"Hello");
                if is_lent_anew {
                    inflater.give_back();
                }
            }
            // Both in one message.
            let wire = [&hello[..7], again].concat();
            assert_eq!(inflate_in_pieces(&mut inflater, &wire, 100), b"HelloHello");
        }
        // A state that is kept loses its window there.
        let mut inflater = Inflater::new(&params(15, true, 9));
        for wire in [&hello[..], &hello[..7], hello] {
            assert_eq!(inflate_in_pieces(&mut inflater, wire, 3), b"Hello");
        }
        let refused = inflater.inflate(again, &mut Vec::new(), usize::MAX);
        assert_eq!(refused, Err(InflateError::Corrupt));
    }

    #[test]
    fn final_blocks_without_end_are_refused() {
        let mut inflater = Inflater::new(&params(15, true, 1));
        let inflate = |inflater: &mut Inflater, wire: &[u8]| {
            let mut out = Vec::new();
            inflater.inflate(wire, &mut out, usize::MAX)?;
            inflater.finish(&mut out, usize::MAX).map(|()| out.len())
        };
        let hello = b"\xf3\x48\xcd\xc9\xc9\x07\x00";
        // As many in each message, and no more.
        for _ in 0..3 {
            assert_eq!(inflate(&mut inflater, &b"\x03\x00".repeat(1024)), Ok(0));
            assert_eq!(inflate(&mut inflater, &hello.repeat(1100)), Ok(5500));
        }
        let error = Err(InflateError::TooManyFinals);
        assert_eq!(inflate(&mut inflater, &b"\x03\x00".repeat(1025)), error);
        let mut inflater = Inflater::new(&params(15, false, 1));
        assert_eq!(inflate(&mut inflater, &hello.repeat(1200)), error);
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let params = params(15, false, 9);
        let mut wire = Vec::new();
        assert!(Compressor::new(&params).unwrap().compress(&vec![0; 1 << 22], &mut wire));
        let mut out = Vec::new();
        let result = Inflater::new(&params).inflate(&wire, &mut out, 1 << 16);
        assert_eq!(result, Err(InflateError::TooLarge));
        assert!(out.capacity() <= 1 << 17);
    }
}
