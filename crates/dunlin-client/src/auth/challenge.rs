//! `WWW-Authenticate` and `Proxy-Authenticate`: challenges (RFC 9110 §11.3, §11.6.1).
//!
//! One field may hold several challenges, and the comma that parts them also parts the parameters of
//! one. A word is a parameter where `=` and a value follow it, else the scheme of the next challenge.
//! `Authorization` and `Authentication-Info` have pieces of the same grammar and are read here too.

use std::fmt;

use http::HeaderValue;

/// One challenge: a scheme, and what it says of itself.
///
/// ```
/// use dunlin_client::auth::Challenge;
///
/// let field = r#"Basic realm="a, b", Negotiate abc==, Digest realm="c", nonce="d""#;
/// let challenges = Challenge::parse(field.as_bytes())?;
/// assert_eq!(challenges.len(), 3);
/// assert_eq!(challenges[0].parameter("realm"), Some("a, b"));
/// assert_eq!(challenges[1].token68(), Some("abc=="));
/// assert!(challenges[2].is("digest"));
/// # Ok::<(), dunlin_client::auth::ChallengeError>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Challenge {
    scheme: String,
    token68: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The challenges of one field value, in its order.
    ///
    /// # Errors
    ///
    /// [`ChallengeError`] for a value outside the grammar or past a limit.
    pub fn parse(value: &[u8]) -> Result<Vec<Self>, ChallengeError> {
        if value.len() > MAX_FIELD_BYTES {
            return Err(ChallengeError::TooLong { len: value.len() });
        }
        let mut input = Input { value, at: 0 };
        let mut challenges: Vec<Self> = Vec::new();
        loop {
            input.skip_commas();
            if input.is_done() {
                return Ok(challenges);
            }
            let start = input.at;
            let word = input.token()?;
            if input.rest_is_parameter() {
                // Only a scheme that has no `token68` can have parameters.
                let last = challenges.last_mut().filter(|last| last.token68.is_none());
                let last = last.ok_or(ChallengeError::Unexpected { at: start })?;
                last.push(word, input.parameter_value()?)?;
            } else {
                if challenges.len() == MAX_CHALLENGES {
                    return Err(ChallengeError::TooMany);
                }
                challenges.push(input.challenge(word)?);
            }
            input.expect_comma()?;
        }
    }

    /// The scheme as it was spelt.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Whether this is the scheme; case does not matter.
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The single value of schemes that have no parameters, such as Negotiate.
    pub fn token68(&self) -> Option<&str> {
        self.token68.as_deref()
    }

    /// The value of a parameter, without its quotes and escapes; of several the first. The case of
    /// the name does not matter. Bytes that are no UTF-8 are read as ISO 8859-1.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// All parameters in their order.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What the scheme protects, as far as it says so.
    pub fn realm(&self) -> Option<&str> {
        self.parameter("realm")
    }

    /// The parameters of a field that has no scheme before them, such as `Authentication-Info`
    /// (RFC 7615 §3).
    pub(super) fn parse_parameters(value: &[u8]) -> Result<Self, ChallengeError> {
        if value.len() > MAX_FIELD_BYTES {
            return Err(ChallengeError::TooLong { len: value.len() });
        }
        let mut input = Input { value, at: 0 };
        let mut read = Self::new(String::new());
        loop {
            input.skip_commas();
            if input.is_done() {
                return Ok(read);
            }
            let name = input.token()?;
            read.push(name, input.parameter_value()?)?;
            input.expect_comma()?;
        }
    }

    fn new(scheme: String) -> Self {
        Self { scheme, token68: None, parameters: Vec::new() }
    }

    fn push(&mut self, name: String, value: String) -> Result<(), ChallengeError> {
        if self.parameters.len() == MAX_PARAMETERS {
            return Err(ChallengeError::TooMany);
        }
        self.parameters.push((name, value));
        Ok(())
    }
}

/// The challenges of all fields of one name, in their order.
///
/// A field that does not parse is left out, so that it hides no other: a server that sends a scheme
/// of its own making may offer a known one besides.
///
/// ```
/// use http::HeaderMap;
/// use http::header::WWW_AUTHENTICATE;
///
/// let mut headers = HeaderMap::new();
/// headers.append(WWW_AUTHENTICATE, "Odd \"".parse()?);
/// headers.append(WWW_AUTHENTICATE, "Basic realm=here".parse()?);
/// let challenges = dunlin_client::auth::challenges(headers.get_all(WWW_AUTHENTICATE));
/// assert_eq!(challenges[0].realm(), Some("here"));
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
pub fn challenges<'a>(fields: impl IntoIterator<Item = &'a HeaderValue>) -> Vec<Challenge> {
    let parsed = fields.into_iter().filter_map(|field| Challenge::parse(field.as_bytes()).ok());
    parsed.flatten().take(MAX_CHALLENGES).collect()
}

/// Most bytes of one field that are looked at: 64 KiB, as much as a whole head may have.
pub const MAX_FIELD_BYTES: usize = 64 * 1024;
/// Most challenges that are read: 16. More than a handful of schemes exist nowhere.
pub const MAX_CHALLENGES: usize = 16;
/// Most parameters of one challenge: 32. Digest, which has the most, has nine.
pub const MAX_PARAMETERS: usize = 32;

