//! Logins from the text of a `.netrc` file, as ftp, curl and aiohttp read it.
//!
//! Reading the file is the caller's. Whether others may read it is not looked at, as in aiohttp and
//! curl: a file that holds passwords should be its owner's alone (`chmod 600`).

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

/// The entries of a netrc file.
///
/// ```
/// let netrc = dunlin_client::auth::Netrc::parse(
///     "machine example.com login ada password \"a b\" # at work\n\
///      default login anonymous password me@",
/// )?;
/// assert_eq!(netrc.find("example.com").unwrap().password(), Some("a b"));
/// assert_eq!(netrc.find("elsewhere.org").unwrap().login(), Some("anonymous"));
/// # Ok::<(), dunlin_client::auth::NetrcError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Netrc {
    entries: Vec<(String, NetrcEntry)>,
    default: Option<NetrcEntry>,
}

impl Netrc {
    /// Reads the text of a file.
    ///
    /// Words are parted by white space; a word in double quotes may have blanks, and `\` keeps the
    /// character after it. A `#` where a key could stand begins a comment up to the end of the line.
    /// Macros (`macdef`) are passed over up to the next empty line.
    ///
    /// # Errors
    ///
    /// [`NetrcError`] with the number of the line. It never quotes the file, where the odd word may
    /// be half of a password.
    pub fn parse(text: &str) -> Result<Self, NetrcError> {
        if text.len() > MAX_NETRC_BYTES {
            return Err(NetrcError::TooLong { len: text.len() });
        }
        let mut words = Words { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 };
        let mut netrc = Self::default();
        let mut current = Current::None;
        while let Some(key) = words.next_key()? {
            match key.as_str() {
                "machine" => {
                    let host = words.value("machine")?;
                    netrc.entries.push((host, NetrcEntry::default()));
                    current = Current::Machine;
                }
                "default" => {
                    current = Current::Default;
                    netrc.default.get_or_insert_default();
                }
                "macdef" => {
                    words.value("macdef")?;
                    words.skip_macro();
                }
                "login" | "user" => {
                    let line = words.line;
                    netrc.field(current, line)?.login = Some(words.value("login")?);
                }
                "password" => {
                    let line = words.line;
                    netrc.field(current, line)?.password = Some(words.value("password")?);
                }
                "account" => {
                    let line = words.line;
                    netrc.field(current, line)?.account = Some(words.value("account")?);
                }
                _ => return Err(NetrcError::UnknownWord { line: words.line }),
            }
        }
        Ok(netrc)
    }

    /// The first entry for the host, else the default one. Case does not matter; no port is part of
    /// a host.
    pub fn find(&self, host: &str) -> Option<&NetrcEntry> {
        self.find_named(host).or(self.default.as_ref())
    }

    /// The first entry for the host, and never the default one.
    pub fn find_named(&self, host: &str) -> Option<&NetrcEntry> {
        let named = self.entries.iter().find(|(name, _)| name.eq_ignore_ascii_case(host));
        named.map(|(_, entry)| entry)
    }

    /// The entry that a key belongs to.
    fn field(&mut self, current: Current, line: usize) -> Result<&mut NetrcEntry, NetrcError> {
        let entry = match current {
            Current::None => None,
            Current::Machine => self.entries.last_mut().map(|(_, entry)| entry),
            Current::Default => self.default.as_mut(),
        };
        entry.ok_or(NetrcError::OutsideEntry { line })
    }
}

#[derive(Clone, Copy)]
enum Current {
    None,
    Machine,
    Default,
}

/// Most bytes of a file that is read: 1 MiB.
pub const MAX_NETRC_BYTES: usize = 1024 * 1024;

/// What a netrc file says of one host.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct NetrcEntry {
    login: Option<String>,
    password: Option<String>,
    account: Option<String>,
}

impl NetrcEntry {
    /// Who logs in.
    pub fn login(&self) -> Option<&str> {
        self.login.as_deref()
    }

    /// The password.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// A second password, which no HTTP scheme has a use for. aiohttp takes it for the login where
    /// there is none.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }
}

impl fmt::Debug for NetrcEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetrcEntry").field("login", &self.login).finish_non_exhaustive()
    }
}

