//! The codings themselves: bytes in, bounded pieces out.

use std::io;

use brotli::enc::StandardAlloc;
use brotli::enc::encode::{BrotliEncoderOperation, BrotliEncoderStateStruct};
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use zstd::stream::raw::{CParameter, DParameter, InBuffer, Operation, OutBuffer};

use crate::Coding;

/// Largest window that zstd may ask for: 8 MiB, as RFC 9659 has it.
const ZSTD_WINDOW_LOG: u32 = 23;

/// What is wrong with an encoded body.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are not of the coding.
    #[error("the {coding} body is corrupt: {reason}")]
    Corrupt {
        /// Name of the coding.
        coding: &'static str,
        /// What the decoder says.
        reason: String,
    },
    /// The body ends before its coding does.
    #[error("the {coding} body breaks off")]
    Cut {
        /// Name of the coding.
        coding: &'static str,
    },
    /// The body goes on where its coding has ended.
    #[error("bytes behind the end of the {coding} body")]
    Surplus {
        /// Name of the coding.
        coding: &'static str,
    },
    /// More gzip members or zstd frames than [`Decoding::max_members`](crate::Decoding::max_members), or
    /// too many that hold nothing.
    #[error("more than {max} members in the {coding} body")]
    Members {
        /// Name of the coding.
        coding: &'static str,
        /// The limit.
        max: u32,
    },
    /// More than [`Decoding::max_ratio`](crate::Decoding::max_ratio).
    #[error("the body decodes to more than {ratio} times its size")]
    Ratio {
        /// The limit.
        ratio: u32,
    },
}

/// One step of a coder: bytes taken and given, and whether the stream has ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Step {
    pub(crate) used: usize,
    pub(crate) made: usize,
    pub(crate) ended: bool,
}

/// Takes one coding off.
pub(crate) enum Decoder {
    /// Nothing has come yet: whether deflate has zlib's header shows in the first byte.
    Deflate,
    Flate {
        state: Decompress,
        is_gzip: bool,
    },
    Brotli(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>),
    Zstd(Box<zstd::stream::raw::Decoder<'static>>),
}

impl Decoder {
    pub(crate) fn new(coding: Coding) -> io::Result<Self> {
        Ok(match coding {
            Coding::Gzip => Self::Flate { state: Decompress::new_gzip(15), is_gzip: true },
            Coding::Deflate => Self::Deflate,
            // Strict: no window past the 16 MiB of RFC 7932.
            Coding::Brotli => Self::Brotli(Box::new(BrotliState::new_strict(
                StandardAlloc::default(),
                StandardAlloc::default(),
                StandardAlloc::default(),
            ))),
            Coding::Zstd => {
                let mut decoder = zstd::stream::raw::Decoder::new()?;
                decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
                Self::Zstd(Box::new(decoder))
            }
        })
    }

    /// Decodes as much of `input` as `output` has room for.
    pub(crate) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, DecodeError> {
        let corrupt = |coding, reason: String| Err(DecodeError::Corrupt { coding, reason });
        match self {
            Self::Deflate => {
                let Some(first) = input.first() else { return Ok(Step::default()) };
                // Some servers leave zlib's header out; its low four bits would be 8.
                let state = Decompress::new(first & 0x0f == 8);
                *self = Self::Flate { state, is_gzip: false };
                self.step(input, output)
            }
            Self::Flate { state, .. } => {
                let (before_in, before_out) = (state.total_in(), state.total_out());
                match state.decompress(input, output, FlushDecompress::None) {
                    Ok(status) => Ok(Step {
                        used: (state.total_in() - before_in) as usize,
                        made: (state.total_out() - before_out) as usize,
                        ended: status == Status::StreamEnd,
                    }),
                    Err(error) => corrupt(self.name(), error.to_string()),
                }
            }
            Self::Brotli(state) => {
                let (mut left, mut used) = (input.len(), 0);
                let (mut room, mut made) = (output.len(), 0);
                let mut total = 0;
                match BrotliDecompressStream(
                    &mut left, &mut used, input, &mut room, &mut made, output, &mut total, state,
                ) {
                    BrotliResult::ResultFailure => corrupt("br", format!("{:?}", state.error_code)),
                    BrotliResult::ResultSuccess => Ok(Step { used, made, ended: true }),
                    _ => Ok(Step { used, made, ended: false }),
                }
            }
            Self::Zstd(decoder) => {
                let mut from = InBuffer::around(input);
                let mut to = OutBuffer::around(output);
                match decoder.run(&mut from, &mut to) {
                    Ok(hint) => Ok(Step { used: from.pos(), made: to.pos(), ended: hint == 0 }),
                    Err(error) => corrupt("zstd", error.to_string()),
                }
            }
        }
    }

