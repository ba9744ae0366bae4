//! LightGBM models saved as text, versions v3 and v4.
//!
//! Meaning (sources: `include/LightGBM/tree.h`, `src/boosting/gbdt_model_text.cpp`,
//! `src/c_api.cpp`; checked bit for bit against 3.3.5 and 4.7.0):
//! - rows and thresholds are f64; a node sends `x <= threshold` left, what is missing by its
//!   `decision_type` (see `tree`);
//! - the margin is an f64 sum from 0.0, tree i to output `i % num_tree_per_iteration`; shrinkage and
//!   the starting average are folded into the leaves already;
//! - `average_output` (boosting `rf`) divides the sum by the number of rounds before the link. The
//!   library's `raw_score` is the sum before that division; here the margin is the average;
//! - `pred_leaf` is the leaf's position in `leaf_value`.
//!
//! The file does not tell of a best iteration: `save_model` itself leaves out the rounds after it.

mod objective;
mod text;
mod tree;

use crate::error::{ImportError, quote};
use crate::source::{Format, ImportOptions, Imported, Iterations, Rounds, SourceInfo};
use engine::ensemble::{MAX_OUTPUTS, MAX_TREES};
use engine::{Ensemble, EnsembleParts, Model, Precision, Schema};
use text::{Section, sections};

/// Turns a text file into a model.
pub(crate) fn import(bytes: &[u8], options: &ImportOptions) -> Result<Imported, ImportError> {
    if options.missing.is_some() {
        return Err(ImportError::MissingOption { format: Format::LightgbmText.name() });
    }
    if options.iterations == Some(Iterations::Best) {
        return Err(ImportError::NoBestIteration);
    }
    let mut sections = sections(bytes)?;
    let header = sections.header()?;
    let version = check_version(&header)?;
    let outputs: u32 = header.number("num_tree_per_iteration")?;
    if outputs == 0 || outputs > MAX_OUTPUTS {
        return Err(header.malformed("num_tree_per_iteration", "it is no count of outputs"));
    }
    let last_feature: u32 = header.number("max_feature_idx")?;
    let features = last_feature
        .checked_add(1)
        .ok_or_else(|| header.malformed("max_feature_idx", "it is too large"))?;
    let text = header.get("objective").unwrap_or("custom");
    let meaning = objective::meaning(text, outputs)?;
    let feature_names = feature_names(&header, features)?;

    let mut trees = Vec::new();
    while let Some(section) = sections.tree(trees.len())? {
        if trees.len() == MAX_TREES {
            return Err(section.malformed("Tree", &format!("more than {MAX_TREES} trees")));
        }
        let output = trees.len() as u32 % outputs;
        trees.push(tree::convert(&section, output)?);
    }
    let count = trees.len() as u32;
    check_tree_count(&header, count, outputs)?;
    let rounds = count.checked_div(outputs).unwrap_or(0);

    let parts = EnsembleParts {
        schema: Schema {
            features,
            feature_names,
            label: meaning.label,
            classes: meaning.classes,
            default_output: meaning.default_output,
        },
        compare_at: Precision::F64,
        missing_value: None,
        outputs,
        leaf_width: 1,
        trees,
        base: vec![0.0; outputs as usize],
        sum_at: Precision::F64,
        average: header.get("average_output").map(|_| rounds),
        link: meaning.link,
    };
    let used = u64::from(rounds);
    let source = SourceInfo {
        format: Format::LightgbmText,
        version,
        objective: crate::error::one_line(text),
        rounds: Some(Rounds { used, in_file: used, choice: None }),
        missing: None,
    };
    Ok(Imported { model: Model::Ensemble(Ensemble::try_new(parts)?), source })
}

fn check_version(header: &Section<'_>) -> Result<String, ImportError> {
    match header.require("version")? {
        version @ ("v3" | "v4") => Ok(version.to_owned()),
        other => Err(ImportError::unsupported(
            header.place("version"),
            format!("the text format {}", quote(other)),
            "load it and save it again with LightGBM 3 or 4",
        )),
    }
}

/// `tree_sizes` has one entry a tree; every round has one tree an output.
fn check_tree_count(header: &Section<'_>, count: u32, outputs: u32) -> Result<(), ImportError> {
    if let Some(sizes) = header.get("tree_sizes") {
        let claimed = sizes.split_ascii_whitespace().count();
        if claimed != count as usize {
            let what = format!("it lists {claimed} trees, the file holds {count}");
            return Err(header.malformed("tree_sizes", &what));
        }
    }
    if !count.is_multiple_of(outputs) {
        let what = format!("{count} trees do not make whole rounds of {outputs}");
        return Err(header.malformed("num_tree_per_iteration", &what));
    }
    Ok(())
}

/// The names, unless they are the ones that the library makes up for data without names.
fn feature_names(header: &Section<'_>, features: u32) -> Result<Option<Vec<String>>, ImportError> {
    let names: Vec<&str> = header.require("feature_names")?.split_ascii_whitespace().collect();
    if names.len() != features as usize {
        let what = format!("it has {} names, max_feature_idx says {features}", names.len());
        return Err(header.malformed("feature_names", &what));
    }
    let made_up = |(index, name): (usize, &&str)| {
        name.strip_prefix("Column_").is_some_and(|number| number == index.to_string())
    };
    if names.iter().enumerate().all(made_up) {
        return Ok(None);
    }
    Ok(Some(names.into_iter().map(str::to_owned).collect()))
}
