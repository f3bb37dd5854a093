//! Peers that go while a handler runs: noticed by reading ahead, told to who waits for it, and survived by
//! a handler that is to run to its end.

use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::h1::{Closed, Link, Step, Turn};
use super::output::Backlog;
use super::wait::Wait;

/// Most bytes that are read ahead while a handler runs, to notice a peer that goes.
const READ_AHEAD_MAX: usize = 16 * 1024;

impl<T> Link<T> {
    /// Whether the connection has ended and a handler that asked for it is still to run to its end.
    pub(super) fn outlived_by<F>(&self, handler: &Option<F>) -> bool {
        handler.is_some() && self.info.runs_to_completion() && self.io.is_some()
    }

    /// Gives up the connection, for the sake of a handler that runs on without it.
    pub(super) fn lose(&mut self, turn: &mut Turn<'_>) {
        self.io = None;
        self.backlog = Backlog::default();
        turn.output.clear();
        self.cut_incoming();
        self.info.set_gone();
    }

    /// Whether the connection was given up.
    pub(super) fn is_lost(&self) -> bool {
        self.io.is_none()
    }

    /// Tells who waits for it that the peer has closed its half or is gone.
    pub(super) fn tell_gone(&self) {
        self.info.set_gone();
    }
}

impl<T> Link<T>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    /// While a handler runs, reads ahead a little to notice a peer that goes.
    pub(super) fn watch_peer(&mut self, cx: &mut Context<'_>, turn: &mut Turn<'_>) -> Step {
        while !self.eof && !self.is_lost() && turn.input.bytes().len() < READ_AHEAD_MAX {
            match self.poll_fill(cx, turn, READ_AHEAD_MAX) {
                Poll::Ready(Ok(())) => {}
                // A peer that closes its half may still read the answer.
                Poll::Ready(Err(Closed::Half)) if self.config.half_close => {
                    self.tell_gone();
                    break;
                }
                Poll::Ready(Err(_)) => return Step::Done,
                Poll::Pending => break,
            }
        }
        Step::Park(Wait::Handler)
    }
}
