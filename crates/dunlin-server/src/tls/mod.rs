//! TLS for servers, by rustls.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `config` | settings, and what comes of them |
//! | `certificates` | which certificate a client is shown, read anew while the server runs |
//! | `error` | what is wrong with them |

mod certificates;
mod config;
mod error;

pub use self::config::{TlsBuilder, TlsConfig};
pub use self::error::TlsError;
