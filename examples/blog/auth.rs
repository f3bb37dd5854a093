//! Who a request is from: a password once, then a session that the database knows, by a random token in a cookie.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use argon2::password_hash::SaltString;
use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use dunlin::web::respond::{SameSite, SetCookie};
use dunlin::web::{FromParts, Redirect, Result};
use dunlin::{BoxError, Request};
use sha2::{Digest, Sha256};

use crate::DB;
use crate::db::Db;

pub(crate) const COOKIE: &str = "blog";
/// How long a session lasts.
const LASTS: Duration = Duration::from_secs(7 * 24 * 3600);

/// Who is signed in. As an argument it sends everybody else to the form.
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) name: String,
    session: Vec<u8>,
}

impl FromParts for User {
    type Rejection = Redirect;

    async fn from_parts(req: &mut Request) -> Result<Self, Redirect> {
        let form = || Redirect::see_other("/login");
        let token = req.cookie(COOKIE).ok_or_else(form)?;
        let session = session(&token);
        let found = req.state(&DB).user_of(session.clone(), now()).await.ok().flatten();
        let (id, name) = found.ok_or_else(form)?;
        Ok(Self { id, name, session })
    }
}

/// What the database knows of a token: whoever reads it there can not use it.
fn session(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn random<const N: usize>() -> Result<[u8; N], BoxError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Makes a user for a blog that has none, and tells the password.
pub(crate) async fn first_user(db: &Db, name: &str) -> Result<Option<String>, BoxError> {
    if db.has_users().await? {
        return Ok(None);
    }
    let password = BASE64_URL_SAFE_NO_PAD.encode(random::<9>()?);
    db.add_user(name.to_owned(), hash(&password)?).await?;
    Ok(Some(password))
}

fn hash(password: &str) -> Result<String, BoxError> {
    let salt = SaltString::encode_b64(&random::<16>()?).map_err(|error| error.to_string())?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    Ok(hash.map_err(|error| error.to_string())?.to_string())
}

/// The token of a new session, where name and password are right.
pub(crate) async fn sign_in(db: &Db, name: &str, password: String) -> Result<Option<String>> {
    /// What an unknown name is checked against, so that it takes as long as a known one.
    static NOBODY: LazyLock<String> = LazyLock::new(|| hash("").unwrap_or_default());
    let found = db.password_of(name.to_owned()).await?;
    let id = found.as_ref().map(|(id, _)| *id);
    // It takes its time on purpose: not on a thread that others wait for.
    let is_right = tokio::task::spawn_blocking(move || {
        let hash = found.as_ref().map_or_else(|| NOBODY.as_str(), |(_, hash)| hash);
        let check = |hash| Argon2::default().verify_password(password.as_bytes(), &hash);
        PasswordHash::new(hash).and_then(check).is_ok()
    });
    let is_right = is_right.await.map_err(BoxError::from)?;
    let Some(id) = id.filter(|_| is_right) else { return Ok(None) };
    let token = BASE64_URL_SAFE_NO_PAD.encode(random::<32>()?);
    let until = now().saturating_add(LASTS.as_secs() as i64);
    db.add_session(session(&token), id, now(), until).await?;
    Ok(Some(token))
}

pub(crate) async fn sign_out(db: &Db, user: &User) -> Result<()> {
    db.drop_session(user.session.clone()).await
}

/// Scripts do not see it, and no other site's page has it sent along.
pub(crate) fn cookie(token: String, over_tls: bool) -> SetCookie {
    let cookie =
        SetCookie::new(COOKIE, token).http_only().same_site(SameSite::Strict).max_age(LASTS);
    if over_tls { cookie.secure() } else { cookie }
}
