//! `/digest-auth`: Digest as a server asks for it (RFC 7616), nonces that go stale included.
//!
//! What the server has to remember it gives to the client as cookies: how many requests a nonce is good for
//! (`stale_after`), and the nonce that was used last (`last_nonce`).

use std::collections::HashMap;

use dunlin::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use dunlin::http::{HeaderValue, StatusCode};
use dunlin::web::respond::{ResponseExt, SetCookie};
use dunlin::web::{Group, Path, Result, get, group};
use dunlin::{IntoResponse, Request, Response};
use md5::Md5;
use serde_json::json;
use sha2::{Digest, Sha256, Sha512};

use crate::inspect::pretty;
use crate::refuse;

pub(crate) fn routes() -> Group {
    let pattern = "/digest-auth/{qop}/{user}/{passwd}";
    group("").routes([
        get(pattern, async |Path((qop, user, passwd)): Path<(String, String, String)>, req| {
            Login::new(&qop, "MD5", user, passwd, "never").answer(req).await
        }),
        get(
            &format!("{pattern}/{{algorithm}}"),
            async |Path((qop, user, passwd, algorithm)): Path<(String, String, String, String)>,
                   req| {
                Login::new(&qop, &algorithm, user, passwd, "never").answer(req).await
            },
        ),
        get(
            &format!("{pattern}/{{algorithm}}/{{stale_after}}"),
            async |Path((qop, user, passwd, algorithm, stale_after)): Path<(
                String,
                String,
                String,
                String,
                String,
            )>,
                   req| {
                Login::new(&qop, &algorithm, user, passwd, &stale_after).answer(req).await
            },
        ),
    ])
}

/// What the path says: who is let in, and how.
struct Login {
    qop: &'static str,
    algorithm: &'static str,
    user: String,
    passwd: String,
    stale_after: String,
}

impl Login {
    /// What is not known is the default.
    fn new(qop: &str, algorithm: &str, user: String, passwd: String, stale_after: &str) -> Self {
        Self {
            qop: match qop {
                "auth" => "auth",
                "auth-int" => "auth-int",
                _ => "auth, auth-int",
            },
            algorithm: match algorithm {
                "SHA-256" => "SHA-256",
                "SHA-512" => "SHA-512",
                _ => "MD5",
            },
            user,
            passwd,
            stale_after: stale_after.to_owned(),
        }
    }

    async fn answer(self, req: Request) -> Result {
        let wants_cookie = req
            .query_value("require-cookie")
            .is_some_and(|value| matches!(&*value.to_ascii_lowercase(), "1" | "t" | "true"));
        let sent = req.headers().get_str(AUTHORIZATION).and_then(parameters);
        let cookie = |name| req.cookie(name).map(|value| value.into_owned());
        let Some(sent) = sent.filter(|_| !wants_cookie || req.headers().contains("cookie")) else {
            return self.challenge(None, false);
        };
        if wants_cookie && cookie("fake").as_deref() != Some("fake_value") {
            let errors = json!({ "errors": ["missing cookie set on challenge"] });
            let response = pretty(&errors).with_status(StatusCode::FORBIDDEN);
            return with_cookies(response, &[("fake", "fake_value")]);
        }
        let nonce = sent.get("nonce").cloned().unwrap_or_default();
        let left = cookie("stale_after");
        if cookie("last_nonce").is_some_and(|last| last == nonce) || left.as_deref() == Some("0") {
            return self.challenge(Some(&nonce), true);
        }
        let method = req.method().clone();
        let target = req.head().target().to_owned();
        let body = req.into_body().into_vec().await?;
        if self.right(&sent, method.as_str(), &target, &body).is_none_or(|right| {
            sent.get("response").is_none_or(|response| !response.eq_ignore_ascii_case(&right))
        }) {
            return self.challenge(Some(&nonce), false);
        }
        let response = pretty(&json!({ "authenticated": true, "user": self.user }));
        let response = with_cookies(response, &[("fake", "fake_value")])?;
        match left {
            None => Ok(response),
            Some(left) => {
                let left = left.parse::<i64>().map(|n| n.saturating_sub(1).to_string());
                let left = left.unwrap_or_else(|_| "never".into());
                with_cookies(response, &[("stale_after", &left)])
            }
        }
    }

