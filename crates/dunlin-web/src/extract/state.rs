//! `State`: a value that the app keeps.

use std::any::{TypeId, type_name};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use dunlin_core::{CheckError, FromParts, Request, RouteInfo, Scope};

use crate::error::HttpError;

/// The only value of type `T` that the route's app, or one around it, keeps. Derefs to `T`.
///
/// It shares the value, so `T` needs no `Clone`. That there is exactly one is checked when the app
/// is built; where two keys hold a `T`, [`Request::state`] reads one of them by its key.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use dunlin_core::StateKey;
/// use dunlin_web::{App, State};
///
/// static VISITS: StateKey<AtomicU64> = StateKey::new("visits");
///
/// async fn count(visits: State<AtomicU64>) -> String {
///     format!("visit {}", visits.fetch_add(1, Ordering::Relaxed) + 1)
/// }
///
/// let app = App::new().state(&VISITS, AtomicU64::new(0)).add_get("/", count);
/// app.build().unwrap();
/// ```
///
/// Costs one reference count, and a walk over the app's few keys at each deref.
pub struct State<T> {
    scope: Arc<dyn Scope>,
    value: PhantomData<fn() -> T>,
}

impl<T: Send + Sync + 'static> State<T> {
    fn find(scope: &dyn Scope) -> Option<&T> {
        scope.state(TypeId::of::<T>(), None)?.downcast_ref()
    }
}

impl<T: Send + Sync + 'static> FromParts for State<T> {
    type Rejection = HttpError;

    fn check(route: &RouteInfo<'_>) -> Result<(), CheckError> {
        route.require_state::<T>()
    }

    async fn from_parts(req: &mut Request) -> Result<Self, HttpError> {
        match req.scope() {
            Some(scope) if Self::find(&**scope).is_some() => {
                Ok(Self { scope: scope.clone(), value: PhantomData })
            }
            // Only where no app has checked the route, such as in a service made by hand.
            _ => {
                Err(HttpError::internal()
                    .with_source(format!("no state of type {}", type_name::<T>())))
            }
        }
    }
}

impl<T: Send + Sync + 'static> Deref for State<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        Self::find(&*self.scope).expect("state was there when it was taken, and never goes")
    }
}

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        Self { scope: self.scope.clone(), value: PhantomData }
    }
}

impl<T: fmt::Debug + Send + Sync + 'static> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("State").field(&**self).finish()
    }
}
