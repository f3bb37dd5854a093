//! Files of a directory.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::files::Stamp;
use super::sandbox::is_served;
use crate::files::{Dir, Kind, Opened, Wanted, load};
use crate::respond::Representation;

/// A directory, and nothing outside of it.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    /// Without links.
    root: PathBuf,
    follow: bool,
}

/// What a path leads to.
pub(super) enum Spot {
    /// A file, by its directory and its name there.
    File(Dir, std::ffi::OsString),
    Directory(Dir),
}

impl Disk {
    pub(super) fn new(root: PathBuf, follow: bool) -> Self {
        Self { root, follow }
    }

    /// Opens what the segments lead to. Blocks, as everything here.
    pub(super) fn open(&self, segments: &[String]) -> io::Result<Spot> {
        let met_link = |error: &io::Error| error.kind() == io::ErrorKind::NotADirectory;
        match self.walk(segments) {
            Err(error) if !self.follow && (met_link(&error) || crate::files::is_loop(&error)) => {
                // There may be a link on the way: it counts if it ends up inside. Then the path that it
                // stands for is walked, without links, so that none can be slipped in meanwhile.
                let real = self.join(segments).canonicalize()?;
                match real.strip_prefix(&self.root) {
                    Ok(inside) => self.walk(&inside.iter().collect::<Vec<_>>()),
                    Err(_) => Err(io::ErrorKind::NotFound.into()),
                }
            }
            other => other,
        }
    }

    fn walk(&self, segments: &[impl AsRef<OsStr>]) -> io::Result<Spot> {
        let Some((last, above)) = segments.split_last() else {
            return Dir::open(&self.root).map(Spot::Directory);
        };
        let last = last.as_ref();
        let dir = if self.follow {
            Dir::open(&self.join(above))?
        } else {
            let root = Dir::open(&self.root)?;
            above.iter().try_fold(root, |dir, name| dir.enter(name.as_ref()))?
        };
        match dir.kind(last, self.follow)? {
            Kind::Directory if self.follow => Dir::open(&self.join(segments)).map(Spot::Directory),
            Kind::Directory => dir.enter(last).map(Spot::Directory),
            Kind::Link => Err(io::ErrorKind::NotADirectory.into()),
            // A special file is refused where it would be opened.
            Kind::File | Kind::Special => Ok(Spot::File(dir, last.to_owned())),
        }
    }

    fn join(&self, segments: &[impl AsRef<OsStr>]) -> PathBuf {
        let mut path = self.root.clone();
        path.extend(segments.iter().map(|segment| Path::new(segment.as_ref())));
        path
    }

    pub(super) fn load(
        &self,
        dir: &Dir,
        name: &OsStr,
        wanted: Wanted,
    ) -> io::Result<(Representation, Stamp)> {
        let (found, modified, len) = load(dir, name, self.follow, wanted)?;
        Ok((found, Stamp { modified, len }))
    }

    /// SHA-256 of a file's content, and what it looked like then.
    pub(super) fn hash(
        &self,
        segments: &[String],
        known: impl Fn(Stamp) -> bool,
    ) -> io::Result<(Stamp, Option<String>)> {
        let Spot::File(dir, name) = self.open(segments)? else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        let Opened { file, len, modified } = dir.file(&name, self.follow)?;
        let stamp = Stamp { modified, len };
        if known(stamp) {
            return Ok((stamp, None));
        }
        let mut hash = Sha256::new();
        io::copy(&mut io::BufReader::with_capacity(64 * 1024, file), &mut hash)?;
        Ok((stamp, Some(BASE64_URL_SAFE_NO_PAD.encode(hash.finalize()))))
    }

    /// What is in a directory and would be served, sorted: names, directories with a `/` at their end.
    pub(super) fn list(
        &self,
        segments: &[String],
        dir: &Dir,
        dot_files: bool,
        max: usize,
    ) -> io::Result<(Vec<String>, bool)> {
        let (names, more) = dir.names(max)?;
        let served = |name: &std::ffi::OsString| {
            let name = name.to_str().filter(|name| is_served(name, dot_files))?;
            let kind = match dir.kind(OsStr::new(name), false).ok()? {
                Kind::Link => self.kind_of_link(segments, name)?,
                kind => kind,
            };
            match kind {
                Kind::File => Some(name.to_owned()),
                Kind::Directory => Some(format!("{name}/")),
                Kind::Link | Kind::Special => None,
            }
        };
        let mut names: Vec<String> = names.iter().filter_map(served).collect();
        names.sort_unstable();
        Ok((names, more))
    }

    fn kind_of_link(&self, segments: &[String], name: &str) -> Option<Kind> {
        let mut path = segments.to_vec();
        path.push(name.to_owned());
        match self.open(&path).ok()? {
            Spot::File(dir, name) => dir.kind(&name, self.follow).ok(),
            Spot::Directory(_) => Some(Kind::Directory),
        }
    }
}

/// Whether a stamp may be kept: see [`crate::files::is_settled`].
pub(super) fn is_settled(stamp: Stamp) -> bool {
    stamp.modified.is_some_and(|time| crate::files::is_settled(time, SystemTime::now()))
}