    /// The `response` that is right for what was sent; `None` where a part is missing or none of ours.
    fn right(
        &self,
        sent: &HashMap<String, String>,
        method: &str,
        target: &str,
        body: &[u8],
    ) -> Option<String> {
        let hash = |text: String| hash(self.algorithm, text.as_bytes());
        let part = |name: &str| sent.get(name).map(String::as_str);
        let (user, realm, nonce) = (part("username")?, part("realm")?, part("nonce")?);
        if user != self.user || part("algorithm").is_some_and(|sent| sent != self.algorithm) {
            return None;
        }
        let ha1 = hash(format!("{user}:{realm}:{}", self.passwd));
        let ha2 = match part("qop") {
            None | Some("auth") => hash(format!("{method}:{target}")),
            Some("auth-int") => {
                hash(format!("{method}:{target}:{}", crate::digest::hash(self.algorithm, body)))
            }
            Some(_) => return None,
        };
        Some(hash(match part("qop") {
            None => format!("{ha1}:{nonce}:{ha2}"),
            Some(qop) => {
                format!("{ha1}:{nonce}:{}:{}:{qop}:{ha2}", part("nc")?, part("cnonce")?)
            }
        }))
    }

    /// 401, with a nonce to use; `used` is the one that was sent.
    fn challenge(&self, used: Option<&str>, stale: bool) -> Result {
        let random = || hash(self.algorithm, &fastrand::u128(..).to_ne_bytes());
        let challenge = format!(
            "Digest realm=\"httpbin\", nonce=\"{}\", opaque=\"{}\", qop=\"{}\", algorithm={}, stale={}",
            random(),
            random(),
            self.qop,
            self.algorithm,
            if stale { "TRUE" } else { "FALSE" },
        );
        let response = StatusCode::UNAUTHORIZED
            .into_response()
            .with_header(WWW_AUTHENTICATE, HeaderValue::try_from(challenge).map_err(refuse)?);
        let response =
            with_cookies(response, &[("stale_after", &self.stale_after), ("fake", "fake_value")])?;
        match used {
            None => Ok(response),
            Some(nonce) => with_cookies(response, &[("last_nonce", nonce)]),
        }
    }
}

fn with_cookies(mut response: Response, cookies: &[(&str, &str)]) -> Result {
    for (name, value) in cookies {
        response = response.with_cookie(&SetCookie::new(*name, *value)).map_err(refuse)?;
    }
    Ok(response)
}

fn hash(algorithm: &str, bytes: &[u8]) -> String {
    let hex = |hash: &[u8]| hash.iter().map(|byte| format!("{byte:02x}")).collect();
    match algorithm {
        "SHA-256" => hex(&Sha256::digest(bytes)),
        "SHA-512" => hex(&Sha512::digest(bytes)),
        _ => hex(&Md5::digest(bytes)),
    }
}

/// What stands behind `Digest`: `name=token` or `name="text"`, commas between.
fn parameters(field: &str) -> Option<HashMap<String, String>> {
    let (scheme, mut rest) = field.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("digest") {
        return None;
    }
    let mut all = HashMap::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(all);
        }
        let (name, behind) = rest.split_once('=')?;
        let mut value = String::new();
        match behind.trim_start().strip_prefix('"') {
            None => {
                let end = behind.find(',').unwrap_or(behind.len());
                value.push_str(behind[..end].trim());
                rest = &behind[end..];
            }
            Some(quoted) => {
                let mut chars = quoted.chars();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => value.push(chars.next()?),
                        c => value.push(c),
                    }
                }
                rest = chars.as_str();
            }
        }
        all.insert(name.trim().to_ascii_lowercase(), value);
    }
}
