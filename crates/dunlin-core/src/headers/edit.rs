//! Changing fields: the storage moves from block to list to map as the change asks for it.

use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Headers, List, SPARE_LISTS, Store, pool};

impl Headers {
    /// Sets the field to this one value; values that it had are gone.
    #[inline]
    pub fn insert(&mut self, name: HeaderName, value: HeaderValue) {
        // The first field of a response made here: nothing to replace, nothing derived.
        if matches!(self.store, Store::Empty) && self.map.get().is_none() {
            let mut list = spare_list();
            list.push((name, value));
            self.store = Store::List(list);
        } else {
            self.replace(name, value);
        }
    }

    fn replace(&mut self, name: HeaderName, value: HeaderValue) {
        match self.store_mut() {
            Edit::Map(map) => {
                map.insert(name, value);
            }
            Edit::List(list) => match list.iter().position(|(n, _)| *n == name) {
                None => list.push((name, value)),
                Some(first) => {
                    let mut index = 0;
                    list.retain(|(n, _)| {
                        index += 1;
                        index - 1 <= first || *n != name
                    });
                    list[first].1 = value;
                }
            },
        }
    }

    /// Adds a value and keeps those that are there.
    pub fn append(&mut self, name: HeaderName, value: HeaderValue) {
        match self.store_mut() {
            Edit::Map(map) => {
                map.append(name, value);
            }
            Edit::List(list) => list.push((name, value)),
        }
    }

    /// Takes out every value of that name and returns the first.
    pub fn remove(&mut self, name: &HeaderName) -> Option<HeaderValue> {
        match self.store_mut() {
            Edit::Map(map) => map.remove(name),
            Edit::List(list) => {
                let first = list.iter().position(|(n, _)| n == name)?;
                let (_, value) = list.remove(first);
                list.retain(|(n, _)| n != name);
                Some(value)
            }
        }
    }

    /// Takes out every field.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// The fields as an [`http::HeaderMap`] to change; they stay a map from then on.
    pub fn as_map_mut(&mut self) -> &mut HeaderMap {
        if !matches!(self.store, Store::Map(_)) {
            let map = self.map.take().unwrap_or_else(|| Box::new(self.build_map()));
            *self = Self { store: Store::Map(map), map: OnceLock::new() };
        }
        match &mut self.store {
            Store::Map(map) => map,
            _ => unreachable!("the store was made a map above"),
        }
    }

    /// The fields as an [`http::HeaderMap`].
    pub fn into_map(mut self) -> HeaderMap {
        std::mem::take(self.as_map_mut())
    }

    /// Calls `each` with every field as `http` types. A decoder has checked names and values by the
    /// same rules, so nothing is left out.
    pub(super) fn for_each_typed(&self, mut each: impl FnMut(HeaderName, HeaderValue)) {
        match &self.store {
            Store::Empty => {}
            Store::Block(_) => {
                for (name, value) in self {
                    if let (Ok(name), Ok(value)) =
                        (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
                    {
                        each(name, value);
                    }
                }
            }
            Store::List(list) => list.iter().for_each(|(n, v)| each(n.clone(), v.clone())),
            Store::Map(map) => map.iter().for_each(|(n, v)| each(n.clone(), v.clone())),
        }
    }

    /// The storage to change: nothing and a block become a list first, and what was derived is dropped.
    fn store_mut(&mut self) -> Edit<'_> {
        if matches!(self.store, Store::Empty | Store::Block(_)) {
            let mut list = spare_list();
            self.for_each_typed(|name, value| list.push((name, value)));
            *self = Self { store: Store::List(list), map: OnceLock::new() };
        } else if self.map.get().is_some() {
            self.map = OnceLock::new();
        }
        match &mut self.store {
            Store::Map(map) => Edit::Map(map),
            Store::List(list) => Edit::List(list),
            _ => unreachable!("the store was made a list above"),
        }
    }
}

enum Edit<'a> {
    List(&'a mut List),
    Map(&'a mut HeaderMap),
}

fn spare_list() -> List {
    pool::take(&SPARE_LISTS).unwrap_or_else(|| List::with_capacity(8))
}
