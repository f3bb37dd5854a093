//! Multipart bodies without I/O (RFC 2046 §5.1, RFC 7578).
//!
//! # Writing
//!
//! A [`Form`] is what browsers send for a form with files; a [`Multipart`] is any other subtype, and
//! may nest. Both become a [`dunlin_core::Body`], which streams its parts as it is read and gathers
//! none of them.
//!
//! ```
//! use dunlin_multipart::{Form, Part};
//!
//! let form = Form::new()
//!     .text("title", "holiday")
//!     .part("photo", Part::bytes(&b"\x89PNG"[..]).file_name("sea.png").content_type("image/png"));
//!
//! let content_type = form.content_type();
//! assert!(content_type.to_str()?.starts_with("multipart/form-data; boundary="));
//! // Every part knows its length, so the request can say `Content-Length`.
//! let body = form.into_body()?;
//! assert!(body.exact_len().is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Reading
//!
//! A [`Reader`] takes the bytes of a body in whatever pieces they come and tells parts, their bytes and
//! their ends; [`Limits`] bound it. It takes bodies of every subtype, and those inside others.
//!
//! # Mistakes
//!
//! Building never fails. The first mistake of each part is kept and told by `into_body`, with the
//! number of the part, so that a chain of calls needs one `?`. Nothing that a caller passes in can
//! end a header line: names are escaped as browsers do it, and other control characters are refused.
//!
//! # Sending twice
//!
//! A form whose parts are bytes, text or [replayable](Part::replayable) can be sent again after a
//! redirect or a lost connection: [`Form::try_clone`] before [`Form::into_body`]. The boundary stays
//! the same, and so does the content type.
//!
//! # Modules
//!
//! All private; their types are here. `boundary` makes and checks delimiters, `disposition` quotes
//! names, `part` is one part and its headers, `multipart` and `form` collect parts, `writing` is the
//! body that they turn into. `read` is the other way: `delimiter` finds boundaries, `level` is one body,
//! `head`, `disposition` and `transfer` read what a part says of itself.
//!
//! # Costs
//!
//! Headers and small parts are laid out in one buffer when the body is made; bytes of 4 KiB or more
//! are shared, never copied, and streams are passed on as they come. What is read comes out as slices of
//! what was put in.

#![forbid(unsafe_code)]

mod boundary;
mod disposition;
mod form;
mod multipart;
mod part;
mod read;
mod writing;

/// What the README shows compiles, and runs where it needs no network.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub use self::boundary::{Boundary, BoundaryError};
pub use self::form::Form;
pub use self::multipart::{Multipart, MultipartError};
pub use self::part::{Part, PartError};
pub use self::read::{Event, Limits, PartHead, ReadError, Reader};
pub use self::writing::LengthError;
