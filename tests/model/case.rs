//! The golden cases: models as real libraries saved them, rows, and what the libraries answer.
//!
//! `tests/golden/make.py` writes them; `case.json` says what a folder holds.

use crate::npy::{Npy, NpyValues};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// One golden case.
pub struct Case {
    /// The folder's name: library, version, what it is about.
    pub name: String,
    /// The model file.
    pub model: PathBuf,
    /// `case.json`.
    pub facts: Value,
    /// `rows x features`.
    pub rows: NpyValues,
    /// Number of rows.
    pub count: usize,
    /// Columns of a row.
    pub features: usize,
    /// `rows x trees`, if the model has trees.
    pub leaves: Option<Vec<u32>>,
    /// `rows x outputs`, in the precision of the library's sum.
    pub margins: NpyValues,
    /// `rows x outputs`: how far a margin may be off; none where it must be equal bit for bit.
    pub tolerance: Option<Vec<f64>>,
    /// `rows x outputs`: the link's true value at the library's margin.
    pub probabilities: Option<Vec<f64>>,
    /// One class per row.
    pub labels: Option<Vec<u32>>,
}

impl Case {
    /// Every case whose name starts with `prefix`, in order of names.
    ///
    /// # Panics
    /// Where there is none, or a file is not what it should be.
    pub fn all(prefix: &str) -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/cases");
        let mut folders: Vec<PathBuf> = std::fs::read_dir(&folder)
            .expect("the golden cases are committed")
            .map(|entry| entry.expect("a readable folder").path())
            .filter(|path| {
                path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(prefix))
            })
            .collect();
        folders.sort();
        assert!(!folders.is_empty(), "no golden case starts with {prefix}");
        folders.iter().map(|folder| Self::read(folder)).collect()
    }

    fn read(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join("case.json")).expect("case.json");
        let facts: Value = serde_json::from_str(&text).expect("case.json is JSON");
        let has =
            |name: &str| facts["files"].as_array().is_some_and(|f| f.iter().any(|v| v == name));
        let array = |name: &str| Npy::read(&folder.join(format!("{name}.npy")));
        let optional = |name: &str| has(name).then(|| array(name).values);
        let whole = |values| match values {
            NpyValues::U32(values) => values,
            _ => panic!("{}: leaves and labels are u4", folder.display()),
        };
        let real = |values| match values {
            NpyValues::F64(values) => values,
            _ => panic!("{}: probabilities and tolerances are f8", folder.display()),
        };
        let rows = array("rows");
        let &[count, features] = rows.shape.as_slice() else {
            panic!("{}: rows have two axes", folder.display())
        };
        Self {
            name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            model: folder.join(facts["model"].as_str().expect("the model's file name")),
            rows: rows.values,
            count,
            features,
            leaves: optional("leaf").map(whole),
            margins: array("margin").values,
            tolerance: optional("tolerance").map(real),
            probabilities: optional("probability").map(real),
            labels: optional("label").map(whole),
            facts,
        }
    }
}
