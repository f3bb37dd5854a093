//! Names to addresses: a resolver of choice behind a bounded cache.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dunlin_core::{BoxError, BoxFuture};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::trace::Traces;

/// Looks a name up. Set by [`ClientBuilder::resolver`](crate::ClientBuilder::resolver); addresses in a
/// URL never come here, and answers are cached for it.
///
/// ```
/// use std::net::{IpAddr, Ipv4Addr};
/// use dunlin_client::{Client, Resolve, Resolving};
///
/// struct Fixed;
/// impl Resolve for Fixed {
///     fn resolve(&self, _host: &str) -> Resolving {
///         Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
///     }
/// }
/// let client = Client::builder().resolver(Fixed).build()?;
/// # Ok::<(), dunlin_client::Error>(())
/// ```
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of `host`, in the order in which they are to be tried.
    fn resolve(&self, host: &str) -> Resolving;
}

/// A lookup under way.
pub type Resolving = BoxFuture<'static, Result<Vec<IpAddr>, BoxError>>;

/// The system's resolver, on a thread of the runtime's pool for blocking calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str) -> Resolving {
        let host = host.to_owned();
        Box::pin(async move {
            let lookup = move || (host.as_str(), 0).to_socket_addrs().map(Iterator::collect);
            let found: Vec<SocketAddr> = tokio::task::spawn_blocking(lookup).await??;
            Ok(found.into_iter().map(|address| address.ip()).collect())
        })
    }
}

/// Asks the name servers of the system's configuration, without a thread for each lookup.
#[cfg(feature = "hickory")]
#[derive(Clone)]
pub struct HickoryResolver(hickory_resolver::TokioResolver);

#[cfg(feature = "hickory")]
impl HickoryResolver {
    /// Reads the system's configuration.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn from_system() -> Result<Self, BoxError> {
        Ok(Self(hickory_resolver::TokioResolver::builder_tokio()?.build()?))
    }
}

#[cfg(feature = "hickory")]
impl fmt::Debug for HickoryResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HickoryResolver")
    }
}

#[cfg(feature = "hickory")]
impl Resolve for HickoryResolver {
    fn resolve(&self, host: &str) -> Resolving {
        let (resolver, host) = (self.0.clone(), host.to_owned());
        Box::pin(async move { Ok(resolver.lookup_ip(host).await?.iter().collect()) })
    }
}

/// Names kept unless set otherwise.
const NAMES: usize = 1_000;

/// How long an answer holds unless set otherwise.
const TTL: Duration = Duration::from_secs(10);

/// Longest that a resolver is waited for: nobody may be waiting any more, and lookups that never end
/// would add up.
const LOOKUP: Duration = Duration::from_secs(120);

/// What a time that cannot be told counts for.
const FOR_EVER: Duration = Duration::from_secs(365 * 86_400);

/// A resolver with what it said lately.
///
/// Answers are handed out rotated by one each time, so that the load spreads over the addresses; each
/// family for itself, since which goes first is the resolver's choice (RFC 6724). Requests for a name
/// that is being looked up share one lookup, which goes on although some of them are given up, for
/// [`LOOKUP`] at most.
#[derive(Clone)]
pub(crate) struct Dns {
    resolver: Arc<dyn Resolve>,
    names: Arc<Mutex<Names>>,
    ttl: Duration,
    capacity: usize,
}

type Names = HashMap<Box<str>, Entry, foldhash::fast::RandomState>;

enum Entry {
    Known { addresses: Arc<[IpAddr]>, until: Instant, used: Instant, turn: usize },
    Asked(watch::Receiver<Option<Answer>>),
}

type Answer = Result<Arc<[IpAddr]>, Arc<dyn std::error::Error + Send + Sync>>;

