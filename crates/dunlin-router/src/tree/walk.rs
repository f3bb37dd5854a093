//! The walk along a path.

use std::ops::ControlFlow;

use super::{Firsts, Node, NodeId, ResourceId, Tree};
use crate::params::Captures;

impl Tree {
    /// Offers `visit` every resource that `path` names, the most specific first, until it breaks.
    ///
    /// `path` is in normal form. Where it breaks, `captures` holds those of that resource.
    pub(crate) fn walk<B>(
        &self,
        path: &[u8],
        captures: &mut Captures,
        visit: impl FnMut(ResourceId) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        Walk { nodes: &self.nodes, path, captures, visit }.from(0, 0)
    }
}

struct Walk<'w, V> {
    nodes: &'w [Node],
    path: &'w [u8],
    captures: &'w mut Captures,
    visit: V,
}

impl<B, V: FnMut(ResourceId) -> ControlFlow<B>> Walk<'_, V> {
    /// The walk from `node`, whose text ends at `at`. May leave captures behind where it fails.
    ///
    /// Recurs only where there is an alternative to come back to, so no deeper than a pattern has
    /// bytes; the last alternative of a node is walked on in the loop.
    fn from(&mut self, node: NodeId, mut at: usize) -> ControlFlow<B> {
        let mut node = &self.nodes[node as usize];
        loop {
            let rest = &self.path[at..];
            match rest.first() {
                None => {
                    if let Some(resource) = node.resource {
                        (self.visit)(resource)?;
                    }
                }
                Some(&first) => {
                    if let Some(next) = node.literal(first) {
                        let child = &self.nodes[next as usize];
                        if child.text.begins(rest) {
                            let end = at + child.text.len();
                            if !node.has_captures {
                                (node, at) = (child, end);
                                continue;
                            }
                            let before = self.captures.len();
                            self.from(next, end)?;
                            self.captures.truncate(before);
                        }
                    }
                }
            }
            if !node.has_captures {
                return ControlFlow::Continue(());
            }
            let end = at + segment_len(rest);
            if !node.segments.is_empty() {
                self.segments(node, at, end)?;
            }
            match node.free {
                Some(free) if end > at => {
                    let before = self.captures.len();
                    self.captures.push(at, end);
                    if !node.has_tail() {
                        (node, at) = (&self.nodes[free as usize], end);
                        continue;
                    }
                    self.from(free, end)?;
                    self.captures.truncate(before);
                }
                _ => {}
            }
            return if node.has_tail() { self.tails(node, at) } else { ControlFlow::Continue(()) };
        }
    }

    fn segments(&mut self, node: &Node, at: usize, end: usize) -> ControlFlow<B> {
        let before = self.captures.len();
        for edge in &node.segments {
            if edge.segment.matches(&self.path[at..end], at, self.captures) {
                self.from(edge.node, end)?;
                self.captures.truncate(before);
            }
        }
        ControlFlow::Continue(())
    }

    fn tails(&mut self, node: &Node, at: usize) -> ControlFlow<B> {
        let tail = node.tail.filter(|_| at < self.path.len());
        for tail in tail.into_iter().chain(node.empty_tail) {
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

/// Bytes up to the next slash.
///
/// Eight at a time: segments are so short that a call of `memchr` costs twice as much.
fn segment_len(path: &[u8]) -> usize {
    let (words, rest) = path.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let at = Firsts(u64::from_le_bytes(*word)).find(b'/');
        if at < 8 {
            return 8 * i + at;
        }
    }
    let at = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
    8 * words.len() + at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Pattern;

    /// The patterns that match `path`, in the order in which they are tried.
    fn tried<'s>(patterns: &[&'s str], path: &str) -> Vec<&'s str> {
        let mut tree = Tree::new();
        for (id, pattern) in patterns.iter().enumerate() {
            let pattern = Pattern::parse(pattern).unwrap();
            tree.insert(pattern.pieces(), id as ResourceId, &mut Vec::new());
        }
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
    fn a_segment_ends_before_the_first_slash() {
        for before in 0..20 {
            for after in 0..20 {
                let path = format!("{}/{}", "a".repeat(before), "/b".repeat(after));
                assert_eq!(segment_len(path.as_bytes()), before);
                assert_eq!(segment_len(&path.as_bytes()[..before]), before);
            }
        }
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
}
