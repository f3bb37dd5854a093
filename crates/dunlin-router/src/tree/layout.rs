//! From a draft to the tree that is walked.

use std::collections::VecDeque;

use super::build::Draft;
use super::{Branches, Edge, Firsts, NONE, Node, NodeId, Text, Tree};

impl Tree {
    /// Lays out the nodes level by level, so that those with a common parent stand side by side.
    pub(crate) fn new(mut draft: Draft) -> Self {
        let mut layout = Layout::default();
        let mut nodes = Vec::with_capacity(draft.nodes.len());
        layout.place(0);
        while let Some(id) = layout.waiting.pop_front() {
            let sketch = std::mem::take(&mut draft.nodes[id as usize]);
            let (bytes, literals): (Vec<_>, Vec<_>) = sketch.literals.into_iter().unzip();
            let count = literals.len() as u16;
            let firsts = layout.firsts(&bytes);
            let first = literals.into_iter().map(|id| layout.place(id)).min();
            let free = sketch.free.map(|id| std::mem::take(&mut draft.nodes[id as usize]));
            let free = free.unwrap_or_default();
            debug_assert!(free.literals.len() <= 1 && free.free.is_none(), "a slash or nothing");
            let free_resource = free.resource.unwrap_or(NONE);
            let free_literal = free.literals.first().map_or(NONE, |&(_, id)| layout.place(id));
            let branches = layout.branches(sketch.branches);
            nodes.push(Node {
                text: Text::new(&sketch.text, &mut layout.texts),
                firsts,
                literals: first.unwrap_or(NONE),
                count,
                has_captures: free_resource & free_literal & branches != NONE,
                resource: sketch.resource.unwrap_or(NONE),
                free_resource,
                free_literal,
                branches,
            });
        }
        Self {
            nodes: nodes.into(),
            branches: layout.branches.into(),
            texts: layout.texts.into(),
            places: layout.places.into(),
        }
    }
}

#[derive(Default)]
struct Layout {
    /// How many nodes have a place.
    placed: NodeId,
    /// Those of the draft whose turn comes, in the order of their places.
    waiting: VecDeque<NodeId>,
    branches: Vec<Branches>,
    texts: Vec<u8>,
    places: Vec<[u8; 256]>,
}

impl Layout {
    /// Gives a node of the draft the next place.
    fn place(&mut self, id: NodeId) -> NodeId {
        self.waiting.push_back(id);
        self.placed += 1;
        self.placed - 1
    }

    fn branches(&mut self, branches: Branches) -> u32 {
        if branches.is_empty() {
            return NONE;
        }
        let place = |edge: Edge| Edge { node: self.place(edge.node), ..edge };
        let segments = branches.segments.into_iter().map(place).collect();
        self.branches.push(Branches { segments, ..branches });
        (self.branches.len() - 1) as u32
    }

    /// The bytes themselves, or the index of their places.
    fn firsts(&mut self, bytes: &[u8]) -> Firsts {
        if bytes.len() <= 8 {
            return Firsts::new(bytes);
        }
        let mut places = [0; 256];
        for (at, &byte) in bytes.iter().enumerate() {
            places[usize::from(byte)] = at as u8;
        }
        self.places.push(places);
        Firsts((self.places.len() - 1) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_a_cache_line() {
        assert_eq!(size_of::<Node>(), 64);
    }
}
