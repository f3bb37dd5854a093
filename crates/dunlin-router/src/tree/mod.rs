//! The tree that patterns are matched by.
//!
//! Literals are merged byte by byte; a capture is one edge, from where it begins to the end of its
//! segment. So each edge has one way to match, each node is entered at most once in a walk, and no
//! path makes a walk longer than the tree is large.
//!
//! It grows as a [`Draft`], whose nodes can be split, and is then laid out as a [`Tree`]: a node is a
//! cache line, and what can follow its text stands side by side.

mod build;
mod layout;
mod walk;
mod words;

use crate::pattern::Segment;
pub(crate) use build::Draft;
use words::{Firsts, Text};

/// Index of a resource: one pattern and its methods.
pub(crate) type ResourceId = u32;

/// Index into [`Tree::nodes`].
type NodeId = u32;

/// In place of an id that there is not: an `Option` would take as much space again.
const NONE: u32 = u32::MAX;

/// What paths are walked along.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The first is the root, whose text is empty.
    nodes: Box<[Node]>,
    branches: Box<[Branches]>,
    /// Texts of more than sixteen bytes, one after the other.
    texts: Box<[u8]>,
    /// Of each node with more than eight literals below it: which one a byte begins, if any.
    places: Box<[[u8; 256]]>,
}

/// A place in the tree, as a walk needs it.
#[derive(Debug)]
#[repr(align(64))]
struct Node {
    /// What has to be read to be here, from the parent's end on.
    text: Text,
    /// Of the texts of the literals, which stand side by side from `literals` on, in this order.
    firsts: Firsts,
    literals: NodeId,
    /// How many there are; where they are more than eight, `firsts` is an index into
    /// [`Tree::places`].
    count: u16,
    /// Whether one of the three at the end is there.
    has_captures: bool,
    /// What a path that ends here names.
    resource: ResourceId,
    /// What a path that ends with a free capture from here on names.
    free_resource: ResourceId,
    /// The one literal that can follow a free capture: a segment ends with the path or at a slash.
    free_literal: NodeId,
    /// What else can follow: an index into [`Tree::branches`].
    branches: u32,
}

/// What a node can be followed by that is neither a literal nor a free capture.
#[derive(Debug, Default)]
struct Branches {
    /// Constrained segments and those with literals in them, in registration order.
    segments: Vec<Edge>,
    /// A tail that has to have a byte.
    tail: Option<Tail>,
    /// A tail that may be empty.
    empty_tail: Option<Tail>,
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

impl Branches {
    fn has_tail(&self) -> bool {
        self.tail.is_some() || self.empty_tail.is_some()
    }

    fn is_empty(&self) -> bool {
        self.segments.is_empty() && !self.has_tail()
    }
}
