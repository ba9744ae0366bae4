//! One XGBoost tree: parallel arrays over nodes, into splits and leaves.
//!
//! Pruning (`tree_method=exact` with `gamma`) leaves deleted nodes in the arrays, which nothing
//! links to; `num_deleted` counts them. They are dropped, and the others keep their numbers as leaf
//! ids.

use crate::error::ImportError;
use crate::json::{Count, Flag, Strict, fields};
use engine::ensemble::{Child, Compare, Missing, Split, Tree};

/// The arrays of one tree, as the file has them.
#[derive(Default)]
pub(super) struct RawTree {
    params: Strict<RawParams>,
    left: Vec<i32>,
    right: Vec<i32>,
    feature: Vec<u32>,
    value: Vec<f32>,
    default_left: Vec<Flag>,
    split_type: Option<Vec<u8>>,
    categories_nodes: Option<Vec<u32>>,
}
fields!(RawTree {
    "tree_param" => params,
    "left_children" => left,
    "right_children" => right,
    "split_indices" => feature,
    "split_conditions" => value,
    "default_left" => default_left,
    "split_type" => split_type,
    "categories_nodes" => categories_nodes,
});

#[derive(Default)]
struct RawParams {
    num_nodes: Option<Count>,
    num_deleted: Option<Count>,
    size_leaf_vector: Option<Count>,
}
fields!(RawParams {
    "num_nodes" => num_nodes,
    "num_deleted" => num_deleted,
    "size_leaf_vector" => size_leaf_vector,
});

/// Converts the first `kept` trees; tree i adds to output `tree_info[i]`.
pub(super) fn convert(
    trees: Vec<Strict<RawTree>>,
    tree_info: &[u32],
    kept: usize,
) -> Result<Vec<Tree>, ImportError> {
    let numbered = trees.into_iter().zip(tree_info).enumerate().take(kept);
    numbered
        .map(|(index, (Strict(raw), &output))| one(index, &raw, output))
        .collect()
}

/// The refusal of leaves with a vector of values.
pub(super) fn vector_leaf(place: &str) -> ImportError {
    ImportError::unsupported(
        place,
        "a tree with vector leaves (multi_strategy='multi_output_tree')",
        "train with multi_strategy='one_output_per_tree'",
    )
}

fn one(index: usize, raw: &RawTree, output: u32) -> Result<Tree, ImportError> {
    check_arrays(index, raw)?;
    let order = preorder(index, raw)?;
    // Where each node went: a number among the splits or among the leaves.
    let mut place = vec![Child::Leaf(0); raw.left.len()];
    let (mut splits, mut leaves) = (0u32, 0u32);
    for &node in &order {
        if is_leaf(raw, node) {
            place[node] = Child::Leaf(leaves);
            leaves += 1;
        } else {
            place[node] = Child::Split(splits);
            splits += 1;
        }
    }
    let mut tree = Tree {
        output,
        root: place[0],
        splits: Vec::with_capacity(splits as usize),
        leaf_ids: Vec::with_capacity(leaves as usize),
        leaf_values: Vec::with_capacity(leaves as usize),
    };
    for node in order {
        if is_leaf(raw, node) {
            tree.leaf_ids.push(node as u32);
            tree.leaf_values.push(f64::from(raw.value[node]));
        } else {
            tree.splits.push(Split {
                feature: raw.feature[node],
                threshold: f64::from(raw.value[node]),
                compare: Compare::Less,
                missing: if raw.default_left[node].0 {
                    Missing::NanLeft
                } else {
                    Missing::NanRight
                },
                // preorder() has proven both children to be nodes
                left: place[raw.left[node] as usize],
                right: place[raw.right[node] as usize],
            });
        }
    }
    Ok(tree)
}

fn is_leaf(raw: &RawTree, node: usize) -> bool {
    raw.left[node] == -1
}

fn check_arrays(index: usize, raw: &RawTree) -> Result<(), ImportError> {
    if raw.params.0.size_leaf_vector.is_some_and(|size| size.0 > 1) {
        return Err(vector_leaf(&format!("tree {index}")));
    }
    let nodes = raw.left.len();
    let lengths = [
        ("right_children", raw.right.len()),
        ("split_indices", raw.feature.len()),
        ("split_conditions", raw.value.len()),
        ("default_left", raw.default_left.len()),
        (
            "split_type",
            raw.split_type.as_ref().map_or(nodes, Vec::len),
        ),
    ];
    for (field, length) in lengths {
        if length != nodes {
            return Err(ImportError::malformed(
                format!("tree {index}, {field}"),
                format!("it has {length} entries, left_children has {nodes}"),
            ));
        }
    }
    if nodes == 0 {
        return Err(ImportError::malformed(
            format!("tree {index}"),
            "it has no nodes",
        ));
    }
    if let Some(Count(claimed)) = raw.params.0.num_nodes
        && claimed != nodes as u64
    {
        return Err(ImportError::malformed(
            format!("tree {index}, tree_param.num_nodes"),
            format!("it claims {claimed} nodes, the arrays hold {nodes}"),
        ));
    }
    if raw
        .categories_nodes
        .as_ref()
        .is_some_and(|nodes| !nodes.is_empty())
    {
        return Err(categorical(format!("tree {index}")));
    }
    Ok(())
}

/// The nodes that the root reaches, parents first. Iterative: depth is the file's choice.
fn preorder(index: usize, raw: &RawTree) -> Result<Vec<usize>, ImportError> {
    let nodes = raw.left.len();
    let mut seen = vec![false; nodes];
    let mut order = Vec::new();
    let mut open = vec![0usize];
    let wrong = |node: usize, what: &str| {
        ImportError::malformed(format!("tree {index}, node {node}"), what)
    };
    while let Some(node) = open.pop() {
        if std::mem::replace(&mut seen[node], true) {
            return Err(wrong(
                node,
                "it has two parents, or the child links form a cycle",
            ));
        }
        order.push(node);
        if is_leaf(raw, node) {
            if raw.right[node] != -1 {
                return Err(wrong(node, "it has a right child but no left child"));
            }
            continue;
        }
        if raw
            .split_type
            .as_ref()
            .is_some_and(|types| types[node] != 0)
        {
            return Err(categorical(format!("tree {index}, node {node}")));
        }
        for child in [raw.right[node], raw.left[node]] {
            match usize::try_from(child) {
                Ok(child) if child < nodes => open.push(child),
                _ => {
                    return Err(wrong(
                        node,
                        &format!("its child {child} is no node of the tree"),
                    ));
                }
            }
        }
    }
    let unreached = (nodes - order.len()) as u64;
    let deleted = raw.params.0.num_deleted.map_or(0, |count| count.0);
    if unreached != deleted {
        return Err(ImportError::malformed(
            format!("tree {index}"),
            format!("the root does not reach {unreached} nodes, but num_deleted is {deleted}"),
        ));
    }
    Ok(order)
}

fn categorical(place: String) -> ImportError {
    ImportError::unsupported(
        place,
        "a categorical split",
        "encode the categories as numbers (one-hot) and train without enable_categorical",
    )
}
