//! Insertion of patterns.

use super::{Branches, Edge, NodeId, ResourceId, Tail};
use crate::pattern::{Piece, Segment};

/// A tree that grows.
#[derive(Debug)]
pub(crate) struct Draft {
    /// The first is the root, whose text is empty.
    pub(super) nodes: Vec<Sketch>,
    /// How many segment edges there are; their stamps are below it.
    stamps: u32,
}

/// A node of it. See [`Node`](super::Node).
#[derive(Debug, Default)]
pub(super) struct Sketch {
    pub(super) text: Box<[u8]>,
    pub(super) resource: Option<ResourceId>,
    /// Nodes by the first byte of their text, sorted.
    pub(super) literals: Vec<(u8, NodeId)>,
    pub(super) free: Option<NodeId>,
    pub(super) branches: Branches,
}

impl Draft {
    pub(crate) fn new() -> Self {
        Self { nodes: vec![Sketch::default()], stamps: 0 }
    }

    /// Gives `pieces` the id `resource`, unless they have one, which is then returned.
    ///
    /// Appends the stamp of each edge on the way to `stamps`.
    pub(crate) fn insert(
        &mut self,
        pieces: &[Piece],
        resource: ResourceId,
        stamps: &mut Vec<u32>,
    ) -> ResourceId {
        let mut node = 0;
        for piece in pieces {
            node = match piece {
                Piece::Literal(text) => self.literal(node, text.as_bytes()),
                Piece::Segment(segment) => self.segment(node, segment, stamps),
                Piece::Tail { may_be_empty } => {
                    let tail = Tail { resource, captures: true };
                    return self.tail(node, *may_be_empty, tail);
                }
            };
        }
        *self.nodes[node as usize].resource.get_or_insert(resource)
    }

    /// The same for everything below `pieces`, from the next slash on, which is not captured.
    pub(crate) fn insert_below(&mut self, pieces: &[Piece], resource: ResourceId) -> ResourceId {
        let mut node = 0;
        for piece in pieces {
            node = match piece {
                Piece::Literal(text) => self.literal(node, text.as_bytes()),
                Piece::Segment(segment) => self.segment(node, segment, &mut Vec::new()),
                // All there is below a tail is the tail.
                Piece::Tail { .. } => return resource,
            };
        }
        node = self.literal(node, b"/");
        self.tail(node, true, Tail { resource, captures: false })
    }

    /// The node after `text`, with nodes split where texts part.
    fn literal(&mut self, mut from: NodeId, mut text: &[u8]) -> NodeId {
        while let Some(&first) = text.first() {
            let literals = &self.nodes[from as usize].literals;
            let Ok(next) = literals.binary_search_by_key(&first, |&(byte, _)| byte) else {
                let node = self.push(Sketch { text: text.into(), ..Sketch::default() });
                self.link(from, first, node);
                return node;
            };
            let (_, next) = literals[next];
            let there = &self.nodes[next as usize].text;
            let common = there.iter().zip(text).take_while(|(a, b)| a == b).count();
            if common < there.len() {
                self.split(next, common);
            }
            from = next;
            text = &text[common..];
        }
        from
    }

    /// Leaves the first `at` bytes in `node` and moves all else to a new node below it.
    fn split(&mut self, node: NodeId, at: usize) {
        let mut lower = std::mem::take(&mut self.nodes[node as usize]);
        let (text, rest) = lower.text.split_at(at);
        let upper = Sketch { text: text.into(), ..Sketch::default() };
        let first = rest[0];
        lower.text = rest.into();
        self.nodes[node as usize] = upper;
        let lower = self.push(lower);
        self.link(node, first, lower);
    }

    fn segment(&mut self, from: NodeId, segment: &Segment, stamps: &mut Vec<u32>) -> NodeId {
        if segment.is_free() {
            stamps.push(u32::MAX);
            if let Some(node) = self.nodes[from as usize].free {
                return node;
            }
            let node = self.push(Sketch::default());
            self.nodes[from as usize].free = Some(node);
            return node;
        }
        let known = &self.nodes[from as usize].branches.segments;
        let known = known.iter().find(|edge| edge.segment.same(segment));
        if let Some(edge) = known {
            stamps.push(edge.stamp);
            return edge.node;
        }
        let node = self.push(Sketch::default());
        let stamp = self.stamps;
        self.stamps += 1;
        stamps.push(stamp);
        let edge = Edge { segment: segment.clone(), stamp, node };
        self.nodes[from as usize].branches.segments.push(edge);
        node
    }

    fn tail(&mut self, node: NodeId, may_be_empty: bool, tail: Tail) -> ResourceId {
        let node = &mut self.nodes[node as usize].branches;
        let slot = if may_be_empty { &mut node.empty_tail } else { &mut node.tail };
        slot.get_or_insert(tail).resource
    }

    fn push(&mut self, node: Sketch) -> NodeId {
        self.nodes.push(node);
        (self.nodes.len() - 1) as NodeId
    }

    fn link(&mut self, from: NodeId, first: u8, to: NodeId) {
        let literals = &mut self.nodes[from as usize].literals;
        let at = literals.partition_point(|&(byte, _)| byte < first);
        literals.insert(at, (first, to));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Pattern;

    fn insert(tree: &mut Draft, pattern: &str, id: ResourceId) -> (ResourceId, Vec<u32>) {
        let mut stamps = Vec::new();
        let pattern = Pattern::parse(pattern).unwrap();
        (tree.insert(pattern.pieces(), id, &mut stamps), stamps)
    }

    #[test]
    fn literals_share_what_they_have_in_common() {
        let mut tree = Draft::new();
        for (id, pattern) in ["/users/me", "/users", "/users/all", "/u"].iter().enumerate() {
            assert_eq!(insert(&mut tree, pattern, id as u32).0, id as u32);
        }
        let mut texts: Vec<_> =
            tree.nodes.iter().map(|node| node.text.escape_ascii().to_string()).collect();
        texts.sort();
        assert_eq!(texts, ["", "/", "/u", "all", "me", "sers"]);
    }

    #[test]
    fn patterns_of_one_shape_are_one_resource() {
        let mut tree = Draft::new();
        assert_eq!(insert(&mut tree, r"/{a:\d+}/x-{b}/{t:.*}", 0).0, 0);
        assert_eq!(insert(&mut tree, r"/{c:[0-9]+}/x-{d}/{u:.*}", 1).0, 0);
        assert_eq!(insert(&mut tree, r"/{c:[0-9]+}/x-{d}/{u:.+}", 2).0, 2);
    }

    #[test]
    fn stamps_say_which_edge_is_tried_first() {
        let mut tree = Draft::new();
        assert_eq!(insert(&mut tree, r"/{a:\d+}/x", 0).1, [0]);
        assert_eq!(insert(&mut tree, r"/{a:\w+}/{b:\d+}", 1).1, [1, 2]);
        assert_eq!(insert(&mut tree, r"/{a:\d+}/{b}", 2).1, [0, u32::MAX]);
    }
}
