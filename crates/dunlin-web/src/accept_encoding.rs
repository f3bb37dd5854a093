//! What a request says of content codings (RFC 9110 §12.5.3).

use dunlin_core::Headers;
use http::header::ACCEPT_ENCODING;

/// `Accept-Encoding`, its q-values in thousandths: of `N` codings that the program knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AcceptEncoding<const N: usize> {
    codings: [Option<u16>; N],
    identity: Option<u16>,
    any: Option<u16>,
}

impl<const N: usize> AcceptEncoding<N> {
    /// Reads the field; `find` says which of the codings has a name, in any case.
    pub(crate) fn of(headers: &Headers, find: impl Fn(&str) -> Option<usize>) -> Self {
        let mut accept = Self { codings: [None; N], identity: None, any: None };
        let lines = headers.get_all(ACCEPT_ENCODING);
        for item in
            lines.filter_map(|line| std::str::from_utf8(line).ok()).flat_map(|l| l.split(','))
        {
            let (name, weight) = item.split_once(';').unwrap_or((item, ""));
            let quality = quality(weight);
            let name = name.trim_matches([' ', '\t']);
            let slot = match name {
                "*" => &mut accept.any,
                _ if name.eq_ignore_ascii_case("identity") => &mut accept.identity,
                _ => match find(name).and_then(|at| accept.codings.get_mut(at)) {
                    Some(coding) => coding,
                    None => continue,
                },
            };
            *slot = Some(quality);
        }
        accept
    }

    /// How much a coding is wanted: 0 where it is not.
    pub(crate) fn quality(&self, at: usize) -> u16 {
        self.codings[at].or(self.any).unwrap_or(0)
    }

    /// How much a body without a coding is wanted, where the peer says so by its name.
    pub(crate) fn identity(&self) -> Option<u16> {
        self.identity
    }

    /// Whether a body without a coding is refused.
    #[cfg(feature = "compress")]
    pub(crate) fn refuses_identity(&self) -> bool {
        self.identity.or_else(|| self.any.filter(|any| *any == 0)) == Some(0)
    }
}

/// A weight (RFC 9110 §12.4.2) in thousandths: 1,000 where there is none, 0 where it is malformed, since
/// what the peer wants is not known then.
fn quality(parameters: &str) -> u16 {
    let Some(parameter) = parameters.split(';').map(|p| p.trim_matches([' ', '\t'])).next() else {
        return 1_000;
    };
    if parameter.is_empty() {
        return 1_000;
    }
    let Some(value) = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q=")) else {
        return 0;
    };
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return 0;
    }
    let fraction =
        fraction.bytes().chain(*b"000").take(3).fold(0, |n, b| n * 10 + u16::from(b - b'0'));
    match (whole, fraction) {
        ("0", fraction) => fraction,
        ("1", 0) => 1_000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn accept(text: &str) -> AcceptEncoding<2> {
        let headers = Headers::from_iter([(ACCEPT_ENCODING, HeaderValue::try_from(text).unwrap())]);
        let names = ["gzip", "br"];
        AcceptEncoding::of(&headers, |name| names.iter().position(|n| n.eq_ignore_ascii_case(name)))
    }

    #[test]
    fn weights_are_thousandths_and_malformed_ones_want_nothing() {
        for (text, gzip, br) in [
            ("gzip", 1000, 0),
            ("GZIP;Q=0.5 , br ; q=0.6", 500, 600),
            ("gzip;q=1.000, br;q=0.001", 1000, 1),
            ("*;q=0.5, br;q=0", 500, 0),
            ("gzip;q=2, br;q=-1", 0, 0),
            ("gzip;q=0.1234, br;q=", 0, 0),
            ("gzip;level=9, br;q=x", 0, 0),
            ("gzipped, b", 0, 0),
            ("", 0, 0),
        ] {
            let accept = accept(text);
            assert_eq!((accept.quality(0), accept.quality(1)), (gzip, br), "{text:?}");
        }
        assert_eq!(accept("gzip, identity;q=0.3").identity(), Some(300));
    }

    #[cfg(feature = "compress")]
    #[test]
    fn identity_is_refused_by_its_name_or_by_all_names() {
        for (text, want) in [
            ("identity;q=0", true),
            ("*;q=0", true),
            ("*;q=0, identity;q=0.1", false),
            ("gzip", false),
            ("*;q=0.5", false),
        ] {
            assert_eq!(accept(text).refuses_identity(), want, "{text}");
        }
    }
}
