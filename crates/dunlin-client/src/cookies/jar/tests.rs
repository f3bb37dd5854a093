use std::time::Duration;

use super::*;
use crate::cookies::SameSite;

const START: Timestamp = Timestamp(1_000_000_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn url(url: &str) -> Url {
    url.parse().unwrap()
}

/// A jar with its clock moved by hand.
struct Clocked {
    jar: CookieJar,
    now: Timestamp,
}

impl Clocked {
    fn new(builder: CookieJarBuilder) -> Self {
        Self { jar: builder.build(), now: START }
    }

    fn set(&mut self, at: &str, field: &str) -> Result<(), AddError> {
        self.set_in(SameSiteContext::SameSite, at, field)
    }

    fn set_in(&mut self, context: SameSiteContext, at: &str, field: &str) -> Result<(), AddError> {
        // Cookies set one after the other are not of the same age.
        self.now.0 += 1;
        self.jar.add_at(SetCookie::parse(field.as_bytes())?, &url(at), context, self.now)
    }

    fn sent(&self, to: &str) -> String {
        self.sent_in(SameSiteContext::SameSite, to)
    }

    fn sent_in(&self, context: SameSiteContext, to: &str) -> String {
        self.jar
            .header_at(&url(to), context, self.now)
            .map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now.after(span);
    }

    fn names(&self) -> String {
        let cookies = self.jar.cookies_at(self.now);
        cookies.iter().map(|cookie| cookie.name().into_owned()).collect::<Vec<_>>().join(" ")
    }
}

fn jar() -> Clocked {
    Clocked::new(CookieJar::builder())
}

const HTTPS: &str = "https://www.example.com/";
const HTTP: &str = "http://www.example.com/";

#[test]
fn without_domain_a_cookie_is_of_the_host_alone() {
    let mut jar = jar();
    jar.set(HTTP, "a=1").unwrap();
    assert_eq!(jar.sent(HTTP), "a=1");
    assert_eq!(jar.sent("http://www.example.com:8080/"), "a=1", "ports do not matter");
    for other in ["http://example.com/", "http://a.www.example.com/", "http://www.example.org/"] {
        assert_eq!(jar.sent(other), "", "{other}");
    }
}

#[test]
fn domain_reaches_subdomains() {
    let mut jar = jar();
    jar.set(HTTP, "a=1; Domain=Example.com").unwrap();
    assert_eq!(jar.sent("http://example.com/"), "a=1");
    assert_eq!(jar.sent("http://x.y.example.com/"), "a=1");
    assert_eq!(jar.sent("http://badexample.com/"), "");
}

#[test]
fn host_only_and_domain_cookies_live_side_by_side() {
    let mut jar = jar();
    jar.set(HTTP, "a=1").unwrap();
    jar.set(HTTP, "a=2; Domain=www.example.com").unwrap();
    assert_eq!(jar.sent(HTTP), "a=1; a=2");
    assert_eq!(jar.sent("http://x.www.example.com/"), "a=2");
}

#[test]
fn domains_that_do_not_cover_the_host_are_refused() {
    let mut jar = jar();
    for domain in ["a.www.example.com", "example.org", "ample.com", "example.com.", "..example.com"]
    {
        let field = format!("a=1; Domain={domain}");
        assert_eq!(jar.set(HTTP, &field), Err(AddError::DomainMismatch), "{domain}");
    }
    assert_eq!(jar.set(HTTP, "a=1; Domain=exämple.com"), Err(AddError::DomainCharacters));
}

#[test]
fn public_suffixes_have_no_cookies_but_their_own() {
    let mut jar = jar();
    assert_eq!(jar.set("http://a.co.uk/", "a=1; Domain=co.uk"), Err(AddError::PublicSuffix));
    assert_eq!(
        jar.set("http://a.github.io/", "a=1; Domain=github.io"),
        Err(AddError::PublicSuffix)
    );
    assert_eq!(jar.set("http://a.unheard/", "a=1; Domain=unheard"), Err(AddError::PublicSuffix));
    jar.set("http://github.io/", "a=1; Domain=github.io").unwrap();
    assert_eq!(jar.sent("http://github.io/"), "a=1");
    assert_eq!(jar.sent("http://a.github.io/"), "");
}

#[test]
fn domains_above_a_wildcard_suffix_are_refused() {
    // The list says `jp`, `*.kawasaki.jp` and `!city.kawasaki.jp`.
    let mut jar = jar();
    let field = "a=1; Domain=kawasaki.jp";
    assert_eq!(jar.set("http://a.b.kawasaki.jp/", field), Err(AddError::PublicSuffix));
    jar.set("http://a.city.kawasaki.jp/", "a=1; Domain=city.kawasaki.jp").unwrap();
    assert_eq!(jar.sent("http://city.kawasaki.jp/"), "a=1");
}

#[test]
fn hosts_are_compared_in_their_ascii_form() {
    let mut jar = jar();
    jar.set("http://www.BÜCHER.example.com/", "a=1; Domain=xn--bcher-kva.example.com").unwrap();
    assert_eq!(jar.sent("http://bücher.example.com/"), "a=1");
}

#[test]
fn localhost_and_single_labels_are_host_only() {
    let mut jar = jar();
    jar.set("http://localhost:8080/", "a=1; Domain=localhost").unwrap();
    assert_eq!(jar.sent("http://localhost/"), "a=1");
    assert_eq!(jar.sent("http://x.localhost/"), "");
}

#[test]
fn addresses_have_cookies_of_their_own() {
    let mut jar = jar();
    jar.set("http://127.0.0.1/", "a=1").unwrap();
    jar.set("http://127.0.0.1/", "b=1; Domain=127.0.0.1").unwrap();
    jar.set("http://[::1]/", "c=1").unwrap();
    let part = jar.set("http://127.0.0.1/", "d=1; Domain=0.0.1");
    assert_eq!(part, Err(AddError::DomainMismatch));
    assert_eq!(jar.sent("http://0x7f.1/"), "a=1; b=1");
    assert_eq!(jar.sent("http://[::1]/"), "c=1");
    assert_eq!(jar.sent("http://1.0.0.1/"), "");
}

#[test]
fn addresses_can_be_left_without_cookies() {
    let mut jar = Clocked::new(CookieJar::builder().ip_hosts(false));
    assert_eq!(jar.set("http://127.0.0.1/", "a=1"), Err(AddError::IpHost));
    assert_eq!(jar.set("http://[::1]/", "a=1"), Err(AddError::IpHost));
    assert_eq!(jar.sent("http://127.0.0.1/"), "");
    jar.set("http://localhost/", "a=1").unwrap();
}

#[test]
fn urls_without_a_host_are_passed_over() {
    let mut jar = jar();
    assert_eq!(jar.set("data:,x", "a=1"), Err(AddError::NoHost));
    assert_eq!(jar.set("unix://EXAMPLE.com/", "a=1"), Err(AddError::DomainCharacters));
    assert_eq!(jar.sent("data:,x"), "");
}

#[test]
fn path_limits_and_defaults_to_the_directory() {
    let mut jar = jar();
    jar.set("http://www.example.com/dir/page?x=/y/z", "a=1").unwrap();
    jar.set("http://www.example.com/dir/page", "b=1; Path=dir").unwrap();
    jar.set("http://www.example.com/dir/page", "c=1; Path=/other").unwrap();
    assert_eq!(jar.sent("http://www.example.com/dir"), "a=1; b=1");
    assert_eq!(jar.sent("http://www.example.com/dir/x/y?q"), "a=1; b=1");
    assert_eq!(jar.sent("http://www.example.com/directory"), "");
    assert_eq!(jar.sent("http://www.example.com/other/"), "c=1");
}

#[test]
fn longer_paths_go_first_then_older_cookies() {
    let mut jar = jar();
    jar.set(HTTP, "a=1; Path=/").unwrap();
    jar.set(HTTP, "b=1; Path=/x/y").unwrap();
    jar.set(HTTP, "c=1; Path=/x").unwrap();
    jar.set(HTTP, "d=1; Path=/; Domain=example.com").unwrap();
    jar.set(HTTP, "a=2; Path=/").unwrap();
    assert_eq!(jar.sent("http://www.example.com/x/y"), "b=1; c=1; a=2; d=1");
}

#[test]
fn setting_anew_keeps_the_time_of_creation() {
    let mut jar = jar();
    jar.set(HTTP, "a=1").unwrap();
    jar.pass(DAY);
    jar.set(HTTP, "a=2").unwrap();
    let cookie = &jar.jar.cookies_at(jar.now)[0];
    assert_eq!(cookie.value(), "2");
    assert_eq!(cookie.creation, Timestamp(START.0 + 1));
    assert_eq!(cookie.last_access, jar.now);
}

#[test]
fn sending_marks_the_access() {
    let mut jar = jar();
    jar.set(HTTP, "a=1").unwrap();
    jar.pass(DAY);
    jar.sent(HTTP);
    assert_eq!(jar.jar.cookies_at(jar.now)[0].last_access, jar.now);
}

#[test]
fn max_age_beats_expires() {
    let mut jar = jar();
    jar.set(HTTP, "a=1; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=60").unwrap();
    assert_eq!(jar.sent(HTTP), "a=1");
    jar.pass(Duration::from_secs(59));
    assert_eq!(jar.sent(HTTP), "a=1");
    jar.pass(Duration::from_secs(1));
    assert_eq!(jar.sent(HTTP), "");
    assert_eq!(jar.names(), "");
}

#[test]
fn life_ends_at_the_date_of_expires() {
    let mut jar = jar();
    jar.set(HTTP, "a=1; Expires=Sun, 09 Sep 2001 02:00:00 GMT").unwrap();
    jar.set(HTTP, "b=1; Expires=some day").unwrap();
    assert_eq!(jar.jar.cookies_at(jar.now)[0].expires, Some(Timestamp(1_000_000_800_000)));
    jar.pass(DAY);
    assert_eq!(jar.sent(HTTP), "b=1", "a date that cannot be read leaves a session cookie");
}

#[test]
fn expired_cookies_delete() {
    for expired in ["Max-Age=0", "Max-Age=-5", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"] {
        let mut jar = jar();
        jar.set(HTTP, "a=1").unwrap();
        jar.set(HTTP, "a=1; Path=/x").unwrap();
        jar.set(HTTP, &format!("a=; {expired}")).unwrap();
        assert_eq!(jar.jar.cookies_at(jar.now).len(), 1, "{expired}");
        jar.set("http://never.seen.example/", &format!("a=; {expired}")).unwrap();
    }
}

#[test]
fn life_is_cut_to_400_days() {
    let mut jar = jar();
    jar.set(HTTP, "a=1; Max-Age=99999999999999999999").unwrap();
    let limit = Some(jar.now.after(400 * DAY));
    jar.set(HTTP, "b=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT").unwrap();
    assert_eq!(jar.jar.cookies_at(jar.now)[0].expires, limit);
    jar.pass(401 * DAY);
    assert_eq!(jar.names(), "");
}

#[test]
fn secure_cookies_are_set_and_sent_securely() {
    let mut jar = jar();
    assert_eq!(jar.set(HTTP, "a=1; Secure"), Err(AddError::Insecure));
    jar.set(HTTPS, "a=1; Secure").unwrap();
    assert_eq!(jar.sent(HTTP), "");
    assert_eq!(jar.sent("ws://www.example.com/"), "");
    assert_eq!(jar.sent("wss://www.example.com/"), "a=1");
    assert_eq!(jar.set("http://localhost/", "a=1; Secure"), Err(AddError::Insecure));
}

#[test]
fn origins_can_be_trusted_as_secure() {
    let builder = CookieJar::builder().treat_as_secure_origin(&url("http://localhost:8080/x"));
    let mut jar = Clocked::new(builder.treat_as_secure_origin(&url("data:,x")));
    jar.set("http://localhost:8080/", "a=1; Secure").unwrap();
    assert_eq!(jar.sent("http://localhost:8080/"), "a=1");
    assert_eq!(jar.sent("http://localhost/"), "");
    assert_eq!(jar.sent("ws://localhost:8080/"), "");
    assert_eq!(jar.sent("https://localhost/"), "a=1");
}

#[test]
fn insecure_origins_leave_secure_cookies_alone() {
    let mut jar = jar();
    jar.set(HTTPS, "a=1; Secure; Path=/login; Domain=example.com").unwrap();
    for (at, field) in [
        (HTTP, "a=2; Path=/login"),
        (HTTP, "a=2; Path=/login/en"),
        (HTTP, "a=2; Path=/login; Domain=example.com"),
        (HTTP, "a=; Path=/login; Domain=example.com; Max-Age=0"),
        ("http://example.com/", "a=2; Path=/login"),
    ] {
        assert_eq!(jar.set(at, field), Err(AddError::OverlaysSecure), "{field}");
    }
    jar.set(HTTP, "a=2; Path=/").unwrap();
    jar.set(HTTP, "b=2; Path=/login").unwrap();
    jar.set(HTTPS, "a=3; Path=/login; Domain=example.com").unwrap();
    assert_eq!(jar.sent("http://www.example.com/login"), "a=3; b=2; a=2");
}

#[test]
fn prefixes_hold_what_they_promise() {
    let mut jar = jar();
    for field in [
        "__Secure-a=1",
        "__secure-a=1; Path=/",
        "__Host-a=1; Secure",
        "__Host-a=1; Secure; Path=/x",
        "__HOST-a=1; Secure; Path=/; Domain=www.example.com",
        "__Host-a=1; Path=/",
        "__Http-a=1; Secure",
        "__Http-a=1; HttpOnly",
        "__Host-Http-a=1; Secure; Path=/",
        "=__Host-a=1; Secure; Path=/",
        "=__secure-a=1; Secure",
        "__Host-a; Secure; Path=/",
    ] {
        assert_eq!(jar.set(HTTPS, field), Err(AddError::Prefix), "{field}");
    }
    for field in [
        "__Secure-a=1; Secure; Domain=example.com",
        "__Host-a=1; Secure; Path=/",
        "__hOST-b=1; Secure; Path=/; HttpOnly",
        "__Http-a=1; Secure; HttpOnly; Path=/x",
        "__Host-Http-a=1; Secure; Path=/; HttpOnly",
        "__Hosta=1",
        "=x__Host-a=1",
    ] {
        jar.set(HTTPS, field).unwrap();
    }
}

#[test]
fn host_prefix_holds_where_the_domain_is_a_public_suffix() {
    let mut jar = jar();
    jar.set("https://github.io/", "__Host-a=1; Secure; Path=/; Domain=github.io").unwrap();
}

#[test]
fn same_site_cookies_stay_on_their_site() {
    use SameSiteContext::{CrossSite, Lax};
    let mut jar = jar();
    for field in ["s=1; SameSite=Strict", "l=1; SameSite=Lax", "d=1"] {
        assert_eq!(jar.set_in(CrossSite, HTTPS, field), Err(AddError::CrossSite), "{field}");
        jar.set_in(Lax, HTTPS, field).unwrap();
    }
    jar.set_in(CrossSite, HTTPS, "n=1; SameSite=None; Secure").unwrap();
    assert_eq!(jar.set(HTTPS, "n=2; SameSite=None"), Err(AddError::SameSiteNone));
    assert_eq!(jar.sent(HTTPS), "s=1; l=1; d=1; n=1");
    assert_eq!(jar.sent_in(Lax, HTTPS), "l=1; d=1; n=1");
    assert_eq!(jar.sent_in(CrossSite, HTTPS), "n=1");
}

#[test]
fn full_domains_evict_expired_then_insecure_then_unused() {
    let mut jar = Clocked::new(CookieJar::builder().max_per_domain(3));
    jar.set(HTTPS, "old=1; Secure").unwrap();
    jar.set(HTTPS, "plain=1").unwrap();
    jar.set(HTTPS, "brief=1; Secure; Max-Age=1").unwrap();
    jar.pass(DAY);
    jar.set("https://other.example.com/", "new=1; Secure").unwrap();
    assert_eq!(jar.names(), "old plain new");
    jar.set(HTTPS, "b=1; Secure; Path=/b").unwrap();
    assert_eq!(jar.names(), "old new b");
    jar.now.0 += 1;
    jar.sent("https://www.example.com/b");
    jar.set(HTTPS, "c=1; Secure").unwrap();
    assert_eq!(jar.names(), "old b c");
    jar.set("https://example.org/", "d=1").unwrap();
    assert_eq!(jar.names(), "old b c d", "another domain has room of its own");
}

#[test]
fn full_jars_evict_over_all_domains() {
    let mut jar = Clocked::new(CookieJar::builder().max_total(3));
    jar.set("https://a.com/", "a=1; Max-Age=60").unwrap();
    jar.set("https://b.com/", "b=1").unwrap();
    jar.set("https://c.com/", "c=1; Secure").unwrap();
    jar.set("https://d.com/", "d=1; Secure").unwrap();
    assert_eq!(jar.names(), "b c d");
    jar.set("https://e.com/", "e=1; Secure").unwrap();
    assert_eq!(jar.names(), "c d e");
    jar.set("https://f.com/", "f=1; Secure; Max-Age=60").unwrap();
    assert_eq!(jar.names(), "d e f");
    jar.pass(DAY);
    jar.set("https://g.com/", "g=1; Secure").unwrap();
    assert_eq!(jar.names(), "d e g");
}

#[test]
fn limits_of_zero_keep_nothing() {
    for builder in [CookieJar::builder().max_total(0), CookieJar::builder().max_per_domain(0)] {
        let mut jar = Clocked::new(builder);
        jar.set(HTTP, "a=1").unwrap();
        assert_eq!(jar.names(), "");
    }
    let mut jar = Clocked::new(CookieJar::builder().max_lifetime(Duration::ZERO));
    jar.set(HTTP, "a=1; Max-Age=9").unwrap();
    jar.set(HTTP, "b=1").unwrap();
    assert_eq!(jar.names(), "b");
}

#[test]
fn shared_cookies_go_to_every_host() {
    let jar = jar();
    jar.jar.add_shared(SetCookie::new("a", "1").unwrap().domain("ignored")).unwrap();
    jar.jar.add_shared(SetCookie::new("b", "1").unwrap().secure().path("/x")).unwrap();
    assert_eq!(jar.sent("http://a.example/x"), "a=1");
    assert_eq!(jar.sent("https://127.0.0.1/x"), "b=1; a=1");
    jar.jar.clear_domain("a.example");
    assert_eq!(jar.jar.cookies_at(jar.now).len(), 2);
    let host = SetCookie::new("__Host-a", "1").unwrap().secure().path("/");
    assert_eq!(jar.jar.add_shared(host), Err(AddError::Prefix));
}

#[test]
fn clearing_takes_what_it_names() {
    let mut jar = jar();
    jar.set("http://example.com/", "a=1").unwrap();
    jar.set(HTTP, "b=1; Max-Age=999999999").unwrap();
    jar.set("http://badexample.com/", "c=1").unwrap();
    jar.now = Timestamp::now();
    jar.set("http://example.org/", "d=1; Max-Age=999").unwrap();
    jar.jar.clear_domain(".Example.com");
    assert_eq!(jar.names(), "c d");
    jar.jar.clear_session();
    assert_eq!(jar.names(), "d");
    assert!(!jar.jar.remove("example.org", "/x", "d"));
    assert!(jar.jar.remove("example.org", "/", "d"));
    assert!(jar.jar.is_empty());
    jar.set(HTTP, "e=1").unwrap();
    jar.jar.retain(|cookie| cookie.name() != "e");
    assert!(jar.jar.is_empty());
    jar.set(HTTP, "f=1").unwrap();
    jar.jar.clear();
    assert_eq!(jar.jar.len(), 0);
}

#[test]
fn a_panic_in_retain_leaves_the_jar_whole() {
    let mut jar = jar();
    jar.set(HTTP, "a=1").unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        jar.jar.retain(|_| panic!("on purpose"));
    }));
    assert!(panicked.is_err());
    assert_eq!(jar.sent(HTTP), "a=1");
}

