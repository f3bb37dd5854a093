//! Whole bodies, in every cut.

use super::*;

/// Events as text: `Part name file`, the bytes of a part in one, `end`, `END`.
fn events(
    content_type: &str,
    wire: &[u8],
    read: usize,
    limits: &Limits,
) -> Result<Vec<String>, ReadError> {
    let mut reader = Reader::from_content_type(content_type, limits.clone())?;
    let (mut all, mut data) = (Vec::new(), Vec::new());
    for piece in wire.chunks(read) {
        let mut input = Bytes::copy_from_slice(piece);
        while let Some(event) = reader.decode(&mut input)? {
            if let Event::Data(piece) = event {
                assert!(!piece.is_empty());
                data.extend_from_slice(&piece);
                continue;
            }
            if !data.is_empty() {
                all.push(format!("{:?}", String::from_utf8_lossy(&std::mem::take(&mut data))));
            }
            all.push(match event {
                Event::Part(head) => {
                    let shown = format!(
                        "Part {} {}",
                        head.name().unwrap_or("-"),
                        head.file_name().unwrap_or("-")
                    );
                    if head.is_multipart() {
                        reader.enter()?;
                    }
                    shown
                }
                Event::PartEnd => "end".to_owned(),
                Event::End => "END".to_owned(),
                Event::Data(_) => unreachable!(),
            });
        }
        assert!(input.is_empty(), "all input is used");
    }
    reader.finish()?;
    Ok(all)
}

/// The same whatever the cut.
#[track_caller]
fn read(content_type: &str, wire: &str) -> Result<Vec<String>, ReadError> {
    read_within(content_type, wire, &Limits::default())
}

#[track_caller]
fn read_within(content_type: &str, wire: &str, limits: &Limits) -> Result<Vec<String>, ReadError> {
    let whole = events(content_type, wire.as_bytes(), usize::MAX, limits);
    for read in 1..wire.len().clamp(2, 80) {
        assert_eq!(
            events(content_type, wire.as_bytes(), read, limits),
            whole,
            "in reads of {read}"
        );
    }
    whole
}

const FORM: &str = "multipart/form-data; boundary=b";
const MIXED: &str = "multipart/mixed; boundary=b";

fn field(name: &str, rest: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{rest}")
}

#[test]
fn fields_and_files_come_in_order() {
    let wire = field("a", "\r\n\r\n1\r\n")
        + &field(
            "f",
            "; filename=\"x/é.txt\"\r\nContent-Type: text/plain\r\n\r\n\r\n--\r\n--b\r\r\n",
        )
        + &field("f", "; filename=\"\"\r\n\r\n\r\n--b--\r\n");
    // `--b` and a CR that no LF follows is no delimiter line.
    assert_eq!(read(FORM, &wire), Err(ReadError::MalformedDelimiter(b'\r')));
    let wire = wire.replace("--b\r\r\n", "--a\r\r\n");
    assert_eq!(
        read(FORM, &wire).unwrap(),
        [
            "Part a -",
            "\"1\"",
            "end",
            "Part f é.txt",
            "\"\\r\\n--\\r\\n--a\\r\"",
            "end",
            "Part f ",
            "end",
            "END"
        ],
    );
}

#[test]
fn preamble_epilogue_and_blanks_are_passed_over() {
    let wire = "for old readers\r\n-- b\r\n--b \t\r\n\r\n1\r\n--b--  \r\nbehind\r\n--b\r\n";
    assert_eq!(read(MIXED, wire).unwrap(), ["Part - -", "\"1\"", "end", "END"]);
    assert_eq!(read(MIXED, "--b--").unwrap(), ["END"]);
    assert_eq!(read(MIXED, "\r\n--b--").unwrap(), ["END"]);
    assert_eq!(read(MIXED, "--b-- \nx").unwrap(), ["END"]);
}

#[test]
fn a_part_without_bytes_may_end_at_its_headers() {
    let wire = "--b\r\nX-A: 1\r\n\r\n--b\r\n\r\n--b\r\n\r\n\r\n--b--";
    let empty = ["Part - -", "end"];
    assert_eq!(read(MIXED, wire).unwrap(), [&empty[..], &empty, &empty, &["END"]].concat());
}

