use dunlin::web::respond::{ResponseExt, SameSite, SetCookie};
use dunlin::web::{Form, FromParts, HttpError, Redirect, Result, State};
use dunlin::{BoxError, IntoResponse, Request};
use rusqlite::OptionalExtension;
use serde::Deserialize;

use crate::db::{DB, Db};

const COOKIE: &str = "session";

pub struct Session {
    pub name: String,
}

impl FromParts for Session {
    type Rejection = HttpError;

    async fn from_parts(req: &mut Request) -> Result<Self> {
        let token = req.cookie(COOKIE).ok_or_else(HttpError::unauthorized)?.into_owned();
        let sql = "SELECT name FROM sessions WHERE token = ?";
        let name =
            req.state(&DB).run(move |db| db.query_row(sql, [token], |row| row.get(0)).optional());
        let name = name.await?.ok_or_else(HttpError::unauthorized)?;
        Ok(Self { name })
    }
}

#[derive(Deserialize)]
pub struct SignIn {
    name: String,
}

pub async fn sign_in(db: State<Db>, Form(sent): Form<SignIn>) -> Result {
    let name = sent.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 32 {
        return Err(HttpError::unprocessable_content()
            .with_message("a name has between 1 and 32 characters"));
    }
    let token = random_token()?;
    let row = (token.clone(), name);
    db.run(move |db| db.execute("INSERT INTO sessions (token, name) VALUES (?, ?)", row)).await?;
    let cookie = SetCookie::new(COOKIE, token).http_only().same_site(SameSite::Lax);
    Ok(Redirect::see_other("/").into_response().with_cookie(&cookie)?)
}

fn random_token() -> Result<String, BoxError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