#[test]
fn a_bad_cookie_does_not_cost_those_behind_it() {
    let jar = CookieJar::new();
    let fields: [&[u8]; 4] = [b"a=1", b"\x01", b"", b"\xff=\xfe; HttpOnly"];
    jar.store(&mut fields.into_iter(), &url(HTTP), SameSiteContext::SameSite);
    let header = jar.header(&url(HTTP), SameSiteContext::SameSite).unwrap();
    assert_eq!(header.as_bytes(), b"a=1; \xff=\xfe");
    assert!(header.is_sensitive());
    let names: Vec<_> = jar
        .cookies_for(&url(HTTP), SameSiteContext::SameSite)
        .iter()
        .map(|cookie| cookie.name_bytes().to_vec())
        .collect();
    assert_eq!(names, [b"a", &b"\xff"[..]]);
}

#[test]
fn same_site_marks_are_kept() {
    let mut jar = jar();
    jar.set(HTTP, "a=1; SameSite=Strict; HttpOnly").unwrap();
    let cookie = &jar.jar.cookies_at(jar.now)[0];
    assert_eq!(cookie.same_site(), Some(SameSite::Strict));
    assert!(cookie.is_http_only() && !cookie.is_secure());
}

#[test]
fn a_jar_is_shared_between_threads() {
    let jar = std::sync::Arc::new(CookieJar::new());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let jar = &jar;
            scope.spawn(move || {
                let at = url(&format!("http://t{thread}.example.com/"));
                for n in 0..40 {
                    jar.add(SetCookie::new(format!("n{n}"), "1").unwrap(), &at).unwrap();
                    assert!(jar.header(&at, SameSiteContext::SameSite).is_some());
                }
            });
        }
    });
    assert_eq!(jar.len(), 160);
}
