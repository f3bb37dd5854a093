//! The file that was asked for, or its precompressed sibling.

use std::ffi::{OsStr, OsString};
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use dunlin_core::{FileRegion, RequestHead};
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, IF_MODIFIED_SINCE, IF_NONE_MATCH, RANGE, VARY,
};
use http::{HeaderValue, Method};

use super::read::read_exact_at;
use super::{Accepted, Coding, Dir, Kind, Opened, by_name};
use crate::conditional::{ETag, Validators};
use crate::respond::{Representation, Source};

/// Files up to this length are read when they are opened, and leave with their head in one write.
const SMALL: u64 = 64 * 1024;

/// What a request wants of a file, taken out of its head, so that it goes to another thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    accepted: Accepted,
    /// Whether siblings are looked for.
    precompressed: bool,
    /// Whether the whole body is sure to be sent.
    body: bool,
}

impl Wanted {
    pub(crate) fn of(head: &RequestHead, precompressed: bool) -> Self {
        let headers = head.headers();
        let is_partial =
            [IF_NONE_MATCH, IF_MODIFIED_SINCE, RANGE].iter().any(|name| headers.contains(name));
        Self {
            accepted: Accepted::of(headers),
            precompressed,
            body: *head.method() == Method::GET && !is_partial,
        }
    }
}

/// Opens a file of a directory, or the sibling that the client would rather have; tells time and length of
/// the file itself besides. Blocks.
pub(crate) fn load(
    dir: &Dir,
    name: &OsStr,
    follow: bool,
    wanted: Wanted,
) -> io::Result<(Representation, Option<SystemTime>, u64)> {
    let opened = dir.file(name, follow)?;
    let (modified, own_len) = (opened.modified, opened.len);
    let mut varies = false;
    let mut chosen = None;
    if wanted.precompressed && !is_compressed(name) {
        let siblings = Coding::ALL.map(|coding| sibling(dir, name, coding));
        varies = siblings.iter().any(Option::is_some);
        chosen = wanted.accepted.in_order().find_map(|coding| {
            let name = siblings[coding as usize].as_ref()?;
            // It may have gone since, or not be readable: then the file itself serves.
            Some((coding, dir.file(name, false).ok()?))
        });
    }
    let (coding, opened) = match chosen {
        Some((coding, opened)) => (Some(coding), opened),
        None => (None, opened),
    };
    let validators = validators(&opened, coding, SystemTime::now());
    let Opened { file, len, .. } = opened;
    let source = if wanted.body && len <= SMALL {
        let mut bytes = vec![0; len as usize];
        read_exact_at(&file, &mut bytes, 0)?;
        Source::Bytes(Bytes::from(bytes))
    } else {
        Source::File(FileRegion::new(Arc::new(file), 0, len))
    };
    let mut found =
        Representation::of(source).validators(validators).header(CONTENT_TYPE, by_name(name));
    if let Some(coding) = coding {
        found = found.header(CONTENT_ENCODING, coding.to_value());
    }
    if varies {
        found = found.header(VARY, HeaderValue::from_name(ACCEPT_ENCODING)).shares_date();
    }
    Ok((found, modified, own_len))
}

/// The name of a sibling, where that is a regular file itself: a link could lead out of what is served.
fn sibling(dir: &Dir, name: &OsStr, coding: Coding) -> Option<OsString> {
    let mut sibling = name.to_owned();
    sibling.push(coding.suffix());
    (dir.kind(&sibling, false).ok()? == Kind::File).then_some(sibling)
}

fn is_compressed(name: &OsStr) -> bool {
    Coding::ALL.iter().any(|coding| name.as_encoded_bytes().ends_with(coding.suffix().as_bytes()))
}

/// Tag and time of a file. The tag is made of the time in nanoseconds, the size and the coding, and so the
/// same on every machine to which the file was copied with its time.
fn validators(opened: &Opened, coding: Option<Coding>, now: SystemTime) -> Validators {
    let Some(modified) = opened.modified else { return Validators::default() };
    let (sign, since) = match modified.duration_since(UNIX_EPOCH) {
        Ok(since) => ("", since),
        Err(before) => ("m", before.duration()),
    };
    let mut tag = format!("{sign}{:x}-{:x}", since.as_nanos(), opened.len);
    if let Some(coding) = coding {
        tag.push('-');
        tag.push_str(coding.token());
    }
    let prefix = if is_settled(modified, now) { "" } else { "W/" };
    Validators { etag: Some(ETag::trusted(prefix, &tag)), last_modified: Some(modified) }
}

/// Whether no further write can leave the file with the same time. Clocks of file systems are coarse: mostly
/// a tick of the kernel, 1 to 10 ms; whole seconds, or two, where there is no fraction. Until that is over
/// two versions may have one time and one size, so their tag is weak.
pub(crate) fn is_settled(modified: SystemTime, now: SystemTime) -> bool {
    let is_whole = modified.duration_since(UNIX_EPOCH).is_ok_and(|since| since.subsec_nanos() == 0);
    let tick = if is_whole { Duration::from_secs(2) } else { Duration::from_millis(50) };
    now.duration_since(modified).is_ok_and(|age| age > tick)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(modified: SystemTime, len: u64) -> Opened {
        Opened { file: tempfile::tempfile().unwrap(), len, modified: Some(modified) }
    }

    #[test]
    fn tags_differ_by_time_size_and_coding() {
        let then = UNIX_EPOCH + Duration::from_nanos(0x123_4567_89ab_cdef);
        let now = then + Duration::from_secs(60);
        let tag = |time, len, coding| {
            validators(&opened(time, len), coding, now).etag.unwrap().to_string()
        };
        assert_eq!(tag(then, 0x42, None), "\"123456789abcdef-42\"");
        assert_eq!(tag(then, 0x42, Some(Coding::Gzip)), "\"123456789abcdef-42-gzip\"");
        assert_ne!(tag(then + Duration::from_nanos(100), 0x42, None), tag(then, 0x42, None));
        assert!(tag(UNIX_EPOCH - Duration::from_secs(1), 1, None).starts_with("\"m3b9aca00-"));
    }

    #[test]
    fn a_tag_is_strong_once_no_write_can_hide_behind_it() {
        let then = UNIX_EPOCH + Duration::from_millis(1_000_000_000_900);
        let is_weak = |time: SystemTime, age: Duration| {
            validators(&opened(time, 1), None, time + age).etag.unwrap().is_weak()
        };
        assert!(is_weak(then, Duration::from_millis(20)));
        assert!(!is_weak(then, Duration::from_millis(60)));
        let whole = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        assert!(is_weak(whole, Duration::from_millis(1500)));
        assert!(!is_weak(whole, Duration::from_millis(2500)));
        let to_come = validators(&opened(then + Duration::from_secs(9), 1), None, then);
        assert!(to_come.etag.unwrap().is_weak());
    }
}
