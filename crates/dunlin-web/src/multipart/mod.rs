//! Multipart bodies: part by part as they come ([`Multipart`]), or gathered into a form ([`FormData`],
//! [`Form`](crate::Form)).

mod data;
mod de;
mod error;
mod file;
mod limits;
mod spool;
mod stream;

pub(crate) use self::data::read_urlencoded;
pub use self::data::{FormData, FormValue};
pub use self::error::MultipartError;
pub use self::file::UploadedFile;
pub use self::limits::FormLimits;
pub use self::stream::{Multipart, Nested, Part};
