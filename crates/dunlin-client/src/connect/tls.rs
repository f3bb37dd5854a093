//! TLS by rustls: whose certificates are trusted, and what is shown of one's own.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use dunlin_core::BoxError;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_platform_verifier::Verifier;
use sha2::{Digest, Sha256};
use tokio_rustls::TlsConnector;

use crate::conn::{Counted, Transport};
use crate::error::{Error, ErrorKind, Phase};
use crate::url::Origin;

/// On which terms TLS is spoken: the platform's roots, unless it is told otherwise.
///
/// Cheap to clone. Two requests share a connection only where theirs is one and the same, or a clone.
///
/// ```no_run
/// use dunlin_client::{Client, TlsConfig};
///
/// let tls = TlsConfig::builder().root_file("ca.pem")?.build()?;
/// let client = Client::builder().tls(tls).build()?;
/// # Ok::<(), dunlin_client::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct TlsConfig {
    /// `None` is the default, built when it is first used.
    rustls: Option<Arc<ClientConfig>>,
    server_name: Option<ServerName<'static>>,
    pins: Option<Arc<[[u8; 32]]>>,
    /// What [`rustls`](Self::rustls) was built from.
    origin: Option<BuiltFrom>,
}

/// Tells terms apart beyond the program's end, and the unsafe ones from others.
#[derive(Clone, Copy)]
struct BuiltFrom {
    digest: [u8; 32],
    insecure: bool,
}

impl TlsConfig {
    /// The default, to be changed.
    pub fn builder() -> TlsBuilder {
        TlsBuilder::default()
    }

    /// A configuration of rustls as it is, its crypto provider and ALPN included. It should offer no
    /// protocol but `http/1.1`.
    pub fn from_rustls(config: impl Into<Arc<ClientConfig>>) -> Self {
        // What it was built from cannot be told: it is like no other.
        let random = || RandomState::new().build_hasher().finish().to_be_bytes();
        let digest = Sha256::new().chain_update(random()).chain_update(random()).finalize().into();
        let origin = Some(BuiltFrom { digest, insecure: false });
        Self { rustls: Some(config.into()), origin, ..Self::default() }
    }

    /// Asks for, and expects the certificate of, this name in place of the URL's host.
    ///
    /// # Errors
    ///
    /// Where it is neither a name nor an address.
    pub fn server_name(mut self, name: &str) -> Result<Self, Error> {
        let name = ServerName::try_from(name.to_owned())
            .map_err(|error| Error::invalid("not a server name", error))?;
        self.server_name = Some(name);
        Ok(self)
    }

    /// Accepts no server whose certificate's SHA-256 (of its DER form) is not one of these. Checked
    /// besides what else is, behind the handshake, in which a client's certificate has been shown, and
    /// before anything of the request is sent.
    #[must_use]
    pub fn pin_sha256(mut self, pins: impl IntoIterator<Item = [u8; 32]>) -> Self {
        self.pins = Some(pins.into_iter().collect());
        self
    }

    /// The same for somebody on the way: the server's name and pins are not theirs.
    pub(crate) fn for_proxy(&self) -> Self {
        let (rustls, origin) = (self.rustls.clone(), self.origin);
        Self { rustls, origin, server_name: None, pins: None }
    }

    /// Whether anybody may be at the other end.
    pub(crate) fn is_insecure(&self) -> bool {
        self.origin.is_some_and(|origin| origin.insecure) && self.pins.is_none()
    }

    /// The same for terms that are the same, also in another run of the program; `None` for the
    /// default.
    pub(crate) fn identity(&self) -> Option<String> {
        if self.origin.is_none() && self.server_name.is_none() && self.pins.is_none() {
            return None;
        }
        let mut hash = Sha256::new();
        hash.update(self.origin.map_or([0; 32], |origin| origin.digest));
        hash.update(format!("{:?}", self.server_name));
        for pin in self.pins.iter().flat_map(|pins| pins.iter()) {
            hash.update(pin);
        }
        let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Some(format!("tls {hex}"))
    }

    fn rustls(&self) -> Result<Arc<ClientConfig>, Error> {
        static DEFAULT: OnceLock<Arc<ClientConfig>> = OnceLock::new();
        if let Some(config) = &self.rustls {
            return Ok(Arc::clone(config));
        }
        if let Some(config) = DEFAULT.get() {
            return Ok(Arc::clone(config));
        }
        let built = TlsBuilder::default().config()?;
        Ok(Arc::clone(DEFAULT.get_or_init(|| built)))
    }

