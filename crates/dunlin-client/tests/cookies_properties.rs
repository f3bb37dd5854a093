//! What holds for any cookie, however it was set.

use std::time::{Duration, SystemTime};

use dunlin_client::cookies::{
    Cookie, CookieJar, CookieStore, SameSiteContext, SessionCookies, SetCookie,
};
use proptest::collection::vec;
use proptest::prelude::*;
use url::Url;

const SAME_SITE: SameSiteContext = SameSiteContext::SameSite;

/// Hosts that share suffixes, public ones and others, so that domains often match.
const HOSTS: &[&str] = &[
    "example.com",
    "www.example.com",
    "a.www.example.com",
    "badexample.com",
    "com",
    "example.com.",
    "shop.co.uk",
    "a.shop.co.uk",
    "co.uk",
    "me.github.io",
    "github.io",
    "a.b.kawasaki.jp",
    "b.kawasaki.jp",
    "kawasaki.jp",
    "localhost",
    "sub.localhost",
    "127.0.0.1",
    "1.0.0.1",
    "[::1]",
    "xn--bcher-kva.example.com",
];

fn url() -> impl Strategy<Value = Url> {
    let scheme = prop::sample::select(vec!["http", "https", "ws", "wss"]);
    let host = prop::sample::select(HOSTS);
    (scheme, host, "(/[ab]{0,2}){0,3}")
        .prop_map(|(scheme, host, path)| format!("{scheme}://{host}{path}").parse().unwrap())
}

/// A field as a server might send it, sound or nearly so.
fn field() -> impl Strategy<Value = String> {
    let domain = prop::sample::select(HOSTS).prop_map(|host| format!("Domain={host}"));
    let other = prop::sample::select(vec![
        "Secure",
        "HttpOnly",
        "SameSite=None",
        "SameSite=Strict",
        "Path=/",
        "Path=/a",
        "Path=/a/b/",
        "Path",
        "Max-Age=0",
        "Max-Age=1000",
        "Max-Age=99999999999",
        "Expires=Fri, 31 Dec 2286 23:59:59 GMT",
        "Expires=Fri, 31 Dec 1999 23:59:59 GMT",
    ]);
    let attribute = prop_oneof![1 => domain, 3 => other.prop_map(str::to_owned)];
    let pair = prop_oneof![
        4 => "[a-c]=[0-9]",
        1 => "[a-c ]{0,2}=?[ -~ü]{0,6}",
        1 => "__(Host|Secure|Http)-a=1",
    ];
    (pair, vec(attribute, 0..5)).prop_map(|(pair, attributes)| {
        attributes.into_iter().fold(pair, |field, attribute| format!("{field}; {attribute}"))
    })
}

/// A jar behind some responses.
fn filled() -> impl Strategy<Value = CookieJar> {
    vec((field(), url()), 0..24).prop_map(|responses| {
        let jar = CookieJar::new();
        for (field, url) in responses {
            jar.store(&mut [field.as_bytes()].into_iter(), &url, SAME_SITE);
        }
        jar
    })
}

/// As the RFC has it, and within one registrable domain: `kawasaki.jp` is one, and so is each
/// `a.b.kawasaki.jp`, since the list has `*.kawasaki.jp`.
fn covers(cookie: &Cookie, host: &str) -> bool {
    host == cookie.domain()
        || !cookie.is_host_only()
            && psl::domain_str(host) == psl::domain_str(cookie.domain())
            && host.ends_with(&format!(".{}", cookie.domain()))
            && !host.ends_with(|last: char| last.is_ascii_digit() || last == ']')
}

