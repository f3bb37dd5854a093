//! `Cookies` and `Host`: what heads say, as arguments.

use std::convert::Infallible;

use dunlin_core::{FromParts, Request};

/// The cookies of the request, as by [`Request::cookies`].
///
/// ```
/// use dunlin_web::Cookies;
///
/// async fn greet(cookies: Cookies) -> String {
///     format!("hello, {}", cookies.get("name").unwrap_or("stranger"))
/// }
/// # let _ = greet;
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Cookies {
    pairs: Vec<(String, String)>,
}

impl Cookies {
    /// The cookie of that name, the last where it comes again.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().filter_map(|(own, value)| (own == name).then_some(value)).last()
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl FromParts for Cookies {
    type Rejection = Infallible;

    async fn from_parts(req: &mut Request) -> Result<Self, Infallible> {
        let pairs = req.cookies().map(|(name, value)| (name.to_owned(), value.into_owned()));
        Ok(Self { pairs: pairs.collect() })
    }
}

/// The host that the request is for, with its port where one is named, as by [`Request::host`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "destructured in arguments")]
pub struct Host(pub String);

impl FromParts for Host {
    type Rejection = Infallible;

    async fn from_parts(req: &mut Request) -> Result<Self, Infallible> {
        Ok(Self(req.host().into_owned()))
    }
}
