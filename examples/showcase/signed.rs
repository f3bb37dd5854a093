//! Text that comes back from outside as it was given out: signed with HMAC-SHA256 (RFC 2104).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

/// Signs values, and reads those alone that it has signed. They can be read by whoever holds them.
pub(crate) struct Signer {
    mac: Hmac<Sha256>,
}

impl Signer {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        // Zeros behind a short key are what HMAC itself puts there.
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(key);
        Self { mac: Hmac::new(&block.into()) }
    }

    /// `VALUE.SIGNATURE`, of characters that a cookie may hold.
    pub(crate) fn sign(&self, value: &impl Serialize) -> serde_json::Result<String> {
        let mut text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(value)?);
        let signature = self.mac.clone().chain_update(&text).finalize().into_bytes();
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        Ok(text)
    }

    /// The value, where the signature is ours; compared in a time that tells nothing of the right one.
    pub(crate) fn verify<T: DeserializeOwned>(&self, text: &str) -> Option<T> {
        let (value, signature) = text.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.mac.clone().chain_update(value).verify_slice(&signature).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(value).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_signed_with_this_key_is_read() {
        let (ours, others) = (Signer::new(&[1; 32]), Signer::new(&[2; 32]));
        let text = ours.sign(&("Ada", 7)).unwrap();
        assert_eq!(ours.verify(&text), Some(("Ada".to_owned(), 7)));
        assert_eq!(others.verify::<(String, u32)>(&text), None);
        for at in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(ours.verify::<(String, u32)>(&forged), None, "{forged}");
        }
    }
}