impl Dns {
    pub(crate) fn new(resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, names: Arc::default(), ttl: TTL, capacity: NAMES }
    }

    /// Asks another resolver, and forgets what the former one said.
    #[must_use]
    pub(crate) fn resolver(self, resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, names: Arc::default(), ..self }
    }

    /// Sets how long an answer holds; zero caches none.
    #[must_use]
    pub(crate) fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    fn lock(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets one name, or all.
    pub(crate) fn clear(&self, host: Option<&str>) {
        match host {
            Some(host) => {
                let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
                self.lock().remove(&*host);
            }
            None => self.lock().clear(),
        }
    }

    pub(crate) async fn resolve(&self, host: &str, traces: &Traces) -> Answer {
        let mut asked = match self.look_up(host) {
            Ok(addresses) => {
                traces.emit(|trace| trace.dns_cache_hit(host));
                return Ok(addresses);
            }
            Err(asked) => asked,
        };
        traces.emit(|trace| trace.dns_cache_miss(host));
        traces.emit(|trace| trace.dns_resolve_start(host));
        let answer = match asked.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone(),
            Err(_) => None,
        };
        traces.emit(|trace| trace.dns_resolve_end(host));
        answer.unwrap_or_else(|| Err(Arc::new(LookupEnded)))
    }

    /// What is known, or the lookup to wait for.
    fn look_up(&self, host: &str) -> Result<Arc<[IpAddr]>, watch::Receiver<Option<Answer>>> {
        let now = Instant::now();
        let mut names = self.lock();
        match names.get_mut(host) {
            Some(Entry::Known { addresses, until, used, turn }) if *until > now => {
                *used = now;
                *turn = turn.wrapping_add(1);
                return Ok(rotated(addresses, *turn));
            }
            // A lookup whose runtime ended answers nobody.
            Some(Entry::Asked(asked)) if asked.has_changed().is_ok() => return Err(asked.clone()),
            _ => {}
        }
        let (answer, asked) = watch::channel(None);
        Self::make_room(&mut names, self.capacity);
        names.insert(host.into(), Entry::Asked(asked.clone()));
        drop(names);
        tokio::spawn(self.clone().ask(host.into(), answer));
        Err(asked)
    }

    /// Drops the name that was used longest ago, where there are too many.
    fn make_room(names: &mut Names, capacity: usize) {
        if names.len() < capacity {
            return;
        }
        // A lookup whose runtime has ended, or whose resolver panicked, is not under way.
        names.retain(|_, entry| match entry {
            Entry::Known { .. } => true,
            Entry::Asked(asked) => asked.has_changed().is_ok(),
        });
        if names.len() < capacity {
            return;
        }
        let oldest = names
            .iter()
            .filter_map(|(name, entry)| match entry {
                Entry::Known { used, .. } => Some((*used, name)),
                Entry::Asked(_) => None,
            })
            .min_by_key(|(used, _)| *used)
            .map(|(_, name)| name.clone());
        if let Some(name) = oldest {
            names.remove(&name);
        }
    }

    async fn ask(self, host: Box<str>, answer: watch::Sender<Option<Answer>>) {
        let looked_up = tokio::time::timeout(LOOKUP, self.resolver.resolve(&host)).await;
        let found: Answer = match looked_up {
            Ok(Ok(addresses)) if addresses.is_empty() => Err(Arc::new(NoAddress)),
            Ok(Ok(addresses)) => Ok(addresses.into()),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Arc::new(NoAnswer)),
        };
        {
            let mut names = self.lock();
            match &found {
                Ok(addresses) if !self.ttl.is_zero() => {
                    let now = Instant::now();
                    let until = now.checked_add(self.ttl).unwrap_or(now + FOR_EVER);
                    let addresses = Arc::clone(addresses);
                    names.insert(host, Entry::Known { addresses, until, used: now, turn: 0 });
                }
                _ => drop(names.remove(&host)),
            }
        }
        answer.send_replace(Some(found));
    }
}

/// The addresses with each family turned by so many of its own, on the places that it has.
fn rotated(addresses: &[IpAddr], turn: usize) -> Arc<[IpAddr]> {
    let family = |is_ipv6| addresses.iter().filter(move |ip| ip.is_ipv6() == is_ipv6);
    let turned = |is_ipv6| {
        let len = family(is_ipv6).count();
        family(is_ipv6).cycle().skip(turn.checked_rem(len).unwrap_or(0))
    };
    let (mut v4, mut v6) = (turned(false), turned(true));
    addresses
        .iter()
        .filter_map(|ip| if ip.is_ipv6() { v6.next() } else { v4.next() })
        .copied()
        .collect()
}

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dns").field("names", &self.lock().len()).field("ttl", &self.ttl).finish()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the name has no address")]
struct NoAddress;

#[derive(Debug, thiserror::Error)]
#[error("the resolver gave no answer within {LOOKUP:?}")]
struct NoAnswer;