    /// Shakes hands; returns the certificate too.
    pub(super) async fn connect(
        &self,
        io: Transport,
        origin: &Origin,
    ) -> Result<(Transport, Option<Bytes>), Error> {
        let failed = |error: BoxError| Error::new(ErrorKind::Tls(error.into()), Phase::Tls);
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(origin.host().to_owned())
                .map_err(|error| failed(error.into()))?,
        };
        let connector = TlsConnector::from(self.rustls()?);
        let tls = connector
            .connect(name, Counted::from(io))
            .await
            .map_err(|error| failed(explain(error)))?;
        let certificate = tls
            .get_ref()
            .1
            .peer_certificates()
            .and_then(|chain| Some(Bytes::copy_from_slice(chain.first()?)));
        if let Some(other) = tls.get_ref().1.alpn_protocol().filter(|name| *name != b"http/1.1") {
            let other = other.escape_ascii();
            return Err(failed(format!("the server was offered, and chose, {other}").into()));
        }
        if let Some(pins) = &self.pins {
            let found: [u8; 32] = Sha256::digest(certificate.as_deref().unwrap_or_default()).into();
            if !pins.contains(&found) {
                let found = found.iter().map(|byte| format!("{byte:02x}")).collect();
                return Err(Error::new(ErrorKind::Pin { found }, Phase::Tls));
            }
        }
        Ok((Transport::Tls(Box::new(tls)), certificate))
    }
}

/// Says what to do about the failures that people meet.
fn explain(error: std::io::Error) -> BoxError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            let hint = match reason {
                rustls::CertificateError::UnknownIssuer => {
                    ": nobody that is trusted has signed it (trust its issuer by TlsBuilder::root_file)"
                }
                rustls::CertificateError::BadSignature
                | rustls::CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
                    ..
                } => {
                    ": an issuer of that name is trusted, and with another key (has it been made anew?)"
                }
                rustls::CertificateError::Expired
                | rustls::CertificateError::ExpiredContext { .. } => ": it has expired",
                rustls::CertificateError::NotValidForName
                | rustls::CertificateError::NotValidForNameContext { .. } => {
                    ": it is for another name"
                }
                rustls::CertificateError::Other(other) if is_ca_at_the_end(other) => {
                    ": it is an authority's own, marked CA:TRUE, which must not be a server's too (make one with \
                     basicConstraints=CA:FALSE, as by `openssl req -x509 -addext basicConstraints=CA:FALSE`)"
                }
                _ => "",
            };
            format!("the server's certificate is not accepted{hint} ({reason})").into()
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            format!("the server does not seem to speak TLS on this port ({error})").into()
        }
        _ => error.into(),
    }
}

/// Whether a server has shown the certificate of an authority, as `openssl req -x509` makes it unless it
/// is told otherwise.
fn is_ca_at_the_end(error: &rustls::OtherError) -> bool {
    // The type is not in rustls's interface, and the verifiers of platforms have others.
    error.0.to_string() == "CaUsedAsEndEntity"
}

/// Configurations are compared by identity: two that were built apart may differ in what cannot be
/// compared.
impl PartialEq for TlsConfig {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.rustls, &other.rustls) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        same && self.server_name == other.server_name && self.pins == other.pins
    }
}

impl Eq for TlsConfig {}

impl Hash for TlsConfig {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rustls.as_ref().map(Arc::as_ptr).hash(state);
        self.pins.hash(state);
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("server_name", &self.server_name)
            .field("pins", &self.pins.as_ref().map(|pins| pins.len()))
            .finish_non_exhaustive()
    }
}

/// Builds a [`TlsConfig`].
#[derive(Debug, Default)]
#[must_use]
pub struct TlsBuilder {
    extra_roots: Vec<CertificateDer<'static>>,
    no_platform_roots: bool,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    insecure: bool,
}

impl TlsBuilder {
    /// Trusts the certificates of this PEM besides the platform's.
    ///
    /// # Errors
    ///
    /// Where it holds none.
    pub fn root_pem(self, pem: &[u8]) -> Result<Self, Error> {
        self.add_roots(pem, "the PEM")
    }

    fn add_roots(mut self, pem: &[u8], origin: &str) -> Result<Self, Error> {
        let roots = certificates(pem, origin)?;
        let mut readable = rustls::RootCertStore::empty();
        for root in &roots {
            readable.add(root.clone()).map_err(|error| {
                Error::invalid("a root certificate", format!("in {origin}: {error}"))
            })?;
        }
        self.extra_roots.extend(roots);
        Ok(self)
    }

