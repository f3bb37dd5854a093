//! How long the peer may take to answer: a ping by a pong, a close frame by its own.

use std::task::{Context, Poll, ready};

use tokio::time::{Instant, sleep};

use super::{Core, State};
use crate::error::Error;
use crate::message::Part;
use crate::socket::heartbeat::Beat;

/// Reads after the close deadline in which the answer is looked for: what a socket's buffer holds.
const LATE_READS: u8 = 32;

impl Core {
    /// To be asked where nothing has come, so that what has come counts before silence does.
    pub(super) fn poll_deadlines(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Part>, Error>> {
        if let State::Closing(timer) = &mut self.state {
            ready!(timer.as_mut().poll(cx));
            return Poll::Ready(if self.is_leaving() {
                self.start_close_timer();
                Ok(None)
            } else {
                Err(Error::CloseTimeout)
            });
        }
        if self.transport.poll_going_away(cx).is_ready() {
            self.take_leave();
            // To be polled again, and write it.
            return Poll::Ready(Ok(None));
        }
        let Some(heartbeat) = &mut self.heartbeat else { return Poll::Pending };
        let beat = ready!(heartbeat.poll(cx));
        match beat {
            Beat::Dead if self.is_leaving() => {
                if let Some(heartbeat) = &mut self.heartbeat {
                    heartbeat.wait_anew();
                }
            }
            Beat::Dead => return Poll::Ready(Err(Error::PongTimeout)),
            Beat::Ping => {
                self.rest.pings += 1;
                let payload = self.rest.pings.to_be_bytes();
                let _ = self.start_ping(&payload);
                self.rest.leaving = Some(self.transport.mark(&self.out));
            }
        }
        // To be polled again, and write it.
        Poll::Ready(Ok(None))
    }

    /// Sets the time that the peer has for its close frame.
    fn start_close_timer(&mut self) {
        if let State::Closing(timer) = &mut self.state {
            // A time that cannot be added is as good as never, for `sleep`.
            timer.set(sleep(self.rest.config.close_timeout));
        }
    }

    /// Starts the peer's time to answer once it can: when our ping or close frame has left. Until then it is only
    /// asked to take something of what waits before.
    pub(super) fn notice_leaving(&mut self) {
        let Some(mark) = &self.rest.leaving else { return };
        if !self.transport.has_passed(mark) {
            return;
        }
        self.rest.leaving = None;
        self.start_close_timer();
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.wait_anew();
        }
    }

    /// Whether the peer still takes what waits before the frame that it is to answer.
    fn is_leaving(&mut self) -> bool {
        self.rest.leaving.as_mut().is_some_and(|mark| self.transport.is_moving(mark))
    }

    /// Whether a peer that never stops sending has had its time to answer a close frame: the answer is looked for
    /// in what has come by the deadline, and not in all that comes.
    pub(super) fn is_overdue(&mut self) -> bool {
        let State::Closing(timer) = &self.state else { return false };
        if timer.deadline() > Instant::now() {
            return false;
        }
        self.rest.late_reads += 1;
        if self.rest.late_reads <= LATE_READS {
            return false;
        }
        self.rest.late_reads = 0;
        let is_leaving = self.is_leaving();
        if is_leaving {
            self.start_close_timer();
        }
        !is_leaving
    }
}
