//! Mistakes in an app: what is wrong, where it was written, and what to do.

use std::fmt;
use std::panic::Location;

use dunlin_core::CheckError;

/// A mistake in an app.
#[non_exhaustive]
#[derive(Clone, Debug, thiserror::Error)]
pub enum BuildError {
    /// A pattern, method, mount or host does not work, or collides with another.
    #[error(transparent)]
    Route(#[from] dunlin_router::BuildError),
    /// A handler takes what its route does not have.
    #[error("{at}: {method} `{pattern}`: {handler}: {source}{}", foreign_syntax(pattern, source))]
    Handler {
        /// Where the handler was registered.
        at: &'static Location<'static>,
        /// The method; `*` for all.
        method: Box<str>,
        /// The pattern, prefixes included.
        pattern: Box<str>,
        /// Path of the function.
        handler: &'static str,
        /// What it lacks.
        source: CheckError,
    },
    /// A resource has no methods.
    #[error("{at}: `{pattern}` has no handler: add one with `.get(..)`, `.post(..)` or the like")]
    NoHandler {
        /// Where the route was made.
        at: &'static Location<'static>,
        /// The pattern, prefixes included.
        pattern: Box<str>,
    },
    /// A registered method is written in lower case; methods are case-sensitive (RFC 9110 §9.1).
    #[error("{at}: no client sends the method `{method}`: write it in capitals")]
    LowerCaseMethod {
        /// Where the handler was registered.
        at: &'static Location<'static>,
        /// The method.
        method: Box<str>,
    },
    /// A name is not made of identifiers.
    #[error("{at}: `{name}` is not a route name: join identifiers by `.`, `:` or `-`")]
    BadName {
        /// Where the route was made.
        at: &'static Location<'static>,
        /// The name.
        name: Box<str>,
    },
    /// Two patterns of one app have the same name.
    #[error("{at}: the name `{name}` is that of `{other}` at {first}: rename one")]
    DuplicateName {
        /// Where the route was made.
        at: &'static Location<'static>,
        /// Where the other was made.
        first: &'static Location<'static>,
        /// The name.
        name: Box<str>,
        /// The pattern that has it already.
        other: Box<str>,
    },
    /// One app has two values for one key.
    #[error("{at}: the key `{key}` has a value of type {type_name} from {first}: remove one")]
    DuplicateState {
        /// Where the later value was given.
        at: &'static Location<'static>,
        /// Where the earlier value was given.
        first: &'static Location<'static>,
        /// Name of the key.
        key: &'static str,
        /// Type of the values.
        type_name: &'static str,
    },
    /// Files cannot be served as they were registered.
    #[cfg(feature = "files")]
    #[error("{at}: {source}")]
    Statics {
        /// Where they were registered.
        at: &'static Location<'static>,
        /// Why.
        source: crate::StaticsError,
    },
    /// An app was mounted at the root.
    #[error(
        "{at}: `{prefix}` is no prefix to mount an app below: add its routes to this app, or begin with a segment such as `/api`"
    )]
    BadPrefix {
        /// Where it was mounted.
        at: &'static Location<'static>,
        /// The prefix.
        prefix: Box<str>,
    },
    /// An app inside another has hosts.
    #[error(
        "{at}: the host `{host}` was added to an app inside another: add it to the outermost app"
    )]
    NestedHost {
        /// Where the host was added.
        at: &'static Location<'static>,
        /// The host.
        host: Box<str>,
    },
    /// No startup step has set a key that was declared. Told after startup.
    #[error(
        "{at}: no startup step has set the key `{key}` of type {type_name}, which is declared here: call \
         `startup.set(&KEY, value)` in `on_startup` or `cleanup_ctx`"
    )]
    NotProvided {
        /// Where it was declared.
        at: &'static Location<'static>,
        /// Name of the key.
        key: &'static str,
        /// Type of its value.
        type_name: &'static str,
    },
    /// A startup step has set a key that has a value. Told after startup.
    #[error("{at}: the key `{key}` of type {type_name} has a value already: set it once")]
    SetTwice {
        /// Where it was set again.
        at: &'static Location<'static>,
        /// Name of the key.
        key: &'static str,
        /// Type of its value.
        type_name: &'static str,
    },
}

/// What to write instead of `/:id`, `/*rest` and `/<id>`, which are valid paths, and captures elsewhere.
fn foreign_syntax(pattern: &str, source: &CheckError) -> &'static str {
    let is_foreign = |segment: &str| {
        segment.starts_with([':', '*']) || (segment.starts_with('<') && segment.ends_with('>'))
    };
    let misses = matches!(
        source,
        CheckError::CaptureCount { found: 0, .. } | CheckError::MissingCapture { .. }
    );
    match misses && pattern.split('/').any(is_foreign) {
        true => "; captures are written `{name}`, and `{name:.*}` for the rest of a path",
        false => "",
    }
}

impl BuildError {
    /// The line that made the mistake.
    pub fn location(&self) -> &'static Location<'static> {
        match self {
            Self::Route(error) => error.location(),
            #[cfg(feature = "files")]
            Self::Statics { at, .. } => at,
            Self::Handler { at, .. }
            | Self::NoHandler { at, .. }
            | Self::LowerCaseMethod { at, .. }
            | Self::BadName { at, .. }
            | Self::DuplicateName { at, .. }
            | Self::DuplicateState { at, .. }
            | Self::BadPrefix { at, .. }
            | Self::NestedHost { at, .. }
            | Self::NotProvided { at, .. }
            | Self::SetTwice { at, .. } => at,
        }
    }
}

/// Every mistake in an app, at least one.
#[derive(Clone)]
pub struct BuildErrors(Vec<BuildError>);

impl BuildErrors {
    /// `Ok` where there is no error.
    pub(crate) fn check(mut errors: Vec<BuildError>) -> Result<(), Self> {
        let line = |error: &BuildError| {
            let at = error.location();
            (at.file(), at.line(), at.column())
        };
        errors.sort_by_key(line);
        if errors.is_empty() { Ok(()) } else { Err(Self(errors)) }
    }

    /// The mistakes by file and line.
    pub fn iter(&self) -> std::slice::Iter<'_, BuildError> {
        self.0.iter()
    }
}

/// One mistake a line, so that it reads well however it is printed.
impl fmt::Display for BuildErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => write!(f, "the app has a mistake:")?,
            count => write!(f, "the app has {count} mistakes:")?,
        }
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

/// As `Display`: it is what `main` and `unwrap` print.
impl fmt::Debug for BuildErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for BuildErrors {}

impl IntoIterator for BuildErrors {
    type Item = BuildError;
    type IntoIter = std::vec::IntoIter<BuildError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a BuildErrors {
    type Item = &'a BuildError;
    type IntoIter = std::slice::Iter<'a, BuildError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