#[test]
fn bodies_inside_bodies_are_read_by_their_own_boundaries() {
    let inner = "--i\r\n\r\n1\r\n--i\r\nContent-Type: multipart/x; boundary=\"j k\"\r\n\r\n\
                 --j k\r\n\r\n2\r\n--j k--\r\n--j k\r\n\r\n--i--\r\nignored";
    let wire = format!(
        "--b\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n{inner}\r\n--b\r\n\r\n3\r\n--b--"
    );
    assert_eq!(
        read(MIXED, &wire).unwrap(),
        [
            "Part - -", "Part - -", "\"1\"", "end", "Part - -", "Part - -", "\"2\"", "end", "end",
            "end", "Part - -", "\"3\"", "end", "END"
        ],
    );
    let limits = Limits::default().max_depth(2);
    assert_eq!(read_within(MIXED, &wire, &limits), Err(ReadError::TooDeep { limit: 2 }));
    // The outer delimiter ends the inner body too, which is then cut.
    let cut = wire.replace("--i--", "");
    assert_eq!(read(MIXED, &cut), Err(ReadError::Unterminated { boundary: "i".to_owned() }));
}

#[test]
fn transfer_encodings_are_taken_off() {
    let part = |encoding: &str, body: &str| {
        format!("--b\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}\r\n--b--")
    };
    assert_eq!(read(MIXED, &part("base64", "aGVs\r\nbG8=\r\n")).unwrap()[1], "\"hello\"");
    assert_eq!(read(MIXED, &part("quoted-printable", "a=3D=\r\nb")).unwrap()[1], "\"a=b\"");
    assert_eq!(read(MIXED, &part("8bit", "a=3D")).unwrap()[1], "\"a=3D\"");
    let error = read(MIXED, &part("x-zip", "")).unwrap_err();
    assert_eq!(
        (error.status().as_u16(), error),
        (415, ReadError::UnknownTransferEncoding { part: 0 })
    );
    for bad in ["a", "a*cd"] {
        assert!(matches!(
            read(MIXED, &part("base64", bad)),
            Err(ReadError::MalformedTransferEncoding { part: 0, encoding: "base64", .. })
        ));
    }
}

#[test]
fn header_lines_may_be_folded_and_must_be_fields() {
    let wire =
        "--b\r\nContent-Disposition: form-data;\r\n  name=\"a\";\r\n\tfilename=x\r\n\r\n--b--";
    assert_eq!(read(FORM, wire).unwrap(), ["Part a x", "end", "END"]);
    for (block, line) in [
        ("X\r\n", 1),
        ("X: 1\r\nY : 2\r\n", 2),
        (" X: 1\r\n", 1),
        (": 1\r\n", 1),
        ("X: a\0\r\nY: 1\r\n", 1),
    ] {
        let error = read(MIXED, &format!("--b\r\n{block}\r\n--b--"));
        assert_eq!(error, Err(ReadError::MalformedHeader { part: 0, line }), "{block:?}");
    }
    assert_eq!(read(MIXED, "--b\r\nX: 1\n\r\n--b--"), Err(ReadError::BareLineEnd { part: 0 }));
}

#[test]
fn parts_of_form_data_must_say_so_and_have_a_name() {
    for bad in [
        "",
        "Content-Disposition: attachment; name=a\r\n",
        "Content-Disposition: form-data\r\n",
        "Content-Disposition: form-data; name=a; name=b\r\n",
        "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n",
    ] {
        let error = read(FORM, &format!("--b\r\n{bad}\r\n--b--")).unwrap_err();
        assert!(matches!(error, ReadError::Disposition { part: 0, .. }), "{bad}: {error}");
        assert_eq!(error.status(), 400);
        assert!(read(MIXED, &format!("--b\r\n{bad}\r\n--b--")).is_ok(), "{bad}");
    }
}

