//! A server's socket and the handler that has it: however the handler ends, the peer is told.
//!
//! ```text
//!   handler returns   1000   ┐
//!   handler panics    1011   ├─▶ close frame, the peer's answer, the end of TCP
//!   server shuts down 1001   ┘
//!   shutdown timeout  1001, as far as it can be written at once
//! ```

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use dunlin_core::Upgraded;

use super::WebSocket;
use super::core::Core;
use crate::CloseCode;
use crate::config::{Config, Role};
use crate::handshake::Agreed;

/// Where a socket that is dropped before its end comes back to.
#[derive(Debug, Default)]
pub(super) struct Home(Mutex<Whereabouts>);

#[derive(Debug, Default)]
enum Whereabouts {
    /// The program has it, and this waits for it to come back.
    #[default]
    Out,
    Awaited(Waker),
    /// It was dropped; `None` where it had come to its end before.
    Back(Option<Box<Core>>),
}

impl Home {
    pub(super) fn come_back(&self, core: Option<Box<Core>>) {
        if let Whereabouts::Awaited(waker) =
            std::mem::replace(&mut *self.lock(), Whereabouts::Back(core))
        {
            waker.wake();
        }
    }

    fn poll_back(&self, cx: &Context<'_>) -> Poll<Option<Box<Core>>> {
        match &mut *self.lock() {
            Whereabouts::Back(core) => Poll::Ready(core.take()),
            out => {
                *out = Whereabouts::Awaited(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Whereabouts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handler, and what is to be done when it has ended.
///
/// It lasts until the socket has come to its end, wherever the handler has moved it, so that whoever counts
/// connections counts this one for as long as it is there.
#[derive(Debug)]
pub(crate) struct Served<Fut> {
    handler: Option<Pin<Box<Fut>>>,
    home: Arc<Home>,
    core: Option<Box<Core>>,
    panic: Option<Box<dyn Any + Send>>,
}

impl<Fut: Future<Output = ()> + Send + 'static> Served<Fut> {
    pub(crate) fn start(
        io: Upgraded,
        config: Config,
        agreed: Agreed,
        handler: impl FnOnce(WebSocket) -> Fut,
    ) -> Self {
        let home = Arc::new(Home::default());
        let mut ws = WebSocket::open(io, Role::Server, config, agreed);
        ws.core.set_home(Arc::downgrade(&home));
        let (handler, panic) = match catch_unwind(AssertUnwindSafe(|| Box::pin(handler(ws)))) {
            Ok(handler) => (Some(handler), None),
            Err(payload) => (None, Some(payload)),
        };
        Self { handler, home, core: None, panic }
    }
}

impl<Fut: Future<Output = ()>> Future for Served<Fut> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(handler) = &mut self.handler {
            // Nothing of the handler is looked at again after a panic.
            let ended = catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(cx)));
            if matches!(ended, Ok(Poll::Pending)) {
                return Poll::Pending;
            }
            self.panic = ended.err();
            self.handler = None;
        }
        if self.core.is_none()
            && let Some(mut core) = ready!(self.home.poll_back(cx))
        {
            let failed = self.panic.is_some();
            core.start_close(if failed { CloseCode::INTERNAL } else { CloseCode::NORMAL }, "");
            self.core = Some(core);
        }
        if let Some(core) = &mut self.core {
            let _ = ready!(core.poll_closed(cx));
        }
        if let Some(payload) = self.panic.take() {
            // For whoever drives the connection to tell.
            resume_unwind(payload);
        }
        Poll::Ready(())
    }
}

impl<Fut> Drop for Served<Fut> {
    fn drop(&mut self) {
        self.handler = None;
        let back = match &mut *self.home.lock() {
            Whereabouts::Back(core) => core.take(),
            _ => None,
        };
        if let Some(mut core) = self.core.take().or(back) {
            core.cut(CloseCode::GOING_AWAY);
        }
    }
}
