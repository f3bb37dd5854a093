//! Credentials that are sent as they are: Basic (RFC 7617) and Bearer (RFC 6750).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

/// The value of `Authorization` or `Proxy-Authorization` for a login and a password, in UTF-8.
///
/// ```
/// let value = dunlin_client::auth::basic("ada", "secret")?;
/// assert_eq!(value, "Basic YWRhOnNlY3JldA==");
/// assert_eq!(format!("{value:?}"), "Sensitive");
/// # Ok::<(), dunlin_client::auth::CredentialsError>(())
/// ```
///
/// # Errors
///
/// [`CredentialsError`] for a login with a colon, which a server would read as its end, and for
/// control characters in either (RFC 7617 §2).
pub fn basic(login: &str, password: &str) -> Result<HeaderValue, CredentialsError> {
    check_login(login)?;
    if let Some(at) = find_control(password) {
        return Err(CredentialsError::ControlInPassword { at });
    }
    let encoded = STANDARD.encode(format!("{login}:{password}"));
    sensitive(format!("Basic {encoded}")).ok_or(CredentialsError::ControlInPassword { at: 0 })
}

/// The value of `Authorization` for a token.
///
/// ```
/// assert!(dunlin_client::auth::bearer("two words").is_err());
/// ```
///
/// # Errors
///
/// [`CredentialsError::Token`] for one that is empty or holds anything but visible ASCII. RFC 6750
/// §2.1 allows fewer characters, but tokens with others are in use.
pub fn bearer(token: &str) -> Result<HeaderValue, CredentialsError> {
    if token.is_empty() {
        return Err(CredentialsError::Token { at: 0 });
    }
    if let Some(at) = token.bytes().position(|byte| !byte.is_ascii_graphic()) {
        return Err(CredentialsError::Token { at });
    }
    sensitive(format!("Bearer {token}")).ok_or(CredentialsError::Token { at: 0 })
}

/// What a login may not have in any scheme that joins it to other text by colons.
pub(super) fn check_login(login: &str) -> Result<(), CredentialsError> {
    if let Some(at) = login.find(':') {
        return Err(CredentialsError::ColonInLogin { at });
    }
    match find_control(login) {
        Some(at) => Err(CredentialsError::ControlInLogin { at }),
        None => Ok(()),
    }
}

/// A header value that `Debug` and header compression keep to themselves.
pub(super) fn sensitive(text: String) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn find_control(text: &str) -> Option<usize> {
    text.bytes().position(|byte| byte.is_ascii_control())
}

/// Why credentials cannot be sent. The text of none is told, only where in it the reason is.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CredentialsError {
    /// The login holds a colon.
    #[error("the login holds a colon at byte {at}")]
    ColonInLogin {
        /// Its offset.
        at: usize,
    },
    /// The login holds a control character.
    #[error("the login holds a control character at byte {at}")]
    ControlInLogin {
        /// Its offset.
        at: usize,
    },
    /// The password holds a control character.
    #[error("the password holds a control character at byte {at}")]
    ControlInPassword {
        /// Its offset.
        at: usize,
    },
    /// The token is empty, or holds a space, a control character or a byte outside ASCII.
    #[error("the token is empty or not visible ASCII at byte {at}")]
    Token {
        /// Offset of the first such byte.
        at: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7617_encodes_utf8() {
        assert_eq!(basic("test", "123\u{a3}").unwrap(), "Basic dGVzdDoxMjPCow==");
    }

    #[test]
    fn empty_passwords_and_colons_in_them_are_fine() {
        assert_eq!(basic("a", "").unwrap(), "Basic YTo=");
        assert_eq!(basic("", "b:c").unwrap(), "Basic OmI6Yw==");
    }

    #[test]
    fn colons_in_logins_and_controls_are_refused() {
        assert_eq!(basic("a:b", ""), Err(CredentialsError::ColonInLogin { at: 1 }));
        assert_eq!(basic("a\n", ""), Err(CredentialsError::ControlInLogin { at: 1 }));
        assert_eq!(basic("a", "\0"), Err(CredentialsError::ControlInPassword { at: 0 }));
    }

    #[test]
    fn tokens_are_visible_ascii() {
        assert_eq!(bearer("a\r\nb"), Err(CredentialsError::Token { at: 1 }));
        assert_eq!(bearer("é"), Err(CredentialsError::Token { at: 0 }));
        assert_eq!(bearer(""), Err(CredentialsError::Token { at: 0 }));
        assert_eq!(format!("{:?}", bearer("secret").unwrap()), "Sensitive");
    }
}
