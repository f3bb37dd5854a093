//! On which terms a server speaks TLS.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::certificates::{
    Certificates, GIVEN_CHAIN, OnReload, Source, certificates, certified, read,
};
use super::error::TlsError;
use crate::error::OutOfDate;

/// On which terms a server speaks TLS: its certificates, and which it asks of clients.
///
/// Cheap to clone; the clones share their certificates, so that one that is kept can
/// [`reload`](Self::reload) those of a server that runs. TLS 1.2 and 1.3, the cipher suites and the
/// resumption of sessions are those of rustls.
///
/// ```no_run
/// use dunlin_server::{Server, TlsConfig};
///
/// let tls = TlsConfig::from_files("cert.pem", "key.pem")?;
/// let server = Server::builder().bind_tls("0.0.0.0:8443", tls.clone());
/// // Later, when the files have been replaced:
/// tls.reload()?;
/// # Ok::<(), dunlin_server::TlsError>(())
/// ```
#[derive(Clone)]
pub struct TlsConfig {
    rustls: Arc<ServerConfig>,
    /// `None` where rustls was configured elsewhere.
    certificates: Option<Arc<Certificates>>,
}

impl TlsConfig {
    /// No certificate yet.
    pub fn builder() -> TlsBuilder {
        TlsBuilder::default()
    }

    /// With the certificate and its issuers' from one PEM file, and its key from another.
    ///
    /// # Errors
    ///
    /// [`TlsError`] that says which file is not usable and why.
    pub fn from_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, TlsError> {
        Self::builder().certificate_files(chain, key).build()
    }

    /// A configuration of rustls as it is, its crypto provider and ALPN included. It should offer no
    /// protocol but `http/1.1`. [`reload`](Self::reload) does nothing for it.
    pub fn from_rustls(config: impl Into<Arc<ServerConfig>>) -> Self {
        Self { rustls: config.into(), certificates: None }
    }

    /// Reads the files of certificates and keys anew, for the handshakes from then on; connections that
    /// are open stay. Certificates that were not given as files stay, and so do the roots for clients'.
    /// Blocks for as long as reading takes.
    ///
    /// # Errors
    ///
    /// [`TlsError`] where any is not usable; then all stay as they were.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.certificates.as_ref().map_or(Ok(()), |certificates| certificates.reload())
    }

    /// Tells of every certificate that is not valid now.
    pub(crate) fn check_dates(&self, tell: impl FnMut(&str, OutOfDate)) {
        if let Some(certificates) = &self.certificates {
            certificates.check_dates(tell);
        }
    }

    pub(crate) fn rustls(&self) -> &Arc<ServerConfig> {
        &self.rustls
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("certificates", &self.certificates)
            .finish_non_exhaustive()
    }
}

/// Builds a [`TlsConfig`].
#[derive(Default)]
#[must_use]
pub struct TlsBuilder {
    certificates: Vec<Certificate>,
    client_roots: Vec<Roots>,
    optional: bool,
    watch: Option<(Duration, OnReload)>,
}

enum Certificate {
    Files(PathBuf, PathBuf),
    Pem(Vec<u8>, Vec<u8>),
}

enum Roots {
    File(PathBuf),
    Pem(Vec<u8>),
}

impl TlsBuilder {
    /// A certificate and its issuers' from one PEM file, its own first, and its key from another (PKCS#8,
    /// PKCS#1 or SEC1). May be called several times: a client is shown the one for the name that it asks
    /// for, `*.example.org` counting for each name beside, and the first of all where there is none.
    /// Several for the same name may differ in the kind of their keys.
    pub fn certificate_files(mut self, chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        let (chain, key) = (chain.as_ref().to_owned(), key.as_ref().to_owned());
        self.certificates.push(Certificate::Files(chain, key));
        self
    }

    /// The same from memory.
    pub fn certificate_pem(mut self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.certificates.push(Certificate::Pem(chain.into(), key.into()));
        self
    }

    /// Takes no client that does not show a certificate which one of this PEM file has issued. The
    /// handlers find it in [`TlsInfo`](dunlin_core::TlsInfo). Default: clients are asked for none.
    pub fn client_roots_file(mut self, path: impl AsRef<Path>) -> Self {
        self.client_roots.push(Roots::File(path.as_ref().to_owned()));
        self
    }

    /// The same from memory.
    pub fn client_roots_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.client_roots.push(Roots::Pem(pem.into()));
        self
    }

    /// Takes clients without a certificate too, where it asks for one. One that is shown is still
    /// verified.
    pub fn client_certificates_optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Looks every so often whether the certificates' files have changed, and reads them anew then; `told`
    /// hears of each time, and why where they are not usable. Default: only [`TlsConfig::reload`] does.
    pub fn reload_on_change(
        mut self,
        every: Duration,
        told: impl Fn(Result<(), TlsError>) + Send + Sync + 'static,
    ) -> Self {
        self.watch = Some((every.max(Duration::from_millis(10)), Box::new(told)));
        self
    }

    /// Reads the files and checks them.
    ///
    /// # Errors
    ///
    /// [`TlsError`] that says what is not usable and why.
    pub fn build(self) -> Result<TlsConfig, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        if self.certificates.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let mut sources = Vec::new();
        for certificate in self.certificates {
            sources.push(match certificate {
                Certificate::Files(chain, key) => Source::Files { chain, key },
                Certificate::Pem(chain, key) => {
                    let names = (GIVEN_CHAIN, "the given key");
                    Source::Given(certified(&chain, names.0, &key, names.1, &provider)?)
                }
            });
        }
        let certificates = Arc::new(Certificates::load(sources, Arc::clone(&provider))?);
        if let Some((every, told)) = self.watch {
            certificates.watch(every, told)?;
        }
        let bare = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|source| TlsError::Unusable {
                origin: "the crypto provider".into(),
                source,
            })?;
        let bare = if self.client_roots.is_empty() {
            bare.with_no_client_auth()
        } else {
            let roots = client_roots(self.client_roots)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            let verifier = if self.optional { verifier.allow_unauthenticated() } else { verifier };
            bare.with_client_cert_verifier(verifier.build().map_err(TlsError::ClientRoots)?)
        };
        let mut config = bare.with_cert_resolver(Arc::clone(&certificates) as _);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsConfig { rustls: Arc::new(config), certificates: Some(certificates) })
    }
}

fn client_roots(given: Vec<Roots>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let mut add = |pem: &[u8], origin: &str| {
        let found: Vec<CertificateDer<'_>> = certificates(pem, origin)?;
        for root in found {
            roots
                .add(root)
                .map_err(|source| TlsError::Unusable { origin: origin.into(), source })?;
        }
        Ok(())
    };
    for root in given {
        match root {
            Roots::File(path) => {
                add(&read("client roots", &path)?, &path.display().to_string())?;
            }
            Roots::Pem(pem) => add(&pem, "the given PEM of client roots")?,
        }
    }
    Ok(roots)
}

impl fmt::Debug for TlsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsBuilder")
            .field("certificates", &self.certificates.len())
            .field("client_roots", &self.client_roots.len())
            .finish_non_exhaustive()
    }
}
