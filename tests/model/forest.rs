//! Walks trees node by node, as the libraries do.

use engine::ensemble::{Child, Compare, EnsembleParts, Missing, Split, Tree, ZERO_THRESHOLD};
use engine::{Precision, RowValues};

/// What the library would answer for some rows.
pub struct Answer {
    /// `rows x trees`: leaf numbers.
    pub leaves: Vec<u32>,
    /// `rows x outputs`: margins, in the library's own arithmetic.
    pub margins: Vec<f64>,
    /// `rows x outputs`: margins added without rounding error to speak of.
    pub exact: Vec<f64>,
}

/// Answers row by row.
pub fn answer(parts: &EnsembleParts, rows: &RowValues) -> Answer {
    let wide: Vec<f64> = match rows {
        RowValues::F32(values) => values.iter().map(|&x| f64::from(x)).collect(),
        RowValues::F64(values) => values.clone(),
    };
    let mut answer = Answer { leaves: Vec::new(), margins: Vec::new(), exact: Vec::new() };
    for row in wide.chunks_exact(parts.schema.features as usize) {
        let found: Vec<usize> = parts.trees.iter().map(|tree| walk(parts, tree, row)).collect();
        for (tree, &leaf) in parts.trees.iter().zip(&found) {
            answer.leaves.push(tree.leaf_ids[leaf]);
        }
        for output in 0..parts.outputs as usize {
            let mut leaves = Vec::new();
            for (tree, &leaf) in parts.trees.iter().zip(&found) {
                if parts.leaf_width > 1 {
                    leaves.push(tree.leaf_values[leaf * parts.leaf_width as usize + output]);
                } else if tree.output as usize == output {
                    leaves.push(tree.leaf_values[leaf]);
                }
            }
            let base = parts.base[output];
            let n = parts.average.map_or(1.0, f64::from);
            answer.margins.push(match parts.sum_at {
                Precision::F32 => {
                    f64::from(leaves.iter().fold(base as f32, |sum, &leaf| sum + leaf as f32))
                }
                Precision::F64 => leaves.iter().fold(base, |sum, leaf| sum + leaf) / n,
            });
            answer.exact.push(compensated(base, &leaves) / n);
        }
    }
    answer
}

/// Neumaier's sum.
fn compensated(base: f64, terms: &[f64]) -> f64 {
    let (mut sum, mut lost) = (base, 0.0);
    for &term in terms {
        let next = sum + term;
        lost += if sum.abs() >= term.abs() { (sum - next) + term } else { (term - next) + sum };
        sum = next;
    }
    sum + lost
}

fn walk(parts: &EnsembleParts, tree: &Tree, row: &[f64]) -> usize {
    let mut here = tree.root;
    loop {
        match here {
            Child::Leaf(leaf) => return leaf as usize,
            Child::Split(split) => {
                let split = &tree.splits[split as usize];
                let x = row[split.feature as usize];
                here = if goes_left(parts, split, x) { split.left } else { split.right };
            }
        }
    }
}

fn goes_left(parts: &EnsembleParts, split: &Split, x: f64) -> bool {
    let missing = x.is_nan() || parts.missing_value == Some(x);
    let zero = x.is_nan() || x.abs() <= f64::from(ZERO_THRESHOLD);
    let x = match split.missing {
        Missing::NanLeft if missing => return true,
        Missing::NanRight if missing => return false,
        Missing::ZeroLeft if zero => return true,
        Missing::ZeroRight if zero => return false,
        Missing::NanIsZero if missing => 0.0,
        _ => x,
    };
    match split.compare {
        Compare::Less => x < split.threshold,
        Compare::LessOrEqual => x <= split.threshold,
    }
}
