//! A socket's places in rooms: what is said there goes out by its queue.

use std::sync::Arc;
use std::task::Context;

use super::Core;
use crate::CloseFrame;
use crate::room::{Next, Seat};

impl Core {
    pub(in crate::socket) fn sit(&mut self, seat: Arc<Seat>) {
        self.rest.seats.push(seat);
        if !self.is_open() {
            self.leave_rooms();
        }
    }

    /// Takes what is said in its rooms, as far as half of the queue goes: one message of each in turn, so that a
    /// busy room does not keep the others waiting. Tells whether there was no room for more.
    pub(super) fn hear(&mut self, cx: &Context<'_>) -> bool {
        let (mut is_over, mut close) = (false, None);
        while !is_over && self.is_open() {
            is_over = true;
            let (encoder, out) = (&mut self.encoder, &mut self.out);
            let limit = (self.rest.config.high_water / 2).max(1);
            self.rest.seats.retain(|seat| {
                // Between the parts of a message there is no place for another.
                let has_room = out.len() < limit && !encoder.is_in_message();
                match seat.next(cx, has_room) {
                    Next::Send(frame) => {
                        encoder.shared(&frame, out);
                        is_over = false;
                    }
                    Next::Close(frame) => close = Some(frame),
                    Next::Wait => {}
                    Next::Left => return false,
                }
                true
            });
            if let Some(CloseFrame { code, reason }) = close.take() {
                self.start_close(code, &reason);
            }
        }
        self.out.len() >= (self.rest.config.high_water / 2).max(1)
    }

    /// Nothing is said to a socket that does not send any more.
    pub(super) fn leave_rooms(&mut self) {
        for seat in std::mem::take(&mut self.rest.seats) {
            seat.leave();
        }
    }
}