/// Where the file is: what the variable `NETRC` says, else `.netrc` in the home folder (`_netrc` on
/// Windows). Both are arguments, so that the caller decides whether the environment is trusted.
///
/// ```
/// use std::path::Path;
/// # use dunlin_client::auth::netrc_path;
///
/// let path = netrc_path(Some("/run/netrc".as_ref()), Some("/home/ada".as_ref()));
/// assert_eq!(path.as_deref(), Some(Path::new("/run/netrc")));
/// assert_eq!(netrc_path(None, None), None);
/// ```
pub fn netrc_path(variable: Option<&OsStr>, home: Option<&Path>) -> Option<PathBuf> {
    const NAME: &str = if cfg!(windows) { "_netrc" } else { ".netrc" };
    match variable {
        Some(path) if !path.is_empty() => Some(path.into()),
        _ => home.map(|home| home.join(NAME)),
    }
}

struct Words<'a> {
    rest: &'a str,
    /// Of the word that was read last, from 1.
    line: usize,
}

impl Words<'_> {
    /// The next word that is not in a comment.
    fn next_key(&mut self) -> Result<Option<String>, NetrcError> {
        loop {
            self.skip_white();
            if !self.rest.starts_with('#') {
                return self.word();
            }
            self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]);
        }
    }

    fn value(&mut self, key: &'static str) -> Result<String, NetrcError> {
        let line = self.line;
        self.skip_white();
        self.word()?.ok_or(NetrcError::MissingValue { line, key })
    }

    fn word(&mut self) -> Result<Option<String>, NetrcError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let opened = self.line;
        let quoted = self.rest.starts_with('"');
        let mut word = String::new();
        let mut chars = self.rest.char_indices().skip(usize::from(quoted));
        let end = loop {
            match chars.next() {
                Some((at, '"')) if quoted => break at + 1,
                Some((at, c)) if !quoted && c.is_ascii_whitespace() => break at,
                Some((_, '\\')) => match chars.next() {
                    Some((_, c)) => {
                        self.line += usize::from(c == '\n');
                        word.push(c);
                    }
                    None if quoted => return Err(NetrcError::OpenQuote { line: opened }),
                    None => break self.rest.len(),
                },
                Some((_, c)) => {
                    self.line += usize::from(c == '\n');
                    word.push(c);
                }
                None if quoted => return Err(NetrcError::OpenQuote { line: opened }),
                None => break self.rest.len(),
            }
        };
        self.rest = &self.rest[end..];
        Ok(Some(word))
    }

    fn skip_white(&mut self) {
        let after = self.rest.trim_ascii_start();
        let white = &self.rest[..self.rest.len() - after.len()];
        self.line += white.bytes().filter(|&byte| byte == b'\n').count();
        self.rest = after;
    }

    /// Passes over the lines of a macro and the empty line behind them, or to the end of the file.
    fn skip_macro(&mut self) {
        // The rest of the line that has the macro's name does not count as an empty one.
        let mut first = true;
        while !self.rest.is_empty() {
            let end = self.rest.find('\n').map_or(self.rest.len(), |end| end + 1);
            let (line, rest) = self.rest.split_at(end);
            self.line += usize::from(line.ends_with('\n'));
            self.rest = rest;
            if !first && line.trim_ascii().is_empty() {
                return;
            }
            first = false;
        }
    }
}

