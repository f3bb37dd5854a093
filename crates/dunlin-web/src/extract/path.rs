//! `Path`: the captures of the route's pattern as a value.

use dunlin_core::{CheckError, FromParts, Request, RouteInfo};
use serde::de::DeserializeOwned;

use super::de::Captured;
use super::probe;
use crate::error::HttpError;

/// The captures of the route's pattern, percent-decoded and deserialised.
///
/// | `T` | takes |
/// | --- | --- |
/// | `String`, a number, `bool`, an enum of units, … | the only capture |
/// | a tuple | all captures, in the pattern's order |
/// | a struct, a map | captures by name |
/// | `Vec<_>` | all captures |
///
/// 400 where a value does not parse; whether number and names of captures fit is checked when the
/// app is built.
///
/// ```
/// use dunlin_web::{App, Path};
///
/// #[derive(serde::Deserialize)]
/// struct Post { user: String, id: u64 }
///
/// async fn user(Path(user): Path<String>) -> String { user }
/// async fn pair(Path((user, id)): Path<(String, u64)>) -> String { format!("{user}/{id}") }
/// async fn named(Path(post): Path<Post>) -> String { format!("{}/{}", post.user, post.id) }
///
/// let app = App::new()
///     .add_get("/{user}", user)
///     .add_get("/{user}/posts/{id}", named)
///     .add_get(r"/{user}/{id:\d+}", pair);
/// app.build().unwrap();
///
/// let wrong = App::new().add_get("/{user}/posts", named).build().unwrap_err();
/// assert!(wrong.to_string().contains("\"id\""));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "destructured in arguments")]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromParts for Path<T> {
    type Rejection = HttpError;

    fn check(route: &RouteInfo<'_>) -> Result<(), CheckError> {
        probe::check::<T>(route.captures())
    }

    async fn from_parts(req: &mut Request) -> Result<Self, HttpError> {
        T::deserialize(Captured::of(req)).map(Self).map_err(|error| {
            HttpError::bad_request().with_message(format!("path: {error}")).with_source(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::any::{Any, TypeId};
    use std::collections::HashMap;
    use std::sync::Arc;

    use dunlin_core::{BoxError, Scope};
    use http::{Method, Uri};
    use serde::Deserialize;

    use super::*;

    struct Names(Vec<Box<str>>);

    impl Scope for Names {
        fn pattern(&self) -> &str {
            ""
        }

        fn capture_names(&self) -> &[Box<str>] {
            &self.0
        }

        fn state(&self, _: TypeId, _: Option<&str>) -> Option<&(dyn Any + Send + Sync)> {
            None
        }

        fn url_for(&self, _: &str, _: &[(&str, &str)]) -> Result<String, BoxError> {
            Err("none".into())
        }
    }

    /// Takes `T` from `/` and the values, whose captures have the names `a`, `b`, …
    async fn take<T: DeserializeOwned + Send>(values: &[&str]) -> Result<T, HttpError> {
        let path = format!("/{}", values.join("/"));
        let mut at = 1;
        let mut ranges = Vec::new();
        for value in values {
            ranges.push(at..at + value.len());
            at += value.len() + 1;
        }
        let mut req = Request::new(Method::GET, path.parse::<Uri>().unwrap(), ());
        req.set_route(Arc::new(Names(names(values.len()))), ranges.into_iter().collect());
        Path::from_parts(&mut req).await.map(|path| path.0)
    }

    fn names(count: usize) -> Vec<Box<str>> {
        ["a", "b", "c"][..count].iter().map(|name| Box::from(*name)).collect()
    }

    fn check<T: DeserializeOwned + Send>(count: usize) -> Result<(), CheckError> {
        Path::<T>::check(&RouteInfo::new(&names(count), &[]))
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Both {
        a: u8,
        b: String,
        #[serde(default)]
        d: Option<u8>,
        e: Option<u8>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Size {
        Small,
        Large,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Id(u32);

    #[tokio::test]
    async fn single_values_are_parsed_and_decoded() {
        assert_eq!(take::<String>(&["x%2Fy%20z"]).await.unwrap(), "x/y z");
        assert_eq!(take::<u64>(&["7"]).await.unwrap(), 7);
        assert_eq!(take::<(i8,)>(&["-7"]).await.unwrap(), (-7,));
        assert_eq!(take::<Id>(&["9"]).await.unwrap(), Id(9));
        assert_eq!(take::<Size>(&["large"]).await.unwrap(), Size::Large);
        assert_eq!(take::<Option<char>>(&["%C3%A9"]).await.unwrap(), Some('é'));
    }

    #[tokio::test]
    async fn several_values_come_in_order_or_by_name() {
        assert_eq!(take::<(Id, Size)>(&["1", "small"]).await.unwrap(), (Id(1), Size::Small));
        let both = Both { a: 1, b: "x".into(), d: None, e: None };
        assert_eq!(take::<Both>(&["1", "x"]).await.unwrap(), both);
        assert_eq!(take::<Vec<u8>>(&["1", "2", "3"]).await.unwrap(), [1, 2, 3]);
        let map = take::<HashMap<String, u8>>(&["1", "2"]).await.unwrap();
        assert_eq!((map["a"], map["b"]), (1, 2));
        assert_eq!(take::<Vec<(String, String)>>(&["1"]).await.unwrap_err().status(), 400);
    }

    #[tokio::test]
    async fn what_does_not_parse_is_400_and_names_the_capture() {
        for error in [
            take::<u8>(&["256"]).await.map(drop).unwrap_err(),
            take::<bool>(&["maybe"]).await.map(drop).unwrap_err(),
            take::<String>(&["%FF"]).await.map(drop).unwrap_err(),
            take::<Size>(&["medium"]).await.map(drop).unwrap_err(),
            take::<HashMap<String, u8>>(&["x"]).await.map(drop).unwrap_err(),
        ] {
            assert_eq!(error.status(), 400);
            assert!(error.message().unwrap().starts_with("path"), "{error}");
        }
        let error = take::<(u8, u8)>(&["1", "x"]).await.unwrap_err();
        assert_eq!(error.message(), Some("path: capture `b`: `x` is not a u8"));
    }

    #[test]
    fn what_cannot_fit_is_found_before_there_is_a_request() {
        let count = |expected, found| Err(CheckError::CaptureCount { expected, found });
        assert_eq!(check::<String>(1), Ok(()));
        assert_eq!(check::<Id>(2), count(1, 2));
        assert_eq!(check::<(u8, u8)>(2), Ok(()));
        assert_eq!(check::<(u8, u8)>(3), count(2, 3));
        assert_eq!(check::<Size>(0), count(1, 0));
        assert_eq!(check::<Vec<u8>>(3), Ok(()));
        assert_eq!(check::<HashMap<String, u8>>(0), Ok(()));
        assert_eq!(check::<Both>(3), Ok(()), "fields that may be left out are not asked for");
        assert_eq!(check::<Both>(1), Err(CheckError::MissingCapture { name: "b".into() }));
    }
}
