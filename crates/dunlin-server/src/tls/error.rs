//! Why a configuration of TLS is not usable.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rustls::pki_types::pem;

/// Why certificates, a key or the settings around them cannot be used.
///
/// Its `Debug` output is its message too, because that is what a `main` that returns it prints.
#[non_exhaustive]
#[derive(thiserror::Error)]
pub enum TlsError {
    /// No certificate was given.
    #[error("no certificate for the server: call `certificate_files` or `certificate_pem`")]
    NoCertificate,
    /// A file cannot be read.
    #[error("cannot read the {what} file {}: {source}{}", path.display(), hint(source))]
    Read {
        /// What it should hold.
        what: &'static str,
        /// The path as given.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A PEM is malformed.
    #[error("{origin} is no PEM: {source:?}; it should hold blocks that begin with -----BEGIN")]
    Malformed {
        /// The file, or the argument.
        origin: Box<str>,
        /// What is wrong.
        source: pem::Error,
    },
    /// A PEM holds no certificate.
    #[error(
        "{origin} holds no certificate: it needs a block -----BEGIN CERTIFICATE-----, the server's own \
         first and those of its issuers behind it{}", if *is_key { "; what it holds is a private key: are the two swapped?" } else { "" }
    )]
    EmptyChain {
        /// The file, or the argument.
        origin: Box<str>,
        /// It holds a private key.
        is_key: bool,
    },
    /// A PEM holds no private key.
    #[error(
        "{origin} holds no private key: it needs a block -----BEGIN PRIVATE KEY-----{}",
        if *is_encrypted { "; the key in it is encrypted: decrypt it with `openssl pkey -in FILE -out FILE`" } else { "" }
    )]
    NoKey {
        /// The file, or the argument.
        origin: Box<str>,
        /// It holds one that is encrypted.
        is_encrypted: bool,
    },
    /// The key is another certificate's.
    #[error(
        "the private key in {key} is not that of the first certificate in {chain}: they must have been \
         made together, and the server's own certificate must stand before its issuers'"
    )]
    Mismatch {
        /// Where the certificates are from.
        chain: Box<str>,
        /// Where the key is from.
        key: Box<str>,
    },
    /// A certificate or key is of a kind that is not supported, or malformed.
    #[error("what {origin} holds cannot be used: {}", without_peer(source))]
    Unusable {
        /// The file, or the argument.
        origin: Box<str>,
        /// Why.
        source: rustls::Error,
    },
    /// The roots by which clients are verified cannot be used.
    #[error("clients cannot be verified by the given roots: {0}")]
    ClientRoots(rustls::server::VerifierBuilderError),
    /// The thread that watches files could not be started.
    #[error("cannot start the thread that watches the certificates' files: {0}")]
    Watch(io::Error),
}

/// rustls takes every certificate that it cannot read for the peer's.
fn without_peer(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(reason) => {
            format!("a certificate in it is malformed or of a kind that is not known ({reason})")
        }
        error => error.to_string(),
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; the path is taken from the folder that the program runs in",
        io::ErrorKind::PermissionDenied => {
            "; give the user that the server runs as the right to read it"
        }
        _ => "",
    }
}

impl fmt::Debug for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
