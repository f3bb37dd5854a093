//! Directories by handle: what was looked at is what is opened, whatever is renamed meanwhile.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// A file that was opened, and what was true of it then.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) len: u64,
    pub(crate) modified: Option<SystemTime>,
}

/// What a name in a directory stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    File,
    Directory,
    Link,
    /// A device, a pipe, a socket: opening it may do things.
    Special,
}

impl Opened {
    /// Only regular files: reading from a pipe or a device may never end.
    fn new(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !metadata.is_file() {
            return Err(special());
        }
        Ok(Self { file, len: metadata.len(), modified: metadata.modified().ok() })
    }
}

fn special() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "not a regular file")
}

#[cfg(unix)]
pub(crate) use self::unix::{Dir, is_exhausted, is_loop};

#[cfg(unix)]
mod unix {
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt;

    use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, statat};
    use rustix::io::Errno;

    use super::{File, Kind, Opened, OsStr, OsString, Path, io, special};

    /// An open directory.
    #[derive(Debug)]
    pub(crate) struct Dir(OwnedFd);

    /// A directory that is only walked through need not be readable.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const WALK: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const WALK: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

    impl Dir {
        /// Opens a directory by its path, through links.
        pub(crate) fn open(path: &Path) -> io::Result<Self> {
            let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
            Ok(Self(openat(CWD, path, WALK, Mode::empty())?))
        }

        /// A directory in this one; a link is an error.
        pub(crate) fn enter(&self, name: &OsStr) -> io::Result<Self> {
            Ok(Self(openat(&self.0, name, WALK | OFlags::NOFOLLOW, Mode::empty())?))
        }

        /// What a name stands for, or what its link leads to with `follow`.
        pub(crate) fn kind(&self, name: &OsStr, follow: bool) -> io::Result<Kind> {
            let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
            let stat = statat(&self.0, name, flags)?;
            Ok(match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Kind::File,
                FileType::Directory => Kind::Directory,
                FileType::Symlink => Kind::Link,
                _ => Kind::Special,
            })
        }

        /// Opens a regular file; a link is an error unless `follow`.
        pub(crate) fn file(&self, name: &OsStr, follow: bool) -> io::Result<Opened> {
            // Asked first, because to open a device may do something; and again when it is open.
            match self.kind(name, follow)? {
                Kind::File => {}
                Kind::Directory => return Err(io::ErrorKind::IsADirectory.into()),
                Kind::Link => return Err(Errno::LOOP.into()),
                Kind::Special => return Err(special()),
            }
            // Without blocking, in case that a pipe has taken its place.
            let mut flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
            if !follow {
                flags |= OFlags::NOFOLLOW;
            }
            Opened::new(File::from(openat(&self.0, name, flags, Mode::empty())?))
        }

        /// At most `max` names, `.` and `..` left out, and whether there are more.
        pub(crate) fn names(&self, max: usize) -> io::Result<(Vec<OsString>, bool)> {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let readable = openat(&self.0, ".", flags, Mode::empty())?;
            let mut names = Vec::new();
            for entry in rustix::fs::Dir::read_from(readable)? {
                let entry = entry?;
                let name = entry.file_name().to_bytes();
                if matches!(name, b"." | b"..") {
                    continue;
                }
                if names.len() == max {
                    return Ok((names, true));
                }
                names.push(OsStr::from_bytes(name).to_owned());
            }
            Ok((names, false))
        }
    }

    /// Whether a link was met, or too many of them.
    pub(crate) fn is_loop(error: &io::Error) -> bool {
        error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
    }

    /// Whether the process or the machine has no file descriptor left.
    pub(crate) fn is_exhausted(error: &io::Error) -> bool {
        let exhausted = [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
        error.raw_os_error().is_some_and(|code| exhausted.contains(&code))
    }
}

#[cfg(not(unix))]
pub(crate) use self::other::{Dir, is_exhausted, is_loop};

#[cfg(not(unix))]
mod other {
    use std::path::PathBuf;

    use super::{File, Kind, Opened, OsStr, OsString, Path, io, special};

    /// A directory by its path.
    #[derive(Debug)]
    pub(crate) struct Dir(PathBuf);

    impl Dir {
        /// Opens a directory by its path, through links.
        pub(crate) fn open(path: &Path) -> io::Result<Self> {
            let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
            if !path.metadata()?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            Ok(Self(path.to_owned()))
        }

        /// A directory in this one; a link is an error.
        pub(crate) fn enter(&self, name: &OsStr) -> io::Result<Self> {
            match self.kind(name, false)? {
                Kind::Directory => Ok(Self(self.0.join(name))),
                _ => Err(io::ErrorKind::NotADirectory.into()),
            }
        }

        /// What a name stands for, or what its link leads to with `follow`.
        pub(crate) fn kind(&self, name: &OsStr, follow: bool) -> io::Result<Kind> {
            let path = self.0.join(name);
            let kind = if follow { path.metadata()? } else { path.symlink_metadata()? }.file_type();
            Ok(match kind {
                kind if kind.is_file() => Kind::File,
                kind if kind.is_dir() => Kind::Directory,
                kind if kind.is_symlink() => Kind::Link,
                _ => Kind::Special,
            })
        }

        /// Opens a regular file; a link is an error unless `follow`.
        pub(crate) fn file(&self, name: &OsStr, follow: bool) -> io::Result<Opened> {
            match self.kind(name, follow)? {
                Kind::File => Opened::new(File::open(self.0.join(name))?),
                Kind::Directory => Err(io::ErrorKind::IsADirectory.into()),
                Kind::Link => Err(io::ErrorKind::NotFound.into()),
                Kind::Special => Err(special()),
            }
        }

        /// At most `max` names, and whether there are more.
        pub(crate) fn names(&self, max: usize) -> io::Result<(Vec<OsString>, bool)> {
            let mut names = Vec::new();
            for entry in std::fs::read_dir(&self.0)? {
                if names.len() == max {
                    return Ok((names, true));
                }
                names.push(entry?.file_name());
            }
            Ok((names, false))
        }
    }

    /// Whether a link was met, or too many of them.
    pub(crate) fn is_loop(_: &io::Error) -> bool {
        false
    }

    /// Whether the process or the machine has no file handle left.
    pub(crate) fn is_exhausted(_: &io::Error) -> bool {
        false
    }
}
