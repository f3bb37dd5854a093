//! `UploadedFile`: a file of a form.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use dunlin_core::{Body, BodyError, MediaType};

use super::spool::{Kept, off_thread};

/// Bytes that are read from disk at once.
const READ: usize = 64 * 1024;

/// A file of a form: in memory while the form's files are small, else in a temporary file, which is
/// deleted when this is dropped.
///
/// It deserialises as a field of [`Form<T>`](crate::Form) and of nothing else. A file input that was
/// left empty is `None` of an `Option<UploadedFile>`, and no element of a `Vec<UploadedFile>`.
///
/// ```
/// use dunlin_web::{App, Form, Result, UploadedFile, post};
///
/// #[derive(serde::Deserialize)]
/// struct Photo {
///     title: String,
///     picture: UploadedFile,
/// }
///
/// async fn save(Form(photo): Form<Photo>) -> Result<String> {
///     let len = photo.picture.len();
///     photo.picture.persist(format!("/srv/photos/{}", photo.title.len())).await?;
///     Ok(format!("{len} bytes\n"))
/// }
///
/// let app = App::new().client_max_size(10 << 20).routes([post("/photos", save)]);
/// # app.build().unwrap();
/// ```
#[derive(Debug)]
pub struct UploadedFile {
    name: String,
    file_name: String,
    content_type: Option<String>,
    len: u64,
    kept: Kept,
}

impl UploadedFile {
    pub(super) fn new(
        name: String,
        file_name: String,
        content_type: Option<String>,
        len: u64,
        kept: Kept,
    ) -> Self {
        Self { name, file_name, content_type, len, kept }
    }

    /// The name of its field.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its name without folders and control characters, empty where nothing is left of it. It is the
    /// peer's word: keep files under names of your own.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// The media type that the peer names, `application/octet-stream` where it names none.
    pub fn content_type(&self) -> MediaType<'_> {
        self.content_type.as_deref().and_then(MediaType::parse).unwrap_or(MediaType::OCTET_STREAM)
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the peer has sent no file: neither name nor bytes, as browsers send an input that was
    /// left empty.
    pub(super) fn is_absent(&self) -> bool {
        self.file_name.is_empty() && self.is_empty()
    }

    /// Where it is on disk; `None` where it is in memory.
    pub fn path(&self) -> Option<&Path> {
        match &self.kept {
            Kept::Memory(_) => None,
            Kept::Disk(disk) => disk.path(),
        }
    }

    /// All its bytes, read into memory where they are on disk.
    ///
    /// # Errors
    ///
    /// Where the temporary file cannot be read.
    pub async fn bytes(&self) -> io::Result<Bytes> {
        match &self.kept {
            Kept::Memory(bytes) => Ok(bytes.clone()),
            Kept::Disk(disk) => {
                let mut file = disk.open().await?;
                off_thread(move || {
                    let mut bytes = Vec::new();
                    file.read_to_end(&mut bytes)?;
                    Ok(bytes.into())
                })
                .await
            }
        }
    }

    /// Its bytes as a body, such as for a response or for another server; on disk it is read as the body
    /// is, and deleted with it.
    pub fn into_body(self) -> Body {
        let disk = match self.kept {
            Kept::Memory(bytes) => return bytes.into(),
            Kept::Disk(disk) => disk,
        };
        let (mut sender, body) = Body::channel_with_len(2 * READ, Some(self.len));
        tokio::spawn(async move {
            let sent = async {
                let mut file = disk.open().await?;
                loop {
                    let read = off_thread(move || read_some(file)).await?;
                    file = read.0;
                    if read.1.is_empty() {
                        return Ok(());
                    }
                    if sender.send(read.1).await.is_err() {
                        // Nobody reads on.
                        return Ok(());
                    }
                }
            };
            let sent: io::Result<()> = sent.await;
            match sent {
                Ok(()) => sender.finish(),
                Err(error) => sender.fail(BodyError::source(error)),
            }
        });
        body
    }

    /// Keeps it under `path`, where nothing else is written to meanwhile; what stands there is replaced. A
    /// file on the same file system is moved, and then only its owner may read it.
    ///
    /// # Errors
    ///
    /// Where it cannot be written there; it is deleted then.
    pub async fn persist(self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref().to_owned();
        match self.kept {
            Kept::Memory(bytes) => off_thread(move || std::fs::write(path, bytes)).await,
            Kept::Disk(disk) => disk.persist(path).await,
        }
    }
}

fn read_some(mut file: File) -> io::Result<(File, Bytes)> {
    let mut buf = Vec::with_capacity(READ);
    (&mut file).take(READ as u64).read_to_end(&mut buf)?;
    Ok((file, buf.into()))
}
