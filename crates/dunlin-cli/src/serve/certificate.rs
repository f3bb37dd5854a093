//! TLS, by a certificate made on the spot or one's own.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dunlin::server::TlsConfig;
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

use super::Args;
use crate::failure::{Code, Failure};

/// How long a certificate that is made on the spot is good for; browsers take none of more than 398 days.
const VALID: Duration = Duration::from_secs(30 * 24 * 3600);

/// `None` where plain HTTP is spoken.
pub(super) fn config(args: &Args) -> Result<Option<TlsConfig>, Failure> {
    let config = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => TlsConfig::from_files(cert, key),
        _ if !args.tls => return Ok(None),
        _ => {
            let failed = |error: rcgen::Error| {
                Failure::new(Code::Tls, format!("cannot make a certificate: {error}"))
            };
            let (chain, key) = self_signed(&args.host).map_err(failed)?;
            TlsConfig::builder().certificate_pem(chain, key).build()
        }
    };
    config.map(Some).map_err(|error| Failure::new(Code::Tls, error.to_string()))
}

/// A certificate for this machine, and its key, in PEM.
fn self_signed(host: &str) -> Result<(String, String), rcgen::Error> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let is_any = host.parse().is_ok_and(|ip: IpAddr| ip.is_unspecified());
    let own =
        if is_any { super::urls::outward().map(|ip| ip.to_string()) } else { Some(host.into()) };
    names.extend(own.filter(|own| !names.contains(own)));
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "dunlin serve");
    let epoch = date_time_ymd(1970, 1, 1);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Clocks differ a bit.
    params.not_before = epoch + now.saturating_sub(Duration::from_secs(3600));
    params.not_after = epoch + now + VALID;
    let key = KeyPair::generate()?;
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}
