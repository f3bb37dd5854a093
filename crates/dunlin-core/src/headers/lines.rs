//! Header fields as they go out: one run of lines, so that to encode them is to copy the run.

use super::pool::{self, Pool};
use super::{FieldSpan, NameSet};

/// Capacities above these are not kept for the next message.
const KEEP_BYTES: usize = 8 * 1024;
const KEEP_SPANS: usize = 256;

/// The most bytes that offsets can point into.
const MAX_BYTES: usize = u16::MAX as usize;

thread_local!(static SPARE: Pool<Box<Lines>> = const { Pool::new() });

/// Fields whose names and values have been through `http`'s types, as lines `name: value\r\n`.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The lines, and behind them whatever lines were there before: one check of a range makes room
    /// for a line, and what is in it is overwritten.
    buffer: Vec<u8>,
    used: usize,
    spans: Vec<FieldSpan>,
    names: NameSet,
    repeated: NameSet,
}

impl Lines {
    /// No lines, in storage from this thread's list where it has some.
    #[inline]
    pub(super) fn take() -> Box<Self> {
        pool::take(&SPARE).unwrap_or_else(Self::with_room)
    }

    #[cold]
    fn with_room() -> Box<Self> {
        let (buffer, spans) = (vec![0; 512], Vec::with_capacity(16));
        Box::new(Self { buffer, spans, ..Self::default() })
    }

    /// Gives the storage to this thread's list, unless it has grown beyond a usual head's.
    #[inline]
    pub(super) fn give(mut self: Box<Self>) {
        if self.buffer.len() <= KEEP_BYTES && self.spans.capacity() <= KEEP_SPANS {
            self.used = 0;
            self.spans.clear();
            self.names = NameSet::EMPTY;
            self.repeated = NameSet::EMPTY;
            pool::give(&SPARE, self);
        }
    }

    /// The same lines in storage of this thread.
    pub(super) fn copy(&self) -> Box<Self> {
        let mut copy = Self::take();
        copy.buffer.clear();
        copy.buffer.extend_from_slice(&self.buffer);
        copy.used = self.used;
        copy.spans.extend_from_slice(&self.spans);
        copy.names = self.names;
        copy.repeated = self.repeated;
        copy
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.used]
    }

    pub(super) fn spans(&self) -> &[FieldSpan] {
        &self.spans
    }

    #[inline]
    pub(super) fn view(&self) -> FieldLines<'_> {
        FieldLines {
            bytes: self.bytes(),
            padded: &self.buffer,
            spans: &self.spans,
            names: self.names,
            repeated: self.repeated,
        }
    }

    /// The first value of that name, in lower case.
    pub(super) fn get(&self, name: &[u8]) -> Option<&[u8]> {
        if !self.names.meets(NameSet::one(name)) {
            return None;
        }
        let mut fields = self.spans.iter().map(|span| span.of(self.bytes()));
        fields.find_map(|(n, value)| (n == name).then_some(value))
    }

    /// Appends a line; `false` where it no longer fits.
    #[inline]
    pub(super) fn push(&mut self, name: &[u8], value: &[u8]) -> bool {
        self.push_known(name, NameSet::one(name), value)
    }

    #[inline(always)]
    fn push_known(&mut self, name: &[u8], set: NameSet, value: &[u8]) -> bool {
        let start = self.used;
        let value_start = start + name.len() + 2;
        let end = value_start + value.len() + 2;
        if end > self.buffer.len() && !self.grow(end) {
            return false;
        }
        let line = &mut self.buffer[start..end];
        line[..name.len()].copy_from_slice(name);
        line[name.len()..name.len() + 2].copy_from_slice(b": ");
        line[name.len() + 2..name.len() + 2 + value.len()].copy_from_slice(value);
        line[name.len() + 2 + value.len()..].copy_from_slice(b"\r\n");
        self.used = end;
        // The casts do not truncate: the buffer is no longer than offsets reach.
        self.spans.push(FieldSpan {
            name_start: start as u16,
            name_len: name.len() as u16,
            value_start: value_start as u16,
            value_len: value.len() as u16,
        });
        self.repeated = self.repeated.union(self.names.common(set));
        self.names = self.names.union(set);
        true
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, end: usize) -> bool {
        if end <= MAX_BYTES {
            self.buffer.resize(end.next_power_of_two().min(MAX_BYTES), 0);
        }
        end <= MAX_BYTES
    }

    /// Puts a line where the first of that name is and takes out the others; appends it where there
    /// is none. `false`, and nothing done, where it no longer fits.
    #[inline]
    pub(super) fn set(&mut self, name: &[u8], value: &[u8]) -> bool {
        let set = NameSet::one(name);
        if self.names.meets(set) {
            return self.replace(name, value);
        }
        self.push_known(name, set, value)
    }

    #[inline(never)]
    fn replace(&mut self, name: &[u8], value: &[u8]) -> bool {
        let Some(first) = self.spans.iter().position(|span| span.of(&self.buffer).0 == name) else {
            return self.push(name, value);
        };
        let start = usize::from(self.spans[first].name_start);
        // What a handler changes is mostly what was set last.
        if first + 1 == self.spans.len() {
            let used = std::mem::replace(&mut self.used, start);
            let span = self.spans.pop();
            // The name is known already, and not there again.
            if self.push_known(name, NameSet::EMPTY, value) {
                return true;
            }
            self.used = used;
            self.spans.extend(span);
            return false;
        }
        if self.used + name.len() + value.len() + 4 > MAX_BYTES {
            return false;
        }
        self.rewrite(name, Some(value));
        true
    }

    /// Takes out every line of that name.
    pub(super) fn remove(&mut self, name: &[u8]) {
        self.rewrite(name, None);
    }

    fn rewrite(&mut self, name: &[u8], mut value: Option<&[u8]>) {
        let mut old = Self::take();
        std::mem::swap(self, &mut *old);
        for span in &old.spans {
            let (n, v) = span.of(old.bytes());
            if n != name {
                self.push(n, v);
            } else if let Some(value) = value.take() {
                self.push(name, value);
            }
        }
        old.give();
    }
}

