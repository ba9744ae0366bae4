//! One XGBoost tree: parallel arrays over nodes, into splits and leaves.
//!
//! Pruning (`tree_method=exact` with `gamma`) leaves deleted nodes in the arrays, which nothing
//! links to; `num_deleted` counts them. They are dropped, and the others keep their numbers as leaf
//! ids.

use crate::error::ImportError;
use crate::json::{Count, Flag, Strict, fields};
use crate::nodes::{Layout, layout};
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
} required ["left_children", "right_children", "split_indices", "split_conditions", "default_left"]);

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
    numbered.map(|(index, (Strict(raw), &output))| one(index, &raw, output)).collect()
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
    let layout = layout(index, &raw.left, &raw.right)?;
    check_unreached(index, raw, &layout)?;
    let mut tree = Tree {
        output,
        root: layout.child(0),
        splits: Vec::with_capacity(layout.splits()),
        leaf_ids: Vec::with_capacity(layout.leaves),
        leaf_values: Vec::with_capacity(layout.leaves),
    };
    for &node in &layout.order {
        if let Child::Leaf(_) = layout.place[node] {
            tree.leaf_ids.push(node as u32);
            tree.leaf_values.push(f64::from(raw.value[node]));
            continue;
        }
        if raw.split_type.as_ref().is_some_and(|types| types[node] != 0) {
            return Err(categorical(format!("tree {index}, node {node}")));
        }
        tree.splits.push(Split {
            feature: raw.feature[node],
            threshold: f64::from(raw.value[node]),
            compare: Compare::Less,
            missing: if raw.default_left[node].0 { Missing::NanLeft } else { Missing::NanRight },
            left: layout.child(raw.left[node]),
            right: layout.child(raw.right[node]),
        });
    }
    Ok(tree)
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
        ("split_type", raw.split_type.as_ref().map_or(nodes, Vec::len)),
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
        return Err(ImportError::malformed(format!("tree {index}"), "it has no nodes"));
    }
    if let Some(Count(claimed)) = raw.params.0.num_nodes
        && claimed != nodes as u64
    {
        return Err(ImportError::malformed(
            format!("tree {index}, tree_param.num_nodes"),
            format!("it claims {claimed} nodes, the arrays hold {nodes}"),
        ));
    }
    if raw.categories_nodes.as_ref().is_some_and(|nodes| !nodes.is_empty()) {
        return Err(categorical(format!("tree {index}")));
    }
    Ok(())
}

fn check_unreached(index: usize, raw: &RawTree, layout: &Layout) -> Result<(), ImportError> {
    let unreached = (raw.left.len() - layout.order.len()) as u64;
    let deleted = raw.params.0.num_deleted.map_or(0, |count| count.0);
    if unreached == deleted {
        return Ok(());
    }
    Err(ImportError::malformed(
        format!("tree {index}"),
        format!("the root does not reach {unreached} nodes, but num_deleted is {deleted}"),
    ))
}

fn categorical(place: String) -> ImportError {
    ImportError::unsupported(
        place,
        "a categorical split",
        "encode the categories as numbers (one-hot) and train without enable_categorical",
    )
}
