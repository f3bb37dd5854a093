//! The walk along a path.

use std::ops::ControlFlow;

use super::words::Path;
use super::{Branches, NONE, Node, NodeId, ResourceId, Tree};
use crate::params::Captures;

impl Tree {
    /// Offers `visit` every resource that `path` names, the most specific first, until it breaks.
    ///
    /// `path` is in normal form. Where it breaks, `captures` holds those of that resource.
    #[inline]
    pub(crate) fn walk<B>(
        &self,
        path: &[u8],
        captures: &mut Captures,
        visit: impl FnMut(ResourceId) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        Walk { tree: self, path: Path::new(path), captures, visit }.from(0, 0)
    }

    /// The one literal below `node` that `first` may begin; whether it does shows by its text.
    #[inline(always)]
    fn literal(&self, node: &Node, first: u8) -> Option<NodeId> {
        let at = match node.count {
            0 => return None,
            1 => 0,
            2..=8 => match node.firsts.find(first) {
                at if at < usize::from(node.count) => at as NodeId,
                _ => return None,
            },
            _ => self.places[node.firsts.0 as usize][usize::from(first)].into(),
        };
        Some(node.literals + at)
    }
}

struct Walk<'w, V> {
    tree: &'w Tree,
    path: Path<'w>,
    captures: &'w mut Captures,
    visit: V,
}

