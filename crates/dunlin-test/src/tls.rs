//! A certificate for one test.

use std::fmt;

use rcgen::{CertificateParams, KeyPair};

use crate::error::TestError;

/// A certificate that was made for one test, and its key: signed by itself, so that who trusts it trusts nothing
/// else.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use dunlin_core::Request;
/// use dunlin_test::{TestCertificate, TestClient};
/// use dunlin_web::App;
///
/// async fn scheme(req: Request) -> &'static str {
///     req.scheme()
/// }
///
/// let client = TestClient::builder()
///     .tls(&TestCertificate::new(["localhost"])?)
///     .start(App::new().add_get("/", scheme))
///     .await?;
/// assert_eq!(client.get("/").send().await?.text().await?, "https");
/// client.stop().await?;
/// # Ok(()) }
/// ```
///
/// It serves as a client's certificate too, and as the root of a server that asks for that one:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use dunlin_test::{TestCertificate, TestServer};
/// # use dunlin_web::{App, Tls};
/// # use dunlin_client::Client;
/// let (servers, clients) = (TestCertificate::new(["localhost"])?, TestCertificate::new(["ada"])?);
/// let server = TestServer::builder()
///     .tls_with(&servers, |tls| tls.client_roots_pem(clients.pem()))
///     .start(App::new().add_get("/", async |Tls(tls): Tls| tls.peer_certificates.len().to_string()))
///     .await?;
///
/// let identity = servers.client_tls()?.identity_pem(clients.pem().as_bytes(), clients.key_pem().as_bytes())?;
/// let client = Client::builder().tls(identity.build()?).build()?;
/// assert_eq!(client.get(server.url("/")).send().await?.text().await?, "1");
/// # server.stop().await?;
/// # Ok(()) }
/// ```
pub struct TestCertificate {
    pem: String,
    key: KeyPair,
}

impl TestCertificate {
    /// A certificate for these names, and for 127.0.0.1 and ::1, with a new key (ECDSA, P-256).
    ///
    /// # Errors
    ///
    /// [`TestError::Certificate`] for what is no DNS name or address.
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Result<Self, TestError> {
        let mut all: Vec<String> = names.into_iter().map(Into::into).collect();
        for loopback in ["127.0.0.1", "::1"] {
            if !all.iter().any(|name| name == loopback) {
                all.push(loopback.to_owned());
            }
        }
        let made = |error: rcgen::Error| TestError::Certificate(error.into());
        let key = KeyPair::generate().map_err(made)?;
        let params = CertificateParams::new(all).map_err(made)?;
        let pem = params.self_signed(&key).map_err(made)?.pem();
        Ok(Self { pem, key })
    }

    /// The certificate, in PEM: what a client has to trust.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Its key, in PEM (PKCS#8).
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// The terms of a server that shows it.
    pub fn server_tls(&self) -> dunlin_server::TlsBuilder {
        dunlin_server::TlsConfig::builder().certificate_pem(self.pem(), self.key_pem())
    }

    /// The terms of a client that trusts it, and nobody else.
    ///
    /// # Errors
    ///
    /// [`TestError::Client`] where the client cannot read it.
    pub fn client_tls(&self) -> Result<dunlin_client::TlsBuilder, TestError> {
        Ok(dunlin_client::TlsConfig::builder().root_pem(self.pem.as_bytes())?.only_given_roots())
    }
}

/// Without the key.
impl fmt::Debug for TestCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCertificate").finish_non_exhaustive()
    }
}