/// What is left of a field value. Every method moves forward only, so the work is linear.
struct Input<'a> {
    value: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn peek(&self) -> Option<u8> {
        self.value.get(self.at).copied()
    }

    fn is_done(&self) -> bool {
        self.at >= self.value.len()
    }

    fn unexpected(&self) -> ChallengeError {
        ChallengeError::Unexpected { at: self.at }
    }

    fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = &self.value[self.at..];
        let len = rest.iter().position(|&byte| !accept(byte)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    fn skip_blanks(&mut self) {
        self.take_while(is_blank);
    }

    /// Commas with nothing between them are empty elements of the list (RFC 9110 §5.6.1.2).
    fn skip_commas(&mut self) {
        self.take_while(|byte| is_blank(byte) || byte == b',');
    }

    fn expect_comma(&mut self) -> Result<(), ChallengeError> {
        self.skip_blanks();
        match self.peek() {
            None | Some(b',') => Ok(()),
            Some(_) => Err(self.unexpected()),
        }
    }

    fn token(&mut self) -> Result<String, ChallengeError> {
        let token = text(self.take_while(is_token_byte));
        if token.is_empty() { Err(self.unexpected()) } else { Ok(token) }
    }

    /// Whether `=` comes next; blanks before it are legal, though nobody should send them.
    fn rest_is_parameter(&mut self) -> bool {
        let at = self.at;
        self.skip_blanks();
        let is_parameter = self.peek() == Some(b'=');
        self.at = at;
        is_parameter
    }

    /// What follows a scheme up to the next comma: nothing, a token68 or the first parameter.
    fn challenge(&mut self, scheme: String) -> Result<Challenge, ChallengeError> {
        let mut challenge = Challenge::new(scheme);
        let scheme_end = self.at;
        self.skip_blanks();
        if matches!(self.peek(), None | Some(b',')) {
            return Ok(challenge);
        }
        if self.at == scheme_end {
            return Err(self.unexpected());
        }
        // `a=` may begin a parameter or end a token68: only what follows tells.
        let start = self.at;
        self.take_while(is_token68_byte);
        self.take_while(|byte| byte == b'=');
        let end = self.at;
        self.skip_blanks();
        if end > start && matches!(self.peek(), None | Some(b',')) {
            challenge.token68 = Some(text(&self.value[start..end]));
            return Ok(challenge);
        }
        self.at = start;
        let name = self.token()?;
        challenge.push(name, self.parameter_value()?)?;
        Ok(challenge)
    }

    /// `=` and a token or a quoted string.
    fn parameter_value(&mut self) -> Result<String, ChallengeError> {
        self.skip_blanks();
        if self.peek() != Some(b'=') {
            return Err(self.unexpected());
        }
        self.at += 1;
        self.skip_blanks();
        if self.peek() != Some(b'"') {
            return self.token();
        }
        let start = self.at;
        self.at += 1;
        let mut value = Vec::new();
        loop {
            let plain = self.take_while(|byte| byte != b'"' && byte != b'\\');
            value.extend_from_slice(plain);
            match (self.peek(), self.value.get(self.at + 1)) {
                (Some(b'"'), _) => break,
                (Some(_), Some(&escaped)) => value.push(escaped),
                _ => return Err(ChallengeError::OpenQuote { at: start }),
            }
            self.at += 2;
        }
        self.at += 1;
        Ok(text(&value))
    }
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_token68_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte)
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// A token68 may be half of a handshake, and `Authorization` is read as a challenge too.
impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.parameters.iter().map(|(name, _)| name).collect();
        f.debug_struct("Challenge")
            .field("scheme", &self.scheme)
            .field("realm", &self.realm())
            .field("parameters", &names)
            .finish_non_exhaustive()
    }
}

