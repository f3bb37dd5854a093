//! What a handler may take as arguments.

use std::any::{TypeId, type_name};
use std::borrow::Cow;
use std::convert::Infallible;

use crate::{IntoResponse, Request};

/// An argument made from a request's head; any number of them, in any order.
///
/// ```
/// use std::convert::Infallible;
/// use dunlin_core::{FromParts, Request};
///
/// struct UserAgent(Option<String>);
///
/// impl FromParts for UserAgent {
///     type Rejection = Infallible;
///
///     async fn from_parts(req: &mut Request) -> Result<Self, Infallible> {
///         Ok(Self(req.headers().get_str("user-agent").map(str::to_owned)))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be taken from a request's head",
    note = "arguments before the last implement `FromParts`; one that reads the body comes last"
)]
pub trait FromParts: Sized + Send {
    /// The answer where it cannot be made.
    type Rejection: IntoResponse + Send;

    /// Called once a route, when the app is built: what is missing there is reported before the first
    /// bind instead of as a 500 later.
    ///
    /// # Errors
    ///
    /// What the route lacks.
    fn check(route: &RouteInfo<'_>) -> Result<(), CheckError> {
        let _ = route;
        Ok(())
    }

    /// Makes the argument.
    fn from_parts(req: &mut Request) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;
}

/// An argument made from the whole request: the last of a handler.
///
/// `Via` tells the compiler apart what reads the body ([`ViaBody`]) and what is taken from the head
/// ([`ViaParts`]); nobody writes it by hand.
///
/// ```
/// use dunlin_core::{BodyError, FromRequest, Request};
///
/// /// The lines of a body that is text, but for empty ones.
/// struct Lines(Vec<String>);
///
/// impl FromRequest for Lines {
///     type Rejection = BodyError; // 413 where the body is too long, 400 where it is no text
///
///     async fn from_request(req: Request) -> Result<Self, BodyError> {
///         let text = req.text().await?;
///         Ok(Self(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be taken from a request",
    note = "the last argument implements `FromRequest` or `FromParts`, such as `Request`, `Json<T>` or `Path<T>`"
)]
pub trait FromRequest<Via = ViaBody>: Sized + Send {
    /// The answer where it cannot be made.
    type Rejection: IntoResponse + Send;

    /// As [`FromParts::check`].
    ///
    /// # Errors
    ///
    /// What the route lacks.
    fn check(route: &RouteInfo<'_>) -> Result<(), CheckError> {
        let _ = route;
        Ok(())
    }

    /// Makes the argument.
    fn from_request(req: Request) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;
}

/// Marks [`FromRequest`] types that read the body.
#[derive(Debug)]
#[non_exhaustive]
pub enum ViaBody {}

/// Marks [`FromRequest`] types that are taken from the head.
#[derive(Debug)]
#[non_exhaustive]
pub enum ViaParts {}

impl<T: FromParts> FromRequest<ViaParts> for T {
    type Rejection = T::Rejection;

    fn check(route: &RouteInfo<'_>) -> Result<(), CheckError> {
        T::check(route)
    }

    async fn from_request(mut req: Request) -> Result<Self, Self::Rejection> {
        T::from_parts(&mut req).await
    }
}

impl FromRequest for Request {
    type Rejection = Infallible;

    async fn from_request(req: Request) -> Result<Self, Infallible> {
        Ok(req)
    }
}

/// What an argument can ask about its route when the app is built.
#[derive(Clone, Copy, Debug)]
pub struct RouteInfo<'a> {
    captures: &'a [Box<str>],
    states: &'a [StateInfo],
}

/// A state key that the apps on a route declare.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StateInfo {
    name: &'static str,
    ty: TypeId,
}

impl StateInfo {
    /// The key of that name and the type `T`.
    pub fn of<T: 'static>(name: &'static str) -> Self {
        Self { name, ty: TypeId::of::<T>() }
    }

    /// The key's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The type of its value.
    pub fn type_id(&self) -> TypeId {
        self.ty
    }
}

impl<'a> RouteInfo<'a> {
    /// The capture names of a pattern, and the state that its apps declare.
    pub fn new(captures: &'a [Box<str>], states: &'a [StateInfo]) -> Self {
        Self { captures, states }
    }

    /// Names of the pattern's captures, in its order.
    pub fn captures(&self) -> &'a [Box<str>] {
        self.captures
    }

    /// Checks that exactly one key holds a `T`.
    ///
    /// # Errors
    ///
    /// [`CheckError::MissingState`] or [`CheckError::AmbiguousState`].
    pub fn require_state<T: 'static>(&self) -> Result<(), CheckError> {
        let mut found = self.states.iter().filter(|state| state.ty == TypeId::of::<T>());
        match (found.next(), found.next()) {
            (Some(_), None) => Ok(()),
            (None, _) => Err(CheckError::MissingState { type_name: type_name::<T>() }),
            (Some(a), Some(b)) => Err(CheckError::AmbiguousState {
                type_name: type_name::<T>(),
                first: a.name,
                second: b.name,
            }),
        }
    }
}

/// Why a handler cannot serve its route; found when the app is built.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CheckError {
    /// No app on the route declares state of the type.
    #[error(
        "no state of type {type_name}: set it with `.state(&KEY, value)`, or declare it with `.provides(&KEY)` where a startup step sets it"
    )]
    MissingState {
        /// The type that the handler takes.
        type_name: &'static str,
    },
    /// Two keys hold the type, so that the type alone does not say which is meant.
    #[error(
        "the keys {first:?} and {second:?} both hold a {type_name}: read one of them with `req.state(&KEY)`"
    )]
    AmbiguousState {
        /// The type that the handler takes.
        type_name: &'static str,
        /// Name of one key.
        first: &'static str,
        /// Name of the other.
        second: &'static str,
    },
    /// The handler takes more or fewer captures than the pattern has.
    #[error(
        "the handler takes {expected} capture{} by `Path`, and the pattern has {found}",
        if *expected == 1 { "" } else { "s" }
    )]
    CaptureCount {
        /// Captures that the handler takes.
        expected: usize,
        /// Captures of the pattern.
        found: usize,
    },
    /// The handler takes a capture that the pattern does not have.
    #[error("the handler takes the capture {name:?}, which the pattern does not have")]
    MissingCapture {
        /// The capture's name.
        name: Cow<'static, str>,
    },
    /// Anything else that an extractor asks of its route.
    #[error("{0}")]
    Other(Cow<'static, str>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_must_be_there_exactly_once() {
        let (a, b) = (StateInfo::of::<u8>("a"), StateInfo::of::<u8>("b"));
        let check = |states: &[StateInfo]| RouteInfo::new(&[], states).require_state::<u8>();
        assert_eq!(check(&[a, StateInfo::of::<u16>("c")]), Ok(()));
        assert_eq!(check(&[]), Err(CheckError::MissingState { type_name: "u8" }));
        assert!(matches!(
            check(&[a, b]),
            Err(CheckError::AmbiguousState { first: "a", second: "b", .. })
        ));
    }
}