#[derive(Debug, thiserror::Error)]
#[error("the lookup was given up: its runtime has ended, or the resolver panicked")]
struct LookupEnded;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Clone, Default)]
    struct Counting(Arc<AtomicUsize>);

    impl Resolve for Counting {
        fn resolve(&self, host: &str) -> Resolving {
            self.0.fetch_add(1, Ordering::SeqCst);
            let host = host.to_owned();
            Box::pin(async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if host == "none.test" {
                    return Err("no such name".into());
                }
                Ok(vec!["10.0.0.1".parse()?, "10.0.0.2".parse()?])
            })
        }
    }

    fn counted() -> (Dns, Arc<AtomicUsize>) {
        let resolver = Counting::default();
        let count = Arc::clone(&resolver.0);
        (Dns::new(Arc::new(resolver)), count)
    }

    #[tokio::test(start_paused = true)]
    async fn lookups_of_one_name_are_one_and_outlive_who_gives_up() {
        let (dns, count) = counted();
        let none = Traces::default();
        let hurried = tokio::time::timeout(Duration::from_millis(10), dns.resolve("a.test", &none));
        assert!(hurried.await.is_err());
        let (a, b) = tokio::join!(dns.resolve("a.test", &none), dns.resolve("a.test", &none));
        assert_eq!(a.unwrap(), b.unwrap());
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn answers_rotate_and_run_out() {
        let (dns, count) = counted();
        let none = Traces::default();
        let first: Vec<_> = dns.resolve("a.test", &none).await.unwrap().to_vec();
        let second = dns.resolve("a.test", &none).await.unwrap();
        assert_eq!((first[0], first[1]), (second[1], second[0]));
        tokio::time::sleep(TTL).await;
        dns.resolve("a.test", &none).await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_family_that_is_to_go_first_stays_first() {
        struct Both;
        impl Resolve for Both {
            fn resolve(&self, _: &str) -> Resolving {
                let found = ["2001:db8::1", "2001:db8::2", "10.0.0.1", "10.0.0.2", "10.0.0.3"];
                Box::pin(async move { Ok(found.map(|ip| ip.parse().unwrap()).to_vec()) })
            }
        }
        let dns = Dns::new(Arc::new(Both));
        let mut firsts = std::collections::HashSet::new();
        for _ in 0..12 {
            let found = dns.resolve("a.test", &Traces::default()).await.unwrap();
            let families: Vec<_> = found.iter().map(IpAddr::is_ipv6).collect();
            assert_eq!(families, [true, true, false, false, false], "RFC 6724, RFC 8305 section 4");
            firsts.insert((found[0], found[2]));
        }
        assert_eq!(firsts.len(), 6, "each turns by itself");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lookup_that_never_ends_is_given_up() {
        struct Silent;
        impl Resolve for Silent {
            fn resolve(&self, _: &str) -> Resolving {
                Box::pin(std::future::pending())
            }
        }
        let dns = Dns::new(Arc::new(Silent));
        let none = Traces::default();
        let error = dns.resolve("a.test", &none);
        let error = tokio::time::timeout(Duration::from_secs(3600), error).await;
        assert!(error.expect("a bound").unwrap_err().to_string().contains("no answer"));
        assert!(dns.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_told_and_not_kept() {
        let (dns, count) = counted();
        let none = Traces::default();
        for _ in 0..2 {
            let error = dns.resolve("none.test", &none).await.unwrap_err();
            assert_eq!(error.to_string(), "no such name");
        }
        assert_eq!(count.load(Ordering::SeqCst), 2);
        assert!(dns.lock().is_empty());
    }

    #[tokio::test]
    async fn lookups_that_ended_without_an_answer_make_room() {
        struct Ending;
        impl Resolve for Ending {
            fn resolve(&self, host: &str) -> Resolving {
                let host = host.to_owned();
                Box::pin(async move { panic!("no answer for {host}") })
            }
        }
        let mut dns = Dns::new(Arc::new(Ending));
        dns.capacity = 3;
        for n in 0..9 {
            let error = dns.resolve(&format!("{n}.test"), &Traces::default()).await.unwrap_err();
            assert!(error.to_string().contains("panicked"), "{error}");
        }
        assert!(dns.lock().len() <= 3);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_names_are_kept_than_there_is_room_for() {
        let (mut dns, _) = counted();
        dns.capacity = 3;
        let none = Traces::default();
        for name in ["a.test", "b.test", "c.test", "a.test", "d.test"] {
            dns.resolve(name, &none).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(dns.lock().len(), 3);
        assert!(dns.lock().contains_key("a.test") && !dns.lock().contains_key("b.test"));
    }
}
