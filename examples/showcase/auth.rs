//! Sign-in: a name, and the board's passphrase where it has one. A signed cookie says who it is.
//!
//! This is no account: whoever knows the passphrase may take any name. What it keeps out are strangers. A session
//! is over after 30 days, and not before unless all are: then delete `cookie.key`.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dunlin::http::header::WWW_AUTHENTICATE;
use dunlin::http::{HeaderValue, StatusCode};
use dunlin::web::respond::{ResponseExt, SameSite, SetCookie};
use dunlin::web::{
    Form, FromParts, Group, HttpError, Json, RateLimit, Redirect, Result, State, get, group, post,
};
use dunlin::{BoxError, IntoResponse, Request, Response};
use serde::{Deserialize, Serialize};

use crate::log::Log;
use crate::options::Options;
use crate::pages::{self, Look};
use crate::signed::Signer;
use crate::state::SECRETS;

const COOKIE: &str = "board";
const LASTS: Duration = Duration::from_secs(30 * 24 * 3600);
const NAME_MAX: usize = 32;

/// Who a request is from, as the cookie says. As an argument it lets nobody else in: 401.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Session {
    pub(crate) name: String,
    /// Has shown the key of the admin pages.
    pub(crate) admin: bool,
    /// Seconds since 1970 at which it is over.
    until: u64,
}

impl Session {
    pub(crate) fn new(name: String, admin: bool) -> Self {
        Self { name, admin, until: now() + LASTS.as_secs() }
    }

    /// The session of a request, if it has one that was signed here and is not over.
    pub(crate) fn of(req: &Request) -> Option<Self> {
        let cookie = req.cookie(COOKIE)?;
        let session: Self = req.state(&SECRETS).signer.verify(&cookie)?;
        (session.until > now()).then_some(session)
    }

    /// The cookie: scripts do not see it, and no other site's page has it sent along.
    pub(crate) fn cookie(&self, secrets: &Secrets, over_tls: bool) -> Result<SetCookie> {
        let cookie = SetCookie::new(COOKIE, secrets.signer.sign(self)?)
            .http_only()
            .same_site(SameSite::Lax)
            .max_age(LASTS);
        Ok(if over_tls { cookie.secure() } else { cookie })
    }
}

impl FromParts for Session {
    type Rejection = HttpError;

    async fn from_parts(req: &mut Request) -> Result<Self> {
        Self::of(req).ok_or_else(|| {
            HttpError::unauthorized()
                .with_header(
                    WWW_AUTHENTICATE,
                    HeaderValue::from_static(
                        "Cookie form-action=\"/sign-in\", cookie-name=\"board\"",
                    ),
                )
                .with_message("sign in first")
        })
    }
}

/// What has to stay the same when the server starts anew, so that people stay signed in.
pub(crate) struct Secrets {
    signer: Signer,
    admin_key: String,
    passphrase: Option<String>,
}

impl Secrets {
    /// Reads the keys in the data directory, or makes them, for their owner's eyes only.
    pub(crate) fn load(options: &Options) -> Result<Self, BoxError> {
        let (data, passphrase) = (&options.data, options.passphrase.clone());
        fs::create_dir_all(data)
            .map_err(|error| format!("cannot make the directory {}: {error}", data.display()))?;
        let signer = Signer::new(&key(&data.join("cookie.key"))?);
        let admin_key = hex(&key(&data.join("admin.key"))?[..8]);
        Ok(Self { signer, admin_key, passphrase })
    }

    pub(crate) fn admin_key(&self) -> &str {
        &self.admin_key
    }

    pub(crate) fn has_passphrase(&self) -> bool {
        self.passphrase.is_some()
    }
}

/// The 32 random bytes that a file keeps as hexadecimal digits.
fn key(file: &Path) -> Result<[u8; 32], BoxError> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
            let mut options = fs::OpenOptions::new();
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.write(true).create_new(true).open(file)?.write_all(hex(&bytes).as_bytes())?;
            return Ok(bytes);
        }
        Err(error) => return Err(format!("cannot read {}: {error}", file.display()).into()),
    };
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        let digits = text.get(2 * at..2 * at + 2);
        *byte = digits
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or_else(|| format!("{} holds no key: delete it for a new one", file.display()))?;
    }
    Ok(bytes)
}

