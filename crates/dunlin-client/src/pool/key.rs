//! What two requests must have in common to share a connection.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::proxy::Proxy;
use crate::settings::Route;
use crate::url::Origin;

/// Scheme, host and port; TLS settings and server name; socket, local address; proxy with its
/// credentials and fields. Cloning and comparing it does not allocate.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) origin: Origin,
    pub(crate) route: Arc<Route>,
    pub(crate) proxy: Option<Arc<Proxy>>,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let same_proxy = match (&self.proxy, &other.proxy) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
            _ => false,
        };
        same_proxy
            && (Arc::ptr_eq(&self.route, &other.route) || self.route == other.route)
            && self.origin == other.origin
    }
}

impl Eq for Key {}

/// The origin alone: most clients have one route.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.origin.hash(state);
    }
}
