//! The stolen tree beside the true one.

use engine::ensemble::{Child, Tree};
use steal::attack::Stolen;

/// The true tree in the thief's terms: a row holds f32, so a threshold counts as the largest f32
/// that is not above it.
pub(crate) fn truth(tree: &Tree, child: Child) -> Stolen {
    match child {
        Child::Leaf(_) => Stolen::Leaf,
        Child::Split(index) => {
            let split = &tree.splits[index as usize];
            let near = split.threshold as f32;
            let above = f64::from(near) > split.threshold;
            Stolen::Split {
                feature: split.feature as usize,
                threshold: if above { near.next_down() } else { near },
                left: Box::new(truth(tree, split.left)),
                right: Box::new(truth(tree, split.right)),
            }
        }
    }
}

/// Two columns: the stolen tree and the true one, in the same order of nodes.
pub(crate) fn side_by_side(stolen: &Stolen, truth: &Stolen, names: Option<&[String]>) -> String {
    let mut columns = [Vec::new(), Vec::new()];
    for (column, tree) in columns.iter_mut().zip([stolen, truth]) {
        lines(tree, names, "", "", column);
    }
    let [left, right] = columns;
    let width = left.iter().map(|line| line.chars().count()).max().unwrap_or(0).max(6);
    let mut text = format!("    {:width$}    the true tree\n", "stolen");
    for at in 0..left.len().max(right.len()) {
        let cell = |column: &[String]| column.get(at).cloned().unwrap_or_default();
        let line = format!("    {:width$}    {}", cell(&left), cell(&right));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn lines(tree: &Stolen, names: Option<&[String]>, first: &str, rest: &str, out: &mut Vec<String>) {
    match tree {
        Stolen::Leaf => out.push(format!("{first}leaf")),
        Stolen::Split { feature, threshold, left, right } => {
            let name = names.and_then(|names| names.get(*feature)).cloned();
            let name = name.unwrap_or_else(|| format!("feature {feature}"));
            out.push(format!("{first}{name} <= {threshold}"));
            lines(left, names, &format!("{rest}├ "), &format!("{rest}│ "), out);
            lines(right, names, &format!("{rest}└ "), &format!("{rest}  "), out);
        }
    }
}