/// Fields as one run of lines, ready to be written: see [`Headers::lines`](crate::Headers::lines).
#[derive(Clone, Copy, Debug, Default)]
pub struct FieldLines<'h> {
    pub(super) bytes: &'h [u8],
    /// The same with whatever stands behind them.
    pub(super) padded: &'h [u8],
    pub(super) spans: &'h [FieldSpan],
    pub(super) names: NameSet,
    pub(super) repeated: NameSet,
}

impl<'h> FieldLines<'h> {
    /// The lines, `name: value\r\n` each; empty where there is no field.
    #[inline]
    pub const fn as_bytes(&self) -> &'h [u8] {
        self.bytes
    }

    /// Appends the lines to `out`.
    #[inline(always)]
    pub fn append_to(&self, out: &mut Vec<u8>) {
        // Few lines are copied with what is behind them, which is taken back: the size is known, so it is
        // no call.
        match self.padded.first_chunk::<64>() {
            Some(padded) if self.bytes.len() <= padded.len() => {
                let end = out.len() + self.bytes.len();
                out.extend_from_slice(padded);
                out.truncate(end);
            }
            _ => out.extend_from_slice(self.bytes),
        }
    }

    /// Where the first field of that name, in lower case, stands in the lines.
    ///
    /// ```
    /// use dunlin_core::Headers;
    /// use http::{HeaderValue, header};
    ///
    /// let mut headers = Headers::new();
    /// headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    /// headers.insert(header::HOST, HeaderValue::from_static("a.example"));
    /// let lines = headers.lines().unwrap();
    /// let host = lines.find(b"host").unwrap();
    /// let start = usize::from(host.value_start);
    /// assert_eq!(&lines.as_bytes()[start..start + usize::from(host.value_len)], b"a.example");
    /// assert_eq!(lines.find(b"etag"), None);
    /// ```
    #[inline]
    pub fn find<const N: usize>(&self, name: &[u8; N]) -> Option<FieldSpan> {
        let is_it = |span: &&FieldSpan| span.of(self.bytes).0 == name;
        self.spans.iter().filter(|span| usize::from(span.name_len) == N).find(is_it).copied()
    }

    /// The fields' names.
    #[inline]
    pub const fn names(&self) -> NameSet {
        self.names
    }

    /// Names that may be there more than once.
    #[inline]
    pub const fn repeated(&self) -> NameSet {
        self.repeated
    }
}
