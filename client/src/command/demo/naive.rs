//! **The thing not to do**: a decision tree that is walked from node to node.
//!
//! This is how libraries evaluate a tree, written fairly: nodes in one array, each left child right
//! behind its parent. It answers as soon as the row lets it, so its running time, its branches and
//! its addresses tell how deep and which way the row went. It is here to be attacked: by the clock
//! of `tautochrone demo`, and by `examples/steal`. Nothing that ships may score rows with it.

use engine::Ensemble;
use engine::ensemble::{Child, Compare, Missing, Tree};

/// One decision tree that gives a class.
pub(crate) struct Naive {
    nodes: Vec<Node>,
}

struct Node {
    threshold: f64,
    feature: u32,
    /// Of a leaf.
    class: u32,
    /// The right child; 0 marks a leaf. The left child follows its parent.
    right: u32,
}

impl Naive {
    /// Takes a decision tree of scikit-learn: one tree whose leaves hold a value for each class.
    /// `None` for any other ensemble.
    pub(crate) fn new(ensemble: &Ensemble) -> Option<Self> {
        let parts = ensemble.parts();
        let [tree] = parts.trees.as_slice() else { return None };
        let walks = tree.splits.iter().all(|split| {
            let nan = matches!(split.missing, Missing::NanLeft | Missing::NanRight);
            split.compare == Compare::LessOrEqual && nan
        });
        (parts.leaf_width > 1 && walks).then(|| Self::lay_out(tree, parts.leaf_width as usize))
    }

    /// The class of a row that has no missing value. Takes the time that the row asks for.
    pub(crate) fn class_vartime(&self, row: &[f32]) -> u32 {
        let mut here = 0;
        loop {
            let node = &self.nodes[here];
            if node.right == 0 {
                return node.class;
            }
            if f64::from(row[node.feature as usize]) <= node.threshold {
                here += 1;
            } else {
                here = node.right as usize;
            }
        }
    }

    /// Puts the nodes in preorder.
    fn lay_out(tree: &Tree, classes: usize) -> Self {
        let mut nodes: Vec<Node> = Vec::with_capacity(2 * tree.splits.len() + 1);
        // what comes next, and the node whose right child it is
        let mut todo = vec![(tree.root, None)];
        while let Some((child, parent)) = todo.pop() {
            if let Some(parent) = parent {
                let here = nodes.len() as u32;
                let parent: &mut Node = &mut nodes[parent];
                parent.right = here;
            }
            nodes.push(match child {
                Child::Split(index) => {
                    let split = &tree.splits[index as usize];
                    todo.push((split.right, Some(nodes.len())));
                    todo.push((split.left, None));
                    Node { threshold: split.threshold, feature: split.feature, class: 0, right: 0 }
                }
                Child::Leaf(index) => {
                    let first = index as usize * classes;
                    let class = first_largest(&tree.leaf_values[first..first + classes]);
                    Node { threshold: 0.0, feature: 0, class, right: 0 }
                }
            });
        }
        Self { nodes }
    }
}

fn first_largest(values: &[f64]) -> u32 {
    let mut best = 0;
    for (class, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = class;
        }
    }
    best as u32
}
