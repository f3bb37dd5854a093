//! The cookies of a jar, by registrable domain (RFC 6265bis §5.7 from step 16, §5.8.3).

use std::collections::HashMap;

use super::builder::Limits;
use super::cookie::Cookie;
use super::matching::{Target, bucket};
use super::rules::{AddError, is_sent, overlays};
use super::store::SameSiteContext;
use super::time::Timestamp;

/// Cookies in buckets, each of one registrable domain with all that is under it.
///
/// A bucket is a plain list: it is searched as a whole for every request, and
/// [`Limits::max_per_domain`] keeps it short. Hashing is seeded, since servers choose the keys.
#[derive(Default)]
pub(super) struct Buckets {
    /// None of the lists is empty.
    lists: HashMap<Box<str>, Vec<Entry>, foldhash::fast::RandomState>,
    /// Of all lists, expired cookies that were not yet met included.
    len: usize,
    next_order: u64,
}

/// The bucket of cookies for every host, whose domain is empty; no host's bucket is.
const SHARED: &str = "";

struct Entry {
    cookie: Cookie,
    /// Order of creation, where times are too coarse or a clock was set back.
    order: u64,
}

impl Buckets {
    /// Stores `cookie`; one that is expired deletes the cookie that it would replace.
    ///
    /// # Errors
    ///
    /// [`AddError::OverlaysSecure`] where an insecure origin would hide a `Secure` cookie.
    pub(super) fn put(
        &mut self,
        cookie: Cookie,
        from_secure: bool,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<(), AddError> {
        let key = bucket(&cookie.domain);
        let (key, mut list) =
            self.lists.remove_entry(key).unwrap_or_else(|| (key.into(), Vec::new()));
        self.len -= list.len();
        list.retain(|entry| !entry.cookie.is_expired(now));
        let hides = |entry: &Entry| overlays(&cookie, &entry.cookie);
        let refused = !from_secure && !cookie.secure && list.iter().any(hides);
        if !refused {
            self.put_in(&mut list, cookie, now);
            if list.len() > limits.max_per_domain {
                evict(&mut list);
            }
        }
        self.len += list.len();
        if !list.is_empty() {
            self.lists.insert(key, list);
        }
        if self.len > limits.max_total {
            self.evict_from_all(now);
        }
        if refused { Err(AddError::OverlaysSecure) } else { Ok(()) }
    }

    /// In place of the cookie of the same name, domain and path, whose age it keeps (step 23).
    fn put_in(&mut self, list: &mut Vec<Entry>, mut cookie: Cookie, now: Timestamp) {
        let order = match list.iter().position(|entry| cookie.replaces(&entry.cookie)) {
            Some(place) => {
                let old = list.swap_remove(place);
                cookie.creation = old.cookie.creation;
                old.order
            }
            None => {
                self.next_order += 1;
                self.next_order
            }
        };
        if !cookie.is_expired(now) {
            list.push(Entry { cookie, order });
        }
    }

    /// Hands the cookies for a request to `visit`, in the order to send them; `None` for none, which
    /// allocates nothing.
    pub(super) fn select<T>(
        &mut self,
        target: &Target<'_>,
        context: SameSiteContext,
        now: Timestamp,
        visit: impl FnOnce(&mut dyn Iterator<Item = &Cookie>) -> T,
    ) -> Option<T> {
        if self.len == 0 {
            return None;
        }
        let mut found: Vec<&mut Entry> = self
            .lists
            .get_disjoint_mut([bucket(target.host), SHARED])
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| {
                !entry.cookie.is_expired(now) && is_sent(&entry.cookie, target, context)
            })
            .collect();
        if found.is_empty() {
            return None;
        }
        found.sort_unstable_by_key(|entry| {
            (std::cmp::Reverse(entry.cookie.path.len()), entry.order)
        });
        for entry in &mut found {
            entry.cookie.last_access = now;
        }
        Some(visit(&mut found.iter().map(|entry| &entry.cookie)))
    }

    /// Live cookies in the order of their creation.
    pub(super) fn snapshot(&self, now: Timestamp) -> Vec<Cookie> {
        let mut live: Vec<&Entry> =
            self.lists.values().flatten().filter(|entry| !entry.cookie.is_expired(now)).collect();
        live.sort_unstable_by_key(|entry| entry.order);
        live.into_iter().map(|entry| entry.cookie.clone()).collect()
    }

    /// Number of live cookies.
    pub(super) fn count(&self, now: Timestamp) -> usize {
        self.lists.values().flatten().filter(|entry| !entry.cookie.is_expired(now)).count()
    }

    /// Keeps the live cookies that `keep` wants.
    ///
    /// Asks about all before it removes any, so that a panic in `keep` leaves the store as it was.
    pub(super) fn retain(&mut self, now: Timestamp, mut keep: impl FnMut(&Cookie) -> bool) {
        let verdicts: Vec<bool> = self
            .lists
            .values()
            .flatten()
            .map(|entry| !entry.cookie.is_expired(now) && keep(&entry.cookie))
            .collect();
        let mut verdicts = verdicts.into_iter();
        for list in self.lists.values_mut() {
            list.retain(|_| verdicts.next().unwrap_or(true));
        }
        self.lists.retain(|_, list| !list.is_empty());
        self.len = self.lists.values().map(Vec::len).sum();
    }

    fn evict_from_all(&mut self, now: Timestamp) {
        let before = self.len;
        self.retain(now, |_| true);
        if self.len < before {
            return;
        }
        let first = |list: &Vec<Entry>| list.iter().map(Entry::worth).min();
        if let Some(list) = self.lists.values_mut().min_by_key(|list| first(list)) {
            evict(list);
            self.len -= 1;
        }
        self.lists.retain(|_, list| !list.is_empty());
    }
}

impl Entry {
    /// What goes first has least: an insecure cookie before a secure one, then what was longest
    /// unused (§5.7, removal of excess cookies).
    fn worth(&self) -> (bool, Timestamp, u64) {
        (self.cookie.secure, self.cookie.last_access, self.order)
    }
}

/// Removes the live cookie of least worth.
fn evict(list: &mut Vec<Entry>) {
    let least = list.iter().enumerate().min_by_key(|(_, entry)| entry.worth());
    if let Some((place, _)) = least {
        list.swap_remove(place);
    }
}
