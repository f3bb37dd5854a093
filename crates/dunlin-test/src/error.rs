//! Why a test's server or client did not start, or did not end as it should.

use std::fmt;

use dunlin_server::ServeError;

/// Why a test's server or client did not start, or did not end as it should.
///
/// Its `Debug` output is its message too, because that is what `unwrap` and a test that returns it print.
#[non_exhaustive]
#[derive(thiserror::Error)]
pub enum TestError {
    /// The app could not be built, started, bound or cleaned up after.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The settings of the client make none.
    #[error("the test's client cannot be made: {0}")]
    Client(#[from] dunlin_client::Error),
    /// A certificate could not be made.
    #[cfg(feature = "tls")]
    #[error("a certificate for the test cannot be made: {0}; names are DNS names or addresses")]
    Certificate(dunlin_core::BoxError),
    /// The terms of TLS are not usable.
    #[cfg(feature = "tls")]
    #[error("the test's server cannot speak TLS: {0}")]
    Tls(#[from] dunlin_server::TlsError),
    /// TLS was asked for, and an app in memory.
    #[cfg(feature = "tls")]
    #[error("an app in memory has no TLS: call `start` in place of `in_memory`")]
    TlsInMemory,
    /// An outside service was named in a way that is no name.
    #[error(
        "{name:?} names no service: write \"api.example.com\", \"api.example.com:8080\" or \
         \"https://api.example.com\""
    )]
    ServiceName {
        /// The name as given.
        name: Box<str>,
    },
    /// Two outside services have one name.
    #[error("the network has a service {name:?} already: one app answers for a name")]
    ServiceTwice {
        /// The name as given.
        name: Box<str>,
    },
}

impl fmt::Debug for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
