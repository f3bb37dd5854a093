//! What is sent to a server, and what may come of it.

use super::outcome::Want::{self, Closes, Refused, Served, Status};

/// Bytes that a client may send, and what a server has to make of them.
pub(crate) struct Case {
    /// Where the rule stands.
    pub(crate) rule: &'static str,
    pub(crate) what: &'static str,
    /// `{a*9}` stands for nine `a`.
    pub(crate) sent: &'static str,
    /// Any of these will do.
    pub(crate) wants: &'static [Want],
}

const fn case(
    rule: &'static str,
    what: &'static str,
    sent: &'static str,
    wants: &'static [Want],
) -> Case {
    Case { rule, what, sent, wants }
}

/// A subject, and the cases that belong to it.
pub(crate) type Group = (&'static str, &'static [Case]);

/// All of them. Where a rule lets a server choose, each choice is a want: how much it takes is its own to say.
pub(crate) const GROUPS: [Group; 6] = [
    ("Where a body ends", FRAMING),
    ("Chunks", CHUNKS),
    ("Request lines", LINES),
    ("Hosts", HOSTS),
    ("Fields", FIELDS),
    ("Connections", CONNECTIONS),
];

const FRAMING: &[Case] = &[
    case(
        "9112 §6.2",
        "a length",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        &[Served(1)],
    ),
    case(
        "9112 §6.3",
        "neither length nor coding, so no body",
        "POST / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        &[Served(2)],
    ),
    case(
        "9112 §6.3",
        "a length and chunks",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        &[Refused, Closes(1)],
    ),
    case(
        "9112 §6.3",
        "chunks and a length",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        &[Refused, Closes(1)],
    ),
    case(
        "9112 §6.3",
        "two lengths that differ",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        &[Refused],
    ),
    case(
        "9112 §6.3",
        "a list of lengths that differ",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 4\r\n\r\nabcd",
        &[Refused],
    ),
    case(
        "9110 §8.6",
        "two lengths that are equal",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        &[Refused, Served(1)],
    ),
    case(
        "9110 §8.6",
        "a length with a sign",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
        &[Refused],
    ),
    case(
        "9110 §8.6",
        "a negative length",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc",
        &[Refused],
    ),
    case(
        "9110 §8.6",
        "a length with a letter",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3a\r\n\r\nabc",
        &[Refused],
    ),
    case(
        "9110 §8.6",
        "a length of nothing",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n",
        &[Refused],
    ),
    case(
        "9110 §8.6",
        "a length with a blank inside",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 2\r\n\r\nabcdefghijkl",
        &[Refused],
    ),
    case(
        "9110 §8.6",
        "a length past 64 bits",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551619\r\n\r\nabc",
        &[Refused],
    ),
    case(
        "9112 §6.1",
        "a coding that nobody knows",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        &[Refused],
    ),
    case(
        "9112 §6.1",
        "chunked that is not the last coding",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        &[Refused],
    ),
    case(
        "9112 §7.1",
        "chunked twice",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        &[Refused],
    ),
    case(
        "9112 §6.1",
        "chunked on a line of its own behind another coding",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        &[Refused],
    ),
    case(
        "9112 §6.1",
        "chunked, from a client of HTTP/1.0",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        &[Refused, Closes(1)],
    ),
    case(
        "9110 §5.6.1",
        "chunked with a control character",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        &[Refused],
    ),
];

const CHUNKS: &[Case] = &[
    case(
        "9112 §7.1",
        "chunks",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        &[Served(1)],
    ),
    case(
        "9112 §7.1",
        "upper and lower case in sizes, zeros before",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n00A\r\n0123456789\r\na\r\n0123456789\r\n000\r\n\r\n",
        &[Served(1)],
    ),
    case(
        "9112 §7.1.1",
        "extensions",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b;c=\"d;e\"\r\nabc\r\n0\r\n\r\n",
        &[Served(1)],
    ),
    case(
        "9112 §7.1.2",
        "trailers",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\n\r\n",
        &[Served(1)],
    ),
    case(
        "9112 §7.1",
        "a size with a prefix",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        &[Refused, Closes(1)],
    ),
    case(
        "9112 §7.1",
        "a size with a sign",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
        &[Refused],
    ),
    case(
        "9112 §7.1",
        "a size that is missing",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n",
        &[Refused],
    ),
    case(
        "9112 §7.1",
        "a size past 64 bits",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n",
        &[Refused],
    ),
    case(
        "9112 §7.1",
        "a size line that ends in LF",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
        &[Refused],
    ),
    case(
        "9112 §7.1",
        "more data than the size says",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        &[Refused],
    ),
    case(
        "9112 §7.1",
        "data that ends in LF",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n",
        &[Refused],
    ),
    case(
        "9112 §7.1.1",
        "a CR alone in an extension",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a\rb\r\nabc\r\n0\r\n\r\n",
        &[Refused],
    ),
    case(
        "9112 §7.1.1",
        "an LF alone in an extension",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n0\r\n\r\n",
        &[Refused],
    ),
    case(
        "9112 §7.1.1",
        "64 KiB of extensions",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;{a*65536}\r\nabc\r\n0\r\n\r\n",
        &[Refused, Served(1)],
    ),
    case(
        "9110 §6.5.1",
        "a length among the trailers changes nothing",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 30\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        &[Served(2), Refused],
    ),
    case(
        "9112 §7.1.2",
        "a trailer without a colon",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nnonsense\r\n\r\n",
        &[Refused],
    ),
    case(
        "9112 §7.1.2",
        "a megabyte of trailers",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: {a*1048576}\r\n\r\n",
        &[Refused, Served(1)],
    ),
];

