//! A jar in JSON, with everything that it needs to go on where it stopped.
//!
//! ```json
//! {"version":1,"cookies":[{"name":"id","value":"7","domain":"example.com","host_only":true,
//!  "path":"/","expires":1800000000000,"secure":true,"http_only":false,"same_site":"lax",
//!  "creation":1700000000000,"last_access":1700000000000}]}
//! ```
//!
//! Times are milliseconds since 1970; `expires` and `same_site` are absent where the cookie has
//! none. A name or value outside UTF-8 is a list of its bytes.

use serde::{Deserialize, Serialize};

use super::buckets::Buckets;
use super::cookie::{Cookie, SameSite};
use super::jar::CookieJar;
use super::time::Timestamp;

/// Whether a saved jar holds the cookies that end with the session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SessionCookies {
    /// They are saved too, and live on: for programs whose session outlasts the process.
    Keep,
    /// They are left out, as RFC 6265bis §5.7 asks at the end of a session.
    Drop,
}

/// A reason for which a saved jar cannot be read.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the file of cookies")]
    Io(#[from] std::io::Error),
    /// The text is no JSON of this form.
    #[error("not the JSON of a jar")]
    Json(#[from] serde_json::Error),
    /// The text is of a later form.
    #[error("version {0} of the form is not known")]
    Version(u32),
}

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

impl CookieJar {
    /// Writes the jar as JSON, which [`load_json`](Self::load_json) reads.
    ///
    /// ```
    /// use dunlin_client::cookies::{CookieJar, SessionCookies, SetCookie};
    ///
    /// let jar = CookieJar::new();
    /// jar.add(SetCookie::new("id", "7")?, &"https://example.com/".parse()?)?;
    /// let saved = jar.to_json(SessionCookies::Keep);
    ///
    /// let other = CookieJar::new();
    /// assert_eq!(other.load_json(&saved)?, 1);
    /// assert_eq!(other.cookies(), jar.cookies());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_json(&self, session: SessionCookies) -> String {
        let saved = Saved {
            version: VERSION,
            cookies: self
                .cookies()
                .into_iter()
                .filter(|cookie| session == SessionCookies::Keep || cookie.expires.is_some())
                .map(SavedCookie::from)
                .collect(),
        };
        serde_json::to_string(&saved).expect("text and numbers always serialize")
    }

    /// A jar of default settings with the cookies of [`to_json`](Self::to_json).
    ///
    /// # Errors
    ///
    /// [`LoadError`] as for [`load_json`](Self::load_json).
    pub fn from_json(json: &str) -> Result<Self, LoadError> {
        let jar = Self::new();
        jar.load_json(json)?;
        Ok(jar)
    }

    /// Puts the cookies of `json` in place of all that the jar holds; returns how many it then
    /// holds.
    ///
    /// Passed over are cookies that have expired since, and those that this jar would not take: a
    /// public suffix may be new, or a limit lower.
    ///
    /// # Errors
    ///
    /// [`LoadError`] for text that is no saved jar; the jar is then as before.
    pub fn load_json(&self, json: &str) -> Result<usize, LoadError> {
        let saved: Saved = serde_json::from_str(json)?;
        if saved.version != VERSION {
            return Err(LoadError::Version(saved.version));
        }
        let now = Timestamp::now();
        let mut buckets = Buckets::default();
        for cookie in saved.cookies {
            let _ = self.restore(&mut buckets, cookie.into(), now);
        }
        let count = buckets.count(now);
        self.replace(buckets);
        Ok(count)
    }
}

#[derive(Deserialize, Serialize)]
struct Saved {
    version: u32,
    cookies: Vec<SavedCookie>,
}

#[derive(Deserialize, Serialize)]
struct SavedCookie {
    name: Text,
    value: Text,
    domain: Box<str>,
    host_only: bool,
    path: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
    secure: bool,
    http_only: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    same_site: Option<SameSite>,
    creation: u64,
    last_access: u64,
}

/// A string where the bytes are one, which they nearly always are.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Text {
    Utf8(Box<str>),
    Bytes(Box<[u8]>),
}

impl From<Box<[u8]>> for Text {
    fn from(bytes: Box<[u8]>) -> Self {
        match String::from_utf8(bytes.into()) {
            Ok(text) => Self::Utf8(text.into()),
            Err(not_utf8) => Self::Bytes(not_utf8.into_bytes().into()),
        }
    }
}

impl From<Text> for Box<[u8]> {
    fn from(text: Text) -> Self {
        match text {
            Text::Utf8(text) => text.into_boxed_bytes(),
            Text::Bytes(bytes) => bytes,
        }
    }
}

impl From<Cookie> for SavedCookie {
    fn from(cookie: Cookie) -> Self {
        Self {
            name: cookie.name.into(),
            value: cookie.value.into(),
            domain: cookie.domain,
            host_only: cookie.host_only,
            path: cookie.path,
            expires: cookie.expires.map(|time| time.0),
            secure: cookie.secure,
            http_only: cookie.http_only,
            same_site: cookie.same_site,
            creation: cookie.creation.0,
            last_access: cookie.last_access.0,
        }
    }
}

impl From<SavedCookie> for Cookie {
    fn from(saved: SavedCookie) -> Self {
        Self {
            name: saved.name.into(),
            value: saved.value.into(),
            domain: saved.domain,
            host_only: saved.host_only,
            path: saved.path,
            expires: saved.expires.map(Timestamp),
            secure: saved.secure,
            http_only: saved.http_only,
            same_site: saved.same_site,
            creation: Timestamp(saved.creation),
            last_access: Timestamp(saved.last_access),
        }
    }
}