/// Whether a character changes the direction in which those around it are read (UAX #9).
pub(crate) fn turns_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Whether two words are the same, in a time that depends on the length of what was sent alone.
pub(crate) fn is_same(sent: &str, right: &str) -> bool {
    let right = right.as_bytes();
    let at = |at: usize| right.get(at % right.len().max(1)).copied().unwrap_or(0);
    let differ = sent.bytes().enumerate().fold(0, |differ, (n, byte)| differ | (byte ^ at(n)));
    differ == 0 && sent.len() == right.len()
}

pub(crate) fn routes() -> Group {
    // Nobody guesses a passphrase at ten tries and then one in six seconds.
    let rarely = RateLimit::new(10, Duration::from_secs(60));
    group("").routes([
        get("/sign-in", page).name("sign-in"),
        post("/sign-in", sign_in).middleware(rarely),
        post("/sign-out", sign_out),
        get("/api/session", async |session: Session| Json(session)),
    ])
}

#[derive(Deserialize)]
struct SignIn {
    name: String,
    #[serde(default)]
    passphrase: String,
    #[serde(default)]
    next: String,
}

async fn page(look: Look, secrets: State<Secrets>, req: Request) -> Result {
    let next = req.query_value("next").unwrap_or_default();
    form(&look, &secrets, "", &next, None).await
}

async fn sign_in(
    look: Look,
    secrets: State<Secrets>,
    log: State<Log>,
    Form(sent): Form<SignIn>,
) -> Result {
    let name = sent.name.split_whitespace().collect::<Vec<_>>().join(" ");
    let why = if name.is_empty() || name.chars().count() > NAME_MAX {
        Some("Your name has between 1 and 32 characters.")
    } else if name.chars().any(|c| c.is_control() || turns_text(c)) {
        Some("Your name is made of characters that one can see.")
    } else if secrets.passphrase.as_ref().is_some_and(|right| !is_same(&sent.passphrase, right)) {
        Some("That is not the passphrase of this board.")
    } else {
        None
    };
    if let Some(why) = why {
        let response = form(&look, &secrets, &name, &sent.next, Some(why)).await?;
        return Ok(response.with_status(StatusCode::UNPROCESSABLE_ENTITY));
    }
    log.say(&name, "signed in");
    let cookie = Session::new(name, false).cookie(&secrets, look.over_tls)?;
    Ok(Redirect::see_other(own_page(&sent.next)).into_response().with_cookie(&cookie)?)
}

async fn sign_out() -> Result {
    Ok(Redirect::see_other("/sign-in").into_response().with_cookie(&SetCookie::remove(COOKIE))?)
}

async fn form(
    look: &Look,
    secrets: &Secrets,
    name: &str,
    next: &str,
    why: Option<&str>,
) -> Result<Response> {
    let passphrase = secrets.has_passphrase();
    let values = minijinja::context! { name, next, why, passphrase };
    Ok(pages::show(look, None, "sign-in.html", values).await?.into_response())
}

/// A path of this site, or the board: a redirect to wherever a form says would serve phishing. Browsers take
/// a second slash, or a backslash, for the beginning of a host.
fn own_page(next: &str) -> &str {
    let rest = next.strip_prefix('/');
    let is_own = rest.is_some_and(|rest| {
        !rest.starts_with(['/', '\\']) && !rest.contains(|c: char| c.is_control())
    });
    if is_own { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for (next, page) in [
            ("/files", "/files"),
            ("/log?x=1", "/log?x=1"),
            ("", "/"),
            ("https://evil.example", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/\t/evil.example", "/"),
        ] {
            assert_eq!(own_page(next), page, "{next:?}");
        }
    }

    #[test]
    fn words_are_compared_whole() {
        assert!(is_same("knot", "knot") && is_same("", ""));
        for (sent, right) in
            [("", "knot"), ("kno", "knot"), ("knotk", "knot"), ("x", ""), ("Knot", "knot")]
        {
            assert!(!is_same(sent, right), "{sent:?}");
        }
    }
}
