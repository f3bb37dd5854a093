//! Cookies, as a client keeps them (RFC 6265bis).
//!
//! A client gives each response's `Set-Cookie` fields to a [`CookieStore`] and asks it for the
//! `Cookie` field of each request. [`CookieJar`] is the one to use: it keeps cookies in memory by the
//! rules that browsers follow, and goes to and from files. Section numbers are those of
//! draft-ietf-httpbis-rfc6265bis-22.
//!
//! ```
//! use dunlin_client::cookies::{CookieJar, CookieStore};
//! use url::Url;
//!
//! let jar = CookieJar::new();
//! let url = Url::parse("https://example.com/login")?;
//! let fields = ["id=7; Secure; HttpOnly", "lang=en; Domain=example.com; Path=/"];
//! jar.store(&mut fields.iter().map(|field| field.as_bytes()), &url, Default::default());
//!
//! let next = Url::parse("https://docs.example.com/")?;
//! assert_eq!(jar.header(&next, Default::default()).unwrap(), "lang=en");
//! # Ok::<(), url::ParseError>(())
//! ```
//!
//! | type | what it is |
//! | --- | --- |
//! | [`CookieStore`] | the seam: what a client asks of whatever keeps its cookies |
//! | [`CookieJar`], [`CookieJarBuilder`] | the store of this crate and its settings |
//! | [`NoCookies`] | a store that keeps nothing |
//! | [`SetCookie`] | a cookie to be set, parsed from a field or built |
//! | [`Cookie`] | a cookie that a jar holds |
//! | [`SameSiteContext`] | what caused a request, where that was another site |
//!
//! # Rules
//!
//! A cookie belongs to the host that set it, or to a `Domain` above it that is no public suffix (by
//! the list in the `psl` crate, private domains included). `Secure` cookies are set and sent over
//! `https` and `wss` alone, and no insecure origin replaces one (§5.7 step 16). The prefixes
//! `__Secure-`, `__Host-`, `__Http-` and `__Host-Http-` hold what they promise. All cookies that
//! match are sent, those with longer paths first and of equal paths the older first (§5.8.3).
//!
//! # Costs
//!
//! Cookies lie in buckets by registrable domain. A request costs one look-up of its host in the
//! list of public suffixes, one in the table of buckets, and a pass over one bucket; it allocates
//! only where cookies are sent.

mod buckets;
mod builder;
mod cookie;
mod date;
pub(crate) mod file;
mod jar;
mod json;
mod matching;
mod netscape;
mod parse;
mod rules;
mod store;
mod time;

pub use self::builder::CookieJarBuilder;
pub use self::cookie::{Cookie, SameSite};
pub use self::jar::CookieJar;
pub use self::json::{LoadError, SessionCookies};
pub use self::netscape::{NetscapeError, NetscapeReason};
pub use self::parse::{MAX_ATTRIBUTE_BYTES, MAX_PAIR_BYTES, ParseError, SetCookie};
pub use self::rules::AddError;
pub use self::store::{CookieStore, NoCookies, SameSiteContext};
