//! scikit-learn models, as `export/sklearn_export.py` writes them.
//!
//! Sources: `sklearn/tree/_tree.pyx`, `ensemble/{_forest,_gb}.py`, `ensemble/_gradient_boosting.pyx`,
//! `linear_model/_base.py`. What differs between versions of the library (counts or fractions in
//! leaves, the defaults of `multi_class`) is settled by the exporter, beside the library that the
//! model lives in. Checked bit for bit against 1.2.2, 1.6.1 and 1.9.1.

mod array;
mod linear;
mod trees;

use crate::error::{ImportError, quote};
use crate::json::{Capped, Count, Strict, fields};
use crate::source::{Format, ImportOptions, Imported, Iterations, Rounds, SourceInfo};
use array::Array;
use engine::ensemble::{MAX_FEATURES, MAX_TREES};
use engine::{LabelRule, Output, Schema};

/// The top level of the file, beside `model`.
#[derive(Default)]
pub(crate) struct Header {
    format: Option<String>,
    format_version: Option<Count>,
    library_version: Option<String>,
}
fields!(Header {
    "format" => format,
    "format_version" => format_version,
    "library_version" => library_version,
});

impl Header {
    /// Whether the file says that our exporter wrote it.
    pub(crate) fn is_ours(&self) -> bool {
        self.format.as_deref() == Some("tautochrone-sklearn")
    }
}

/// The field `model` of the file.
#[derive(Default)]
pub(crate) struct Estimator {
    name: Option<String>,
    features: Option<Count>,
    feature_names: Option<Capped<String, MOST_NAMES>>,
    classes: Option<Capped<String, MOST_NAMES>>,
    trees: Capped<Strict<trees::RawTree>, MAX_TREES>,
    loss: Option<String>,
    learning_rate: Option<f64>,
    base: Option<Strict<Array>>,
    link: Option<String>,
    coefficients: Option<Strict<Array>>,
    intercepts: Option<Strict<Array>>,
}
fields!(Estimator {
    "estimator" => name,
    "n_features" => features,
    "feature_names" => feature_names,
    "classes" => classes,
    "trees" => trees,
    "loss" => loss,
    "learning_rate" => learning_rate,
    "base" => base,
    "link" => link,
    "coef" => coefficients,
    "intercept" => intercepts,
});

const MOST_NAMES: usize = MAX_FEATURES as usize;

/// Turns a parsed file into a model.
pub(crate) fn import(
    header: Header,
    model: Option<Strict<Estimator>>,
    options: &ImportOptions,
) -> Result<Imported, ImportError> {
    if options.iterations == Some(Iterations::Best) {
        return Err(ImportError::NoBestIteration);
    }
    if header.format_version != Some(Count(1)) {
        return Err(ImportError::unsupported(
            "format_version",
            "a version other than 1",
            "export with the script that `tautochrone export-script sklearn` prints",
        ));
    }
    let Strict(estimator) = model.ok_or_else(|| absent("model"))?;
    let name = estimator.name.clone().ok_or_else(|| absent("model.estimator"))?;
    let rounds = |outputs: u32| {
        let used = estimator.trees.0.len() as u64 / u64::from(outputs);
        Some(Rounds { used, in_file: used, choice: None })
    };
    let (rounds, model) = match name.as_str() {
        "DecisionTreeClassifier" => (None, trees::classifier(&estimator, None)?),
        "RandomForestClassifier" | "ExtraTreesClassifier" => {
            (None, trees::classifier(&estimator, Some(estimator.trees.0.len()))?)
        }
        "DecisionTreeRegressor" => (None, trees::regressor(&estimator, None)?),
        "RandomForestRegressor" | "ExtraTreesRegressor" => {
            (None, trees::regressor(&estimator, Some(estimator.trees.0.len()))?)
        }
        "GradientBoostingClassifier" => {
            let outputs =
                if classes(&estimator)?.len() == 2 { 1 } else { classes(&estimator)?.len() };
            (rounds(outputs as u32), trees::boosted_classifier(&estimator)?)
        }
        "GradientBoostingRegressor" => (rounds(1), trees::boosted_regressor(&estimator)?),
        "LogisticRegression" => (None, linear::logistic(&estimator)?),
        "LinearRegression" | "Ridge" => (None, linear::regression(&estimator)?),
        other => {
            return Err(ImportError::unsupported(
                "model.estimator",
                quote(other),
                "export one of the estimators that the exporter lists",
            ));
        }
    };
    let source = SourceInfo {
        format: Format::SklearnJson,
        version: crate::error::one_line(header.library_version.as_deref().unwrap_or("unknown")),
        objective: name,
        rounds,
        missing: None,
    };
    Ok(Imported { model, source })
}

/// The columns and classes of an estimator.
fn schema(
    estimator: &Estimator,
    label: LabelRule,
    classes: Vec<String>,
) -> Result<Schema, ImportError> {
    let default_output = if classes.is_empty() { Output::Margin } else { Output::Label };
    Ok(Schema {
        features: features(estimator)?,
        feature_names: estimator.feature_names.as_ref().map(|names| names.0.clone()),
        label,
        classes,
        default_output,
    })
}

fn features(estimator: &Estimator) -> Result<u32, ImportError> {
    let Count(features) = estimator.features.ok_or_else(|| absent("model.n_features"))?;
    u32::try_from(features)
        .map_err(|_| ImportError::malformed("model.n_features", format!("{features} is too many")))
}

/// The classes of a classifier: two or more.
fn classes(estimator: &Estimator) -> Result<&[String], ImportError> {
    match estimator.classes.as_ref().map(|classes| classes.0.as_slice()) {
        None => Err(absent("model.classes")),
        Some(classes) if classes.len() < 2 => Err(ImportError::unsupported(
            "model.classes",
            "a classifier with fewer than two classes",
            "train on rows of two classes or more",
        )),
        Some(classes) if classes.len() > engine::ensemble::MAX_OUTPUTS as usize => {
            Err(ImportError::malformed("model.classes", format!("{} are too many", classes.len())))
        }
        Some(classes) => Ok(classes),
    }
}

fn absent(field: &str) -> ImportError {
    ImportError::malformed(field, "the field is missing")
}
