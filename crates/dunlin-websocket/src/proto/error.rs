//! What a peer can do wrong, and the close code that tells it.

use crate::CloseCode;

/// A reason to fail the connection (RFC 6455 §7.1.7).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProtocolError {
    /// Reserved bits that no agreed extension uses there (RFC 6455 §5.2).
    #[error("reserved bits {0:03b} are set")]
    ReservedBits(u8),
    /// An opcode without meaning.
    #[error("opcode {0:#x} is reserved")]
    ReservedOpCode(u8),
    /// A length that is not in its shortest form, or has its top bit set.
    #[error("the length {0} is not encoded as it has to be")]
    BadLength(u64),
    /// A client's frame without a mask (RFC 6455 §5.1).
    #[error("a client's frame is not masked")]
    Unmasked,
    /// A server's frame with a mask (RFC 6455 §5.1).
    #[error("a server's frame is masked")]
    Masked,
    /// A control frame that is not the last of its message (RFC 6455 §5.5).
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// A control frame of more than 125 bytes (RFC 6455 §5.5).
    #[error("a control frame is longer than 125 bytes")]
    LongControl,
    /// A continuation where no message has begun (RFC 6455 §5.4).
    #[error("a continuation of no message")]
    StrayContinuation,
    /// A message that begins inside of another (RFC 6455 §5.4).
    #[error("a message begins before the last has ended")]
    NestedMessage,
    /// A close frame of one byte, which is no code (RFC 6455 §5.5.1).
    #[error("a close frame has half a code")]
    ShortClose,
    /// A close code that must not go over the wire (RFC 6455 §7.4).
    #[error("close code {0} is not to be sent")]
    BadCloseCode(u16),
    /// Text, or the reason of a close frame, that is not UTF-8 (RFC 6455 §8.1).
    #[error("text is not UTF-8")]
    NotUtf8,
    /// A frame that is longer than [`Limits::max_frame`](crate::Limits::max_frame).
    #[error("a frame of {len} bytes is longer than {max}")]
    FrameTooLarge {
        /// Bytes that its header declares.
        len: u64,
        /// The limit.
        max: usize,
    },
    /// A message that is longer than [`Limits::max_message`](crate::Limits::max_message), compressed or
    /// not.
    #[error("a message is longer than {max} bytes")]
    MessageTooLarge {
        /// The limit.
        max: usize,
    },
    /// A message of more frames than [`Limits::max_fragments`](crate::Limits::max_fragments).
    #[error("a message has more than {max} frames")]
    TooManyFragments {
        /// The limit.
        max: u32,
    },
    /// A message that inflates to more than [`Limits::max_ratio`](crate::Limits::max_ratio) times what
    /// was sent.
    #[error("a message inflates to more than {max} times its size")]
    RatioTooHigh {
        /// The limit.
        max: u32,
    },
    /// A compressed message of more than 1,024 blocks that say they are the last (RFC 7692 §7.2.3.4), and of less
    /// than 64 bytes in each that is more.
    #[error("a compressed message has too many final blocks")]
    TooManyFinalBlocks,
    /// A compressed message that is not DEFLATE (RFC 7692 §7.2.2).
    #[error("a compressed message cannot be inflated")]
    NotDeflate,
    /// A compressed message that came when the process's budget for compression states was used up; see
    /// `Deflate::set_memory_budget`. Not the peer's fault: it is told to try again later.
    #[error("no memory is left in the budget for inflating messages")]
    NoDeflateState,
}

impl ProtocolError {
    /// The code that the peer is told.
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::NotUtf8 | Self::NotDeflate => CloseCode::INVALID_DATA,
            Self::FrameTooLarge { .. }
            | Self::MessageTooLarge { .. }
            | Self::TooManyFragments { .. }
            | Self::TooManyFinalBlocks
            | Self::RatioTooHigh { .. } => CloseCode::TOO_LARGE,
            Self::NoDeflateState => CloseCode::TRY_LATER,
            _ => CloseCode::PROTOCOL,
        }
    }
}
