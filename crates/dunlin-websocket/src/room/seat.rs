//! One member's queue: rooms put in, the socket takes out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Waker};

use super::{RoomConfig, Shared, SharedFrame, SlowPolicy};
use crate::{CloseCode, CloseFrame, Text};

/// What a message in a queue counts besides its bytes: many small ones are not for nothing.
const OVERHEAD: usize = 128;

/// A socket's place in a room, seen from both.
pub(crate) struct Seat {
    room: Weak<Shared>,
    id: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<SharedFrame>>,
    bytes: usize,
    missed: u64,
    /// The socket, where it waits.
    waker: Option<Waker>,
    /// Said once the queue is empty; nothing is put in any more.
    close: Option<CloseFrame>,
    has_left: bool,
}

/// What a socket is to do.
pub(crate) enum Next {
    Send(Arc<SharedFrame>),
    Close(CloseFrame),
    /// Nothing, and it is woken when there is.
    Wait,
    /// Nothing ever again.
    Left,
}

impl Seat {
    pub(super) fn new(room: Weak<Shared>, id: u64) -> Self {
        Self { room, id, state: Mutex::default() }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message in, or does with a full queue what the room's policy is. Tells whether it waits now, and
    /// whom to wake.
    pub(super) fn push(
        &self,
        frame: &Arc<SharedFrame>,
        config: &RoomConfig,
    ) -> (bool, Option<Waker>) {
        let mut state = self.lock();
        if state.close.is_some() || state.has_left {
            return (false, None);
        }
        let cost = cost(frame);
        while !state.queue.is_empty() && state.bytes + cost > config.max_queued {
            match config.slow {
                SlowPolicy::DropOldest => drop(state.pop()),
                SlowPolicy::DropNewest => {
                    state.missed += 1;
                    return (false, None);
                }
                SlowPolicy::Close => {
                    state.missed += state.queue.len() as u64 + 1;
                    state.clear();
                    let reason = Text::from_static("too slow");
                    state.close = Some(CloseFrame { code: CloseCode::TRY_LATER, reason });
                    return (false, state.waker.take());
                }
            }
            state.missed += 1;
        }
        state.bytes += cost;
        state.queue.push_back(Arc::clone(frame));
        (true, state.waker.take())
    }

    /// Has the socket closed once it has sent what waits.
    pub(super) fn close(&self, frame: &CloseFrame) -> Option<Waker> {
        let mut state = self.lock();
        state.close.get_or_insert_with(|| frame.clone());
        state.waker.take()
    }

    /// Takes the next out, for a socket that has room for it.
    pub(crate) fn next(&self, cx: &Context<'_>, has_room: bool) -> Next {
        let mut state = self.lock();
        if state.has_left {
            return Next::Left;
        }
        if has_room && let Some(frame) = state.pop() {
            return Next::Send(frame);
        }
        match &state.close {
            Some(frame) if state.queue.is_empty() => Next::Close(frame.clone()),
            _ => {
                match &mut state.waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    empty => *empty = Some(cx.waker().clone()),
                }
                Next::Wait
            }
        }
    }

    /// Frees the place, and what waits for it.
    pub(crate) fn leave(&self) {
        if let Some(room) = self.room.upgrade() {
            room.lock().seats.remove(&self.id);
        }
        let mut state = self.lock();
        state.has_left = true;
        state.clear();
    }

    pub(super) fn queued(&self) -> usize {
        self.lock().bytes
    }

    pub(super) fn missed(&self) -> u64 {
        self.lock().missed
    }
}

impl State {
    fn pop(&mut self) -> Option<Arc<SharedFrame>> {
        let frame = self.queue.pop_front()?;
        self.bytes -= cost(&frame);
        if self.queue.is_empty() {
            // An idle member owns no memory for what it once had.
            self.queue = VecDeque::new();
        }
        Some(frame)
    }

    fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.bytes = 0;
    }
}

fn cost(frame: &SharedFrame) -> usize {
    frame.len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;
    use crate::proto::Compress;

    fn frame(bytes: Vec<u8>) -> Arc<SharedFrame> {
        Arc::new(SharedFrame::new(Message::from(bytes), Compress::Auto))
    }

    fn first(seat: &Seat) -> Option<u8> {
        match seat.next(&Context::from_waker(Waker::noop()), true) {
            Next::Send(frame) => Some(frame.message().as_bytes()[0]),
            _ => None,
        }
    }

    /// A seat with room for two messages, which is told six.
    fn crowded(slow: SlowPolicy) -> Seat {
        let config = RoomConfig { max_queued: 2 * (100 + OVERHEAD), slow };
        let seat = Seat::new(Weak::new(), 0);
        for nth in 0..6 {
            seat.push(&frame(vec![nth; 100]), &config);
            assert!(seat.queued() <= config.max_queued);
        }
        seat
    }

    #[test]
    fn each_policy_keeps_what_it_says() {
        let seat = crowded(SlowPolicy::DropOldest);
        assert_eq!((first(&seat), first(&seat), first(&seat)), (Some(4), Some(5), None));
        assert_eq!(seat.missed(), 4);
        let seat = crowded(SlowPolicy::DropNewest);
        assert_eq!((first(&seat), first(&seat), first(&seat)), (Some(0), Some(1), None));
        assert_eq!(seat.missed(), 4);
        let seat = crowded(SlowPolicy::Close);
        let next = seat.next(&Context::from_waker(Waker::noop()), false);
        assert!(matches!(next, Next::Close(frame) if frame.code == CloseCode::TRY_LATER));
        assert_eq!((seat.missed(), seat.queued()), (3, 0), "the rest was not for it any more");
    }

    #[test]
    fn a_message_larger_than_the_queue_waits_alone() {
        let config = RoomConfig { max_queued: 10, slow: SlowPolicy::DropNewest };
        let seat = Seat::new(Weak::new(), 0);
        assert!(seat.push(&frame(vec![1; 1000]), &config).0);
        assert!(!seat.push(&frame(vec![2]), &config).0);
        assert_eq!(first(&seat), Some(1));
        assert!(seat.push(&frame(vec![3]), &config).0);
    }

    #[test]
    fn what_waits_is_sent_before_a_room_is_closed() {
        let seat = Seat::new(Weak::new(), 0);
        seat.push(&frame(vec![1]), &RoomConfig::default());
        let end = CloseFrame { code: CloseCode::RESTART, reason: Text::default() };
        seat.close(&end);
        assert!(!seat.push(&frame(vec![2]), &RoomConfig::default()).0);
        let cx = Context::from_waker(Waker::noop());
        assert!(matches!(seat.next(&cx, false), Next::Wait), "there is no room for it yet");
        assert_eq!(first(&seat), Some(1));
        assert!(matches!(seat.next(&cx, true), Next::Close(frame) if frame == end));
    }
}