const LINES: &[Case] = &[
    case(
        "9112 §2.2",
        "an empty line before the request",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        &[Served(1)],
    ),
    case(
        "9112 §3",
        "two blanks between the words",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        &[Refused],
    ),
    case("9112 §3", "a tab between the words", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", &[Refused]),
    case(
        "9112 §3",
        "a CR alone between the words",
        "GET\r/ HTTP/1.1\r\nHost: a\r\n\r\n",
        &[Refused],
    ),
    case("9112 §3.2", "a blank in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", &[Refused]),
    case("9112 §2.3", "no version", "GET /\r\n\r\n", &[Refused]),
    case("9112 §2.3", "a version in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n", &[Refused]),
    case(
        "9112 §2.3",
        "a version with more digits",
        "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
        &[Refused],
    ),
    case(
        "9110 §15.6.6",
        "a major version that is too high",
        "GET / HTTP/3.0\r\nHost: a\r\n\r\n",
        &[Refused],
    ),
    case("9112 §3.2.1", "a NUL in the target", "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", &[Refused]),
    case(
        "9112 §3.2",
        "a fragment in the target",
        "GET /#part HTTP/1.1\r\nHost: a\r\n\r\n",
        &[Refused],
    ),
    case(
        "9112 §3.2.2",
        "the absolute form",
        "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        &[Served(1)],
    ),
    case(
        "9112 §3.2.4",
        "the asterisk form of another method",
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        &[Refused, Status(400), Status(404)],
    ),
    case("9112 §3.2", "a target without a slash", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", &[Refused]),
    case(
        "9110 §5.6.2",
        "a method that is no token",
        "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n",
        &[Refused],
    ),
    case(
        "9112 §3",
        "a target of 64 KiB",
        "GET /{a*65536} HTTP/1.1\r\nHost: a\r\n\r\n",
        &[Status(414), Refused, Served(1)],
    ),
];

const HOSTS: &[Case] = &[
    case("9112 §3.2", "none", "GET / HTTP/1.1\r\n\r\n", &[Refused, Status(400)]),
    case("9112 §3.2", "none, in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", &[Closes(1)]),
    case(
        "9112 §3.2",
        "two",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        &[Refused, Status(400)],
    ),
    case(
        "9112 §3.2",
        "one with a blank",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        &[Refused, Status(400)],
    ),
    case(
        "9112 §3.2",
        "one with a path",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        &[Refused, Status(400)],
    ),
    case(
        "9112 §3.2",
        "one with a user",
        "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
        &[Refused, Status(400)],
    ),
    case("9112 §3.2", "a list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", &[Refused, Status(400)]),
    case(
        "9112 §3.2",
        "a port that is no number",
        "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
        &[Refused, Status(400)],
    ),
    case(
        "9112 §3.2",
        "an address of IPv6 and a port",
        "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        &[Served(1)],
    ),
];

const FIELDS: &[Case] = &[
    case(
        "9112 §5.1",
        "a blank before the colon",
        "GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n",
        &[Refused],
    ),
    case(
        "9112 §5.1",
        "a blank before the colon of Transfer-Encoding",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        &[Refused],
    ),
    case(
        "9112 §5.2",
        "a value that goes on in the next line",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
        &[Refused, Served(1)],
    ),
    case(
        "9112 §2.2",
        "a blank before the first field",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        &[Refused],
    ),
    case(
        "9112 §5",
        "a line without a colon",
        "GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
        &[Refused],
    ),
    case(
        "9110 §5.1",
        "a field without a name",
        "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
        &[Refused],
    ),
    case(
        "9110 §5.1",
        "a name that is no token",
        "GET / HTTP/1.1\r\nHost: a\r\nX(y): b\r\n\r\n",
        &[Refused],
    ),
    case(
        "9110 §5.5",
        "a NUL in a value",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\x00c\r\n\r\n",
        &[Refused],
    ),
    case(
        "9110 §5.5",
        "a CR alone in a value",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n",
        &[Refused],
    ),
    case(
        "9110 §5.5",
        "bytes beyond ASCII in a value",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\u{fc}c\r\n\r\n",
        &[Served(1)],
    ),
    case("9110 §5.5", "an empty value", "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", &[Served(1)]),
    case(
        "6585 §5",
        "a field of 256 KiB",
        "GET / HTTP/1.1\r\nHost: a\r\nX: {a*262144}\r\n\r\n",
        &[Status(431), Refused, Served(1)],
    ),
    case(
        "6585 §5",
        "ten thousand fields",
        "GET / HTTP/1.1\r\nHost: a\r\n{X: b\r\n*10000}\r\n",
        &[Status(431), Refused, Served(1)],
    ),
];

const CONNECTIONS: &[Case] = &[
    case("9112 §9.3", "kept", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", &[Served(1)]),
    case(
        "9112 §9.6",
        "closed where the client asks for it",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        &[Closes(1)],
    ),
    case(
        "9112 §9.6",
        "nothing behind a close is answered",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        &[Closes(1)],
    ),
    case(
        "9112 §9.6",
        "close among other options, in any case",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n",
        &[Closes(1)],
    ),
    case(
        "9112 §9.3",
        "closed to a client of HTTP/1.0",
        "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
        &[Closes(1)],
    ),
    case(
        "9112 §9.3.2",
        "three requests at once",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        &[Served(3)],
    ),
    case(
        "9110 §9.3.2",
        "HEAD has no body",
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        &[Served(2)],
    ),
    case(
        "9110 §10.1.1",
        "the body is asked for",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
        &[Served(1)],
    ),
    case(
        "9110 §10.1.1",
        "an expectation that nobody knows",
        "GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n",
        &[Refused, Status(417), Served(1)],
    ),
    case("9113 §3.4", "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[Refused]),
    case(
        "9112 §3",
        "a greeting of TLS",
        "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03\r\n\r\n",
        &[Refused],
    ),
];
