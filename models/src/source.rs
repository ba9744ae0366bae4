//! What the caller may ask of an import, and what an import tells about the file.

use engine::Model;

/// What the caller says about a file beyond its bytes.
#[derive(Clone, Copy, Debug)]
pub struct ImportOptions {
    /// XGBoost only: a value that stands for missing beside NaN (`missing=` of the library), which
    /// the file does not tell.
    pub missing: Option<f32>,
    /// Which rounds to use of a model whose training stopped early.
    pub iterations: Option<Iterations>,
    /// Larger files are refused. 1 GiB by default.
    pub max_bytes: usize,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self { missing: None, iterations: None, max_bytes: 1 << 30 }
    }
}

/// Which boosting rounds make the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Iterations {
    /// The rounds up to and including the recorded `best_iteration`.
    Best,
    /// Every round in the file.
    All,
}

/// A model and where it came from.
pub struct Imported {
    /// The validated model.
    pub model: Model,
    /// What the file says of itself.
    pub source: SourceInfo,
}

/// What a file says of itself. Public: it stands on the shape card.
#[derive(Clone, PartialEq, Debug)]
pub struct SourceInfo {
    /// The file's format.
    pub format: Format,
    /// Version of the library or of the format, as the file tells it.
    pub version: String,
    /// The objective, or the scikit-learn class.
    pub objective: String,
    /// Boosting rounds used, where the model is boosted.
    pub rounds: Option<Rounds>,
    /// The value that stands for missing beside NaN, as the caller gave it.
    pub missing: Option<f32>,
}

/// How many boosting rounds a file holds and how many are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rounds {
    /// Rounds that make the imported model.
    pub used: u64,
    /// Rounds in the file.
    pub in_file: u64,
    /// The caller's choice, where the file left one.
    pub choice: Option<Iterations>,
}

/// A file format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// XGBoost's JSON.
    XgboostJson,
    /// LightGBM's text.
    LightgbmText,
    /// What `sklearn_export.py` writes.
    SklearnJson,
}

impl Format {
    /// The format's name for people.
    pub fn name(self) -> &'static str {
        match self {
            Format::XgboostJson => "XGBoost JSON",
            Format::LightgbmText => "LightGBM text",
            Format::SklearnJson => "scikit-learn export",
        }
    }
}
