//! Certificates by the names that clients ask for, which can be read anew while the server runs.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::{self, Thread};
use std::time::{Duration, SystemTime};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::error::TlsError;
use crate::error::OutOfDate;

/// Stack of the watching thread.
const STACK: usize = 256 * 1024;

/// Is told of what became of files that have changed.
pub(super) type OnReload = Box<dyn Fn(Result<(), TlsError>) + Send + Sync>;

/// Where a certificate and its key are from.
pub(super) enum Source {
    Files { chain: PathBuf, key: PathBuf },
    Given(Arc<CertifiedKey>),
}

impl Source {
    fn origin(&self) -> String {
        match self {
            Self::Given(_) => GIVEN_CHAIN.to_owned(),
            Self::Files { chain, .. } => chain.display().to_string(),
        }
    }

    fn load(&self, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
        match self {
            Self::Given(key) => Ok(Arc::clone(key)),
            Self::Files { chain, key } => {
                let (chain_pem, key_pem) = (read("certificate", chain)?, read("key", key)?);
                let (chain, key) = (chain.display().to_string(), key.display().to_string());
                certified(&chain_pem, &chain, &key_pem, &key, provider)
            }
        }
    }
}

/// What the messages call the chain that was not given as a file.
pub(super) const GIVEN_CHAIN: &str = "the given chain";

pub(super) fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { what, path: path.to_owned(), source })
}

/// The certificates of a PEM, at least one.
pub(super) fn certificates(
    pem: &[u8],
    origin: &str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(TlsError::EmptyChain {
            origin: origin.into(),
            is_key: PrivateKeyDer::from_pem_slice(pem).is_ok(),
        }),
        Ok(found) => Ok(found),
        Err(source) => Err(TlsError::Malformed { origin: origin.into(), source }),
    }
}

/// A chain and its key, which belong together.
pub(super) fn certified(
    chain_pem: &[u8],
    chain_origin: &str,
    key_pem: &[u8],
    key_origin: &str,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = certificates(chain_pem, chain_origin)?;
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|source| match source {
        pem::Error::NoItemsFound => TlsError::NoKey {
            origin: key_origin.into(),
            is_encrypted: key_pem.windows(9).any(|word| word == b"ENCRYPTED"),
        },
        source => TlsError::Malformed { origin: key_origin.into(), source },
    })?;
    match CertifiedKey::from_der(chain, key, provider) {
        Ok(certified) => Ok(Arc::new(certified)),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(TlsError::Mismatch { chain: chain_origin.into(), key: key_origin.into() })
        }
        Err(source @ rustls::Error::InvalidCertificate(_)) => {
            Err(TlsError::Unusable { origin: chain_origin.into(), source })
        }
        Err(source) => Err(TlsError::Unusable { origin: key_origin.into(), source }),
    }
}

/// The certificates of a server at one time.
struct Table {
    /// By the names that they are for, `*.` in front of those that are for all below; several where
    /// there are keys of different kinds.
    names: HashMap<Box<str>, Vec<Arc<CertifiedKey>>>,
    all: Vec<Arc<CertifiedKey>>,
}

impl Table {
    fn load(sources: &[Source], provider: &CryptoProvider) -> Result<Self, TlsError> {
        let mut table = Self { names: HashMap::new(), all: Vec::new() };
        for source in sources {
            let certified = source.load(provider)?;
            let own = certified.cert.first().map(webpki::EndEntityCert::try_from);
            // One that cannot be looked into is still shown to who asks for no other.
            if let Some(Ok(own)) = own {
                for name in own.valid_dns_names() {
                    let name = name.to_ascii_lowercase().into_boxed_str();
                    table.names.entry(name).or_default().push(Arc::clone(&certified));
                }
            }
            table.all.push(certified);
        }
        Ok(table)
    }

    /// Those for a name: its own, those for all names beside it, or else all.
    fn named(&self, name: Option<&str>) -> &[Arc<CertifiedKey>] {
        let named = name.and_then(|name| {
            let name = name.to_ascii_lowercase();
            let beside = || Some(format!("*.{}", name.split_once('.')?.1));
            let own = self.names.get(name.as_str());
            own.or_else(|| self.names.get(beside()?.as_str()))
        });
        named.map_or(&self.all, Vec::as_slice)
    }
}

