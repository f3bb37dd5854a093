//! Static files: a directory or a set of files in memory, below a prefix.
//!
//! | file | what it does |
//! | --- | --- |
//! | `files` | what a built app keeps: answers requests, makes versions |
//! | `sandbox` | which paths are looked at at all |
//! | `disk`, `memory` | where files are |
//! | `listing` | the page that lists a directory |

mod disk;
mod files;
mod listing;
mod memory;
mod sandbox;

use std::fmt;
use std::io;
use std::panic::Location;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderName, HeaderValue, StatusCode};

use self::disk::Disk;
pub(crate) use self::files::Files;
use self::memory::Memory;
use crate::range::MAX_RANGES;

/// Files below a prefix, for [`App::add_static`](crate::App::add_static).
///
/// ```
/// use std::time::Duration;
/// use dunlin_web::{App, Statics};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let public = folder.path();
/// let app = App::new()
///     .add_static(Statics::new("/assets", public).name("assets").max_age(Duration::from_secs(3600)))
///     .add_static(Statics::memory("/icons", [("dot.svg", "<svg/>")]));
/// # app.build().unwrap();
/// ```
///
/// Files are read when they are asked for, so that some may come and go while the app runs. Each is served
/// as by [`respond::file`](crate::respond::file): validators, ranges, media types, siblings `.br`, `.zst` and
/// `.gz`. Other methods than `GET` and `HEAD` are 405.
///
/// # What is never served
///
/// Whatever the settings, a path names a file below the directory or nothing: empty segments, `.` and `..`,
/// and segments that hold `/`, `\`, NUL or a control character are 404, percent-encoded or not. Unless it
/// is said otherwise so are links that lead out of the directory, and names that begin with a dot
/// (`.git`, `.env`). What is left is opened one directory after the other, by handle and not through links,
/// so that nothing which is moved meanwhile leads elsewhere (on Unix). Devices, pipes and sockets are 403,
/// and so is a directory with neither index nor listing.
///
/// # Versions
///
/// With a [`name`](Self::name), [`Urls::static_url`](crate::Urls::static_url) makes URLs that change with the
/// content (`?v=…`); what is asked for under its present version may be cached for a year.
#[must_use = "nothing is served until an app has it"]
pub struct Statics {
    pub(crate) at: &'static Location<'static>,
    pub(crate) prefix: String,
    pub(crate) name: Option<&'static str>,
    place: Place,
    settings: Settings,
}

enum Place {
    Disk(PathBuf),
    Memory(Vec<(String, Bytes)>),
}

/// What holds for every file.
#[derive(Clone, Debug)]
struct Settings {
    index: Option<String>,
    listing: bool,
    dot_files: bool,
    follow_symlinks: bool,
    precompressed: bool,
    max_ranges: usize,
    headers: Vec<(HeaderName, HeaderValue)>,
    media: Vec<(String, HeaderValue)>,
    fallback: Option<(String, StatusCode)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            index: None,
            listing: false,
            dot_files: false,
            follow_symlinks: false,
            precompressed: true,
            max_ranges: MAX_RANGES,
            headers: Vec::new(),
            media: Vec::new(),
            fallback: None,
        }
    }
}

/// Why files cannot be served as they were registered.
#[non_exhaustive]
#[derive(Clone, Debug, thiserror::Error)]
pub enum StaticsError {
    /// The directory is not there, or is none.
    #[error("cannot serve files of `{}`: {reason}", dir.display())]
    Directory {
        /// The directory as given.
        dir: PathBuf,
        /// What the system says.
        reason: Box<str>,
    },
    /// A file in memory, an index or a fallback has a name that no request could have.
    #[error("no request can name `{file}`: segments are joined by `/`, none empty, `.` or `..`")]
    FileName {
        /// The name.
        file: Box<str>,
    },
    /// Two files in memory have one name.
    #[error("there are two files `{file}`: remove one")]
    Twice {
        /// The name.
        file: Box<str>,
    },
}

impl Statics {
    /// The files of a directory, below `prefix`. The directory must be there when the app is built.
    #[track_caller]
    pub fn new(prefix: impl Into<String>, dir: impl Into<PathBuf>) -> Self {
        Self::of(prefix.into(), Place::Disk(dir.into()), Location::caller())
    }

    /// Files in memory, below `prefix`: pairs of a relative path and the bytes, such as those that
    /// `include_bytes!` embeds or an embedding library lists.
    ///
    /// ```
    /// use dunlin_web::Statics;
    ///
    /// static FILES: [(&str, &[u8]); 2] = [
    ///     ("app.css", b"body { margin: 0 }"),
    ///     ("Cargo.toml", include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))),
    /// ];
    /// let assets = Statics::memory("/assets", FILES);
    /// ```
    ///
    /// What is `'static` is never copied. A file named as another with `.br`, `.zst` or `.gz` behind it is sent in
    /// its place to those who accept that. Their tags are made of their content, so every instance of the program has the same.
    #[track_caller]
    pub fn memory<N, B>(prefix: impl Into<String>, files: impl IntoIterator<Item = (N, B)>) -> Self
    where
        N: Into<String>,
        B: Into<Bytes>,
    {
        let files = files.into_iter().map(|(name, bytes)| (name.into(), bytes.into())).collect();
        Self::of(prefix.into(), Place::Memory(files), Location::caller())
    }

