//! What lifecycle steps are handed: the app's state, and while it starts the means to set it.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};

use dunlin_core::StateKey;

use super::BuildError;
use super::state::{Level, Slot};

/// An app as its lifecycle steps see it: its state, and that of the apps around it.
#[derive(Clone)]
pub struct AppRef {
    level: Arc<Level>,
}

impl AppRef {
    pub(super) fn new(level: Arc<Level>) -> Self {
        Self { level }
    }

    /// The value kept under `key`, if there is one by now.
    pub fn state<T: Send + Sync + 'static>(&self, key: &StateKey<T>) -> Option<&T> {
        self.level.state(std::any::TypeId::of::<T>(), Some(key.name()))?.downcast_ref()
    }

    /// What runs beside requests, and is awaited by shutdown.
    #[cfg(feature = "tasks")]
    pub fn tasks(&self) -> crate::Tasks {
        // Every tree of apps has them.
        self.state(&crate::tasks::KEY).cloned().unwrap_or_else(|| crate::Tasks::new(None))
    }
}

impl fmt::Debug for AppRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.level.keys().iter().map(dunlin_core::StateInfo::name).collect();
        f.debug_struct("AppRef").field("state", &keys).finish()
    }
}

/// An app while it starts: an [`AppRef`] that can set state.
#[derive(Clone, Debug)]
pub struct Startup {
    app: AppRef,
    mistakes: Arc<Mutex<Vec<BuildError>>>,
}

impl Startup {
    pub(super) fn new(level: Arc<Level>, mistakes: Arc<Mutex<Vec<BuildError>>>) -> Self {
        Self { app: AppRef::new(level), mistakes }
    }

    /// Keeps a value for handlers and later steps, as [`App::state`](crate::App::state) does.
    ///
    /// A key that the app has a value for keeps it, and startup fails.
    #[track_caller]
    pub fn set<T: Send + Sync + 'static>(&self, key: &StateKey<T>, value: T) {
        let slot = Slot::new(key, value);
        let type_name = slot.type_name;
        if !self.app.level.state.append(slot) {
            let at = Location::caller();
            let mistake = BuildError::SetTwice { at, key: key.name(), type_name };
            self.mistakes.lock().unwrap_or_else(PoisonError::into_inner).push(mistake);
        }
    }

    /// The app, to hand on to what runs longer than startup.
    pub fn app(&self) -> &AppRef {
        &self.app
    }
}

impl Deref for Startup {
    type Target = AppRef;

    fn deref(&self) -> &AppRef {
        &self.app
    }
}
