//! `tautochrone export-script`: the script that writes models this command can read.

use clap::{Args, ValueEnum};

use crate::command::failure::{Failure, print};

/// Print the Python script that exports models of a library that has no safe file format
///
/// scikit-learn saves models as pickle, which runs code when it is read. Its models are exported
/// from Python instead:
///
///   tautochrone export-script sklearn > sklearn_export.py
///   python -c "from sklearn_export import export; export(estimator, 'model.json')"
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// The library
    #[arg(value_enum)]
    library: Library,
}

#[derive(Clone, Copy, ValueEnum)]
enum Library {
    /// scikit-learn: trees, forests, gradient boosting, linear models
    Sklearn,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match arguments.library {
        Library::Sklearn => print(models::SKLEARN_EXPORTER),
    }
}
