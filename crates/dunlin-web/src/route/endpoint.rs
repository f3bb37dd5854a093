//! A route as a built app keeps it: all that a request needs once it was found.

use std::any::{Any, TypeId};
use std::panic::Location;
use std::sync::{Arc, OnceLock};

use dunlin_core::{BoxError, RequestHead, ResponseHead, Scope};

use super::dispatch::missed;
use super::guard::Guard;
use crate::app::Level;
use crate::error::{ErrorView, Renderer};
use crate::handler::{Erased, erase};
use crate::middleware::Middleware;

/// A receiver of [`App::on_response_prepare`](crate::App::on_response_prepare).
pub(crate) type Prepare = dyn Fn(&RequestHead, &mut ResponseHead) + Send + Sync;

/// A receiver of [`App::on_error`](crate::App::on_error).
pub(crate) type OnError = dyn Fn(&ErrorView<'_>) + Send + Sync;

/// One handler with the middleware around it. It is the request's [`Scope`] as well, so that taking
/// a route costs one reference count.
pub(crate) struct Endpoint {
    pub(crate) handler: Arc<dyn Erased>,
    /// Outermost first: those of the apps, the groups and the route.
    pub(crate) chain: Box<[Arc<dyn Middleware>]>,
    pub(crate) limit: Option<u64>,
    /// Whether the handler runs on where the client goes.
    pub(crate) to_its_end: bool,
    /// What else must accept a request.
    pub(crate) guards: Box<[Arc<dyn Guard>]>,
    /// The route of the same pattern and method that is asked where the guards do not accept a request.
    pub(crate) next: OnceLock<Alternative>,
    /// What answers preflights that ask about it, where `OPTIONS` has no route: its middleware around a 405.
    pub(crate) preflight: OnceLock<Arc<Self>>,
    pub(crate) hooks: Hooks,
    /// Mounted apps of which the pattern, though it stands outside their prefix, matches paths.
    pub(crate) covers: Box<[usize]>,
    /// Empty where no route matched.
    pub(crate) pattern: Box<str>,
    pub(crate) captures: Arc<[Box<str>]>,
    pub(crate) level: Arc<Level>,
}

/// A route behind guarded ones of the same pattern and method.
pub(crate) struct Alternative {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) at: &'static Location<'static>,
    pub(crate) name: Option<Box<str>>,
}

/// What apps have registered to see of a response. Where there is any, dispatch keeps a copy of the
/// request's head.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) renderer: Option<Arc<Renderer>>,
    pub(crate) on_error: Option<Arc<OnError>>,
    /// Outermost app first.
    pub(crate) prepare: Vec<Arc<Prepare>>,
}

impl Endpoint {
    /// Whether it takes every request of its pattern and method.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.covers.is_empty() && self.guards.is_empty()
    }

    /// See the field; made when it is first needed.
    pub(crate) fn preflight(&self) -> &Arc<Self> {
        self.preflight.get_or_init(|| {
            Arc::new(Self {
                handler: erase(missed),
                chain: self.chain.clone(),
                limit: self.limit,
                to_its_end: false,
                guards: Box::default(),
                next: OnceLock::new(),
                preflight: OnceLock::new(),
                hooks: self.hooks.clone(),
                covers: Box::default(),
                pattern: self.pattern.clone(),
                captures: self.captures.clone(),
                level: self.level.clone(),
            })
        })
    }

    /// The routes that are asked where this does not take a request, in turn.
    pub(crate) fn alternatives(&self) -> impl Iterator<Item = &Alternative> {
        std::iter::successors(self.next.get(), |alternative| alternative.endpoint.next.get())
    }

    /// Whether the app words its errors itself.
    pub(crate) fn worded(&self) -> bool {
        self.hooks.renderer.is_some()
    }

    /// Whether anything looks at the response.
    pub(crate) fn watched(&self) -> bool {
        self.worded() || self.hooks.on_error.is_some() || !self.hooks.prepare.is_empty()
    }
}

impl Scope for Endpoint {
    fn pattern(&self) -> &str {
        &self.pattern
    }

    fn capture_names(&self) -> &[Box<str>] {
        &self.captures
    }

    fn state(&self, ty: TypeId, name: Option<&str>) -> Option<&(dyn Any + Send + Sync)> {
        self.level.state(ty, name)
    }

    fn url_for(&self, name: &str, params: &[(&str, &str)]) -> Result<String, BoxError> {
        self.level.url_for(name, params)
    }
}
