//! Content codings that files may lie about in beforehand, and which of them a client takes.

use dunlin_core::Headers;
use http::HeaderValue;

use crate::accept_encoding::AcceptEncoding;

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
        let accept = AcceptEncoding::<3>::of(headers, |name| {
            let is = |token: &str| name.eq_ignore_ascii_case(token);
            Coding::ALL.iter().position(|c| is(c.token()) || (*c == Coding::Gzip && is("x-gzip")))
        });
        // A file as it is serves anybody, but what was rated goes before it unless it was rated higher.
        Self {
            codings: [0, 1, 2].map(|at| accept.quality(at)),
            identity: accept.identity().unwrap_or(0),
        }
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

#[cfg(test)]
mod tests {
    use http::header::ACCEPT_ENCODING;

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
