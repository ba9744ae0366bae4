//! scikit-learn exports.
use crate::error::ImportError;
use crate::json::Strict;
use crate::json::fields;
use crate::source::{ImportOptions, Imported};
#[derive(Default)]
pub(crate) struct Header {
    format: Option<String>,
}
fields!(Header { "format" => format });
impl Header {
    pub(crate) fn is_ours(&self) -> bool {
        self.format.as_deref() == Some("tautochrone-sklearn")
    }
}
#[derive(Default)]
pub(crate) struct Estimator;
fields!(Estimator {});
pub(crate) fn import(
    _: Header,
    _: Option<Strict<Estimator>>,
    _: &ImportOptions,
) -> Result<Imported, ImportError> {
    Err(ImportError::unsupported(
        "file",
        "scikit-learn",
        "give an XGBoost JSON file",
    ))
}
