//! A connection that was handed over, and the server's word to it.

use std::task::{Context, Poll};

use bytes::Bytes;
use dunlin_core::{BoxFuture, Goodbye, Io, OnUpgrade, Upgraded};

/// What the connection was handed over to. It ends by itself, or when the time to shut down is over.
pub(super) struct Handed {
    then: BoxFuture<'static, ()>,
    goodbye: Goodbye,
}

impl Handed {
    pub(super) fn over(then: OnUpgrade, io: impl Io + 'static, read_ahead: Bytes) -> Self {
        let (io, goodbye) = Upgraded::new(io, read_ahead).with_goodbye();
        Self { then: then.run(io), goodbye }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>, closing: bool) -> Poll<()> {
        if closing {
            self.goodbye.say();
        }
        self.then.as_mut().poll(cx)
    }
}
