use dunlin_core::Request;
use http::Uri;

use super::*;

/// 2001-09-09 01:46:40 UTC and a bit.
fn then() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_000_000_000_900)
}

const SAME: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
const BEFORE: &str = "Sun, 09 Sep 2001 01:46:39 GMT";
const AFTER: &str = "Sun, 09 Sep 2001 01:46:41 GMT";

fn strong() -> Validators {
    Validators { etag: ETag::strong("x").ok(), last_modified: Some(then()) }
}

fn weak() -> Validators {
    Validators { etag: ETag::weak("x").ok(), ..strong() }
}

fn none() -> Validators {
    Validators::default()
}

fn request(method: Method, fields: &[(&'static str, &str)]) -> Request {
    let mut req = Request::new(method, Uri::from_static("/"), ());
    for (name, value) in fields {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        req.headers_mut().append(HeaderName::from_static(name), value);
    }
    req
}

#[test]
fn every_precondition_has_its_outcome_in_the_order_of_the_rfc() {
    use Precondition::{Failed, NotModified, Proceed};
    type Case<'a> = (Validators, &'a [(&'static str, &'a str)], Precondition, Precondition);
    let cases: &[Case<'_>] = &[
        (strong(), &[], Proceed, Proceed),
        // If-Match compares strongly.
        (strong(), &[("if-match", "\"x\"")], Proceed, Proceed),
        (strong(), &[("if-match", "\"a\", \"x\"")], Proceed, Proceed),
        (strong(), &[("if-match", "\"a\""), ("if-match", "\"x\"")], Proceed, Proceed),
        (strong(), &[("if-match", "*")], Proceed, Proceed),
        (none(), &[("if-match", "*")], Proceed, Proceed),
        (strong(), &[("if-match", "\"a\"")], Failed, Failed),
        (strong(), &[("if-match", "W/\"x\"")], Failed, Failed),
        (weak(), &[("if-match", "W/\"x\"")], Failed, Failed),
        (strong(), &[("if-match", "x")], Failed, Failed),
        // It takes If-Unmodified-Since out of play.
        (strong(), &[("if-match", "\"x\""), ("if-unmodified-since", BEFORE)], Proceed, Proceed),
        (strong(), &[("if-unmodified-since", BEFORE)], Failed, Failed),
        (strong(), &[("if-unmodified-since", SAME)], Proceed, Proceed),
        (strong(), &[("if-unmodified-since", "yesterday")], Proceed, Proceed),
        (none(), &[("if-unmodified-since", BEFORE)], Proceed, Proceed),
        // If-None-Match compares weakly; a read is 304, a change 412.
        (strong(), &[("if-none-match", "\"x\"")], NotModified, Failed),
        (strong(), &[("if-none-match", "W/\"x\"")], NotModified, Failed),
        (weak(), &[("if-none-match", "\"a\", \"x\"")], NotModified, Failed),
        (strong(), &[("if-none-match", "*")], NotModified, Failed),
        (strong(), &[("if-none-match", "\"a\"")], Proceed, Proceed),
        (none(), &[("if-none-match", "\"x\"")], Proceed, Proceed),
        // It takes If-Modified-Since out of play.
        (strong(), &[("if-none-match", "\"a\""), ("if-modified-since", AFTER)], Proceed, Proceed),
        (strong(), &[("if-modified-since", SAME)], NotModified, Proceed),
        (strong(), &[("if-modified-since", AFTER)], NotModified, Proceed),
        (strong(), &[("if-modified-since", BEFORE)], Proceed, Proceed),
        (strong(), &[("if-modified-since", "0")], Proceed, Proceed),
        (none(), &[("if-modified-since", AFTER)], Proceed, Proceed),
        // Both halves: the first that fails decides.
        (strong(), &[("if-match", "\"a\""), ("if-none-match", "\"x\"")], Failed, Failed),
        (strong(), &[("if-match", "\"x\""), ("if-none-match", "\"x\"")], NotModified, Failed),
        (
            strong(),
            &[("if-unmodified-since", AFTER), ("if-modified-since", SAME)],
            NotModified,
            Proceed,
        ),
    ];
    for (validators, fields, read, write) in cases {
        for (method, want) in [(Method::GET, read), (Method::HEAD, read), (Method::PUT, write)] {
            let got = validators.check(&request(method.clone(), fields));
            assert_eq!(got, *want, "{method} {fields:?}");
        }
    }
}

#[test]
fn every_form_of_date_is_understood() {
    for date in [SAME, "Sunday, 09-Sep-01 01:46:40 GMT", "Sun Sep  9 01:46:40 2001"] {
        let req = request(Method::GET, &[("if-modified-since", date)]);
        assert_eq!(strong().check(&req), Precondition::NotModified, "{date}");
    }
}

#[test]
fn if_range_takes_this_very_version_alone() {
    let allows = |validators: &Validators, value: &str| {
        validators.allow_range(&request(Method::GET, &[("if-range", value)]))
    };
    assert!(strong().allow_range(&request(Method::GET, &[])));
    assert!(allows(&strong(), "\"x\"") && allows(&strong(), SAME));
    for other in ["W/\"x\"", "\"a\"", BEFORE, AFTER, "x", ""] {
        assert!(!allows(&strong(), other), "{other}");
    }
    assert!(!allows(&weak(), "W/\"x\"") && !allows(&weak(), "\"x\""));
    assert!(!allows(&none(), "\"x\"") && !allows(&none(), SAME));
    let twice = request(Method::GET, &[("if-range", "\"x\""), ("if-range", "\"x\"")]);
    assert!(!strong().allow_range(&twice));
}

#[test]
fn a_date_of_this_very_second_is_no_strong_validator() {
    let now = SystemTime::now() + Duration::from_secs(2);
    let fresh = Validators { etag: None, last_modified: Some(now) };
    let date = httpdate::fmt_http_date(now);
    assert!(!fresh.allow_range(&request(Method::GET, &[("if-range", &date)])));
}

#[test]
fn a_time_to_come_goes_out_as_now() {
    let far = SystemTime::now() + Duration::from_secs(1_000_000);
    let mut headers = Headers::new();
    Validators { etag: None, last_modified: Some(far) }.apply(&mut headers);
    let sent = httpdate::parse_http_date(headers.get_str("last-modified").unwrap()).unwrap();
    assert!(sent <= SystemTime::now());
    let beyond = UNIX_EPOCH + Duration::from_secs(300_000_000_000);
    assert_eq!(http_date(beyond), "Fri, 31 Dec 9999 23:59:59 GMT");
}
