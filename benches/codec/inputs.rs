//! The heads that are parsed: six that stand for a kind each, and 512 that have nothing in common.

use std::sync::LazyLock;

use crate::random::Random;

/// What all parsers of requests measure, 703 bytes: picohttpparser's own, and nearly httparse's own.
pub(crate) const CLASSIC: &str = "\
GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\n\
Host: www.kittyhell.com\r\n\
User-Agent: Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; ja-JP-mac; rv:1.9.2.3) Gecko/20100401 Firefox/3.6.3 Pathtraq/0.9\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
Accept-Language: ja,en-us;q=0.7,en;q=0.3\r\n\
Accept-Encoding: gzip,deflate\r\n\
Accept-Charset: Shift_JIS,utf-8;q=0.7,*;q=0.7\r\n\
Keep-Alive: 115\r\n\
Connection: keep-alive\r\n\
Cookie: wp_ozh_wsa_visits=2; wp_ozh_wsa_visit_lasttime=xxxxxxxxxx; __utma=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.x; __utmz=xxxxxxxxx.xxxxxxxxxx.x.x.utmccn=(referral)|utmcsr=reader.livedoor.com|utmcct=/reader/|utmcmd=referral\r\n\r\n";

/// As short as they come: a load generator's.
pub(crate) const SHORT: &str = "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

/// A browser's: Chrome follows a link on a site that knows its visitor.
pub(crate) const BROWSER: &str = "\
GET /articles/2026/11/zero-copy-parsing?utm_source=feed&utm_medium=rss&page=2 HTTP/1.1\r\n\
Host: www.example.com\r\n\
Connection: keep-alive\r\n\
Cache-Control: max-age=0\r\n\
sec-ch-ua: \"Chromium\";v=\"142\", \"Google Chrome\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\n\
sec-ch-ua-mobile: ?0\r\n\
sec-ch-ua-platform: \"Linux\"\r\n\
Upgrade-Insecure-Requests: 1\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7\r\n\
Sec-Fetch-Site: same-origin\r\n\
Sec-Fetch-Mode: navigate\r\n\
Sec-Fetch-User: ?1\r\n\
Sec-Fetch-Dest: document\r\n\
Referer: https://www.example.com/articles?sort=newest\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Accept-Language: en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7\r\n\
Cookie: _ga=GA1.1.1187654321.1700000000; _ga_XYZ1234567=GS1.1.1700000000.5.1.1700000123.60.0.0; session=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0; csrftoken=9f8e7d6c5b4a39281706f5e4d3c2b1a0; theme=dark; consent=necessary; last_seen=1763800000; cart=3f1c9e77-5a0b-4c6d-9e21-7b64d0a8f113; ab=checkout-b.search-a.nav-c; tz=Europe/Berlin\r\n\r\n";

/// Forty small fields, as behind gateways that each add theirs.
pub(crate) const API40: &str = "\
GET /v2/items/8841 HTTP/1.1\r\n\
Host: api.internal\r\n\
Accept: */*\r\n\
DNT: 1\r\n\
TE: trailers\r\n\
Via: 1.1 edge\r\n\
Age: 12\r\n\
Origin: null\r\n\
Priority: u=1\r\n\
X-Request-Id: 7f3a91c2\r\n\
X-Environment: production\r\n\
X-Zone: eu-west-1\r\n\
X-Cell-Name: cell-17\r\n\
X-Pod-Name: pod-2041\r\n\
X-Shard: shard-12\r\n\
X-Tier: gold\r\n\
X-Team: birds\r\n\
X-App: storefront\r\n\
X-Version: 4.12.7\r\n\
X-Build-Id: 9931\r\n\
X-Api-Level: v2\r\n\
X-Language: en-GB\r\n\
X-Country: DE\r\n\
X-Timezone: UTC\r\n\
X-Currency: EUR\r\n\
X-Tenant: tenant-88\r\n\
X-User-Id: 5512043\r\n\
X-Role: admin\r\n\
X-Scope: items:read\r\n\
X-Auth-State: verified\r\n\
X-Trace-Id: a1b2c3d4e5\r\n\
X-Span-Id: d4e5f6\r\n\
X-Sampled: 01\r\n\
X-Retry-Count: 0\r\n\
X-Hop-Count: 3\r\n\
X-Deadline-Ms: 250\r\n\
X-Traffic-Class: batch\r\n\
X-Beta-User: off\r\n\
X-Test-Bucket: b\r\n\
X-Cache-State: miss\r\n\
X-Route-Mode: fast-path\r\n\r\n";

/// What a benchmark's client sends that pretends to be a browser.
pub(crate) const CLIENT: &str = "\
GET /queries?queries=20 HTTP/1.1\r\n\
Host: tfb-server:8080\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20130501 Firefox/30.0 AppleWebKit/600.00 Chrome/30.0.0000.0 Trident/10.0 Safari/600.00\r\n\
Cookie: uid=12345678901234567890; __utma=1.1234567890.1234567890.1234567890.1234567890.12; wd=2560x1600; dpr=2\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
Accept-Language: en-US,en;q=0.5\r\n\
Connection: keep-alive\r\n\r\n";

/// A response out of a cache.
pub(crate) const RESPONSE: &str = "\
HTTP/1.1 200 OK\r\n\
Date: Sun, 22 Nov 2026 08:49:37 GMT\r\n\
Content-Type: text/html; charset=utf-8\r\n\
Content-Length: 18245\r\n\
Connection: keep-alive\r\n\
Server: nginx/1.28.0\r\n\
Cache-Control: public, max-age=300, stale-while-revalidate=60\r\n\
ETag: \"5f3e-61a2b3c4d5e6f\"\r\n\
Last-Modified: Sat, 21 Nov 2026 17:02:11 GMT\r\n\
Vary: Accept-Encoding\r\n\
Strict-Transport-Security: max-age=31536000\r\n\
X-Content-Type-Options: nosniff\r\n\
X-Request-Id: 4f1c2a9b7e3d4b05a2c1\r\n\
Accept-Ranges: bytes\r\n\
Age: 17\r\n\r\n";

/// The five that are requests.
pub(crate) const REQUESTS: [(&str, &str); 5] = [
    ("classic", CLASSIC),
    ("short", SHORT),
    ("browser", BROWSER),
    ("api40", API40),
    ("client", CLIENT),
];

/// Heads in one block of memory, and orders to go through them.
///
/// Each pass takes the next order: a branch predictor that learns a fixed sequence of heads, which
/// a server never sees, has nothing to learn.
pub(crate) struct Mix {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    orders: Vec<Vec<u16>>,
}

impl Mix {
    pub(crate) const HEADS: usize = 512;
    const ORDERS: usize = 64;

    /// The same heads in every run.
    pub(crate) fn get() -> &'static Self {
        static MIX: LazyLock<Mix> = LazyLock::new(Mix::generate);
        &MIX
    }

    fn generate() -> Self {
        let mut random = Random::new(0x9E37_79B9_7F4A_7C15);
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..Self::HEADS {
            random.append_head(&mut bytes);
            ends.push(bytes.len());
        }
        let orders = (0..Self::ORDERS).map(|_| random.order(Self::HEADS)).collect();
        Self { bytes, ends, orders }
    }

    /// Mean length of a head.
    pub(crate) fn mean(&self) -> usize {
        self.bytes.len() / Self::HEADS
    }

    pub(crate) fn head(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }

    /// The heads in the order of that pass.
    #[inline]
    pub(crate) fn pass(&self, pass: usize) -> impl Iterator<Item = &[u8]> {
        self.orders[pass % Self::ORDERS].iter().map(|&index| self.head(usize::from(index)))
    }
}
