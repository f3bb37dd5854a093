//! What a built app keeps of [`Statics`](super::Statics): it answers requests and makes versions.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use dunlin_core::{IntoResponse, Request, RequestHead};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use super::disk::{Disk, Spot, is_settled};
use super::memory::Memory;
use super::sandbox::Target;
use super::{Settings, listing};
use crate::error::{HttpError, Result};
use crate::files::{Accepted, Wanted, off_thread, refuse};
use crate::respond::{Redirect, Representation};

/// Most names on a page that lists a directory.
const MAX_LISTED: usize = 10_000;

/// Most versions that are remembered; past it all are forgotten and made again.
const MAX_VERSIONS: usize = 4096;

/// Files of one prefix.
#[derive(Clone, Debug)]
pub(crate) struct Files(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    settings: Settings,
    /// Versions by path, with what the file looked like.
    versions: Mutex<HashMap<String, (Stamp, String)>>,
}

#[derive(Debug)]
enum Store {
    Disk(Disk),
    Memory(Memory),
}

/// By what a file is known to be the same as before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stamp {
    pub(super) modified: Option<SystemTime>,
    pub(super) len: u64,
}

/// What answers a request.
enum Found {
    /// With what its version is known by, where it is of a disk.
    File(Representation, Option<Stamp>),
    /// A directory that was asked for without its slash.
    Slash,
    Names(Vec<String>, bool),
}

impl Files {
    pub(super) fn disk(disk: Disk, settings: Settings) -> Self {
        Self::of(Store::Disk(disk), settings)
    }

    pub(super) fn memory(memory: Memory, settings: Settings) -> Self {
        Self::of(Store::Memory(memory), settings)
    }

    fn of(store: Store, settings: Settings) -> Self {
        Self(Arc::new(Inner { store, settings, versions: Mutex::default() }))
    }

    /// The handler of the route, of which the last capture is the path.
    pub(crate) async fn serve(self, req: Request) -> Result {
        let settings = &self.0.settings;
        let last = req.captures().len().checked_sub(1);
        let raw = last.and_then(|last| req.raw_param(last)).unwrap_or_default();
        let found = match Target::parse(raw, settings.dot_files) {
            None => Err(HttpError::not_found()),
            Some(target) => {
                let path = target.path();
                match self.find(target, req.head()).await {
                    Ok(Found::Slash) => Ok(Redirect::moved(with_slash(&req)).into_response()),
                    Ok(Found::Names(names, more)) => Ok(listing::page(&path, &names, more)),
                    Ok(Found::File(file, stamp)) => {
                        let file = self.dress(file, &path, StatusCode::OK);
                        Ok(self.cached(file, &path, stamp, req.query()).respond(&req))
                    }
                    Err(error) => Err(error),
                }
            }
        };
        match (found, &settings.fallback) {
            (Err(error), Some((page, status))) if error.status() == StatusCode::NOT_FOUND => {
                self.fall_back(page, *status, &req).await.map_err(|_| error)
            }
            (found, _) => found,
        }
    }

    async fn fall_back(&self, page: &str, status: StatusCode, req: &Request) -> Result {
        let segments = page.split('/').map(str::to_owned).collect();
        let target = Target { segments, is_dir: false };
        match self.find(target, req.head()).await? {
            Found::File(file, _) => {
                // What is missing now may be there in a minute, under the same URL.
                let no_cache = HeaderValue::from_static("no-cache");
                let page = self.dress(file, page, status).header(CACHE_CONTROL, no_cache);
                Ok(page.respond(req))
            }
            _ => Err(HttpError::not_found()),
        }
    }

    async fn find(&self, target: Target, head: &RequestHead) -> Result<Found> {
        let wanted = Wanted::of(head, self.0.settings.precompressed);
        match &self.0.store {
            Store::Memory(memory) => self.find_in_memory(memory, &target, head),
            Store::Disk(_) => {
                let this = self.clone();
                off_thread(move || this.find_on_disk(&target, wanted)).await?.map_err(refuse)
            }
        }
    }

