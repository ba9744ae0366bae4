//! `tautochrone compile`: a model file to a program file.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use engine::Purpose;

use crate::command::failure::{Failure, print};
use crate::command::load;
use crate::command::options::ModelOptions;

/// Compile a model file to a program (.tau)
///
/// Reads XGBoost JSON (`save_model("m.json")`), LightGBM text (`save_model("m.txt")`), and the JSON
/// that `export-script sklearn` writes. The program holds the model's parameters: it is as secret
/// as the model.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The model file
    model: PathBuf,

    /// Where to write the program
    #[arg(short, long = "out", value_name = "FILE.tau")]
    out: PathBuf,

    /// What the program is for
    #[arg(long, value_enum, default_value = "scores")]
    output: PurposeName,

    #[command(flatten)]
    options: ModelOptions,
}

#[derive(Clone, Copy, ValueEnum)]
enum PurposeName {
    /// Margins, probabilities and labels
    Scores,
    /// The leaf that each tree reaches, as the model's library numbers it
    Leaf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (model, out) = (&arguments.model, &arguments.out);
    if same_file(model, out) {
        return Err(Failure::about(out, "this is the model file itself: give -o another name"));
    }
    let purpose = match arguments.output {
        PurposeName::Scores => Purpose::Scores,
        PurposeName::Leaf => Purpose::LeafIds,
    };
    let loaded = load::load(model, &arguments.options, purpose)?;
    let Some(source) = loaded.source else {
        return Err(Failure::about(model, "this is a program already: give the model file"));
    };
    let bytes =
        protocol::program::encode(loaded.program).map_err(|error| Failure::about(model, error))?;
    crate::data::replace_file(out, &bytes)?;
    print(&format!(
        "{}: {} bytes from {}; `tautochrone inspect` shows what is public of it\n",
        out.display(),
        bytes.len(),
        load::describe(&source)
    ))
}

/// Whether both paths are one existing file.
pub(crate) fn same_file(a: &std::path::Path, b: &std::path::Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}
