//! What a request costs that carries no cookies, counted.

mod counting;

use counting::ALLOCATIONS;
use dunlin_client::cookies::{CookieJar, CookieStore, SameSiteContext};
use url::Url;

/// Allocations of asking `jar` for the cookies of `url`, of which there are none.
fn cost(jar: &CookieJar, url: &str) -> usize {
    let url: Url = url.parse().unwrap();
    let before = ALLOCATIONS.get();
    let header = jar.header(&url, SameSiteContext::SameSite);
    let after = ALLOCATIONS.get();
    assert_eq!(header, None, "{url}");
    after - before
}

#[test]
fn a_request_without_cookies_allocates_nothing() {
    let trusted = "http://localhost:8080/".parse().unwrap();
    let jar = CookieJar::builder().treat_as_secure_origin(&trusted).build();
    assert_eq!(cost(&jar, "https://example.com/"), 0);
    let fields: [&[u8]; 2] = [b"a=1; Path=/x", b"b=2; Secure; Path=/"];
    let url = "https://example.com/x/".parse().unwrap();
    jar.store(&mut fields.into_iter(), &url, SameSiteContext::SameSite);
    for url in [
        "https://other.example/",
        "https://a.b.example.co.uk/x/y/z?q",
        "http://127.0.0.1:8080/",
        "http://[::1]/",
        "http://localhost/",
        // Hosts whose cookies do not match.
        "https://sub.example.com/x/",
        "http://example.com/",
    ] {
        assert_eq!(cost(&jar, url), 0, "{url}");
    }
}
