//! Content codings that files may lie about in beforehand, and which of them a client takes.

use dunlin_core::Headers;
use http::HeaderValue;
use http::header::ACCEPT_ENCODING;

/// A content coding (RFC 9110 §8.4.1), best first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Coding {
    Brotli,
    Zstd,
    Gzip,
}

impl Coding {
    /// In the server's order of preference, by which equal ratings are decided.
    pub(crate) const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// Its name in fields.
    pub(crate) fn token(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    pub(crate) fn to_value(self) -> HeaderValue {
        HeaderValue::from_static(self.token())
    }

    /// What is appended to a file's name for it.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
        }
    }
}

/// Ratings in thousandths: of each coding, in the order of [`Coding::ALL`], and of none.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Accepted {
    codings: [u16; 3],
    identity: u16,
}

impl Accepted {
    /// As `Accept-Encoding` says. Without it nothing is taken for accepted: many who do not send it
    /// cannot decode anything.
    pub(crate) fn of(headers: &Headers) -> Self {
        let (mut named, mut identity, mut any) = ([None; 3], None, None);
        let lines =
            headers.get_all(ACCEPT_ENCODING).filter_map(|line| std::str::from_utf8(line).ok());
        for item in lines.flat_map(|line| line.split(',')) {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let q = parts.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
            let q = q.map_or(1000, thousandths);
            let is = |token: &str| name.eq_ignore_ascii_case(token);
            if name == "*" {
                any = Some(q);
            } else if is("identity") {
                identity = Some(q);
            } else if let Some(at) = Coding::ALL
                .iter()
                .position(|c| is(c.token()) || (*c == Coding::Gzip && is("x-gzip")))
            {
                named[at] = Some(q);
            }
        }
        let codings = named.map(|q: Option<u16>| q.or(any).unwrap_or(0));
        // A file as it is serves anybody, but what was rated goes before it unless it was rated higher.
        Self { codings, identity: identity.unwrap_or(0) }
    }

    /// The codings to try, best first.
    pub(crate) fn in_order(self) -> impl Iterator<Item = Coding> {
        let mut rated: Vec<(u16, Coding)> = self
            .codings
            .into_iter()
            .zip(Coding::ALL)
            .filter(|(q, _)| *q > 0 && *q >= self.identity)
            .collect();
        // Stable, so that equals stay in the server's order.
        rated.sort_by_key(|(q, _)| std::cmp::Reverse(*q));
        rated.into_iter().map(|(_, coding)| coding)
    }
}

/// A weight of RFC 9110 §12.4.2; one that is malformed counts as 0.
fn thousandths(q: &str) -> u16 {
    let (whole, fraction) = q.split_once('.').unwrap_or((q, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    let thousandths = format!("{fraction:0<3}").parse().unwrap_or(0);
    match whole {
        "0" => thousandths,
        "1" if thousandths == 0 => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(accept: &str) -> String {
        let value = HeaderValue::try_from(accept).unwrap();
        let accepted = Accepted::of(&Headers::from_iter([(ACCEPT_ENCODING, value)]));
        accepted.in_order().map(Coding::token).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn weights_decide_and_equals_go_by_the_servers_order() {
        for (accept, want) in [
            ("gzip, deflate, br, zstd", "br zstd gzip"),
            ("gzip", "gzip"),
            ("X-GZip", "gzip"),
            ("br;q=0.1, gzip;q=0.9", "gzip br"),
            ("br;q=0, *", "zstd gzip"),
            ("*;q=0", ""),
            ("*", "br zstd gzip"),
            ("identity", ""),
            ("identity;q=0.5, br;q=0.4, gzip;q=0.6", "gzip"),
            ("identity, gzip", "gzip"),
            ("identity;q=0", ""),
            ("br;q=1.001, gzip;q=0.0001, zstd;q=x", ""),
            ("gzip;q=1.000, br; q=0.999", "gzip br"),
            ("brx, gzi", ""),
            ("", ""),
        ] {
            assert_eq!(order(accept), want, "{accept}");
        }
        assert_eq!(Accepted::of(&Headers::new()).in_order().count(), 0);
    }
}
