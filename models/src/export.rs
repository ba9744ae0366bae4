//! The Python script that writes scikit-learn models as JSON.

/// `sklearn_export.py`: `export(estimator, path)` writes the file that [`crate::import`] reads.
pub const SKLEARN_EXPORTER: &str = include_str!("../export/sklearn_export.py");
