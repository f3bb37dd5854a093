//! What a request says of content codings (RFC 9110 §12.5.3).

use dunlin_compress::Coding;
use dunlin_core::Headers;
use http::header::ACCEPT_ENCODING;

/// `Accept-Encoding`, its q-values in thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AcceptEncoding {
    codings: [Option<u16>; Coding::ALL.len()],
    identity: Option<u16>,
    any: Option<u16>,
}

impl AcceptEncoding {
    pub(super) fn of(headers: &Headers) -> Self {
        let mut accept = Self::default();
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
                _ => match Coding::from_name(name) {
                    Some(coding) => &mut accept.codings[index(coding)],
                    None => continue,
                },
            };
            *slot = Some(quality);
        }
        accept
    }

    /// Whether a body without a coding is refused.
    pub(super) fn refuses_identity(&self) -> bool {
        self.identity.or_else(|| self.any.filter(|any| *any == 0)) == Some(0)
    }

    /// The coding with the highest q-value, of several the first of `preferred`; none where the peer takes
    /// none of them, or rather has the body without.
    pub(super) fn choose(&self, preferred: &[Coding]) -> Option<Coding> {
        let mut best = (None, 0);
        for coding in preferred {
            let quality = self.codings[index(*coding)].or(self.any).unwrap_or(0);
            if quality > best.1 {
                best = (Some(*coding), quality);
            }
        }
        best.0.filter(|_| self.identity.is_none_or(|identity| identity <= best.1))
    }
}

fn index(coding: Coding) -> usize {
    Coding::ALL.iter().position(|other| *other == coding).unwrap_or(0)
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

    const ORDER: [Coding; 4] = [Coding::Zstd, Coding::Brotli, Coding::Gzip, Coding::Deflate];

    fn chosen(accept: &str) -> &'static str {
        let headers =
            Headers::from_iter([(ACCEPT_ENCODING, HeaderValue::try_from(accept).unwrap())]);
        AcceptEncoding::of(&headers).choose(&ORDER).map_or("", Coding::name)
    }

    #[test]
    fn the_best_rated_coding_wins_and_the_servers_order_breaks_ties() {
        for (accept, want) in [
            ("gzip", "gzip"),
            ("gzip, deflate, br", "br"),
            ("gzip, deflate, br, zstd", "zstd"),
            ("GZIP;Q=0.5 , deflate ; q=0.6", "deflate"),
            ("gzip;q=1.000, br;q=0.999", "gzip"),
            ("x-gzip", "gzip"),
            ("gzip;q=0.001", "gzip"),
            ("*", "zstd"),
            ("*;q=0.5, zstd;q=0", "br"),
            ("gzip;q=0.5, *;q=0", "gzip"),
            ("gzip;q=0, br;q=0.2", "br"),
            ("identity;q=0, *;q=0.1", "zstd"),
            ("pack200, gzip", "gzip"),
        ] {
            assert_eq!(chosen(accept), want, "{accept}");
        }
    }

    #[test]
    fn no_coding_is_put_on_where_none_is_wanted() {
        for accept in [
            "",
            "identity",
            "gzip;q=0",
            "gzip;q=0.000",
            "*;q=0",
            "gzip;q=0.5, identity",
            "gzip;q=0.5, identity;q=0.6",
            "pack200",
            "gzipped",
            "gzip;q=2",
            "gzip;q=-1",
            "gzip;q=0.1234",
            "gzip;q=",
            "gzip;level=9",
        ] {
            assert_eq!(chosen(accept), "", "{accept:?}");
        }
        assert_eq!(AcceptEncoding::of(&Headers::new()).choose(&ORDER), None);
    }

    #[test]
    fn identity_is_refused_by_its_name_or_by_all_names() {
        for (accept, want) in [
            ("identity;q=0", true),
            ("*;q=0", true),
            ("*;q=0, identity;q=0.1", false),
            ("gzip", false),
            ("*;q=0.5", false),
        ] {
            let headers =
                Headers::from_iter([(ACCEPT_ENCODING, HeaderValue::try_from(accept).unwrap())]);
            assert_eq!(AcceptEncoding::of(&headers).refuses_identity(), want, "{accept}");
        }
    }
}
