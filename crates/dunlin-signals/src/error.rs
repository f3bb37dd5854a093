//! What can go wrong, and in which callback.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic::Location;

/// Any error, as callbacks return it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A callback that failed.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum SignalError {
    /// It returned an error.
    #[error("callback {index}, registered at {at}: {source}")]
    Failed {
        /// Its place in the order, from 0.
        index: usize,
        /// Where it was registered.
        at: &'static Location<'static>,
        /// What it returned.
        source: BoxError,
    },
    /// It panicked.
    #[error("callback {index}, registered at {at}, panicked: {message}")]
    Panicked {
        /// Its place in the order, from 0.
        index: usize,
        /// Where it was registered.
        at: &'static Location<'static>,
        /// What it panicked with, where that is text.
        message: Box<str>,
    },
}

impl SignalError {
    /// The place of the callback in the order, from 0.
    pub fn index(&self) -> usize {
        match *self {
            Self::Failed { index, .. } | Self::Panicked { index, .. } => index,
        }
    }

    /// Where the callback was registered.
    pub fn location(&self) -> &'static Location<'static> {
        match self {
            Self::Failed { at, .. } | Self::Panicked { at, .. } => at,
        }
    }

    pub(crate) fn panicked(
        index: usize,
        at: &'static Location<'static>,
        payload: &(dyn Any + Send),
    ) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self::Panicked { index, at, message: text.unwrap_or("no message").into() }
    }
}

/// Every callback that failed, in the order in which they were called. Never empty.
#[derive(Debug)]
pub struct SignalErrors(Vec<SignalError>);

impl SignalErrors {
    /// `Err` with `errors` unless there are none: for those who gather from several sources.
    ///
    /// # Errors
    ///
    /// All of `errors`.
    pub fn check(errors: impl IntoIterator<Item = SignalError>) -> Result<(), Self> {
        let errors: Vec<_> = errors.into_iter().collect();
        if errors.is_empty() { Ok(()) } else { Err(Self(errors)) }
    }

    /// The failures.
    pub fn iter(&self) -> std::slice::Iter<'_, SignalError> {
        self.0.iter()
    }
}

/// One line a failure.
impl fmt::Display for SignalErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl Error for SignalErrors {}

impl IntoIterator for SignalErrors {
    type Item = SignalError;
    type IntoIter = std::vec::IntoIter<SignalError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'e> IntoIterator for &'e SignalErrors {
    type Item = &'e SignalError;
    type IntoIter = std::slice::Iter<'e, SignalError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A setup that failed, after which what stood already was torn down.
#[non_exhaustive]
#[derive(Debug)]
pub struct EnterError {
    /// Why the setup failed.
    pub setup: SignalError,
    /// The teardowns that failed afterwards, if any did.
    pub teardown: Option<SignalErrors>,
}

impl fmt::Display for EnterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "setup: {}", self.setup)?;
        match &self.teardown {
            Some(errors) => errors.iter().try_for_each(|error| write!(f, "\nteardown: {error}")),
            None => Ok(()),
        }
    }
}

impl Error for EnterError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.setup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(index: usize) -> SignalError {
        SignalError::Failed { index, at: Location::caller(), source: "out of order".into() }
    }

    #[test]
    fn failures_stand_in_lines_with_their_places() {
        let errors = SignalErrors::check([failed(0), failed(2)]).unwrap_err();
        let text = errors.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[1].starts_with("callback 2, registered at "), "{text}");
        assert!(lines.iter().all(|line| line.contains(file!()) && line.ends_with("out of order")));
    }

    #[test]
    fn no_failures_are_no_error() {
        assert!(SignalErrors::check([]).is_ok());
    }

    #[test]
    fn messages_of_panics_are_kept() {
        let message = |payload: Box<dyn Any + Send>| {
            SignalError::panicked(0, Location::caller(), &*payload).to_string()
        };
        assert!(message(Box::new("a")).ends_with("panicked: a"));
        assert!(message(Box::new("b".to_owned())).ends_with("panicked: b"));
        assert!(message(Box::new(7)).ends_with("panicked: no message"));
    }
}
