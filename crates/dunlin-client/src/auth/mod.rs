//! Credentials, and the challenges that ask for them (RFC 9110 §11).
//!
//! Logic alone: nothing here knows of requests, connections or files. Whoever sends a request hands
//! in the field values that came and takes the one to send. Every value that holds a secret is marked
//! sensitive, and no `Debug` output shows one.
//!
//! ```
//! use dunlin_client::auth::{basic, bearer};
//!
//! assert_eq!(basic("Aladdin", "open sesame")?, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
//! assert_eq!(bearer("mF_9.B5f-4.1JqM")?, "Bearer mF_9.B5f-4.1JqM");
//! # Ok::<(), dunlin_client::auth::CredentialsError>(())
//! ```
//!
//! `basic` has the schemes that need no challenge, `challenge` reads `WWW-Authenticate`, `digest`
//! answers it (RFC 7616), `netrc` reads logins from a file's text.

mod basic;
mod challenge;
mod digest;
mod netrc;

pub use self::basic::{CredentialsError, basic, bearer};
pub use self::challenge::{
    Challenge, ChallengeError, MAX_CHALLENGES, MAX_FIELD_BYTES, MAX_PARAMETERS, challenges,
};
pub use self::digest::{DigestAuth, DigestError, MAX_ANSWERS};
pub use self::netrc::{MAX_NETRC_BYTES, Netrc, NetrcEntry, NetrcError, netrc_path};
