//! Sets of field names in one word, that can tell that a name is not among them.

/// Field names, in any case, as one bit each: tells for sure that a name was never put in, and
/// otherwise no more than that it may have been.
///
/// An encoder that decides on some fields asks with it whether it has to look at the fields at all:
/// see [`FieldLines`](crate::FieldLines).
///
/// ```
/// use dunlin_core::NameSet;
///
/// const FRAMING: NameSet = NameSet::of(&["content-length", "transfer-encoding"]);
/// assert!(FRAMING.meets(NameSet::of(&["Content-Length"])));
/// assert!(!FRAMING.meets(NameSet::of(&["content-type", "etag"])));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct NameSet(u64);

impl NameSet {
    /// No name.
    pub const EMPTY: Self = Self(0);

    /// These names.
    pub const fn of(names: &[&str]) -> Self {
        let mut set = Self::EMPTY;
        let mut index = 0;
        while index < names.len() {
            set = set.union(Self::one(names[index].as_bytes()));
            index += 1;
        }
        set
    }

    /// One name: length, first, middle and last byte, hashed. The factor was searched for: it keeps
    /// the names that decide on framing, on the connection and on what a head may hold once apart
    /// from some hundred other names that are usual in requests and responses.
    #[inline(always)]
    pub(crate) const fn one(name: &[u8]) -> Self {
        let len = name.len();
        if len == 0 {
            return Self(1);
        }
        let bytes = [len as u8, name[0], name[len / 2], name[len - 1]];
        // The bit makes letters lower case, and does the same to names that are equal but for case.
        let key = u32::from_le_bytes(bytes) | 0x2020_2000;
        Self(1 << (key.wrapping_mul(0x9806_e201) >> 26))
    }

    /// The names of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These names without what may be in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What may be in both.
    #[must_use]
    pub(crate) const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether a name may be in both; `false` is certain.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_put_in_is_found_in_any_case() {
        let names = ["te", "Host", "content-length", "X-1_~", "a", ""];
        let set = NameSet::of(&names);
        for name in names {
            for name in [name.to_ascii_lowercase(), name.to_ascii_uppercase()] {
                assert!(set.meets(NameSet::one(name.as_bytes())), "{name}");
            }
        }
    }

    #[test]
    fn usual_names_are_kept_apart_from_those_that_decide() {
        let response = NameSet::of(&[
            "connection",
            "content-length",
            "transfer-encoding",
            "keep-alive",
            "proxy-connection",
            "date",
            "server",
        ]);
        let request = NameSet::of(&[
            "te",
            "host",
            "expect",
            "upgrade",
            "trailer",
            "connection",
            "keep-alive",
            "content-length",
            "proxy-connection",
            "transfer-encoding",
        ]);
        for name in [
            "content-type",
            "cache-control",
            "etag",
            "vary",
            "x-request-id",
            "last-modified",
            "expires",
            "location",
            "set-cookie",
            "content-encoding",
            "accept-ranges",
            "access-control-allow-origin",
            "strict-transport-security",
            "x-content-type-options",
            "link",
            "allow",
            "age",
            "via",
        ] {
            assert!(!NameSet::of(&[name]).meets(response), "{name}");
        }
        for name in [
            "accept",
            "accept-encoding",
            "accept-language",
            "authorization",
            "cookie",
            "user-agent",
            "content-type",
            "referer",
            "origin",
            "if-none-match",
            "if-modified-since",
            "range",
            "x-forwarded-for",
            "cache-control",
            "x-request-id",
            "traceparent",
        ] {
            assert!(!NameSet::of(&[name]).meets(request), "{name}");
        }
    }
}
