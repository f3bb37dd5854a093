//! Changing fields: the storage moves from block to lines, list or map as the change asks for it.

use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Headers, Lines, List, Store};

impl Headers {
    /// Sets the field to this one value; values that it had are gone.
    #[inline]
    pub fn insert(&mut self, name: HeaderName, value: HeaderValue) {
        let is_set = self
            .lines_for(&value)
            .is_some_and(|lines| lines.set(name.as_str().as_bytes(), value.as_bytes()));
        if !is_set {
            self.insert_typed(name, value);
        }
    }

    #[cold]
    #[inline(never)]
    fn insert_typed(&mut self, name: HeaderName, value: HeaderValue) {
        match self.typed() {
            Typed::List(list) => set_in_list(list, name, value),
            Typed::Map(map) => {
                map.insert(name, value);
            }
        }
    }

    /// Adds a value and keeps those that are there.
    #[inline]
    pub fn append(&mut self, name: HeaderName, value: HeaderValue) {
        let is_added = self
            .lines_for(&value)
            .is_some_and(|lines| lines.push(name.as_str().as_bytes(), value.as_bytes()));
        if !is_added {
            self.append_typed(name, value);
        }
    }

    #[cold]
    #[inline(never)]
    fn append_typed(&mut self, name: HeaderName, value: HeaderValue) {
        match self.typed() {
            Typed::List(list) => list.push((name, value)),
            Typed::Map(map) => {
                map.append(name, value);
            }
        }
    }

    /// Sets the field to the values that it has in `from`, all of them: a proxy or an echo hands on what it was sent
    /// without a copy in between. `false`, and nothing changed, where there are none.
    ///
    /// ```
    /// use dunlin_core::Headers;
    /// use http::{HeaderValue, header::{ACCEPT, VIA}};
    ///
    /// let mut received = Headers::new();
    /// received.append(VIA, HeaderValue::from_static("1.1 a"));
    /// received.append(VIA, HeaderValue::from_static("1.1 b"));
    /// let mut headers = Headers::new();
    /// assert!(headers.copy_from(&received, VIA));
    /// assert_eq!(headers, received);
    /// assert!(!headers.copy_from(&received, ACCEPT));
    /// ```
    pub fn copy_from(&mut self, from: &Self, name: HeaderName) -> bool {
        if !matches!(from.store, Store::Block(_) | Store::Lines(_)) || !from.is_checked() {
            // Values here may be marked as sensitive, or be none.
            return self.copy_typed(from, &name);
        }
        let mut is_found = false;
        for value in from.get_all(&name) {
            self.prepare();
            let is_first = !std::mem::replace(&mut is_found, true);
            let bytes = name.as_str().as_bytes();
            let fits = match &mut self.store {
                Store::Lines(lines) if is_first => lines.set(bytes, value),
                Store::Lines(lines) => lines.push(bytes, value),
                _ => false,
            };
            if !fits {
                return self.copy_typed(from, &name);
            }
        }
        is_found
    }

    #[cold]
    fn copy_typed(&mut self, from: &Self, name: &HeaderName) -> bool {
        let mut values = from.as_map().get_all(name).iter().cloned();
        let Some(first) = values.next() else { return false };
        self.insert(name.clone(), first);
        values.for_each(|value| self.append(name.clone(), value));
        true
    }

    /// Takes out every value of that name and returns the first.
    pub fn remove(&mut self, name: &HeaderName) -> Option<HeaderValue> {
        self.prepare();
        if let Store::Lines(lines) = &mut self.store {
            let name = name.as_str().as_bytes();
            let value = HeaderValue::from_bytes(lines.get(name)?).ok()?;
            lines.remove(name);
            return Some(value);
        }
        match self.typed() {
            Typed::Map(map) => map.remove(name),
            Typed::List(list) => {
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
    /// same rules, and lines were made of such types, so nothing is left out.
    pub(super) fn for_each_typed(&self, mut each: impl FnMut(HeaderName, HeaderValue)) {
        match &self.store {
            Store::Empty => {}
            Store::Block(_) | Store::Lines(_) => {
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

    /// The lines to change, where such a value may stand in one.
    #[inline(always)]
    fn lines_for(&mut self, value: &HeaderValue) -> Option<&mut Lines> {
        self.prepare();
        match &mut self.store {
            Store::Lines(lines) if !value.is_sensitive() => Some(lines),
            _ => None,
        }
    }

    /// Drops what was derived; nothing and a block become storage that can be changed.
    #[inline(always)]
    fn prepare(&mut self) {
        if self.map.get().is_some() {
            self.map = OnceLock::new();
        }
        match self.store {
            Store::Empty => self.store = Store::Lines(Lines::take()),
            Store::Block(_) => self.type_block(),
            Store::Lines(_) | Store::List(_) | Store::Map(_) => {}
        }
    }

    /// The storage to change what lines cannot hold.
    fn typed(&mut self) -> Typed<'_> {
        if !matches!(self.store, Store::List(_) | Store::Map(_)) {
            self.make_list();
        }
        match &mut self.store {
            Store::List(list) => Typed::List(list),
            Store::Map(map) => Typed::Map(map),
            _ => unreachable!("the store was made a list above"),
        }
    }

    #[cold]
    fn type_block(&mut self) {
        let mut lines = Lines::take();
        let mut fits = true;
        self.for_each_typed(|name, value| {
            // A head of 64 KiB may be longer as lines: it need not have a blank before each value.
            fits = fits && lines.push(name.as_str().as_bytes(), value.as_bytes());
        });
        if fits {
            *self = Self { store: Store::Lines(lines), map: OnceLock::new() };
        } else {
            self.make_list();
        }
    }

    #[cold]
    fn make_list(&mut self) {
        let mut list = List::with_capacity(self.len() + 1);
        self.for_each_typed(|name, value| list.push((name, value)));
        *self = Self { store: Store::List(list), map: OnceLock::new() };
    }
}

enum Typed<'a> {
    List(&'a mut List),
    Map(&'a mut HeaderMap),
}

/// Puts the value in the place of the first of that name and takes out the others.
fn set_in_list(list: &mut List, name: HeaderName, value: HeaderValue) {
    let Some(first) = list.iter().position(|(n, _)| *n == name) else {
        return list.push((name, value));
    };
    let mut index = 0;
    list.retain(|(n, _)| {
        index += 1;
        index - 1 <= first || *n != name
    });
    list[first].1 = value;
}
