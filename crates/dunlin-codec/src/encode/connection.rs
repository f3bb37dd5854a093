//! The Connection field, which the encoder and its user both have options for (RFC 9110 §7.6.1).

use alloc::vec::Vec;

use dunlin_core::Headers;

use super::EncodeError;
use crate::{framing::members, scan};

/// What a Connection field's value asks for.
pub(super) struct Options {
    pub(super) close: bool,
}

impl Options {
    /// Looks at the value of one Connection field.
    ///
    /// # Errors
    ///
    /// [`EncodeError::ConnectionOption`] for an option that is no token.
    #[cold]
    #[inline(never)]
    pub(super) fn of(value: &[u8]) -> Result<Self, EncodeError> {
        let mut options = Self { close: false };
        for option in members(value).filter(|option| !option.is_empty()) {
            if !scan::is_token(option) {
                return Err(EncodeError::ConnectionOption);
            }
            options.close |= option.eq_ignore_ascii_case(b"close");
        }
        Ok(options)
    }
}

/// Appends the field: first `own`, then the user's options but for those in `decided`, on which the
/// encoder alone decides. Appends nothing where there are none.
#[cold]
#[inline(never)]
pub(super) fn append_connection<'o>(
    own: &[Option<&'o [u8]>],
    headers: &'o Headers,
    decided: &[&[u8]],
    out: &mut Vec<u8>,
) {
    let mut separator = &b"connection: "[..];
    let users = headers.get_all("connection").flat_map(members).filter(|option| {
        !option.is_empty() && !decided.iter().any(|name| option.eq_ignore_ascii_case(name))
    });
    for option in own.iter().copied().flatten().chain(users) {
        out.extend_from_slice(core::mem::replace(&mut separator, b", "));
        out.extend_from_slice(option);
    }
    if separator == b", " {
        out.extend_from_slice(b"\r\n");
    }
}
