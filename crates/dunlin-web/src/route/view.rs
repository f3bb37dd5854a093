//! Views: one type that answers several methods of a resource.

use dunlin_core::FromParts;

use super::def::{RouteDef, resource};

/// A type that answers several methods of one resource: it is made anew for each request, as its first
/// argument, and its methods are the handlers.
///
/// Being an argument it has what all its handlers need, such as state, captures and who is logged in. A
/// method that it does not name is 405, whose `Allow` lists those that it does.
///
/// ```
/// use dunlin_core::{FromParts, Request};
/// use dunlin_web::{App, HttpError, Path, RouteDef, View, view};
///
/// struct Note {
///     id: u64,
/// }
///
/// impl FromParts for Note {
///     type Rejection = HttpError;
///
///     async fn from_parts(req: &mut Request) -> Result<Self, HttpError> {
///         let Path(id) = Path::from_parts(req).await?;
///         Ok(Self { id })
///     }
/// }
///
/// impl View for Note {
///     fn methods(route: RouteDef) -> RouteDef {
///         route.get(Self::show).put(Self::write)
///     }
/// }
///
/// impl Note {
///     async fn show(self) -> String {
///         format!("note {}", self.id)
///     }
///
///     async fn write(self, text: String) -> String {
///         format!("note {}: {} bytes", self.id, text.len())
///     }
/// }
///
/// let app = App::new().routes([view::<Note>("/notes/{id}").name("note")]);
/// assert_eq!(app.build().unwrap().routes().count(), 2);
/// ```
pub trait View: FromParts {
    /// Adds the handlers.
    fn methods(route: RouteDef) -> RouteDef;
}

/// The routes of a [`View`] at a pattern.
#[track_caller]
pub fn view<V: View>(pattern: &str) -> RouteDef {
    V::methods(resource(pattern))
}