impl<B, V: FnMut(ResourceId) -> ControlFlow<B>> Walk<'_, V> {
    /// The walk from `node`, whose text ends at `at`. May leave captures behind where it fails.
    ///
    /// Recurs only where there is an alternative to come back to, so no deeper than a pattern has
    /// bytes; the last alternative of a node is walked on in the loop.
    fn from(&mut self, node: NodeId, mut at: usize) -> ControlFlow<B> {
        let tree = self.tree;
        let mut node = &tree.nodes[node as usize];
        loop {
            let word = self.path.word(at);
            if at == self.path.len() {
                if node.resource != NONE {
                    (self.visit)(node.resource)?;
                }
            } else if let Some(next) = tree.literal(node, word as u8)
                && let Some(end) = self.after(next, at, word)
            {
                if !node.has_captures {
                    (node, at) = (&tree.nodes[next as usize], end);
                    continue;
                }
                let before = self.captures.len();
                self.from(next, end)?;
                self.captures.truncate(before);
            }
            if !node.has_captures {
                return ControlFlow::Continue(());
            }
            let end = self.path.segment_end(at, word);
            if node.branches != NONE {
                return self.branches(node, at, end);
            }
            if end == at {
                return ControlFlow::Continue(());
            }
            self.captures.push(at, end);
            let Some(next) = self.after_free(node, end)? else {
                return ControlFlow::Continue(());
            };
            (node, at) = (&tree.nodes[next.0 as usize], next.1);
        }
    }

    /// Where the text of `node` ends, if it stands at `at`, where `word` is.
    #[inline(always)]
    fn after(&self, node: NodeId, at: usize, word: u64) -> Option<usize> {
        let text = &self.tree.nodes[node as usize].text;
        text.is_at(&self.path, at, word, &self.tree.texts).then(|| at + text.len())
    }

    /// Where the walk goes on after a free capture from `node` on that ends at `end`.
    #[inline(always)]
    fn after_free(&mut self, node: &Node, end: usize) -> ControlFlow<B, Option<(NodeId, usize)>> {
        if end == self.path.len() {
            if node.free_resource != NONE {
                (self.visit)(node.free_resource)?;
            }
            return ControlFlow::Continue(None);
        }
        if node.free_literal == NONE {
            return ControlFlow::Continue(None);
        }
        let after = self.after(node.free_literal, end, self.path.word(end));
        ControlFlow::Continue(after.map(|at| (node.free_literal, at)))
    }

    /// All that can follow `node` but literals, from `at` on, in a segment that ends at `end`.
    fn branches(&mut self, node: &Node, at: usize, end: usize) -> ControlFlow<B> {
        let tree = self.tree;
        let branches = &tree.branches[node.branches as usize];
        let before = self.captures.len();
        for edge in &branches.segments {
            if edge.segment.matches(&self.path.bytes[at..end], at, self.captures) {
                self.from(edge.node, end)?;
                self.captures.truncate(before);
            }
        }
        if end > at {
            self.captures.push(at, end);
            if let Some((next, at)) = self.after_free(node, end)? {
                self.from(next, at)?;
            }
            self.captures.truncate(before);
        }
        self.tails(branches, at)
    }

    fn tails(&mut self, branches: &Branches, at: usize) -> ControlFlow<B> {
        let tail = branches.tail.filter(|_| at < self.path.len());
        for tail in tail.into_iter().chain(branches.empty_tail) {
            let before = self.captures.len();
            if tail.captures {
                self.captures.push(at, self.path.len());
            }
            (self.visit)(tail.resource)?;
            self.captures.truncate(before);
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Pattern;
    use crate::tree::Draft;

    /// The patterns that match `path`, in the order in which they are tried.
    fn tried<'s>(patterns: &[&'s str], path: &str) -> Vec<&'s str> {
        let mut draft = Draft::new();
        for (id, pattern) in patterns.iter().enumerate() {
            let pattern = Pattern::parse(pattern).unwrap();
            draft.insert(pattern.pieces(), id as ResourceId, &mut Vec::new());
        }
        let tree = Tree::new(draft);
        let mut captures = Captures::new();
        let mut tried = Vec::new();
        let flow: ControlFlow<()> = tree.walk(path.as_bytes(), &mut captures, |resource| {
            tried.push(patterns[resource as usize]);
            ControlFlow::Continue(())
        });
        assert!(flow.is_continue());
        tried
    }

    #[test]
    fn alternatives_are_tried_literal_constrained_free_tail() {
        let patterns =
            ["/{t:.*}", "/{u:.+}", "/{f}", r"/{w:\w+}", "/{p}x", r"/{m:[m-x]+}", "/mx", "/m{s}"];
        let expected =
            ["/mx", "/m{s}", r"/{w:\w+}", "/{p}x", r"/{m:[m-x]+}", "/{f}", "/{u:.+}", "/{t:.*}"];
        assert_eq!(tried(&patterns, "/mx"), expected);
    }

    #[test]
    fn the_walk_backs_up_until_something_matches() {
        let patterns = ["/a/b/c", "/a/{x}/d", "/{y}/b/e", "/{t:.*}"];
        assert_eq!(tried(&patterns, "/a/b/d"), ["/a/{x}/d", "/{t:.*}"]);
        assert_eq!(tried(&patterns, "/a/b/e"), ["/{y}/b/e", "/{t:.*}"]);
        assert_eq!(tried(&patterns, "/a/b/f"), ["/{t:.*}"]);
    }

    #[test]
    fn slashes_are_never_skipped_or_added() {
        let patterns = ["/a", "/a/", "/a//", "/{x}", "//{x}"];
        assert_eq!(tried(&patterns, "/a"), ["/a", "/{x}"]);
        assert_eq!(tried(&patterns, "/a/"), ["/a/"]);
        assert_eq!(tried(&patterns, "/a//"), ["/a//"]);
        assert_eq!(tried(&patterns, "//a"), ["//{x}"]);
        assert_eq!(tried(&patterns, "/"), [""; 0]);
    }

    #[test]
    fn an_optional_capture_matches_an_empty_segment() {
        let patterns = [r"/{n:\d*}/x", r"/n{n:\d*}"];
        assert_eq!(tried(&patterns, "//x"), [r"/{n:\d*}/x"]);
        assert_eq!(tried(&patterns, "/n"), [r"/n{n:\d*}"]);
    }

    #[test]
    fn each_node_is_entered_once_at_most() {
        // Every path of letters matches each pattern; a walk that forgot would try 2^20 ways.
        let deep: Vec<String> = (0..20)
            .map(|i| {
                (0..20)
                    .map(|j| if i == j { "/{x:[a-z]+}".into() } else { format!("/{{a{j}}}") })
                    .collect()
            })
            .collect();
        let deep: Vec<&str> = deep.iter().map(String::as_str).collect();
        assert_eq!(tried(&deep, &"/a".repeat(20)).len(), 20);
        assert!(tried(&deep, &"/a".repeat(30_000)).is_empty());
    }

    #[test]
    fn a_literal_is_found_among_any_number() {
        let letters = ('0'..='9').chain('A'..='Z').chain('a'..='z');
        let patterns: Vec<_> = letters.map(|c| format!("/{c}-{{x}}")).collect();
        let patterns: Vec<_> = patterns.iter().map(String::as_str).collect();
        for patterns in (1..=patterns.len()).map(|count| &patterns[..count]) {
            for pattern in patterns {
                assert_eq!(tried(patterns, &pattern.replace("{x}", "y")), [*pattern]);
            }
            for path in ["/~-y", "/\0-y", "/é-y"] {
                assert!(tried(patterns, path).is_empty());
            }
        }
    }
}
