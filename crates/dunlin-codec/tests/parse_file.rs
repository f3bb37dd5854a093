//! The example says of what it refuses where it stands, and what to do.

#![cfg(feature = "std")]
#![allow(missing_docs)]

#[path = "../examples/parse_file.rs"]
#[allow(dead_code)]
mod parse_file;

/// Where in the file, why, and with which status.
fn refusal(file: &str) -> Option<(usize, String, u16)> {
    let mut input = file.as_bytes();
    let (within, why, status) = parse_file::parse(&mut input).err()?;
    Some((file.len() - input.len() + within, why, status))
}

#[test]
fn pipelined_requests_and_their_bodies_are_parsed() {
    let file = "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nPUT / HTTP/1.1\r\nHost: a\r\n\
                Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\n\
                PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz";
    assert_eq!(refusal(file), None);
    assert_eq!(refusal(""), None);
}

#[test]
fn a_refusal_names_byte_and_status() {
    const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for (file, at, status) in [
        ("GET / HTTP/1.1\r\nHo st: a\r\n\r\n", 18, 400),
        ("GET / HTTP/2.0\r\n\r\n", 0, 505),
        ("GET / HTTP/1.1\r\nHost: a\r\n", 25, 400),
        ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x, chunked\r\n\r\n", 58, 501),
        ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nz", 55, 400),
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx", 47, 400),
    ] {
        let (found, why, code) = refusal(&format!("{GET}{file}")).unwrap();
        assert_eq!((found, code), (GET.len() + at, status), "{file:?}: {why}");
    }
}
