//! Files in memory.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::HeaderValue;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use sha2::{Digest, Sha256};

use super::StaticsError;
use super::sandbox::{check_name, is_served};
use crate::conditional::ETag;
use crate::files::{Accepted, Coding, by_name};
use crate::respond::{Representation, Source};

/// Files by their path; directories are what the paths imply.
#[derive(Debug)]
pub(super) struct Memory {
    files: BTreeMap<String, Stored>,
}

#[derive(Debug)]
struct Stored {
    bytes: Bytes,
    /// SHA-256 in base64, for versions.
    hash: String,
    etag: ETag,
    media: HeaderValue,
}

impl Memory {
    pub(super) fn new(given: Vec<(String, Bytes)>) -> Result<Self, StaticsError> {
        let mut files = BTreeMap::new();
        for (name, bytes) in given {
            check_name(&name)?;
            let hash = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&bytes));
            let etag = ETag::of_content(&bytes);
            let media = by_name(OsStr::new(name.rsplit('/').next().unwrap_or(&name)));
            let stored = Stored { bytes, hash, etag, media };
            if files.insert(name.clone(), stored).is_some() {
                return Err(StaticsError::Twice { file: name.into() });
            }
        }
        Ok(Self { files })
    }

    /// A file, or its precompressed sibling.
    pub(super) fn file(&self, path: &str, accepted: Option<Accepted>) -> Option<Representation> {
        let file = self.files.get(path)?;
        let sibling = |coding: Coding| self.files.get(&format!("{path}{}", coding.suffix()));
        let is_sibling = Coding::ALL.iter().any(|coding| path.ends_with(coding.suffix()));
        let accepted = accepted.filter(|_| !is_sibling);
        let chosen = accepted.and_then(|accepted| {
            accepted.in_order().find_map(|c| sibling(c).map(|file| (c, file)))
        });
        let (coding, variant) = match chosen {
            Some((coding, variant)) => (Some(coding), variant),
            None => (None, file),
        };
        let mut found = Representation::of(Source::Bytes(variant.bytes.clone()))
            .etag(variant.etag.clone())
            .header(CONTENT_TYPE, file.media.clone());
        if let Some(coding) = coding {
            found = found.header(CONTENT_ENCODING, coding.to_value());
        }
        if accepted.is_some() && Coding::ALL.into_iter().any(|coding| sibling(coding).is_some()) {
            found = found.header(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
        }
        Some(found)
    }

    /// SHA-256 of a file's content.
    pub(super) fn hash(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(|file| &*file.hash)
    }

    /// What is in a directory and would be served, sorted: names, directories with a `/` at their end;
    /// `None` where there is no such directory.
    pub(super) fn list(&self, path: &str, dot_files: bool) -> Option<Vec<String>> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let below = self.files.range(prefix.clone()..).map(|(name, _)| name);
        let below = below.map_while(|name| name.strip_prefix(&*prefix));
        let mut names: Vec<String> =
            below.map(|rest| rest.split_inclusive('/').next().unwrap_or(rest).to_owned()).collect();
        names.dedup();
        if names.is_empty() && !path.is_empty() {
            return None;
        }
        names.retain(|name| is_served(name.trim_end_matches('/'), dot_files));
        names.sort_unstable();
        names.dedup();
        Some(names)
    }
}