    /// Begins the next member of a body that has several; `false` where there is no such thing.
    pub(crate) fn begin_member(&mut self) -> bool {
        match self {
            Self::Flate { state, is_gzip: true } => {
                *state = Decompress::new_gzip(15);
                true
            }
            // The decoder goes on with the next frame by itself.
            Self::Zstd(_) => true,
            _ => false,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Flate { is_gzip: true, .. } => "gzip",
            Self::Flate { .. } | Self::Deflate => "deflate",
            Self::Brotli(_) => "br",
            Self::Zstd(_) => "zstd",
        }
    }
}

/// Puts one coding on.
pub(crate) enum Encoder {
    Flate(Compress),
    Brotli(Box<BrotliEncoderStateStruct<StandardAlloc>>),
    Zstd(Box<zstd::stream::raw::Encoder<'static>>),
}

/// What goes into an encoder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Input {
    More,
    /// All that went in is to come out, whatever follows.
    Flush,
    End,
}

/// Windows of streams of unknown length, as powers of two: a longer one makes what each of many streams
/// under way takes several times as much, and little of it smaller.
const BROTLI_WINDOW: u32 = 18;
const ZSTD_WINDOW: u32 = 18;

impl Encoder {
    /// `len` is the number of bytes that will go in, where it is known: then no more memory is taken than
    /// that many ask for.
    pub(crate) fn new(coding: Coding, level: u32, len: Option<u64>) -> io::Result<Self> {
        let level = level.min(coding.max_level());
        Ok(match coding {
            Coding::Gzip => Self::Flate(Compress::new_gzip(Compression::new(level), 15)),
            Coding::Deflate => Self::Flate(Compress::new(Compression::new(level), true)),
            Coding::Brotli => {
                let mut state = BrotliEncoderStateStruct::new(StandardAlloc::default());
                state.params.quality = level as i32;
                // Below 17 this encoder picks tables of 30 MiB, be the body ever so short.
                state.params.lgwin = match len {
                    Some(len) => len.max(1).ilog2().saturating_add(1).clamp(17, 22) as i32,
                    None => BROTLI_WINDOW as i32,
                };
                state.params.size_hint = len.unwrap_or(0).min(1 << 30) as usize;
                Self::Brotli(Box::new(state))
            }
            Coding::Zstd => {
                let mut encoder = zstd::stream::raw::Encoder::new(level as i32)?;
                match len {
                    Some(len) => encoder.set_pledged_src_size(Some(len))?,
                    None => encoder.set_parameter(CParameter::WindowLog(ZSTD_WINDOW))?,
                }
                Self::Zstd(Box::new(encoder))
            }
        })
    }

    /// Encodes as much of `input` as there is room for; `ended` says that all of it, and the flush or
    /// the end, is out.
    pub(crate) fn step(
        &mut self,
        input: &[u8],
        output: &mut [u8],
        kind: Input,
    ) -> io::Result<Step> {
        match self {
            Self::Flate(state) => {
                let (before_in, before_out) = (state.total_in(), state.total_out());
                let flush = match kind {
                    Input::More => FlushCompress::None,
                    Input::Flush => FlushCompress::Sync,
                    Input::End => FlushCompress::Finish,
                };
                let status = state.compress(input, output, flush).map_err(io::Error::other)?;
                let used = (state.total_in() - before_in) as usize;
                let made = (state.total_out() - before_out) as usize;
                let ended = match kind {
                    Input::End => status == Status::StreamEnd,
                    _ => used == input.len() && made < output.len(),
                };
                Ok(Step { used, made, ended })
            }
            Self::Brotli(state) => {
                let operation = match kind {
                    Input::More => BrotliEncoderOperation::BROTLI_OPERATION_PROCESS,
                    Input::Flush => BrotliEncoderOperation::BROTLI_OPERATION_FLUSH,
                    Input::End => BrotliEncoderOperation::BROTLI_OPERATION_FINISH,
                };
                let (mut left, mut used) = (input.len(), 0);
                let (mut room, mut made) = (output.len(), 0);
                let went = state.compress_stream(
                    operation,
                    &mut left,
                    input,
                    &mut used,
                    &mut room,
                    output,
                    &mut made,
                    &mut None,
                    &mut |_, _, _, _| (),
                );
                if !went {
                    return Err(io::Error::other("brotli failed"));
                }
                let ended = match kind {
                    Input::End => state.is_finished(),
                    _ => used == input.len() && !state.has_more_output(),
                };
                Ok(Step { used, made, ended })
            }
            Self::Zstd(encoder) => {
                let mut from = InBuffer::around(input);
                let mut to = OutBuffer::around(output);
                encoder.run(&mut from, &mut to)?;
                let all_in = from.pos() == input.len();
                let left = match kind {
                    Input::More => 0,
                    Input::Flush if all_in => encoder.flush(&mut to)?,
                    Input::End if all_in => encoder.finish(&mut to, true)?,
                    _ => 1,
                };
                Ok(Step { used: from.pos(), made: to.pos(), ended: all_in && left == 0 })
            }
        }
    }
}

/// Encodes bytes that are all here, at once: for small bodies, and where no thread waits.
///
/// # Errors
///
/// Where a coder fails, as for want of memory.
pub fn encode_all(coding: Coding, level: u32, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = Encoder::new(coding, level, Some(bytes.len() as u64))?;
    let mut all = Vec::with_capacity(bytes.len() / 4 + 64);
    let mut piece = [0; 8 * 1024];
    let mut rest = bytes;
    loop {
        let step = encoder.step(rest, &mut piece, Input::End)?;
        rest = &rest[step.used..];
        all.extend_from_slice(&piece[..step.made]);
        if step.ended {
            return Ok(all);
        }
    }
}