proptest! {
    #[test]
    fn parsing_never_panics(field in vec(any::<u8>(), 0..64)) {
        if let Ok(set) = SetCookie::parse(&field) {
            let url = "https://example.com/".parse().unwrap();
            let jar = CookieJar::new();
            let _ = jar.add(set, &url);
            jar.header(&url, SAME_SITE);
        }
    }

    #[test]
    fn parsing_attributes_never_panics(
        name in "(?i)(expires|max-age|domain|path|secure|samesite|[a-z]{0,3})",
        value in vec(any::<u8>(), 0..40),
    ) {
        let field = [b"a=b; ", name.as_bytes(), b"=", &value].concat();
        let _ = SetCookie::parse(&field);
    }

    #[test]
    fn dates_never_panic(date in "[0-9a-z:,; -]{0,40}|[0-9]{1,5} (jan|feb|dec) [0-9]{1,5} [0-9:]{0,9}") {
        let _ = SetCookie::parse(format!("a=b; expires={date}").as_bytes());
    }

    #[test]
    fn every_representable_date_is_read_back(seconds in 0_u64..253_402_300_800) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let field = format!("a=b; expires={}", httpdate::fmt_http_date(time));
        prop_assert_eq!(SetCookie::parse(field.as_bytes()).unwrap().expires_at(), Some(time));
    }

    /// What is sent parses as the same pair again, so that no value passes for two cookies.
    #[test]
    fn a_pair_is_sent_as_it_was_read(field in vec(any::<u8>(), 0..32)) {
        let Ok(set) = SetCookie::parse(&field) else { return Ok(()) };
        let url: Url = "https://example.com/".parse().unwrap();
        let jar = CookieJar::new();
        jar.store(&mut [&field[..]].into_iter(), &url, SAME_SITE);
        if let Some(sent) = jar.header(&url, SAME_SITE) {
            let value = if set.name_bytes().is_empty() {
                set.value_bytes().to_vec()
            } else {
                [set.name_bytes(), b"=", set.value_bytes()].concat()
            };
            prop_assert_eq!(sent.as_bytes(), value);
        }
    }

    #[test]
    fn secure_cookies_never_go_out_insecurely(jar in filled(), url in url()) {
        let secure = matches!(url.scheme(), "https" | "wss");
        for cookie in jar.cookies_for(&url, SAME_SITE) {
            prop_assert!(secure || !cookie.is_secure(), "{cookie:?} to {url}");
        }
    }

    #[test]
    fn cookies_never_leave_their_domain(jar in filled(), url in url()) {
        let host = url.host_str().unwrap();
        for cookie in jar.cookies_for(&url, SAME_SITE) {
            prop_assert!(covers(&cookie, host), "{cookie:?} to {url}");
        }
    }

    /// The buckets hide nothing that a search of all cookies finds.
    #[test]
    fn every_cookie_that_matches_is_sent(jar in filled(), url in url()) {
        let host = url.host_str().unwrap();
        let secure = matches!(url.scheme(), "https" | "wss");
        let expected = jar
            .cookies()
            .into_iter()
            .filter(|cookie| covers(cookie, host) && (secure || !cookie.is_secure()))
            .filter(|cookie| {
                let path = cookie.path().strip_suffix('/').unwrap_or_else(|| cookie.path());
                url.path() == cookie.path()
                    || url.path().strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
            })
            .count();
        prop_assert_eq!(jar.cookies_for(&url, SAME_SITE).len(), expected, "{:?}", jar.cookies());
    }

    #[test]
    fn across_sites_only_same_site_none_is_sent(jar in filled(), url in url()) {
        for cookie in jar.cookies_for(&url, SameSiteContext::CrossSite) {
            prop_assert_eq!(cookie.same_site(), Some(dunlin_client::cookies::SameSite::None));
        }
    }

    #[test]
    fn saving_and_loading_is_identity(jar in filled(), bytes in vec(128..=255_u8, 1..9)) {
        jar.add(SetCookie::new(&bytes, &bytes).unwrap(), &"http://a.com/".parse().unwrap()).unwrap();
        jar.add_shared(SetCookie::new("shared", "1").unwrap()).unwrap();
        let json = jar.to_json(SessionCookies::Keep);
        let loaded = CookieJar::from_json(&json).unwrap();
        prop_assert_eq!(loaded.cookies(), jar.cookies());
        prop_assert_eq!(loaded.to_json(SessionCookies::Keep), json);
    }

    #[test]
    fn loading_never_panics(json in "[\\[\\]{}\",:a-z0-9]{0,60}", text in vec(any::<u8>(), 0..99)) {
        let _ = CookieJar::from_json(&json);
        let jar = CookieJar::new();
        jar.load_netscape(&text);
        jar.load_netscape(&[b"a.com\tTRUE\t/\tFALSE\t0\t", &text[..]].concat());
    }

    #[test]
    fn cookies_txt_reads_back_as_written(jar in filled()) {
        let text = jar.to_netscape();
        let other = CookieJar::new();
        prop_assert_eq!(other.load_netscape(&text), []);
        prop_assert_eq!(other.to_netscape(), text);
    }

    #[test]
    fn limits_hold(
        responses in vec((field(), url()), 0..40),
        per_domain in 0_usize..5,
        total in 0_usize..9,
    ) {
        let jar = CookieJar::builder().max_per_domain(per_domain).max_total(total).build();
        for (field, url) in responses {
            jar.store(&mut [field.as_bytes()].into_iter(), &url, SAME_SITE);
            prop_assert!(jar.len() <= total);
            let of_one = jar.cookies().iter().filter(|c| c.domain().ends_with("example.com")).count();
            // `badexample.com` and `example.com` are two domains.
            prop_assert!(of_one <= 2 * per_domain);
        }
    }

    #[test]
    fn quoted_values_hold_any_byte(value in vec(any::<u8>(), 0..99)) {
        let set = SetCookie::quoted("a", &value).unwrap();
        prop_assert_eq!(unquoted(set.value_bytes()), value);
    }
}

/// As Python's `http.cookies` reads a value.
fn unquoted(value: &[u8]) -> Vec<u8> {
    let Some(inner) = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")) else {
        return value.to_vec();
    };
    let mut out = Vec::new();
    let mut rest = inner;
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                out.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = after;
            }
            (b'\\', [escaped, after @ ..]) => {
                out.push(*escaped);
                rest = after;
            }
            _ => out.push(*first),
        }
    }
    out
}