    fn find_on_disk(&self, target: &Target, wanted: Wanted) -> io::Result<Found> {
        let (settings, Store::Disk(disk)) = (&self.0.settings, &self.0.store) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let file = |dir, name: &_| {
            disk.load(dir, name, wanted).map(|(file, stamp)| Found::File(file, Some(stamp)))
        };
        let dir = match disk.open(&target.segments)? {
            Spot::File(..) if target.is_dir => return Err(io::ErrorKind::NotFound.into()),
            Spot::File(dir, name) => return file(&dir, &name),
            Spot::Directory(dir) => dir,
        };
        if let Some(index) = &settings.index {
            let mut path = target.segments.clone();
            path.extend(index.split('/').map(str::to_owned));
            match disk.open(&path) {
                Ok(Spot::File(..)) if !target.is_dir => return Ok(Found::Slash),
                Ok(Spot::File(dir, name)) => return file(&dir, &name),
                Ok(Spot::Directory(_)) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        match (settings.listing, target.is_dir) {
            (false, _) => Err(io::ErrorKind::IsADirectory.into()),
            (true, false) => Ok(Found::Slash),
            (true, true) => {
                let (names, more) =
                    disk.list(&target.segments, &dir, settings.dot_files, MAX_LISTED)?;
                Ok(Found::Names(names, more))
            }
        }
    }

    fn find_in_memory(
        &self,
        memory: &Memory,
        target: &Target,
        head: &RequestHead,
    ) -> Result<Found> {
        let settings = &self.0.settings;
        let accepted = settings.precompressed.then(|| Accepted::of(head.headers()));
        let path = target.path();
        if !target.is_dir
            && let Some(file) = memory.file(&path, accepted)
        {
            return Ok(Found::File(file, None));
        }
        let Some(mut names) = memory.list(&path, settings.dot_files) else {
            return Err(HttpError::not_found());
        };
        if let Some(index) = &settings.index {
            let index = if path.is_empty() { index.clone() } else { format!("{path}/{index}") };
            if let Some(file) = memory.file(&index, accepted) {
                return Ok(if target.is_dir { Found::File(file, None) } else { Found::Slash });
            }
        }
        match (settings.listing, target.is_dir) {
            (false, _) => Err(HttpError::forbidden()),
            (true, false) => Ok(Found::Slash),
            (true, true) => {
                let more = names.len() > MAX_LISTED;
                names.truncate(MAX_LISTED);
                Ok(Found::Names(names, more))
            }
        }
    }

    /// Sets what holds for every file.
    fn dress(&self, file: Representation, path: &str, status: StatusCode) -> Representation {
        let settings = &self.0.settings;
        let extension = Path::new(path).extension().unwrap_or_default().to_string_lossy();
        let own = settings.media.iter().rfind(|(ext, _)| extension.eq_ignore_ascii_case(ext));
        let file =
            own.into_iter().fold(file, |file, (_, media)| file.header(CONTENT_TYPE, media.clone()));
        let headers = settings.headers.iter().cloned();
        let file = headers.fold(file, |file, (name, value)| file.header(name, value));
        file.status(status).max_ranges(settings.max_ranges)
    }

    /// What was asked for under its present version will never change there: it may be kept for a year.
    fn cached(
        &self,
        file: Representation,
        path: &str,
        stamp: Option<Stamp>,
        query: Option<&str>,
    ) -> Representation {
        let pairs = query.into_iter().flat_map(|query| query.split('&'));
        let Some(asked) = pairs.filter_map(|pair| pair.strip_prefix("v=")).next() else {
            return file;
        };
        let is_present = match (&self.0.store, stamp) {
            (Store::Memory(memory), _) => memory.hash(path) == Some(asked),
            (Store::Disk(_), Some(stamp)) => self.known(path, stamp).is_some_and(|v| v == asked),
            (Store::Disk(_), None) => false,
        };
        let year = HeaderValue::from_static("public, max-age=31536000, immutable");
        if is_present { file.header(CACHE_CONTROL, year) } else { file }
    }

    /// The version of a file: SHA-256 of its content in URL-safe base64, made anew only where time or size
    /// of the file have changed. `None` where there is no such file.
    pub(crate) async fn version(&self, path: &str) -> Option<String> {
        match &self.0.store {
            Store::Memory(memory) => memory.hash(path).map(str::to_owned),
            Store::Disk(_) => {
                let (this, path) = (self.clone(), path.to_owned());
                off_thread(move || this.version_on_disk(&path)).await.ok()?
            }
        }
    }

    fn version_on_disk(&self, path: &str) -> Option<String> {
        let Store::Disk(disk) = &self.0.store else { return None };
        let dot_files = self.0.settings.dot_files;
        let segments: Vec<String> = path.split('/').map(str::to_owned).collect();
        if !segments.iter().all(|segment| super::sandbox::is_served(segment, dot_files)) {
            return None;
        }
        let known = |stamp| self.known(path, stamp).is_some();
        let (stamp, hash) = disk.hash(&segments, known).ok()?;
        let Some(hash) = hash else { return self.known(path, stamp) };
        if is_settled(stamp) {
            let mut versions = self.versions();
            if versions.len() >= MAX_VERSIONS {
                versions.clear();
            }
            versions.insert(path.to_owned(), (stamp, hash.clone()));
        }
        Some(hash)
    }

    /// The version that was made of a file as it is now.
    fn known(&self, path: &str, stamp: Stamp) -> Option<String> {
        let versions = self.versions();
        versions.get(path).filter(|(made, _)| *made == stamp).map(|(_, hash)| hash.clone())
    }

    fn versions(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Stamp, String)>> {
        self.0.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The request's path with a slash at its end, and its query. No segment of it is empty, so that it is
/// never read as another host.
fn with_slash(req: &Request) -> String {
    match req.query() {
        Some(query) => format!("{}/?{query}", req.path()),
        None => format!("{}/", req.path()),
    }
}
