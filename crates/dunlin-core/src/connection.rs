//! What is known of the connection that a request came by, and whether its peer is still there.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::{Interim, ResponseHead, TlsInfo};

/// What is known of the connection that a request came by; one for all its requests.
#[non_exhaustive]
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// The other end; `None` on a unix socket.
    pub peer: Option<SocketAddr>,
    /// This end; `None` on a unix socket.
    pub local: Option<SocketAddr>,
    /// Whether it is encrypted, so that its requests are for `https`. Default: no.
    pub secure: bool,
    /// What its TLS handshake has told, where the server itself has shaken hands.
    pub tls: Option<Arc<TlsInfo>>,
    presence: Arc<Presence>,
}

/// Whether the peer is there; shared by the copies of a [`Connection`].
#[derive(Default)]
struct Presence {
    waiters: Mutex<Waiters>,
    /// What the present request has asked for.
    asked: AtomicU8,
    /// The present request's, where it has asked for one; else that of an earlier request, or none.
    interim: Mutex<Option<Interim>>,
}

/// The handler is to run to its end.
const TO_ITS_END: u8 = 1;

/// The handler may send interim responses.
const INTERIM: u8 = 1 << 1;

#[derive(Default)]
struct Waiters {
    gone: bool,
    next: u64,
    wakers: Vec<(u64, Waker)>,
}

impl Presence {
    fn interim(&self) -> MutexGuard<'_, Option<Interim>> {
        self.interim.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiters(&self) -> MutexGuard<'_, Waiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.waiters().gone { "Gone" } else { "Here" })
    }
}

impl Connection {
    /// Resolves when the peer has gone: see [`Request::disconnected`](crate::Request::disconnected).
    pub fn disconnected(&self) -> Disconnected {
        Disconnected { presence: Some(Arc::clone(&self.presence)), waiter: None }
    }

    /// Asks the server to run the present request's handler to its end, even where the peer goes, which
    /// otherwise drops it. What it returns then goes nowhere. For apps, before the handler is polled.
    pub fn run_to_completion(&self) {
        self.presence.asked.fetch_or(TO_ITS_END, Ordering::Relaxed);
    }

    /// Whether [`run_to_completion`](Self::run_to_completion) was asked; for drivers.
    pub fn runs_to_completion(&self) -> bool {
        self.presence.asked.load(Ordering::Relaxed) & TO_ITS_END != 0
    }

    /// A request begins, of which nothing was asked yet; for drivers.
    pub fn begin_request(&self) {
        self.presence.asked.store(0, Ordering::Relaxed);
    }

    /// Sends interim responses before the present request's response: see
    /// [`Request::interim`](crate::Request::interim).
    pub fn interim(&self) -> Interim {
        let mut interim = self.presence.interim();
        let is_present = self.presence.asked.fetch_or(INTERIM, Ordering::Relaxed) & INTERIM != 0;
        match &*interim {
            Some(interim) if is_present => interim.clone(),
            _ => interim.insert(Interim::open()).clone(),
        }
    }

    /// Whether the present request may send interim responses; for drivers, to look at it before
    /// [`take_interim`](Self::take_interim).
    #[inline]
    pub fn has_interim(&self) -> bool {
        self.presence.asked.load(Ordering::Relaxed) & INTERIM != 0
    }

    /// The interim responses that are to be sent now. `driver` is woken for more; without one there will be no
    /// more, since the response begins. For drivers.
    pub fn take_interim(&self, driver: Option<&Waker>) -> Vec<ResponseHead> {
        self.presence.interim().as_ref().map_or_else(Vec::new, |interim| interim.take(driver))
    }

    /// Tells all that wait that the peer has closed its half or that the connection is gone; for drivers.
    pub fn set_gone(&self) {
        let mut waiters = self.presence.waiters();
        waiters.gone = true;
        let wakers = std::mem::take(&mut waiters.wakers);
        drop(waiters);
        for (_, waker) in wakers {
            waker.wake();
        }
    }
}

/// Resolves when the peer has gone: made by [`Request::disconnected`](crate::Request::disconnected).
#[must_use = "nothing is awaited until it is polled"]
pub struct Disconnected {
    /// `None` where there is no connection that could end.
    presence: Option<Arc<Presence>>,
    waiter: Option<u64>,
}

impl Disconnected {
    /// Of a request that came by no connection: never resolves.
    pub(crate) fn never() -> Self {
        Self { presence: None, waiter: None }
    }

    /// Whether the peer has gone already.
    pub fn is_gone(&self) -> bool {
        self.presence.as_ref().is_some_and(|presence| presence.waiters().gone)
    }
}

impl Future for Disconnected {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let Some(presence) = &this.presence else { return Poll::Pending };
        let mut waiters = presence.waiters();
        if waiters.gone {
            return Poll::Ready(());
        }
        let waiter = *this.waiter.get_or_insert_with(|| {
            waiters.next += 1;
            waiters.next
        });
        match waiters.wakers.iter_mut().find(|(own, _)| *own == waiter) {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => waiters.wakers.push((waiter, cx.waker().clone())),
        }
        Poll::Pending
    }
}

impl Drop for Disconnected {
    fn drop(&mut self) {
        if let (Some(presence), Some(waiter)) = (&self.presence, self.waiter) {
            presence.waiters().wakers.retain(|(own, _)| *own != waiter);
        }
    }
}

/// Another that waits for the same peer.
impl Clone for Disconnected {
    fn clone(&self) -> Self {
        Self { presence: self.presence.clone(), waiter: None }
    }
}

impl fmt::Debug for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Disconnected").field(&self.presence).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn poll(future: Pin<&mut Disconnected>) -> Poll<()> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn all_that_wait_are_told_and_those_that_come_later_too() {
        let connection = Connection::default();
        let copy = connection.clone();
        let (mut one, mut other) = (pin!(connection.disconnected()), pin!(copy.disconnected()));
        assert!(poll(one.as_mut()).is_pending() && poll(other.as_mut()).is_pending());
        copy.set_gone();
        assert!(poll(one).is_ready() && poll(other).is_ready());
        assert!(connection.disconnected().is_gone());
    }

    #[test]
    fn who_waits_no_more_is_forgotten() {
        let connection = Connection::default();
        for _ in 0..100 {
            let mut waits = pin!(connection.disconnected());
            assert!(poll(waits.as_mut()).is_pending() && poll(waits).is_pending());
        }
        assert!(connection.presence.waiters().wakers.is_empty());
    }

    #[test]
    fn interim_responses_of_one_request_never_go_to_the_next() {
        let connection = Connection::default();
        assert!(!connection.has_interim());
        let (one, same) = (connection.interim(), connection.clone().interim());
        assert!(connection.has_interim());
        one.early_hints(["</a>"]).unwrap();
        same.early_hints(["</b>"]).unwrap();
        assert_eq!(connection.take_interim(None).len(), 2);
        connection.begin_request();
        assert!(!connection.has_interim());
        let next = connection.interim();
        assert!(one.early_hints(["</late>"]).is_err());
        assert!(connection.take_interim(Some(Waker::noop())).is_empty());
        next.early_hints(["</c>"]).unwrap();
        assert_eq!(connection.take_interim(Some(Waker::noop())).len(), 1);
    }

    #[test]
    fn what_was_asked_holds_for_one_request() {
        let connection = Connection::default();
        connection.run_to_completion();
        assert!(connection.clone().runs_to_completion());
        connection.begin_request();
        assert!(!connection.runs_to_completion());
    }
}
