//! Interim responses: what a handler says before it answers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use http::header::InvalidHeaderValue;
use http::{HeaderValue, StatusCode};

use crate::ResponseHead;

/// Most interim responses to one request. Clients stop reading at some number: Dunlin's at 32.
const MAX_INTERIMS: usize = 16;

/// Sends interim responses (1xx, RFC 9110 §15.2) to the client of one request, before its response: made by
/// [`Request::interim`](crate::Request::interim). Cheap to clone, and may go to another task.
///
/// ```
/// use dunlin_core::{IntoResponse, Request, Response};
///
/// async fn page(req: Request) -> Response {
///     let _ = req.interim().early_hints(["</app.css>; rel=preload; as=style"]);
///     // What takes its time; the client fetches the style sheet meanwhile.
///     "<link rel=stylesheet href=/app.css>".into_response()
/// }
/// ```
///
/// They leave when the handler next waits. Clients that speak HTTP/1.0 are sent none (RFC 9110 §15.2), and a
/// request that came by no connection sends them nowhere: neither is an error.
#[derive(Clone, Debug)]
pub struct Interim(Option<Arc<Queue>>);

/// Why an interim response was not sent. The response itself is none the worse.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum InterimError {
    /// The status is not one of an interim response that a program may send: 1xx besides 100, which is sent
    /// when the body is first asked for, and 101, which is a response.
    #[error("{0} is no interim response that a handler sends: 1xx but for 100 and 101")]
    Status(StatusCode),
    /// A link holds bytes that no field's value may hold.
    #[error("a link is no field value: {0}")]
    Link(#[from] InvalidHeaderValue),
    /// The response has begun.
    #[error("the response has begun, and no interim response may follow")]
    TooLate,
    /// The request has had as many as are sent.
    #[error("a request is sent at most {limit} interim responses")]
    TooMany {
        /// How many.
        limit: usize,
    },
}

#[derive(Debug, Default)]
struct Queue(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    heads: Vec<ResponseHead>,
    taken: usize,
    closed: bool,
    driver: Option<Waker>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interim {
    /// Of a request that came by no connection.
    pub(crate) fn nowhere() -> Self {
        Self(None)
    }

    /// Of a request that is being handled.
    pub(crate) fn open() -> Self {
        Self(Some(Arc::default()))
    }

    /// Sends `103 Early Hints` (RFC 8297) with a `Link` for each, as RFC 8288 writes them.
    ///
    /// # Errors
    ///
    /// [`InterimError::Link`] for what is no field value, and those of [`send`](Self::send).
    pub fn early_hints<L: AsRef<str>>(
        &self,
        links: impl IntoIterator<Item = L>,
    ) -> Result<(), InterimError> {
        let mut head = ResponseHead { status: StatusCode::EARLY_HINTS, ..ResponseHead::default() };
        for link in links {
            head.headers.append(http::header::LINK, HeaderValue::from_str(link.as_ref())?);
        }
        self.send(head)
    }

    /// Sends the head of an interim response, without fields that speak of a body's length. One that breaks a
    /// rule of HTTP is told to the server's hook for faults and left out.
    ///
    /// # Errors
    ///
    /// [`InterimError`] for another status, once the response has begun, and for the 17th.
    pub fn send(&self, head: ResponseHead) -> Result<(), InterimError> {
        if !head.status.is_informational() || matches!(head.status.as_u16(), 100 | 101) {
            return Err(InterimError::Status(head.status));
        }
        let Some(queue) = &self.0 else { return Ok(()) };
        let mut state = queue.lock();
        if state.closed {
            return Err(InterimError::TooLate);
        }
        if state.taken + state.heads.len() >= MAX_INTERIMS {
            return Err(InterimError::TooMany { limit: MAX_INTERIMS });
        }
        state.heads.push(head);
        let driver = state.driver.take();
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
        Ok(())
    }

    /// What was sent since the last look; `driver` is woken for more, and without one there is no more.
    pub(crate) fn take(&self, driver: Option<&Waker>) -> Vec<ResponseHead> {
        let Some(queue) = &self.0 else { return Vec::new() };
        let mut state = queue.lock();
        state.closed = driver.is_none();
        state.driver = driver.cloned();
        state.taken += state.heads.len();
        std::mem::take(&mut state.heads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(interim: &Interim) -> Result<(), InterimError> {
        interim.early_hints(["</a.css>; rel=preload"])
    }

    #[test]
    fn hints_are_taken_once_until_the_response_begins() {
        let interim = Interim::open();
        hint(&interim).unwrap();
        assert_eq!(interim.take(Some(Waker::noop())).len(), 1);
        hint(&interim.clone()).unwrap();
        let last = interim.take(None);
        assert_eq!((last.len(), last[0].status), (1, StatusCode::EARLY_HINTS));
        assert_eq!(last[0].headers.get_str("link"), Some("</a.css>; rel=preload"));
        assert!(matches!(hint(&interim), Err(InterimError::TooLate)));
    }

    #[test]
    fn what_is_no_interim_response_is_refused() {
        let interim = Interim::open();
        for status in [100, 101, 200, 404] {
            let status = StatusCode::from_u16(status).unwrap();
            let head = ResponseHead { status, ..ResponseHead::default() };
            assert!(matches!(interim.send(head), Err(InterimError::Status(own)) if own == status));
        }
        assert!(matches!(interim.early_hints(["</a>\r\nX: y"]), Err(InterimError::Link(_))));
        assert!(interim.take(None).is_empty());
    }

    #[test]
    fn a_request_is_sent_so_many_and_no_more() {
        let interim = Interim::open();
        for at in 0..MAX_INTERIMS {
            hint(&interim).unwrap();
            if at == 5 {
                assert_eq!(interim.take(Some(Waker::noop())).len(), 6);
            }
        }
        assert!(matches!(hint(&interim), Err(InterimError::TooMany { limit: 16 })));
    }

    #[test]
    fn without_a_connection_hints_go_nowhere() {
        for _ in 0..100 {
            hint(&Interim::nowhere()).unwrap();
        }
    }
}
