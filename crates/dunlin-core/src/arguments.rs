//! Handler arguments made of this crate's and `http`'s types, and of other arguments.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri, Version};

use crate::extract::{CheckError, FromParts, FromRequest, RouteInfo, ViaBody};
use crate::{Body, BodyError, Request, RequestHead};

/// Arguments that every request has.
macro_rules! from_head {
    ($($(#[$doc:meta])* $ty:ty => |$req:ident| $value:expr;)*) => {$(
        $(#[$doc])*
        impl FromParts for $ty {
            type Rejection = Infallible;

            async fn from_parts($req: &mut Request) -> Result<Self, Infallible> {
                Ok($value)
            }
        }
    )*};
}

from_head! {
    Method => |req| req.method().clone();
    Version => |req| req.version();
    Uri => |req| req.uri().clone();
    /// A copy of the head: method, target and fields.
    RequestHead => |req| req.head().clone();
    /// A copy of the fields as a map.
    HeaderMap => |req| req.headers().as_map().clone();
}

impl FromRequest for Body {
    type Rejection = Infallible;

    async fn from_request(req: Request) -> Result<Self, Infallible> {
        Ok(req.into_body())
    }
}

/// The whole body, bounded by the app's limit.
impl FromRequest for Bytes {
    type Rejection = BodyError;

    async fn from_request(req: Request) -> Result<Self, BodyError> {
        req.into_body().bytes().await
    }
}

/// The whole body, bounded by the app's limit.
impl FromRequest for Vec<u8> {
    type Rejection = BodyError;

    async fn from_request(req: Request) -> Result<Self, BodyError> {
        req.into_body().into_vec().await
    }
}

/// The whole body as text in the charset that it names, as by [`Request::text`].
impl FromRequest for String {
    type Rejection = BodyError;

    async fn from_request(req: Request) -> Result<Self, BodyError> {
        req.text().await
    }
}

/// `None` where the argument cannot be made. What its route lacks is no mistake then.
impl<T: FromParts> FromParts for Option<T> {
    type Rejection = Infallible;

    async fn from_parts(req: &mut Request) -> Result<Self, Infallible> {
        Ok(T::from_parts(req).await.ok())
    }
}

/// `None` where the argument cannot be made.
impl<T: FromRequest<ViaBody>> FromRequest<ViaBody> for Option<T> {
    type Rejection = Infallible;

    async fn from_request(req: Request) -> Result<Self, Infallible> {
        Ok(T::from_request(req).await.ok())
    }
}

/// Hands the rejection to the handler.
impl<T: FromParts> FromParts for Result<T, T::Rejection> {
    type Rejection = Infallible;

    fn check(route: &RouteInfo<'_>) -> Result<(), CheckError> {
        T::check(route)
    }

    async fn from_parts(req: &mut Request) -> Result<Self, Infallible> {
        Ok(T::from_parts(req).await)
    }
}

/// Hands the rejection to the handler.
impl<T: FromRequest<ViaBody>> FromRequest<ViaBody> for Result<T, T::Rejection> {
    type Rejection = Infallible;

    fn check(route: &RouteInfo<'_>) -> Result<(), CheckError> {
        T::check(route)
    }

    async fn from_request(req: Request) -> Result<Self, Infallible> {
        Ok(T::from_request(req).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &'static [u8]) -> Request {
        Request::new(Method::POST, Uri::from_static("/a?b"), body)
    }

    #[tokio::test]
    async fn the_head_is_copied_and_the_body_is_moved() {
        let mut req = request(b"text");
        assert_eq!(Method::from_parts(&mut req).await.unwrap(), Method::POST);
        assert_eq!(<Uri as FromParts>::from_parts(&mut req).await.unwrap(), "/a?b");
        assert_eq!(RequestHead::from_parts(&mut req).await.unwrap().query(), Some("b"));
        assert_eq!(String::from_request(req).await.unwrap(), "text");
    }

    #[tokio::test]
    async fn what_cannot_be_made_is_none_or_an_error_in_the_handlers_hands() {
        assert_eq!(Option::<String>::from_request(request(b"\xff")).await.unwrap(), None);
        let result = Result::<String, BodyError>::from_request(request(b"\xff")).await.unwrap();
        assert!(matches!(result, Err(BodyError::NotUtf8 { at: 0 })));
    }
}
