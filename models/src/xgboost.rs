//! XGBoost models saved as JSON by versions 1.7 to 3.x.
//!
//! Meaning (sources: `doc/model.schema` and `src/{learner.cc,tree/tree_model.cc,predictor}` of the
//! library; checked bit for bit against 1.7.6, 2.1.4, 3.0.5, 3.1.3 and 3.2.0):
//! - rows are f32; a node sends `x < split_condition` left, NaN by `default_left`;
//! - a node whose left child is -1 is a leaf, and its `split_condition` is the leaf's value;
//! - the margin is an f32 sum that starts at the base margin and adds the trees in file order,
//!   tree i to output `tree_info[i]`;
//! - `pred_leaf` is the node's number in its tree;
//! - one round holds `outputs x num_parallel_tree` trees.

mod base;
mod objective;
mod rounds;
mod tree;

use crate::error::{ImportError, quote};
use crate::json::{Capped, Count, Strict, fields};
use crate::source::{Format, ImportOptions, Imported, SourceInfo};
use base::BaseScore;
use engine::ensemble::{MAX_FEATURES, MAX_OUTPUTS, MAX_TREES};
use engine::{Ensemble, EnsembleParts, Model, Precision, Schema};
use rounds::choose;

/// The field `learner` of the file.
#[derive(Default)]
pub(crate) struct Learner {
    attributes: Strict<Attributes>,
    feature_names: Option<Capped<String, { MAX_FEATURES as usize }>>,
    booster: Option<Strict<Booster>>,
    params: Strict<Params>,
    objective: Strict<Objective>,
}
fields!(Learner {
    "attributes" => attributes,
    "feature_names" => feature_names,
    "gradient_booster" => booster,
    "learner_model_param" => params,
    "objective" => objective,
});

#[derive(Default)]
struct Attributes {
    best_iteration: Option<Count>,
}
fields!(Attributes { "best_iteration" => best_iteration });

#[derive(Default)]
struct Params {
    base_score: Option<BaseScore>,
    num_class: Option<Count>,
    num_feature: Option<Count>,
    num_target: Option<Count>,
}
fields!(Params {
    "base_score" => base_score,
    "num_class" => num_class,
    "num_feature" => num_feature,
    "num_target" => num_target,
});

#[derive(Default)]
struct Objective {
    name: Option<String>,
}
fields!(Objective { "name" => name });

#[derive(Default)]
struct Booster {
    name: Option<String>,
    model: Option<Strict<Trees>>,
}
fields!(Booster { "name" => name, "model" => model });

#[derive(Default)]
struct Trees {
    params: Strict<TreeParams>,
    iteration_indptr: Option<Capped<u64, { MAX_TREES + 1 }>>,
    tree_info: Capped<u32, MAX_TREES>,
    trees: Capped<Strict<tree::RawTree>, MAX_TREES>,
}
fields!(Trees {
    "gbtree_model_param" => params,
    "iteration_indptr" => iteration_indptr,
    "tree_info" => tree_info,
    "trees" => trees,
});

#[derive(Default)]
struct TreeParams {
    num_trees: Option<Count>,
    num_parallel_tree: Option<Count>,
    size_leaf_vector: Option<Count>,
}
fields!(TreeParams {
    "num_trees" => num_trees,
    "num_parallel_tree" => num_parallel_tree,
    "size_leaf_vector" => size_leaf_vector,
});

