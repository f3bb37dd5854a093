//! All levels mark what the definition says, and read nothing but their input.

use alloc::{vec, vec::Vec};
use core::{mem::MaybeUninit, ops::Range};

use proptest::prelude::*;

use super::{
    FieldSlots, Level, MarkedLines, Vectors, WithVectors,
    class::{CLASSES, CONTROL, TARGET, TOKEN},
    scalar, with_level,
};
use crate::head::Field;

/// Levels that this machine has, but for the one without vectors, which marks nothing.
fn levels() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|level| *level != Level::Scalar && level.is_available())
}

fn with<W: WithVectors>(level: Level, work: W) -> W::Output {
    assert!(level.is_available());
    // SAFETY: just checked.
    unsafe { with_level(level, work) }
}

struct Marked<'i>(&'i [u8]);

impl WithVectors for Marked<'_> {
    type Output = (Vec<usize>, Option<usize>);

    #[inline(always)]
    fn run(self, vectors: &impl Vectors) -> Self::Output {
        let mut lines = MarkedLines::of(self.0);
        let Some(mut block) = lines.start_with(vectors) else { return lines.all_marks(vectors) };
        let mut marks = Vec::new();
        let end = block.end();
        while let Some((first, second)) = block.next_line() {
            marks.extend([first, second]);
        }
        marks.extend(block.odd());
        (marks, Some(end))
    }
}

/// The usual lines behind the first, as fields: what is read without bounds checks.
struct UsualFields<'i>(&'i [u8]);

impl WithVectors for UsualFields<'_> {
    type Output = Vec<Field>;

    #[inline(always)]
    fn run(self, vectors: &impl Vectors) -> Self::Output {
        let mut slots = [const { MaybeUninit::uninit() }; 16];
        let mut slots = FieldSlots::new(&mut slots);
        let mut lines = MarkedLines::of(self.0);
        if let Some(mut block) = lines.start_with(vectors) {
            if let Some((_, end)) = block.next_line() {
                block.take_all(end + 2, usize::MAX, 16, &mut slots);
            }
        } else if let Some((_, end)) = lines.next_line() {
            lines.take_usual(end + 2, usize::MAX, 16, &mut slots);
        }
        slots.as_slice().to_vec()
    }
}

struct Target<'i>(&'i [u8], Range<usize>);

impl WithVectors for Target<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run(self, vectors: &impl Vectors) -> Self::Output {
        vectors.target(self.0, self.1)
    }
}

/// What should be marked, byte by byte.
fn defined(level: Level, input: &[u8]) -> (Vec<usize>, Option<usize>) {
    let is = |at: usize, class: u8| CLASSES[usize::from(input[at])] & class != 0;
    // As if lines had stood before the first.
    let is_control = |at: usize, before: usize| at < before || is(at - before, CONTROL);
    let is_token = |at: usize| match level {
        Level::Sse2 => input[at].is_ascii_alphanumeric() || input[at] == b'-',
        _ => is(at, TOKEN),
    };
    let end = (0..input.len()).find(|&at| (0..3).all(|before| is_control(at, before)));
    let mut marks = Vec::new();
    for at in 0..end.unwrap_or(input.len()) {
        if is_control(at, 0) && !is_control(at, 1) {
            marks.push(at);
        }
        if !is_control(at, 0) && is_control(at, 1) {
            marks.extend((at..input.len()).find(|&at| !is_token(at)));
        }
    }
    marks.retain(|&mark| mark < end.unwrap_or(input.len()));
    marks.sort_unstable();
    marks.dedup();
    (marks, end)
}

fn hold(input: &[u8]) -> Result<(), TestCaseError> {
    let is_free_of_controls = input.iter().all(|&byte| CLASSES[usize::from(byte)] & CONTROL == 0);
    for level in levels() {
        prop_assert_eq!(with(level, Marked(input)), defined(level, input), "{:?}", level);
        for start in (0..input.len().min(70)).filter(|_| is_free_of_controls) {
            let range = start..start.max(input.len() - start / 2);
            let found = with(level, Target(input, range.clone()));
            prop_assert_eq!(found, scalar::target(input, range), "{:?} from {}", level, start);
        }
    }
    Ok(())
}

