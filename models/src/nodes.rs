//! Trees given as child arrays over nodes, where a leaf has children -1: which nodes are splits,
//! which are leaves, and in what order. Links are allegations until [`layout`] has followed them.

use crate::error::ImportError;
use engine::ensemble::Child;

/// The nodes that the root reaches, each exactly once.
pub(crate) struct Layout {
    /// Node numbers, parents first.
    pub(crate) order: Vec<usize>,
    /// Of each reached node: its number among the splits or among the leaves, in that order.
    pub(crate) place: Vec<Child>,
    /// How many of them are leaves.
    pub(crate) leaves: usize,
}

impl Layout {
    /// How many of the reached nodes are splits.
    pub(crate) fn splits(&self) -> usize {
        self.order.len() - self.leaves
    }

    /// Where a link that [`layout`] has followed goes.
    pub(crate) fn child(&self, link: i32) -> Child {
        self.place[link as usize]
    }
}

/// Follows the links of a tree whose two arrays are equally long and not empty. Iterative: depth is
/// the file's choice, our stack is not.
pub(crate) fn layout(tree: usize, left: &[i32], right: &[i32]) -> Result<Layout, ImportError> {
    let wrong =
        |node: usize, what: &str| ImportError::malformed(format!("tree {tree}, node {node}"), what);
    let mut seen = vec![false; left.len()];
    let mut found =
        Layout { order: Vec::new(), place: vec![Child::Leaf(0); left.len()], leaves: 0 };
    let mut open = vec![0usize];
    while let Some(node) = open.pop() {
        if std::mem::replace(&mut seen[node], true) {
            return Err(wrong(node, "it has two parents, or the child links form a cycle"));
        }
        if (left[node], right[node]) == (-1, -1) {
            found.place[node] = Child::Leaf(found.leaves as u32);
            found.leaves += 1;
        } else {
            found.place[node] = Child::Split(found.splits() as u32);
            for child in [right[node], left[node]] {
                match usize::try_from(child) {
                    Ok(child) if child < left.len() => open.push(child),
                    _ => {
                        return Err(wrong(
                            node,
                            &format!("its child {child} is no node of the tree"),
                        ));
                    }
                }
            }
        }
        found.order.push(node);
    }
    Ok(found)
}
