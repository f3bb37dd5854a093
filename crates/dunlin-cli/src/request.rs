//! What the requests of every command share: the URL, header fields, trust, deadlines.

use std::path::PathBuf;
use std::time::Duration;

use dunlin::client::{ClientBuilder, TlsConfig};
use dunlin::http::{HeaderName, HeaderValue};

use crate::failure::{Code, Failure};

/// Options that `get`, `ws` and `bench` have in common.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Send this header field, besides those that are sent anyway; may be given again
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,

    /// Take any certificate. Whoever sits in between can then read and change everything
    #[arg(long)]
    pub(crate) insecure: bool,

    /// Trust the certificates in this PEM file too
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

impl Options {
    /// A client that trusts whom the options say.
    pub(crate) fn client(&self) -> Result<ClientBuilder, Failure> {
        let mut tls = TlsConfig::builder();
        if let Some(path) = &self.ca {
            tls =
                tls.root_file(path).map_err(|error| Failure::new(Code::File, error.to_string()))?;
        }
        if self.insecure {
            tls = tls.insecure();
        }
        let agent = concat!("dunlin-cli/", env!("CARGO_PKG_VERSION"));
        Ok(ClientBuilder::new().tls(tls.build()?).user_agent(agent))
    }
}

/// `NAME: VALUE`.
fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) =
        text.split_once(':').ok_or("write it as 'Name: value', with a colon in between")?;
    let name = HeaderName::try_from(name).map_err(|_| format!("{name:?} is no name of a field"))?;
    let value = HeaderValue::try_from(value.trim())
        .map_err(|_| format!("{value:?} holds a control character"))?;
    Ok((name, value))
}

/// A URL as people write it: without a scheme it is one of `http`.
pub(crate) fn with_scheme(url: &str, scheme: &str) -> String {
    if url.contains("://") { url.to_owned() } else { format!("{scheme}://{url}") }
}

/// A number of seconds, fractions included.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "it must be a number of seconds, such as 2.5")?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("it must be more than 0 seconds".into()),
    }
}

/// The same, and 0 too.
pub(crate) fn maybe_seconds(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { seconds(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_in_a_head() {
        let (name, value) = header("Accept:  text/html ").unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("accept", "text/html"));
        assert_eq!(header("x:").unwrap().1, "");
        for wrong in ["accept", "a b: c", "a: b\nc: d", ": x"] {
            assert!(header(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn urls_without_a_scheme_get_one() {
        assert_eq!(with_scheme("localhost:8080/a", "http"), "http://localhost:8080/a");
        assert_eq!(with_scheme("https://a.test", "http"), "https://a.test");
    }

    #[test]
    fn deadlines_are_positive() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for wrong in ["0", "-1", "x", "NaN", "inf", "1e300"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