#[test]
fn every_byte_at_every_place_is_what_its_class_says() {
    for byte in 0..=u8::MAX {
        for len in [1, 31, 33, 63, 65, 130] {
            for at in (0..len).filter(|at| at % 16 < 2 || at % 16 == 15) {
                for filler in *b"a:\r" {
                    let mut input = vec![filler; len];
                    input[at] = byte;
                    for level in levels() {
                        let marks = with(level, Marked(&input));
                        assert_eq!(marks, defined(level, &input), "{level:?} {byte:#x} {at}/{len}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_byte_of_a_target_is_what_its_class_says() {
    for byte in (0..=u8::MAX).filter(|&byte| CLASSES[usize::from(byte)] & CONTROL == 0) {
        for len in [1, 16, 33, 64, 70] {
            for at in 0..len {
                let mut input = vec![b'a'; len];
                input[at] = byte;
                let expected = (CLASSES[usize::from(byte)] & TARGET != 0)
                    .then_some(if byte == b'?' { at } else { len });
                for level in levels() {
                    let found = with(level, Target(&input, 0..len));
                    assert_eq!(found, expected, "{level:?} {byte:#x} {at}/{len}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_are_marked_as_defined(input in proptest::collection::vec(any::<u8>(), 0..300)) {
        hold(&input)?;
    }

    /// The same where lines look like lines, most of the time, and there are more than marks have room
    /// for.
    #[test]
    fn lines_are_marked_as_defined(
        input in "([A-Za-z-]{1,9}[:_. ]{1,2}[ -~\\t\u{e9}]{0,70}\r?\n){0,90}(\r\n)?[a-z\0]{0,80}",
    ) {
        hold(input.as_bytes())?;
    }

    #[test]
    fn targets_are_what_the_portable_scanner_says(input in "[!-~]{0,90}[#? \\t\u{e9}!-~]?[!-~]{0,40}") {
        hold(input.as_bytes())?;
    }
}

#[test]
fn marks_stay_in_order_where_an_input_is_longer_than_they_can_tell() {
    let input = b"a: b\r\n".repeat(20_000);
    for level in levels() {
        let (marks, end) = with(level, Marked(&input));
        assert!(marks.is_sorted() && end.is_none(), "{level:?}");
        // The end of the last name; its line would end at 65,536.
        assert_eq!(marks.last(), Some(&65_533), "{level:?}");
    }
}

/// An input that ends where readable memory does, and one that starts there.
#[cfg(unix)]
#[test]
fn nothing_outside_of_the_input_is_read() {
    use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};

    const PAGE: usize = 1 << 16;
    let head = b"GET /path?query HTTP/1.1\r\nHost: a.example\r\nX-Long-Name: and a value\r\n\r\n";
    // SAFETY: the mapping is new, and the pages around the middle one are never read.
    let page = unsafe {
        let map = mmap_anonymous(
            core::ptr::null_mut(),
            3 * PAGE,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE,
        )
        .unwrap();
        mprotect(map, PAGE, MprotectFlags::empty()).unwrap();
        mprotect(map.byte_add(2 * PAGE), PAGE, MprotectFlags::empty()).unwrap();
        core::slice::from_raw_parts_mut(map.byte_add(PAGE).cast::<u8>(), PAGE)
    };
    for len in 0..=2 * head.len() {
        let text: Vec<u8> = head.iter().copied().cycle().take(len).collect();
        page[PAGE - len..].copy_from_slice(&text);
        page[..len].copy_from_slice(&text);
        for input in [&page[PAGE - len..], &page[..len]] {
            for level in levels() {
                assert_eq!(
                    with(level, Marked(input)),
                    with(level, Marked(&text)),
                    "{level:?} {len}"
                );
                let fields = with(level, UsualFields(input));
                assert_eq!(fields, with(level, UsualFields(&text)), "{level:?} {len}");
                for start in 0..len.min(80) {
                    with(level, Target(input, start..len));
                }
            }
            scalar::token_end(input, 0);
            scalar::field_end(input, 0);
            super::find(input, 0..len, b'?');
            super::name_run(input);
        }
    }
}