/// Turns a parsed file into a model.
pub(crate) fn import(
    version: &[Count],
    learner: Learner,
    options: &ImportOptions,
) -> Result<Imported, ImportError> {
    let version = check_version(version)?;
    let trees = booster(learner.booster)?;
    let Strict(params) = learner.params;
    let outputs = outputs(&params)?;
    let features = params.num_feature.ok_or_else(|| absent("learner_model_param.num_feature"))?.0;
    let features = u32::try_from(features)
        .map_err(|_| ImportError::malformed(PARAMS, format!("num_feature is {features}")))?;
    let name = learner.objective.0.name.ok_or_else(|| absent("objective.name"))?;
    let meaning = objective::meaning(&name, outputs)?;
    let base_score = params.base_score.ok_or_else(|| absent("learner_model_param.base_score"))?;
    let base = base::margins(&base_score, meaning.base, outputs)?;

    let best = learner.attributes.0.best_iteration.map(|count| count.0);
    let per_round = u64::from(outputs)
        .saturating_mul(trees.params.0.num_parallel_tree.map_or(1, |count| count.0));
    let (kept, rounds) = choose(&trees, best, per_round, options.iterations)?;
    let converted = tree::convert(trees.trees.0, &trees.tree_info.0, kept)?;

    let parts = EnsembleParts {
        schema: Schema {
            features,
            feature_names: learner
                .feature_names
                .map(|names| names.0)
                .filter(|names| !names.is_empty()),
            label: meaning.label,
            classes: meaning.classes,
            default_output: meaning.default_output,
        },
        compare_at: Precision::F32,
        // NaN is missing anyway
        missing_value: options.missing.filter(|value| !value.is_nan()).map(f64::from),
        outputs,
        leaf_width: 1,
        trees: converted,
        base,
        sum_at: Precision::F32,
        average: None,
        link: meaning.link,
    };
    let source = SourceInfo {
        format: Format::XgboostJson,
        version,
        objective: name,
        rounds: Some(rounds),
        missing: options.missing,
    };
    Ok(Imported { model: Model::Ensemble(Ensemble::try_new(parts)?), source })
}

const PARAMS: &str = "learner.learner_model_param";

fn absent(field: &str) -> ImportError {
    ImportError::malformed("learner", format!("the field {field} is missing"))
}

fn check_version(version: &[Count]) -> Result<String, ImportError> {
    let [Count(major), Count(minor), Count(patch)] = version else {
        return Err(ImportError::malformed("version", "it is not a list of three counts"));
    };
    let text = format!("{major}.{minor}.{patch}");
    if (1, 7) <= (*major, *minor) && *major < 4 {
        return Ok(text);
    }
    Err(ImportError::unsupported(
        "version",
        format!("a file saved by XGBoost {text}"),
        "load it and save it again with XGBoost 1.7 to 3.x",
    ))
}

fn booster(booster: Option<Strict<Booster>>) -> Result<Trees, ImportError> {
    let place = "learner.gradient_booster";
    let Strict(booster) = booster.ok_or_else(|| absent("gradient_booster"))?;
    match booster.name.as_deref() {
        Some("gbtree") => {}
        Some("dart") => {
            return Err(ImportError::unsupported(
                place,
                "the booster dart, whose trees are dropped and weighted,",
                "train with booster='gbtree'",
            ));
        }
        Some("gblinear") => {
            return Err(ImportError::unsupported(
                place,
                "the booster gblinear",
                "train with booster='gbtree', or fit a linear model in scikit-learn",
            ));
        }
        Some(other) => {
            return Err(ImportError::unsupported(
                place,
                format!("the booster {}", quote(other)),
                "train with booster='gbtree'",
            ));
        }
        None => return Err(absent("gradient_booster.name")),
    }
    let Strict(trees) = booster.model.ok_or_else(|| absent("gradient_booster.model"))?;
    if trees.params.0.size_leaf_vector.is_some_and(|size| size.0 > 1) {
        return Err(tree::vector_leaf("learner.gradient_booster.model.gbtree_model_param"));
    }
    let count = trees.trees.0.len();
    if trees.tree_info.0.len() != count {
        return Err(ImportError::malformed(
            "learner.gradient_booster.model.tree_info",
            format!("it has {} entries for {count} trees", trees.tree_info.0.len()),
        ));
    }
    match trees.params.0.num_trees {
        Some(Count(claimed)) if claimed != count as u64 => Err(ImportError::malformed(
            "learner.gradient_booster.model.gbtree_model_param.num_trees",
            format!("it claims {claimed} trees, the file holds {count}"),
        )),
        _ => Ok(trees),
    }
}

/// Softmax models have one output a class, multi-target models one a target; never both.
fn outputs(params: &Params) -> Result<u32, ImportError> {
    let classes = params.num_class.map_or(0, |count| count.0);
    let targets = params.num_target.map_or(1, |count| count.0);
    if classes > 1 && targets > 1 {
        return Err(ImportError::unsupported(
            PARAMS,
            "a model with several classes and several targets",
            "train one model for each target",
        ));
    }
    let outputs = classes.max(targets).max(1);
    match u32::try_from(outputs) {
        Ok(small) if small <= MAX_OUTPUTS => Ok(small),
        _ => Err(ImportError::malformed(PARAMS, format!("it claims {outputs} outputs"))),
    }
}
