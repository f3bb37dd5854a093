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
    if data.len() < 2 * BLOCK {
        return mask_words(data, key);
    }
    // Vectors that lie across two cache lines take longer.
    let (head, data) = data.split_at_mut(data.as_ptr().align_offset(ALIGN).min(BLOCK));
    mask_words(head, key);
    let key = rotated(key, head.len());
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

/// Bytes of a vector.
const ALIGN: usize = 16;

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
pub(super) fn rotated(key: [u8; 4], done: usize) -> [u8; 4] {
    let mut key = key;
    key.rotate_left(done % 4);
    key
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
