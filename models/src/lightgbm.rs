//! LightGBM text models.
use crate::error::ImportError;
use crate::source::{ImportOptions, Imported};
pub(crate) fn import(_: &[u8], _: &ImportOptions) -> Result<Imported, ImportError> {
    Err(ImportError::unsupported(
        "file",
        "LightGBM text",
        "give an XGBoost JSON file",
    ))
}