/// Why a netrc file cannot be read.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NetrcError {
    /// It is longer than [`MAX_NETRC_BYTES`].
    #[error("a netrc file of {len} bytes is too long")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A word stands where a key must, and is none.
    #[error("unknown word in line {line}")]
    UnknownWord {
        /// The line, from 1.
        line: usize,
    },
    /// The file ends where a key's value must follow.
    #[error("`{key}` has no value in line {line}")]
    MissingValue {
        /// The line, from 1.
        line: usize,
        /// The key.
        key: &'static str,
    },
    /// A login, password or account comes before any `machine` or `default`.
    #[error("a key outside any entry in line {line}")]
    OutsideEntry {
        /// The line, from 1.
        line: usize,
    },
    /// Quotes are not closed.
    #[error("the quotes opened in line {line} are not closed")]
    OpenQuote {
        /// The line, from 1.
        line: usize,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn login_of(netrc: &Netrc, host: &str) -> Option<(String, String)> {
        let entry = netrc.find(host)?;
        Some((entry.login()?.to_owned(), entry.password()?.to_owned()))
    }

    fn pair(login: &str, password: &str) -> Option<(String, String)> {
        Some((login.to_owned(), password.to_owned()))
    }

    #[test]
    fn entries_are_found_by_host_and_then_by_default() {
        let netrc = Netrc::parse(
            "machine a.org\n\tlogin ada\n\tpassword one\n\taccount x\n\
             machine b.org login bob password two default login any password three\n",
        )
        .unwrap();
        assert_eq!(login_of(&netrc, "A.org"), pair("ada", "one"));
        assert_eq!(login_of(&netrc, "b.org"), pair("bob", "two"));
        assert_eq!(login_of(&netrc, "c.org"), pair("any", "three"));
        assert_eq!(netrc.find("a.org").unwrap().account(), Some("x"));
    }

    #[test]
    fn the_first_entry_for_a_host_counts() {
        let netrc =
            Netrc::parse("machine a login b password c machine a login d password e").unwrap();
        assert_eq!(login_of(&netrc, "a"), pair("b", "c"));
        assert!(netrc.find("other").is_none());
    }

    #[test]
    fn comments_stand_where_keys_do_and_not_in_values() {
        let netrc = Netrc::parse(
            "# machine x login y\nmachine a #b\nlogin #c # password no\npassword p#d #e\n#",
        );
        assert_eq!(login_of(&netrc.unwrap(), "a"), pair("#c", "p#d"));
    }

    #[test]
    fn quotes_hold_blanks_and_escapes() {
        let netrc = Netrc::parse(r#"machine a login "b c" password "d\"e\\f" "#).unwrap();
        assert_eq!(login_of(&netrc, "a"), pair("b c", "d\"e\\f"));
        let netrc = Netrc::parse(r"machine a login b\ c password d").unwrap();
        assert_eq!(login_of(&netrc, "a"), pair("b c", "d"));
    }

    #[test]
    fn macros_are_passed_over() {
        let netrc = Netrc::parse(
            "machine a login b\nmacdef init\ncd /pub\nmachine x login y\n\npassword c\nmacdef z\nbin",
        )
        .unwrap();
        assert_eq!(login_of(&netrc, "a"), pair("b", "c"));
        assert!(netrc.find("x").is_none());
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let fails = |text| Netrc::parse(text).unwrap_err();
        assert_eq!(fails("machine a\nlogin b\nsecret c"), NetrcError::UnknownWord { line: 3 });
        assert_eq!(fails("\nlogin b"), NetrcError::OutsideEntry { line: 2 });
        let missing = NetrcError::MissingValue { line: 2, key: "password" };
        assert_eq!(fails("machine a\npassword\n\n"), missing);
        assert_eq!(fails("machine a\npassword \"b\n\n"), NetrcError::OpenQuote { line: 2 });
        assert_eq!(fails("macdef a\n\n\nb"), NetrcError::UnknownWord { line: 4 });
        let len = MAX_NETRC_BYTES + 1;
        assert_eq!(fails(&" ".repeat(len)), NetrcError::TooLong { len });
    }

    #[test]
    fn debug_output_has_no_password() {
        let netrc = Netrc::parse("machine a login b password hunter2 account hunter3").unwrap();
        assert!(!format!("{netrc:?}").contains("hunter"));
    }

    #[test]
    fn an_empty_variable_is_as_good_as_none() {
        let home = Path::new("home");
        let name = if cfg!(windows) { "_netrc" } else { ".netrc" };
        assert_eq!(netrc_path(Some("".as_ref()), Some(home)), Some(home.join(name)));
    }

    proptest! {
        /// Any text is read or refused.
        #[test]
        fn no_input_panics(text in any::<String>()) {
            let _ = Netrc::parse(&text);
        }

        /// So is any that looks like a netrc file.
        #[test]
        fn no_likely_input_panics(
            words in proptest::collection::vec("machine|default|login|macdef|[#\"\\\\é\n]{1,2}|\n", 0..20),
        ) {
            let _ = Netrc::parse(&words.join(" "));
        }
    }
}
