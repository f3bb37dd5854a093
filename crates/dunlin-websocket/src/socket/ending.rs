//! The end of TCP, once nothing is left to say (RFC 6455 §7.1.1).

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use super::transport::{Mark, Transport};
use crate::config::Role;
use crate::error::Error;
use crate::proto::Outbox;

/// Writes what is left, then ends TCP.
///
/// A server, and whoever fails the connection, closes its half first; a client waits for the server to. Both
/// read until the peer has closed as well: a connection that is closed with unread input is reset, and a
/// reset can overtake the close frame and destroy it.
#[derive(Debug)]
pub(super) struct Ending {
    /// Why, where the end is not in order.
    pub(super) error: Option<Error>,
    linger: Duration,
    timer: Pin<Box<Sleep>>,
    /// The end of our close frame, until it is written.
    leaving: Option<Mark>,
    is_shut: bool,
}

impl Ending {
    /// An end whose close frame ends at the mark.
    pub(super) fn new(error: Option<Error>, linger: Duration, leaving: Mark) -> Self {
        let timer = Box::pin(sleep(linger));
        Self { error, linger, timer, leaving: Some(leaving), is_shut: false }
    }

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        role: Role,
        transport: &mut Transport,
        out: &mut Outbox,
    ) -> Poll<()> {
        while self.timer.as_mut().poll(cx).is_ready() {
            // Who closes in order gets all that was queued, as long as it takes some of it.
            let is_moving = |mark: &mut Mark| self.error.is_none() && transport.is_moving(mark);
            if !self.leaving.as_mut().is_some_and(is_moving) {
                return Poll::Ready(());
            }
            self.timer.set(sleep(self.linger));
        }
        let is_first = role == Role::Server || self.error.is_some();
        if !self.is_shut {
            let written = transport.poll_write(cx, out, 0);
            if written.is_ready() && self.leaving.take().is_some() {
                self.timer.set(sleep(self.linger));
                // To be woken by it.
                let _ = self.timer.as_mut().poll(cx);
            }
            match written {
                Poll::Ready(Ok(())) if is_first => match transport.poll_shutdown(cx) {
                    Poll::Ready(Ok(())) => self.is_shut = true,
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    // Reading may be what the transport waits for: TLS, and peers that write first.
                    Poll::Pending => {}
                },
                Poll::Ready(Ok(())) | Poll::Pending => {}
                Poll::Ready(Err(_)) => return Poll::Ready(()),
            }
        }
        match transport.poll_drain(cx) {
            Poll::Ready(_) => {
                // All that can be done for a peer that is still there: TLS says its own goodbye.
                if !self.is_shut {
                    let _ = transport.poll_shutdown(cx);
                }
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }
}
