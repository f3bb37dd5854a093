//! Digest authentication as middleware (RFC 7616).

use dunlin_core::BoxFuture;
use http::HeaderValue;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};

use super::{Middleware, Next, cookies};
use crate::auth::{DigestAuth, challenges};
use crate::error::Error;
use crate::request::Request;
use crate::response::Response;

/// Answers digest challenges of the one origin that the credentials belong to; sends credentials
/// unasked once they are known to be wanted. Cookies that come with a challenge are stored, and go along with what
/// answers it.
///
/// ```
/// use dunlin_client::{Client, auth::DigestAuth};
///
/// let client = Client::builder().with(DigestAuth::new("user", "passwd")?).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Middleware for DigestAuth {
    fn handle(&self, request: Request, next: Next) -> BoxFuture<'_, Result<Response, Error>> {
        Box::pin(async move {
            let origin = request.url().origin().to_string();
            let method = request.method().clone();
            let uri = target(&request);
            let body = request.body().clone();
            // First of all, because it pins the origin: a redirect of this request is elsewhere.
            let mut sent = self.preempt(&origin, method.as_str(), &uri, body.as_bytes());
            if request.headers().contains("authorization") {
                return next.run(request).await;
            }
            let mut again = body.is_replayable().then(|| request.clone());
            let mut request = request;
            let mut answered = 0;
            loop {
                if let Some(value) = &sent {
                    request.insert_header(AUTHORIZATION, value.clone());
                }
                let response = next.clone().run(request).await?;
                let asked = match response.status().as_u16() {
                    401 => challenges(response.headers().as_map().get_all(WWW_AUTHENTICATE)),
                    _ => Vec::new(),
                };
                if !Self::may_answer(answered, &asked) {
                    self.check(&origin, sent.as_ref(), &response)?;
                    return Ok(response);
                }
                let Some(fresh) = &mut again else { return Ok(response) };
                let answer = self.respond(&origin, method.as_str(), &uri, body.as_bytes(), &asked);
                // What cannot be answered is the program's to see.
                let Ok(answer) = answer else { return Ok(response) };
                answered += 1;
                sent = Some(answer);
                cookies::of_unseen(fresh, &response);
                request = fresh.clone();
            }
        })
    }

    /// The login.
    fn identity(&self) -> Option<String> {
        Some(format!("digest {}", self.login()))
    }
}

impl DigestAuth {
    /// Whether the server knows the password too, where it says so.
    fn check(
        &self,
        origin: &str,
        sent: Option<&HeaderValue>,
        response: &Response,
    ) -> Result<(), Error> {
        let info = response.headers().get("authentication-info");
        if let (Some(sent), Some(info)) = (sent, info)
            && let Ok(info) = HeaderValue::from_bytes(info)
        {
            self.authentication_info(origin, sent, &info, None)
                .map_err(|error| response.locate(Error::other(error)))?;
        }
        Ok(())
    }
}

/// The target as it is sent.
fn target(request: &Request) -> String {
    let uri = request.url().uri();
    uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string)
}
