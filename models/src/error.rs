//! Why a model file was refused: one closed set of reasons, each one clear line.
//!
//! Every message says what is wrong, where, and how to mend it. Text taken from the file is quoted,
//! escaped and cut short first, so that no file can break or flood the line.

use engine::ModelError;

/// Why a model file was refused.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file could not be opened or read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The path, as the caller gave it.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is over the caller's cap.
    #[error(
        "the model file is larger than the cap of {cap} bytes; raise the cap if it is meant to be"
    )]
    TooLarge {
        /// The cap, in bytes.
        cap: usize,
    },
    /// The file has no bytes.
    #[error("the model file is empty; save the model again")]
    Empty,
    /// The first bytes belong to no known format.
    #[error(
        "the file is no model format known here; give XGBoost JSON, LightGBM text, or the JSON that \
         the scikit-learn exporter writes (`tautochrone export-script sklearn`)"
    )]
    Unrecognised,
    /// A known format that is not read here, with the line of Python that converts it.
    #[error("this is {what}, which is not read here; convert it in Python: {python}")]
    Convert {
        /// The format that was recognised.
        what: &'static str,
        /// One line of Python.
        python: &'static str,
    },
    /// The file is not strict JSON, or a field has the wrong type.
    #[error("not a valid model in JSON: {0}; save the model again")]
    Json(String),
    /// The file says something that this program does not support.
    #[error("{place}: {construct} is not supported; {mend}")]
    Unsupported {
        /// Where in the file.
        place: String,
        /// What it says there.
        construct: String,
        /// What to do about it.
        mend: &'static str,
    },
    /// The file contradicts itself or its format.
    #[error("{place}: {what}; the file is damaged or edited, save the model again")]
    Malformed {
        /// Where in the file.
        place: String,
        /// What is wrong there.
        what: String,
    },
    /// The training stopped early, and the file holds trees after the best round.
    #[error(
        "the file records best_iteration {best} but holds {rounds} rounds, and the library's answers \
         differ by which it uses; choose with --iterations best or --iterations all"
    )]
    IterationsUnclear {
        /// The round that the file calls the best, from 0.
        best: u64,
        /// How many rounds the file holds.
        rounds: u64,
    },
    /// The best round was asked for, but the file does not name one.
    #[error("the file names no best_iteration; leave out --iterations best")]
    NoBestIteration,
    /// A value for missing was given, but the format already says what is missing.
    #[error(
        "{format} files say themselves what is missing; leave out --missing (it is for XGBoost)"
    )]
    MissingOption {
        /// The format of the file.
        format: &'static str,
    },
    /// The parts were read, but they are not a model.
    #[error("the model was read but cannot be used: {0}; {mend}", mend = mend(.0))]
    Model(#[from] ModelError),
}

impl ImportError {
    pub(crate) fn malformed(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Malformed { place: place.into(), what: what.into() }
    }

    pub(crate) fn unsupported(
        place: impl Into<String>,
        construct: impl Into<String>,
        mend: &'static str,
    ) -> Self {
        Self::Unsupported { place: place.into(), construct: construct.into(), mend }
    }
}

/// What to do about a model that was read and refused.
fn mend(error: &ModelError) -> &'static str {
    match error {
        ModelError::TooMany { .. } => "train a smaller model",
        ModelError::FeatureNames => {
            "give every feature a name of its own, and save the model again"
        }
        ModelError::NameLength => "shorten the name, and save the model again",
        ModelError::MissingValue => "give another value",
        ModelError::CoefficientRange => "scale the feature or the target, and train again",
        _ => "the file is damaged or edited, save the model again",
    }
}

/// Text from a file, fit for an error line: escaped, quoted, and at most 60 characters long.
pub(crate) fn quote(text: &str) -> String {
    let mut short: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        short.push_str("...");
    }
    format!("\"{short}\"")
}

/// A parser's message on one line, cut to a readable length. The end is kept: it says where.
pub(crate) fn one_line(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let count = text.chars().count();
    if count <= 300 {
        return text.chars().map(clean).collect();
    }
    let (head, tail) = (text.chars().take(200), text.chars().skip(count - 80));
    head.chain(" ... ".chars()).chain(tail).map(clean).collect()
}
