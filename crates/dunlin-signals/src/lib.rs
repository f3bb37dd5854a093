//! Ordered asynchronous callbacks, frozen before use, and setup-and-teardown pairs.
//!
//! A [`Signal`] calls its receivers one after the other, in the order in which they were connected.
//! A [`Cleanup`] sets things up in order and tears them down in reverse. Both are filled while a
//! program is put together, and neither knows what it is for, or under which runtime it runs.
//!
//! ```
//! use dunlin_signals::{BoxError, Signal};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let mut on_startup = Signal::new();
//! on_startup.connect(async |name: String| println!("{name} is about to start"));
//! on_startup.connect(|name: String| async move {
//!     if name.is_empty() { Err("there is no name") } else { Ok(()) }
//! });
//! let on_startup = on_startup.freeze();
//!
//! on_startup.send("shop".to_owned()).await?;
//! assert!(on_startup.send(String::new()).await.is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # Errors and panics
//!
//! A receiver, setup or teardown returns nothing, or a `Result` with any error. A panic in one is
//! caught, reported as [`SignalError::Panicked`], and treated as an error from then on: so that one
//! broken teardown does not keep the others from running. (Built with `panic = "abort"`, the process
//! ends, as always.) Each error says where in the source its callback was registered.
//!
//! # Modules
//!
//! All private; their types are here. `signal` has [`Signal`], `cleanup` has [`Cleanup`], `error`
//! what can go wrong, `callback` what they share: results, and calls that survive a panic.
//!
//! # Costs
//!
//! One allocation and one clone of the value for each receiver called.
#![forbid(unsafe_code)]

mod callback;
mod cleanup;
mod error;
mod signal;

/// What the README shows compiles, and runs where it needs no network.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub use callback::IntoSignalResult;
pub use cleanup::{Cleanup, Entered, Teardown};
pub use error::{BoxError, EnterError, SignalError, SignalErrors};
pub use signal::{FrozenSignal, Signal};