/// When a file was written, and its length; `None` where it cannot be seen.
type Stamp = Option<(SystemTime, u64)>;

/// The certificates of a server, for as long as it runs.
pub(super) struct Certificates {
    sources: Vec<Source>,
    provider: Arc<CryptoProvider>,
    table: RwLock<Arc<Table>>,
    /// As the files were when they were last read.
    seen: Mutex<Vec<Stamp>>,
    watcher: OnceLock<Thread>,
}

impl Certificates {
    pub(super) fn load(
        sources: Vec<Source>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let seen = stamps(&sources);
        let table = Table::load(&sources, &provider)?;
        Ok(Self {
            sources,
            provider,
            table: RwLock::new(Arc::new(table)),
            seen: Mutex::new(seen),
            watcher: OnceLock::new(),
        })
    }

    /// Reads the files anew; where any is not usable, all stay as they are.
    pub(super) fn reload(&self) -> Result<(), TlsError> {
        // Looked at first: what is written in between shows as a change.
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = stamps(&self.sources);
        let table = Table::load(&self.sources, &self.provider)?;
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
        Ok(())
    }

    /// Tells of every certificate that is not valid now, and where it is from.
    pub(super) fn check_dates(&self, mut tell: impl FnMut(&str, OutOfDate)) {
        let table = Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner));
        for (source, certified) in self.sources.iter().zip(&table.all) {
            let own = certified.cert.first();
            if let Some(dates) =
                own.and_then(|own| out_of_date(own, UnixTime::now(), &self.provider))
            {
                tell(&source.origin(), dates);
            }
        }
    }

    fn has_changed(&self) -> bool {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) != stamps(&self.sources)
    }

    /// Looks at the files every so often, on a thread of its own that ends with the certificates.
    pub(super) fn watch(self: &Arc<Self>, every: Duration, told: OnReload) -> Result<(), TlsError> {
        let certificates = Arc::downgrade(self);
        let builder = thread::Builder::new().name("dunlin-certs".into()).stack_size(STACK);
        let watching = builder.spawn(move || {
            loop {
                thread::park_timeout(every);
                let Some(certificates) = certificates.upgrade() else { return };
                if certificates.has_changed() {
                    told(certificates.reload());
                }
            }
        });
        let thread = watching.map_err(TlsError::Watch)?.thread().clone();
        let _ = self.watcher.set(thread);
        Ok(())
    }
}

/// Whether a certificate is not valid at a time: what clients look at before all else.
fn out_of_date(
    der: &CertificateDer<'_>,
    now: UnixTime,
    provider: &CryptoProvider,
) -> Option<OutOfDate> {
    const DAY: u64 = 24 * 60 * 60;
    let own = webpki::EndEntityCert::try_from(der).ok()?;
    // Its issuers, whom a client may know, are of no interest here: the dates are compared before them.
    let checked = own.verify_for_usage(
        provider.signature_verification_algorithms.all,
        &[],
        &[],
        now,
        webpki::KeyUsage::server_auth(),
        None,
        None,
    );
    match checked.err()? {
        webpki::Error::CertExpired { time, not_after } => Some(OutOfDate::Expired {
            days: time.as_secs().saturating_sub(not_after.as_secs()) / DAY,
        }),
        webpki::Error::CertNotValidYet { time, not_before } => {
            let left = not_before.as_secs().saturating_sub(time.as_secs());
            Some(OutOfDate::NotYet { days: left.div_ceil(DAY) })
        }
        _ => None,
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        if let Some(thread) = self.watcher.get() {
            thread.unpark();
        }
    }
}

fn stamps(sources: &[Source]) -> Vec<Stamp> {
    let stamp = |path: &PathBuf| {
        let file = std::fs::metadata(path).ok()?;
        Some((file.modified().ok()?, file.len()))
    };
    let mut stamps = Vec::new();
    for source in sources {
        if let Source::Files { chain, key } = source {
            stamps.extend([stamp(chain), stamp(key)]);
        }
    }
    stamps
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let table = Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner));
        let named = table.named(hello.server_name());
        // The first key of a kind that the client knows; or the first, for it to be told so.
        let schemes = hello.signature_schemes();
        let known = named.iter().find(|own| own.key.choose_scheme(schemes).is_some());
        known.or_else(|| named.first()).cloned()
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("count", &self.sources.len()).finish_non_exhaustive()
    }
}
