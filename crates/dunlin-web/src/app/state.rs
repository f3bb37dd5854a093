//! State: typed values that apps keep for their handlers, and names of routes, app by app.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};

use dunlin_core::{BoxError, StateInfo, StateKey};
use dunlin_router::{Pattern, UrlBuilder};

use crate::route::Tables;

/// One app of a tree of apps, as its routes see it.
pub(crate) struct Level {
    pub(crate) id: usize,
    pub(crate) parent: Option<Arc<Self>>,
    pub(crate) state: Store,
    pub(crate) names: Arc<Names>,
    /// Of the whole tree of apps; set once they are made.
    pub(crate) tables: Arc<OnceLock<Weak<Tables>>>,
}

/// Names of routes, each with the apps that have it.
pub(crate) type Names = HashMap<Box<str>, Vec<Named>>;

/// A named pattern.
pub(crate) struct Named {
    /// [`Level::id`] of its app.
    pub(crate) app: usize,
    pub(crate) pattern: Pattern,
    pub(crate) at: &'static std::panic::Location<'static>,
}

/// Why no URL was made.
#[derive(Debug, thiserror::Error)]
enum NameError {
    #[error("no route has that name")]
    Unknown,
    #[error(
        "the apps at {first} and {second} both have it, and neither is around this route: rename one"
    )]
    Ambiguous { first: Box<str>, second: Box<str> },
}

impl Level {
    /// This app and those around it, inside out.
    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |level| level.parent.as_deref())
    }

    /// The routes of the whole program, while it is there.
    pub(crate) fn tables(&self) -> Option<Arc<Tables>> {
        self.tables.get()?.upgrade()
    }

    pub(crate) fn state(&self, ty: TypeId, name: Option<&str>) -> Option<&(dyn Any + Send + Sync)> {
        self.chain().find_map(|level| level.state.get(ty, name))
    }

    /// The keys that hold a value, those of this app first; a key that is shadowed counts once.
    pub(crate) fn keys(&self) -> Vec<StateInfo> {
        let mut keys = Vec::new();
        for key in self.chain().flat_map(|level| level.state.keys()) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// A name means the route of this app, else of the nearest app around it, else of whichever
    /// app has it alone.
    pub(crate) fn url_for(&self, name: &str, params: &[(&str, &str)]) -> Result<String, BoxError> {
        let named = self.names.get(name).ok_or(NameError::Unknown)?;
        let near = self.chain().find_map(|level| named.iter().find(|n| n.app == level.id));
        let found = match (near, &named[..]) {
            (Some(found), _) | (None, [found]) => found,
            (None, [first, second, ..]) => {
                let text = |named: &Named| named.pattern.as_str().into();
                return Err(
                    NameError::Ambiguous { first: text(first), second: text(second) }.into()
                );
            }
            (None, []) => return Err(NameError::Unknown.into()),
        };
        Ok(UrlBuilder::new(&found.pattern).params(params.iter().copied()).build()?)
    }
}

/// The values of one app. Those set while it starts are appended behind the others, so that no lock
/// stands between a handler and its state.
#[derive(Default)]
pub(crate) struct Store {
    set: Vec<Slot>,
    late: OnceLock<Box<Late>>,
}

struct Late {
    slot: Slot,
    next: OnceLock<Box<Self>>,
}

pub(crate) struct Slot {
    pub(crate) key: StateInfo,
    pub(crate) type_name: &'static str,
    pub(crate) value: Box<dyn Any + Send + Sync>,
}

impl Slot {
    pub(crate) fn new<T: Send + Sync + 'static>(key: &StateKey<T>, value: T) -> Self {
        Self {
            key: StateInfo::of::<T>(key.name()),
            type_name: type_name::<T>(),
            value: Box::new(value),
        }
    }
}

impl Store {
    pub(crate) fn new(set: Vec<Slot>) -> Self {
        Self { set, late: OnceLock::new() }
    }

    #[inline]
    pub(crate) fn get(&self, ty: TypeId, name: Option<&str>) -> Option<&(dyn Any + Send + Sync)> {
        let wanted =
            |slot: &&Slot| slot.key.type_id() == ty && name.is_none_or(|n| n == slot.key.name());
        self.slots().find(wanted).map(|slot| &*slot.value)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = StateInfo> {
        self.slots().map(|slot| slot.key)
    }

    /// Appends a value; `false` where its key has one.
    pub(crate) fn append(&self, slot: Slot) -> bool {
        if self.set.iter().any(|other| other.key == slot.key) {
            return false;
        }
        let key = slot.key;
        let mut late = Box::new(Late { slot, next: OnceLock::new() });
        let mut end = &self.late;
        loop {
            match end.set(late) {
                Ok(()) => return true,
                Err(back) => late = back,
            }
            match end.get() {
                Some(taken) if taken.slot.key != key => end = &taken.next,
                _ => return false,
            }
        }
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        let late = std::iter::successors(self.late.get(), |late| late.next.get());
        self.set.iter().chain(late.map(|late| &late.slot))
    }
}
