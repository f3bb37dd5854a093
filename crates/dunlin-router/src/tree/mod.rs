//! The tree that patterns are matched by.
//!
//! Literals are merged byte by byte; a capture is one edge, from where it begins to the end of its
//! segment. So each edge has one way to match, each node is entered at most once in a walk, and no
//! path makes a walk longer than the tree is large.

mod build;
mod walk;

use crate::pattern::Segment;

/// Index of a resource: one pattern and its methods.
pub(crate) type ResourceId = u32;

/// Index into [`Tree::nodes`].
type NodeId = u32;

#[derive(Debug)]
pub(crate) struct Tree {
    /// The first is the root, whose text is empty.
    nodes: Vec<Node>,
    /// How many segment edges there are; their stamps are below it.
    stamps: u32,
}

/// Alternatives stand in the order in which they are tried.
#[derive(Debug, Default)]
struct Node {
    /// What has to be read to be here, from the parent's end on.
    text: Text,
    /// What a path that ends here names.
    resource: Option<ResourceId>,
    /// Nodes by the first byte of their text, sorted.
    literals: Vec<(u8, NodeId)>,
    /// The bytes in `literals`, while they are eight or fewer.
    firsts: Firsts,
    /// Constrained segments and those with literals in them, in registration order.
    segments: Vec<Edge>,
    /// After a segment that is one free capture.
    free: Option<NodeId>,
    /// A tail that has to have a byte.
    tail: Option<Tail>,
    /// A tail that may be empty.
    empty_tail: Option<Tail>,
    /// Whether one of the above but a literal can follow.
    has_captures: bool,
}

#[derive(Debug)]
struct Edge {
    segment: Segment,
    /// When it was made: says which of two edges is tried first.
    stamp: u32,
    node: NodeId,
}

#[derive(Clone, Copy, Debug)]
struct Tail {
    resource: ResourceId,
    /// Whether the rest of the path is a capture.
    captures: bool,
}

impl Node {
    /// The one literal that `first` may begin.
    fn literal(&self, first: u8) -> Option<NodeId> {
        let at = match self.literals.len() {
            // Its text is compared anyway.
            1 => 0,
            0..=8 => self.firsts.find(first),
            _ => self.literals.binary_search_by_key(&first, |&(byte, _)| byte).ok()?,
        };
        self.literals.get(at).map(|&(_, node)| node)
    }

    fn has_tail(&self) -> bool {
        self.tail.is_some() || self.empty_tail.is_some()
    }
}

/// Up to eight bytes, compared all at once.
#[derive(Clone, Copy, Debug, Default)]
struct Firsts(u64);

impl Firsts {
    const LOW: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

    fn new(bytes: impl Iterator<Item = u8>) -> Self {
        let mut firsts = [0; 8];
        firsts.iter_mut().zip(bytes).for_each(|(first, byte)| *first = byte);
        Self(u64::from_le_bytes(firsts))
    }

    /// The place of `byte`, or one past all.
    fn find(self, byte: u8) -> usize {
        // The lowest byte that is zero is the lowest that this sets the high bit of.
        let differ = self.0 ^ (Self::LOW * u64::from(byte));
        let zeros = differ.wrapping_sub(Self::LOW) & !differ & Self::HIGH;
        zeros.trailing_zeros() as usize / 8
    }
}

/// The bytes of a literal, made cheap to look for at the front of a path.
#[derive(Debug, Default)]
struct Text {
    bytes: Box<[u8]>,
    /// The first eight bytes as one number, and which of its bits count.
    head: u64,
    mask: u64,
}

impl Text {
    fn new(bytes: &[u8]) -> Self {
        let mut head = [0; 8];
        let mut mask = [0; 8];
        for (i, &byte) in bytes.iter().take(8).enumerate() {
            (head[i], mask[i]) = (byte, 0xFF);
        }
        let (head, mask) = (u64::from_le_bytes(head), u64::from_le_bytes(mask));
        Self { bytes: bytes.into(), head, mask }
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether `path` begins with it.
    fn begins(&self, path: &[u8]) -> bool {
        // Most literals are this short, and then a call of `memcmp` costs more than the rest.
        match path.first_chunk() {
            Some(&head) if self.len() <= 8 => {
                (u64::from_le_bytes(head) ^ self.head) & self.mask == 0
            }
            _ => path.starts_with(&self.bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_are_found_where_they_stand() {
        let firsts = Firsts::new(b"\x01\x02az\x80\xFE\xFF".iter().copied());
        for (at, byte) in [(0, 1), (1, 2), (2, b'a'), (3, b'z'), (4, 0x80), (5, 0xFE), (6, 0xFF)] {
            assert_eq!(firsts.find(byte), at, "{byte}");
        }
        assert!(firsts.find(3) >= 7 && firsts.find(0) >= 7);
    }

    #[test]
    fn texts_of_any_length_are_compared_whole() {
        let path = b"abcdefghijklmnop";
        for len in 0..path.len() {
            let text = Text::new(&path[..len]);
            for end in 0..path.len() {
                assert_eq!(text.begins(&path[..end]), len <= end, "{len} in {end}");
            }
            if len > 0 {
                let mut other = path.to_vec();
                other[len - 1] ^= 1;
                assert!(!text.begins(&other));
            }
        }
    }
}
