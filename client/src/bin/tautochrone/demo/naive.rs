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

#[cfg(test)]
mod tests {
    use super::super::clock::Numbers;
    use super::super::observer::{Timed, observe};
    use super::Naive;
    use engine::Model;
    use std::path::Path;

    impl Naive {
        /// How many comparisons a row takes: a clock without noise.
        fn comparisons(&self, row: &[f32]) -> u32 {
            let (mut here, mut count) = (0, 0);
            while self.nodes[here].right != 0 {
                let node = &self.nodes[here];
                let left = f64::from(row[node.feature as usize]) <= node.threshold;
                here = if left { here + 1 } else { node.right as usize };
                count += 1;
            }
            count
        }
    }

    /// The leak of the demo's tree is in its work, not in the machine's noise: the observer guesses
    /// from the number of comparisons what it guesses from the clock.
    #[test]
    fn comparisons_alone_tell_the_class_of_the_demo_tree() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/demo");
        let imported = models::import_file(folder.join("tree.json"), &Default::default());
        let Ok(Model::Ensemble(ensemble)) = imported.map(|imported| imported.model) else {
            panic!("the demo's tree");
        };
        let naive = Naive::new(&ensemble).expect("one tree");
        let text = std::fs::read_to_string(folder.join("rows.csv")).expect("the demo's rows");
        let mut timed: Vec<Timed> = text
            .lines()
            .skip(1)
            .map(|line| {
                let row: Vec<f32> =
                    line.split(',').map(|x| x.parse::<f64>().expect("a number") as f32).collect();
                let nanos = f64::from(naive.comparisons(&row));
                Timed { nanos, second: naive.class_vartime(&row) == 1 }
            })
            .collect();
        assert_eq!(timed.len(), 171);
        Numbers(1).shuffle(&mut timed);
        let (known, unknown) = timed.split_at(86);
        let report = observe(known, unknown);
        assert!(report.interval.0 > report.base_rate() + 0.1, "{}", report.accuracy());
    }
}