/// Why a field holds no readable challenges.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ChallengeError {
    /// The field is longer than [`MAX_FIELD_BYTES`].
    #[error("a field of {len} bytes is too long to be a challenge")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// There are more than [`MAX_CHALLENGES`] challenges, or [`MAX_PARAMETERS`] parameters in one.
    #[error("too many challenges or parameters")]
    TooMany,
    /// A byte has no place in the grammar, or the field ends where something must follow.
    #[error("malformed challenge at byte {at}")]
    Unexpected {
        /// Its offset.
        at: usize,
    },
    /// A quoted string has no end.
    #[error("the quotes opened at byte {at} are not closed")]
    OpenQuote {
        /// Offset of the opening quotes.
        at: usize,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(value: &str) -> Result<Vec<Challenge>, ChallengeError> {
        Challenge::parse(value.as_bytes())
    }

    /// As `scheme token68 name=value …`, for comparison.
    fn shown(value: &str) -> Vec<String> {
        let show = |challenge: &Challenge| {
            let token68 = challenge.token68().map(|token68| format!(" {token68}"));
            let parameters = challenge.parameters().map(|(name, value)| format!(" {name}={value}"));
            let head = challenge.scheme().to_owned() + &token68.unwrap_or_default();
            head + &parameters.collect::<String>()
        };
        parse(value).unwrap().iter().map(show).collect()
    }

    #[test]
    fn the_example_of_rfc_9110_has_two_challenges() {
        let field =
            r#"Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\"""#;
        let read = ["Basic realm=simple", "Newauth realm=apps type=1 title=Login to \"apps\""];
        assert_eq!(shown(field), read);
    }

    #[test]
    fn schemes_without_parameters_stand_between_others() {
        let field = "Negotiate, NTLM TlRMTVNTUA==,Basic realm=a , Negotiate";
        assert_eq!(shown(field), ["Negotiate", "NTLM TlRMTVNTUA==", "Basic realm=a", "Negotiate"]);
        assert_eq!(shown("A b"), ["A b"]);
        assert_eq!(shown("A b="), ["A b="]);
        assert_eq!(shown("A b=c"), ["A b=c"]);
    }

    #[test]
    fn commas_and_schemes_within_quotes_are_text() {
        assert_eq!(shown(r#"D realm="a, Basic b=", n="\\""#), [r"D realm=a, Basic b= n=\"]);
    }

    #[test]
    fn empty_elements_and_odd_blanks_are_legal() {
        assert_eq!(shown(" ,, A\t b = \"c\" ,, d =e,\t"), ["A b=c d=e"]);
        assert!(shown("").is_empty());
    }

    #[test]
    fn names_ignore_case_and_the_first_of_several_counts() {
        let challenge = parse("digest REALM=a, realm=b").unwrap().remove(0);
        assert!(challenge.is("Digest"));
        assert_eq!(challenge.parameter("Realm"), Some("a"));
    }

    #[test]
    fn bytes_outside_utf8_are_latin1() {
        let challenge = Challenge::parse(b"A realm=\"\xe9\"").unwrap().remove(0);
        assert_eq!(challenge.realm(), Some("é"));
    }

    #[test]
    fn what_is_outside_the_grammar_is_refused() {
        use ChallengeError::{OpenQuote, Unexpected};
        assert_eq!(parse("a=b"), Err(Unexpected { at: 0 }));
        assert_eq!(parse("A b=\"c"), Err(OpenQuote { at: 4 }));
        assert_eq!(parse("A b=\"c\\"), Err(OpenQuote { at: 4 }));
        assert_eq!(parse("A b=\"c\"d"), Err(Unexpected { at: 7 }));
        assert_eq!(parse("A b c"), Err(Unexpected { at: 4 }));
        assert_eq!(parse("A b=c, =d"), Err(Unexpected { at: 7 }));
        assert_eq!(parse("A tok==, b=c"), Err(Unexpected { at: 9 }));
        assert_eq!(parse("A\0"), Err(Unexpected { at: 1 }));
    }

    #[test]
    fn limits_hold() {
        assert_eq!(parse(&"A, ".repeat(MAX_CHALLENGES)).unwrap().len(), MAX_CHALLENGES);
        assert_eq!(parse(&"A, ".repeat(MAX_CHALLENGES + 1)), Err(ChallengeError::TooMany));
        assert!(parse(&format!("A {}", "b=c, ".repeat(MAX_PARAMETERS))).is_ok());
        let many = format!("A {}", "b=c, ".repeat(MAX_PARAMETERS + 1));
        assert_eq!(parse(&many), Err(ChallengeError::TooMany));
        let len = MAX_FIELD_BYTES + 1;
        assert_eq!(parse(&" ".repeat(len)), Err(ChallengeError::TooLong { len }));
    }

    #[test]
    fn debug_output_has_no_values() {
        let shown = format!("{:?}", parse("NTLM secret, A realm=r, b=secret").unwrap());
        assert!(!shown.contains("secret"), "{shown}");
    }

    proptest! {
        /// Any bytes are read or refused.
        #[test]
        fn no_input_panics(value in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Challenge::parse(&value);
            let _ = Challenge::parse_parameters(&value);
        }

        /// Nor does any that looks like challenges.
        #[test]
        fn no_likely_input_panics(value in r#"([A-c]|[ ,="\\]){0,40}"#) {
            let _ = parse(&value);
        }

        /// What is written by the grammar reads back.
        #[test]
        fn challenges_read_back(
            written in proptest::collection::vec(
                ("[A-Z][a-z]{0,5}", proptest::collection::vec(("[a-z]{1,4}", "[ -~é]{0,12}"), 1..5)),
                1..5,
            ),
        ) {
            let quote = |text: &str| text.replace('\\', r"\\").replace('"', "\\\"");
            let one = |(scheme, parameters): &(String, Vec<(String, String)>)| {
                let parameter = |(name, value): &(String, String)| format!("{name}=\"{}\"", quote(value));
                format!("{scheme} {}", parameters.iter().map(parameter).collect::<Vec<_>>().join(", "))
            };
            let field = written.iter().map(one).collect::<Vec<_>>().join(", ");
            let read: Vec<_> = parse(&field).unwrap().into_iter().map(|c| (c.scheme, c.parameters)).collect();
            prop_assert_eq!(read, written);
        }
    }
}
