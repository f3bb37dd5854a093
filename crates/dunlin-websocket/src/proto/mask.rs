//! Masking of payloads (RFC 6455 §5.3).

/// Masks or unmasks `data` with a key whose first byte belongs to `data[0]`.
///
/// ```
/// use dunlin_websocket::proto::apply_mask;
///
/// let mut data = *b"Hello";
/// apply_mask(&mut data, [0x37, 0xfa, 0x21, 0x3d]);
/// assert_eq!(data, [0x7f, 0x9f, 0x4d, 0x51, 0x58]); // RFC 6455 §5.7
/// ```
pub fn apply_mask(data: &mut [u8], key: [u8; 4]) {
    #[cfg(target_arch = "x86_64")]
    if data.len() >= WIDE_MIN {
        if std::arch::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has what the function is compiled for.
            return unsafe { mask_avx512(data, key) };
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            return unsafe { mask_avx2(data, key) };
        }
    }
    mask_blocks(data, key);
}

/// In vectors that all processors of the architecture have.
#[inline(always)]
fn mask_blocks(data: &mut [u8], key: [u8; 4]) {
    if data.len() < 2 * BLOCK {
        return mask_words(data, key);
    }
    let (data, key) = mask_to_align(data, key, 16);
    // Blocks of words and no iterators over bytes: this becomes unrolled vectors in every build that optimises
    // at all.
    let (blocks, rest) = data.as_chunks_mut::<BLOCK>();
    for block in blocks {
        mask_words(block, key);
    }
    mask_words(rest, key);
}

/// Bytes that are masked without a look at how many are left.
const BLOCK: usize = 128;

/// Shorter payloads are not worth the question what the processor has.
#[cfg(target_arch = "x86_64")]
const WIDE_MIN: usize = 512;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn mask_avx512(data: &mut [u8], key: [u8; 4]) {
    let (data, key) = mask_to_align(data, key, 64);
    mask_words(data, key);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn mask_avx2(data: &mut [u8], key: [u8; 4]) {
    let (data, key) = mask_to_align(data, key, 32);
    mask_words(data, key);
}

/// Masks what lies before the first address that is a multiple of a vector's bytes, and gives the rest with the key
/// for it: vectors that lie across two cache lines take longer.
#[inline(always)]
fn mask_to_align(data: &mut [u8], key: [u8; 4], align: usize) -> (&mut [u8], [u8; 4]) {
    let (head, rest) = data.split_at_mut(data.as_ptr().align_offset(align).min(data.len()));
    mask_words(head, key);
    let key = rotated(key, head.len());
    (rest, key)
}

/// Word by word, which becomes vectors as wide as its caller is compiled for.
#[inline(always)]
fn mask_words(data: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = data.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (at, byte) in rest.iter_mut().enumerate() {
        *byte ^= key[at % 4];
    }
}

/// A copy of `data` that is unmasked.
pub(super) fn unmasked(data: &[u8], key: [u8; 4]) -> Vec<u8> {
    let mut copy = data.to_vec();
    apply_mask(&mut copy, key);
    copy
}

/// The key for what follows `done` bytes.
#[inline]
pub(super) fn rotated(key: [u8; 4], done: usize) -> [u8; 4] {
    // As a number in a register; the rotation of an array is calls that copy.
    let shift = 8 * (done % 4) as u32;
    u32::from_le_bytes(key).rotate_right(shift).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn masking_twice_gives_the_data_back(
            data in prop::collection::vec(any::<u8>(), 0..2000),
            key: [u8; 4],
            at in 0usize..40,
        ) {
            let mut masked = data.clone();
            let at = at.min(data.len());
            // On any alignment.
            apply_mask(&mut masked[at..], key);
            prop_assert_eq!(&unmasked(&masked[at..], key), &data[at..]);
            prop_assert_eq!(&masked[..at], &data[..at]);
        }

        /// Whatever the processor has, and whatever alignment the data has.
        #[test]
        #[cfg(target_arch = "x86_64")]
        fn vectors_of_all_widths_mask_alike(
            data in prop::collection::vec(any::<u8>(), 0..2000),
            key: [u8; 4],
            at in 0usize..70,
        ) {
            let mut data = data;
            let at = at.min(data.len());
            let expected: Vec<u8> =
                data[at..].iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect();
            let data = &mut data[at..];
            mask_blocks(data, key);
            prop_assert_eq!(&*data, &expected);
            if std::arch::is_x86_feature_detected!("avx2") {
                mask_blocks(data, key);
                // SAFETY: the processor has what the function is compiled for.
                unsafe { mask_avx2(data, key) };
                prop_assert_eq!(&*data, &expected);
            }
            if std::arch::is_x86_feature_detected!("avx512f") {
                mask_blocks(data, key);
                // SAFETY: as above.
                unsafe { mask_avx512(data, key) };
                prop_assert_eq!(&*data, &expected);
            }
        }

        /// Blocks give what a loop over bytes gives, wherever the data is split.
        #[test]
        fn split_points_do_not_matter(
            data in prop::collection::vec(any::<u8>(), 0..300),
            key: [u8; 4],
            at in 0usize..300,
        ) {
            let expected: Vec<u8> =
                data.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect();
            let at = at.min(data.len());
            let mut masked = data;
            let (head, tail) = masked.split_at_mut(at);
            apply_mask(head, key);
            apply_mask(tail, rotated(key, at));
            prop_assert_eq!(masked, expected);
        }
    }
}
