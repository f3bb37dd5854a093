//! Why a command failed, and the exit code that says so to scripts.

use std::io;
use std::path::Path;

use dunlin::client::{Error, ErrorKind};

/// Exit codes; `dunlin --help` lists them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Code {
    Other = 1,
    Usage = 2,
    Connect = 3,
    Tls = 4,
    Timeout = 5,
    Broken = 6,
    File = 7,
    Status = 8,
    Closed = 9,
}

/// What a command ends with where it does not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    /// What happened, where, and what to do. Empty where everything has been said already.
    message: String,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self::new(Code::Other, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// A file or directory that cannot be used; `what` is as in "cannot read".
    pub(crate) fn file(what: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(Code::File, format!("cannot {what} {}: {error}", path.display()))
    }

    /// Standard output does not take what is written. Whoever closes it, as `head` does, has seen enough: nothing
    /// is said then.
    pub(crate) fn stdout(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::other(""),
            _ => Self::other(format!("cannot write to standard output: {error}")),
        }
    }

    /// Adds what a person may do about it.
    pub(crate) fn hint(mut self, hint: &str) -> Self {
        if !self.message.is_empty() {
            self.message.push_str("; ");
            self.message.push_str(hint);
        }
        self
    }

    /// Says it, and gives the exit code.
    pub(crate) fn tell(&self, command: &str) -> i32 {
        if !self.message.is_empty() {
            eprintln!("dunlin {command}: {}", self.message);
        }
        self.code as i32
    }
}

/// Which exit code stands for an error of the client.
pub(crate) fn code_of(error: &Error) -> Code {
    match error.kind() {
        ErrorKind::Status { .. } | ErrorKind::Handshake(_) => Code::Status,
        _ if error.is_timeout() => Code::Timeout,
        _ if error.is_request() => Code::Usage,
        ErrorKind::Tls(_) | ErrorKind::Pin { .. } => Code::Tls,
        ErrorKind::Resolve(_)
        | ErrorKind::Connect(_)
        | ErrorKind::Refused(_)
        | ErrorKind::Proxy { .. } => Code::Connect,
        _ => Code::Broken,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = code_of(&error);
        let failure = Self::new(code, error.to_string());
        match code {
            Code::Tls => failure.hint(
                "--ca FILE trusts the certificate in that file too, --insecure takes any certificate",
            ),
            Code::Timeout => failure.hint("--timeout SECONDS waits longer"),
            _ => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_told_by_the_code_alone() {
        let failure = Failure::stdout(&io::ErrorKind::BrokenPipe.into());
        assert_eq!((failure.code, &*failure.message), (Code::Other, ""));
        assert_eq!(failure.hint("try again").message, "");
    }
}