    fn of(prefix: String, place: Place, at: &'static Location<'static>) -> Self {
        Self { at, prefix, name: None, place, settings: Settings::default() }
    }

    /// Names the route, whose capture is `path`: for `url_for` and
    /// [`Urls::static_url`](crate::Urls::static_url). Default: none.
    pub fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// The file that answers for a directory, such as `index.html`. Default: none.
    ///
    /// A directory that is asked for without a `/` at its end is then redirected there (301).
    pub fn index(mut self, file: impl Into<String>) -> Self {
        self.settings.index = Some(file.into());
        self
    }

    /// Whether a directory without an index is answered with a list of what is in it. Default: no, 403.
    ///
    /// What would not be served is not listed. At most 10,000 names.
    pub fn listing(mut self, on: bool) -> Self {
        self.settings.listing = on;
        self
    }

    /// Whether names that begin with a dot are served. Default: no.
    pub fn dot_files(mut self, on: bool) -> Self {
        self.settings.dot_files = on;
        self
    }

    /// Whether links are followed wherever they lead. Default: no, only to what lies in the directory itself.
    ///
    /// With it, whoever can make a link in the directory can have any file served that the program can read.
    pub fn follow_symlinks(mut self, on: bool) -> Self {
        self.settings.follow_symlinks = on;
        self
    }

    /// Whether siblings `.br`, `.zst` and `.gz` are sent in place of a file to those who accept them.
    /// Default: yes. A sibling that is a link is never sent.
    pub fn precompressed(mut self, on: bool) -> Self {
        self.settings.precompressed = on;
        self
    }

    /// For how long files may be cached without asking: `Cache-Control: public, max-age=…`, in whole
    /// seconds. Default: nothing is said, so that caches decide by `Last-Modified`.
    pub fn max_age(self, age: Duration) -> Self {
        let value = HeaderValue::try_from(format!("public, max-age={}", age.as_secs()));
        self.cache_control(value.unwrap_or(HeaderValue::from_static("public")))
    }

    /// `Cache-Control` of one's own.
    pub fn cache_control(self, value: HeaderValue) -> Self {
        self.header(CACHE_CONTROL, value)
    }

    /// Sets a field on every file, such as `X-Content-Type-Options`.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.settings.headers.retain(|(other, _)| *other != name);
        self.settings.headers.push((name, value));
        self
    }

    /// The media type of files with that extension, in place of the common one.
    pub fn media_type(mut self, extension: &str, media: HeaderValue) -> Self {
        let extension = extension.trim_start_matches('.').to_ascii_lowercase();
        self.settings.media.push((extension, media));
        self
    }

    /// Ranges that a request may list: see
    /// [`Representation::max_ranges`](crate::respond::Representation::max_ranges). Default: 32.
    pub fn max_ranges(mut self, max: usize) -> Self {
        self.settings.max_ranges = max;
        self
    }

    /// The file that answers with 200 what is not there: for applications that route in the browser.
    /// Default: 404. It goes out with `Cache-Control: no-cache`, whatever is said of files that are there.
    pub fn fallback(mut self, file: impl Into<String>) -> Self {
        self.settings.fallback = Some((file.into(), StatusCode::OK));
        self
    }

    /// The page of the 404, with `Cache-Control: no-cache`. Default: that of the app.
    pub fn not_found(mut self, file: impl Into<String>) -> Self {
        self.settings.fallback = Some((file.into(), StatusCode::NOT_FOUND));
        self
    }

    /// Looks whether all that was given is there.
    pub(crate) fn build(self) -> Result<Files, StaticsError> {
        let Self { place, settings, .. } = self;
        let fallback = settings.fallback.as_ref().map(|(file, _)| file);
        for file in settings.index.iter().chain(fallback) {
            sandbox::check_name(file)?;
        }
        Ok(match place {
            Place::Memory(files) => Files::memory(Memory::new(files)?, settings),
            Place::Disk(dir) => {
                let open = || {
                    let path = dir.canonicalize()?;
                    match path.is_dir() {
                        true => Ok(Disk::new(path, settings.follow_symlinks)),
                        false => Err(io::ErrorKind::NotADirectory.into()),
                    }
                };
                let told = |error: io::Error| error.to_string().into();
                match open().map_err(told) {
                    Ok(disk) => Files::disk(disk, settings),
                    Err(reason) => return Err(StaticsError::Directory { dir, reason }),
                }
            }
        })
    }
}

impl fmt::Debug for Statics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Statics");
        debug.field("prefix", &self.prefix).field("name", &self.name);
        match &self.place {
            Place::Disk(dir) => debug.field("dir", dir),
            Place::Memory(files) => debug.field("files", &files.len()),
        };
        debug.field("settings", &self.settings).finish()
    }
}