#[test]
fn what_breaks_off_is_an_error_wherever_it_does() {
    let wire = field("a", "\r\n\r\n1\r\n") + "--b--";
    for len in 0..wire.len() {
        let cut = read(FORM, &wire[..len]);
        assert_eq!(cut, Err(ReadError::Unterminated { boundary: "b".to_owned() }), "{len}");
    }
    assert!(read(FORM, &wire).is_ok());
}

#[test]
fn delimiter_lines_hold_nothing_else() {
    for (wire, byte) in
        [("--bx", b'x'), ("--b\n", b'\n'), ("--b -", b'-'), ("--b-x", b'x'), ("--b--x", b'x')]
    {
        assert_eq!(read(MIXED, wire), Err(ReadError::MalformedDelimiter(byte)), "{wire:?}");
    }
}

#[test]
fn limits_hold_to_the_byte() {
    let limits = || Limits::default();
    let part = |head: &str| format!("--b\r\n{head}\r\n\r\n--b--");
    let two = "--b\r\n\r\n--b\r\n\r\n--b--";
    for (wire, within, over, error) in [
        (two, limits().max_parts(2), limits().max_parts(1), ReadError::TooManyParts { limit: 1 }),
        (
            &part("X: 34567"),
            limits().max_header_line_bytes(8),
            limits().max_header_line_bytes(7),
            ReadError::HeaderLineTooLong { part: 0, limit: 7 },
        ),
        (
            &part("X: 1\r\nY: 2"),
            limits().max_header_bytes(14),
            limits().max_header_bytes(13),
            ReadError::HeadersTooLong { part: 0, limit: 13 },
        ),
        (
            &part("X: 1\r\nY: 2"),
            limits().max_headers(2),
            limits().max_headers(1),
            ReadError::TooManyHeaders { part: 0, limit: 1 },
        ),
        (
            "1234\r\n--b--\r\n56",
            limits().max_padding_bytes(6),
            limits().max_padding_bytes(5),
            ReadError::TooMuchPadding { limit: 5 },
        ),
        (
            two,
            limits().max_total_bytes(19),
            limits().max_total_bytes(18),
            ReadError::TooLarge { limit: 18 },
        ),
        (
            "--b  \r\n\r\n--b--",
            limits().max_header_line_bytes(2),
            limits().max_header_line_bytes(1),
            ReadError::HeaderLineTooLong { part: 0, limit: 1 },
        ),
    ] {
        assert!(read_within(MIXED, wire, &within).is_ok(), "{wire:?} {within:?}");
        assert_eq!(read_within(MIXED, wire, &over), Err(error), "{wire:?}");
    }
}

#[test]
fn content_types_must_be_multipart_with_one_boundary() {
    let of = |value: &str| Reader::from_content_type(value, Limits::default()).map(drop);
    assert_eq!(of("text/plain"), Err(ReadError::NotMultipart));
    assert_eq!(of(""), Err(ReadError::NotMultipart));
    assert_eq!(of("multipart/mixed"), Err(ReadError::NoBoundary));
    assert_eq!(of("multipart/mixed; boundary=a; Boundary=b"), Err(ReadError::NoBoundary));
    for bad in ["\"\"", "a\tb", "\"a \"", &"x".repeat(71)] {
        let error = of(&format!("multipart/mixed; boundary={bad}")).unwrap_err();
        assert!(matches!(error, ReadError::Boundary(_)), "{bad}");
        assert_eq!(error.status(), 400);
    }
    assert!(of(&format!("Multipart/Mixed; charset=x; BOUNDARY=\"{}\"", "x".repeat(70))).is_ok());
}

#[test]
fn a_part_is_entered_before_its_first_byte_or_not_at_all() {
    let mut reader = Reader::from_content_type(MIXED, Limits::default()).unwrap();
    assert_eq!(reader.enter(), Err(ReadError::NotMultipart));
    let mut input = Bytes::from("--b\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\nx");
    let Ok(Some(Event::Part(head))) = reader.decode(&mut input) else { panic!("a part") };
    assert!(head.is_multipart() && reader.depth() == 1);
    assert!(matches!(reader.decode(&mut input), Ok(Some(Event::Data(_)))));
    assert_eq!(reader.enter(), Err(ReadError::NotMultipart));
}
