//! What a connection must know of its server's settings.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dunlin_codec::{Limits, Signature};
use http::HeaderValue;

use crate::error::Fault;

/// Settings of one connection; the builder documents them.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Tells one server's settings from another's on the same thread.
    pub(crate) id: u64,
    pub(crate) limits: Arc<Limits>,
    pub(crate) head_timeout: Duration,
    pub(crate) keep_alive: Duration,
    pub(crate) body_timeout: Duration,
    /// Bytes a second; 0 for none.
    pub(crate) min_body_rate: u32,
    pub(crate) body_rate_grace: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) linger: Duration,
    pub(crate) half_close: bool,
    pub(crate) server_name: Option<HeaderValue>,
    pub(crate) on_fault: Option<OnFault>,
}

/// Is told of what goes wrong while serving.
#[derive(Clone)]
pub(crate) struct OnFault(pub(crate) Arc<dyn Fn(&Fault<'_>) + Send + Sync>);

impl fmt::Debug for OnFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnFault")
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            id: 0,
            limits: Arc::new(Limits::default()),
            head_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            min_body_rate: 240,
            body_rate_grace: Duration::from_secs(5),
            write_timeout: Duration::from_secs(30),
            linger: Duration::from_secs(2),
            half_close: true,
            server_name: Some(HeaderValue::from_static("dunlin")),
            on_fault: None,
        }
    }
}

impl Config {
    /// The settings of one server, under a number of their own.
    pub(crate) fn share(mut self) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        self.id = NEXT.fetch_add(1, Ordering::Relaxed);
        Arc::new(self)
    }

    /// Tells the hook, or writes a line to stderr where there is none: not of what strangers can cause,
    /// who would fill the disk with it.
    #[cold]
    pub(crate) fn report(&self, fault: &Fault<'_>) {
        match &self.on_fault {
            Some(OnFault(hook)) => hook(fault),
            None if fault.is_of_a_stranger() => {}
            None => drop(writeln!(io::stderr(), "dunlin: {fault}")),
        }
    }

    /// The fields that go onto every response.
    pub(crate) fn signature(&self) -> Signature {
        Signature::new(self.server_name.as_ref().map_or(b"", |name| name.as_bytes()))
    }
}
