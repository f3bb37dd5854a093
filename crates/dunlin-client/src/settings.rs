//! What a client is set to, and each request of its own accord.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use dunlin_codec::{Leniency, Limits};
use dunlin_core::ResponseHead;
use http::Version;

#[cfg(feature = "tls")]
use crate::connect::tls::TlsConfig;
use crate::cookies::{CookieStore, SameSiteContext};
use crate::middleware::Middleware;
use crate::proxy::Proxies;
use crate::redirect::Redirects;
use crate::timeouts::Timeouts;
use crate::trace::Tracer;

/// Everything that may differ from request to request. A request shares its client's until it sets
/// one; then it has its own.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) version: Version,
    pub(crate) timeouts: Timeouts,
    pub(crate) redirects: Redirects,
    pub(crate) replay: bool,
    pub(crate) raise_for_status: bool,
    pub(crate) decompress: bool,
    pub(crate) https_only: bool,
    pub(crate) max_body: Option<u64>,
    pub(crate) max_ratio: Option<u32>,
    pub(crate) netrc: Option<Arc<crate::auth::Netrc>>,
    pub(crate) proxies: Arc<Proxies>,
    pub(crate) route: Arc<Route>,
    pub(crate) cookies: Option<Arc<dyn CookieStore>>,
    pub(crate) same_site: SameSiteContext,
    pub(crate) middleware: Arc<[Arc<dyn Middleware>]>,
    pub(crate) tracers: Arc<[Arc<dyn Tracer>]>,
    pub(crate) on_interim: Option<OnInterim>,
}

/// What is told of interim responses.
pub(crate) type OnInterim = Arc<dyn Fn(&ResponseHead) + Send + Sync>;

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: Version::HTTP_11,
            timeouts: Timeouts::default(),
            redirects: Redirects::default(),
            replay: true,
            raise_for_status: false,
            decompress: true,
            https_only: false,
            max_body: None,
            max_ratio: Some(DEFAULT_RATIO),
            netrc: None,
            proxies: Arc::default(),
            route: Arc::default(),
            cookies: None,
            same_site: SameSiteContext::SameSite,
            middleware: Arc::new([]),
            tracers: Arc::new([]),
            on_interim: None,
        }
    }
}

/// Decoded bytes for each encoded one. The best that deflate can do is 1032.
pub(crate) const DEFAULT_RATIO: u32 = 1_100;

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("timeouts", &self.timeouts)
            .field("redirects", &self.redirects)
            .field("replay", &self.replay)
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}

/// Everything besides the URL that decides who is at the other end of a connection, by which way, and
/// how it is read: part of the pool's key, so that no request gets a connection that was opened on other
/// terms.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Route {
    /// Connect here and not to the URL's host.
    pub(crate) unix: Option<PathBuf>,
    pub(crate) local: Option<IpAddr>,
    #[cfg(feature = "tls")]
    pub(crate) tls: TlsConfig,
    pub(crate) limits: Arc<Limits>,
    pub(crate) leniency: Leniency,
}

/// The way alone: few routes differ in the rest.
impl Hash for Route {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.unix.hash(state);
        self.local.hash(state);
        #[cfg(feature = "tls")]
        self.tls.hash(state);
    }
}