    /// Trusts the certificates of this PEM file besides the platform's.
    ///
    /// # Errors
    ///
    /// Where it cannot be read or holds none.
    pub fn root_file(self, path: impl AsRef<Path>) -> Result<Self, Error> {
        let pem = read(path.as_ref())?;
        self.add_roots(&pem, &path.as_ref().display().to_string())
    }

    /// Trusts the certificates that were added, and not the platform's.
    pub fn only_given_roots(mut self) -> Self {
        self.no_platform_roots = true;
        self
    }

    /// Shows this certificate (its chain first to last) where the server asks for one.
    ///
    /// # Errors
    ///
    /// Where either PEM cannot be read.
    pub fn identity_pem(self, chain: &[u8], key: &[u8]) -> Result<Self, Error> {
        self.identity((chain, "the chain's PEM"), (key, "the key's PEM"))
    }

    fn identity(mut self, chain: (&[u8], &str), key: (&[u8], &str)) -> Result<Self, Error> {
        let private = PrivateKeyDer::from_pem_slice(key.0).map_err(|error| {
            let reason = match error {
                pem::Error::NoItemsFound => {
                    format!("{} holds no block -----BEGIN PRIVATE KEY-----", key.1)
                }
                error => format!("{}: {error}", key.1),
            };
            Error::invalid("the client's private key", reason)
        })?;
        self.identity = Some((certificates(chain.0, chain.1)?, private));
        Ok(self)
    }

    /// The same from PEM files.
    ///
    /// # Errors
    ///
    /// Where either cannot be read.
    pub fn identity_files(
        self,
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, Error> {
        let (chain, key) = (chain.as_ref(), key.as_ref());
        let (chain_pem, key_pem) = (read(chain)?, read(key)?);
        let (chain, key) = (chain.display().to_string(), key.display().to_string());
        self.identity((&chain_pem, &chain), (&key_pem, &key))
    }

    /// Accepts any certificate of anybody. Everybody on the way can then read and change all that is
    /// sent: for tests alone.
    pub fn insecure(mut self) -> Self {
        self.insecure = true;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// Where a root or the identity is not usable, or the platform's roots cannot be read.
    pub fn build(self) -> Result<TlsConfig, Error> {
        let origin = Some(BuiltFrom { digest: self.digest(), insecure: self.insecure });
        Ok(TlsConfig { rustls: Some(self.config()?), origin, ..TlsConfig::default() })
    }

    /// Of all that decides who is trusted, and who one is oneself.
    fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update([u8::from(self.no_platform_roots), u8::from(self.insecure)]);
        let chain = self.identity.iter().flat_map(|(chain, _)| chain);
        for (kind, certificate) in
            self.extra_roots.iter().map(|root| (0, root)).chain(chain.map(|own| (1, own)))
        {
            hash.update([kind]);
            hash.update(Sha256::digest(certificate));
        }
        hash.finalize().into()
    }

    fn config(self) -> Result<Arc<ClientConfig>, Error> {
        let bad = |what| move |error: rustls::Error| Error::invalid(what, error);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(bad("TLS versions"))?;
        let builder = if self.insecure {
            let verifier = Arc::new(AcceptAnybody(provider));
            builder.dangerous().with_custom_certificate_verifier(verifier)
        } else if self.no_platform_roots {
            let mut roots = rustls::RootCertStore::empty();
            for root in self.extra_roots {
                roots.add(root).map_err(bad("a root certificate"))?;
            }
            builder.with_root_certificates(roots)
        } else {
            let verifier = Verifier::new_with_extra_roots(self.extra_roots, provider)
                .map_err(bad("the platform's root certificates"))?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        };
        let mut config = match self.identity {
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| match error {
                    rustls::Error::InconsistentKeys(_) => Error::invalid(
                        "the client's certificate",
                        "the private key is another certificate's: they must have been made together, \
                         and the client's own certificate must stand before its issuers'",
                    ),
                    error => bad("the client's certificate")(error),
                })?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => {
                "; the path is taken from the folder that the program runs in"
            }
            _ => "",
        };
        Error::invalid("a PEM file", format!("{}: {error}{hint}", path.display()))
    })
}

fn certificates(pem: &[u8], origin: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => {
            let reason = format!("{origin} holds no block -----BEGIN CERTIFICATE-----");
            Err(Error::invalid("a certificate", reason))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(Error::invalid("a certificate", format!("{origin}: {error}"))),
    }
}

/// Checks that the server has the key of the certificate that it shows, and nothing else.
#[derive(Debug)]
struct AcceptAnybody(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
