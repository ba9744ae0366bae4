//! `tautochrone score`: rows in, predictions out.

use std::path::{Path, PathBuf};

use crate::data::{self, Limits, Predictions, ScoreValues, Selection};
use clap::{Args, ValueEnum};
use engine::{Evaluation, Output, Program, Purpose, Schema, Scores};

use crate::command::compile::same_file;
use crate::command::failure::Failure;
use crate::command::load;
use crate::command::options::{ModelOptions, RunOptions};
use crate::command::progress::Progress;

/// Score rows with a model, in constant time
///
/// Rows and predictions are CSV, Parquet or .npy, by extension. Columns are matched to the model's
/// by name where both have names, by position otherwise. In CSV the first line is the header, and a
/// missing value is exactly: an empty cell, NA, NaN or nan.
///
/// The output has the --id columns, then margin, probability, prediction, label or leaf columns:
/// `margin`, or `margin_0`, `margin_1`, ... where the model has several outputs; `leaf_T` for each
/// tree T. Floats print so that they read back to the same bits.
#[derive(Args)]
pub(crate) struct Arguments {
    /// A program (.tau) or a model file
    #[arg(long, value_name = "FILE.tau|MODEL")]
    model: PathBuf,

    /// The rows (.csv, .parquet, .npy)
    #[arg(long, value_name = "ROWS")]
    data: PathBuf,

    /// Where to write the predictions (.csv, .parquet, .npy)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// What to write [default: what the library's `predict` returns]
    #[arg(long, value_enum)]
    output: Option<OutputName>,

    /// Copy this column to the output (repeatable)
    #[arg(long, value_name = "COLUMN")]
    id: Vec<String>,

    /// Drop this column (repeatable)
    #[arg(long, value_name = "COLUMN")]
    ignore: Vec<String>,

    #[command(flatten)]
    run: RunOptions,

    #[command(flatten)]
    options: ModelOptions,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OutputName {
    /// The raw sum, before the link
    Margin,
    /// The probability of the class, or of each class
    Probability,
    /// The value after a link that gives no probability (exp of Poisson, gamma, Tweedie)
    Prediction,
    /// The class
    Label,
    /// Each tree's leaf, as the model's library numbers it
    Leaf,
}

impl From<OutputName> for Output {
    fn from(name: OutputName) -> Self {
        match name {
            OutputName::Margin => Output::Margin,
            OutputName::Probability => Output::Probability,
            OutputName::Prediction => Output::Prediction,
            OutputName::Label => Output::Label,
            OutputName::Leaf => Output::Leaf,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let backend = arguments.run.backend()?;
    for input in [&arguments.model, &arguments.data] {
        if same_file(input, &arguments.out) {
            let what = "--out is one of the input files: give it another name";
            return Err(Failure::about(&arguments.out, what));
        }
    }
    let purpose = match arguments.output {
        Some(OutputName::Leaf) => Purpose::LeafIds,
        _ => Purpose::Scores,
    };
    let loaded = load::load(&arguments.model, &arguments.options, purpose)?;
    let program = loaded.program;
    let output = output(&arguments.model, &program, arguments.output)?;

    let schema = program.schema();
    let selection = Selection { schema, copy: &arguments.id, ignore: &arguments.ignore };
    let width = program.shape().precision;
    let table = data::read(&arguments.data, &selection, width, &Limits::default())?;
    let rows = table.rows();
    // what can't be written is refused before the work, not after it
    check_output(&arguments.out, table.copied(), output, schema)?;
    let (secret_rows, copied) =
        table.into_rows().map_err(|error| Failure::about(&arguments.data, error))?;

    let evaluation = Evaluation {
        output,
        backend,
        threads: arguments.run.threads(),
        kernel: arguments.run.kernel(),
    };
    let progress = Progress::new(rows);
    let scores = engine::evaluate(&program, &secret_rows, &evaluation, &|done| progress.set(done))
        .map_err(|error| Failure::about(&arguments.data, error))?;
    drop((progress, secret_rows));

    let (columns, values) = match &scores {
        Scores::F32 { columns, values } => (*columns, ScoreValues::F32(values)),
        Scores::F64 { columns, values } => (*columns, ScoreValues::F64(values)),
        Scores::LeafIds { trees, ids } => (*trees, ScoreValues::U32(ids)),
        Scores::Labels(indices) => (1, ScoreValues::Classes { indices, labels: &schema.classes }),
    };
    let names = names(output, columns);
    let predictions = Predictions { copied: &copied, names: &names, scores: values };
    Ok(data::write(&arguments.out, &predictions)?)
}

fn check_output(
    out: &Path,
    copied: &[data::CopiedColumn],
    output: Output,
    schema: &Schema,
) -> Result<(), Failure> {
    let scores = match output {
        Output::Label => ScoreValues::Classes { indices: &[], labels: &schema.classes },
        _ => ScoreValues::U32(&[]),
    };
    let mut names = names(output, 1);
    names.extend(copied.iter().filter(|c| is_numbered(output, &c.name)).map(|c| c.name.clone()));
    Ok(data::check(out, &Predictions { copied, names: &names, scores })?)
}

fn is_numbered(output: Output, name: &str) -> bool {
    let number = name.strip_prefix(stem(output)).and_then(|rest| rest.strip_prefix('_'));
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn stem(output: Output) -> &'static str {
    match output {
        Output::Margin => "margin",
        Output::Probability => "probability",
        Output::Prediction => "prediction",
        Output::Label => "label",
        Output::Leaf => "leaf",
    }
}

/// Names of the score columns.
pub(crate) fn names(output: Output, columns: usize) -> Vec<String> {
    let stem = stem(output);
    match (output, columns) {
        (Output::Leaf, _) | (_, 2..) => (0..columns).map(|k| format!("{stem}_{k}")).collect(),
        _ => vec![stem.to_owned()],
    }
}

/// The output to give: the one asked for, or the library's own, if the program can give it.
fn output(model: &Path, program: &Program, asked: Option<OutputName>) -> Result<Output, Failure> {
    let available = engine::outputs(program);
    let leaves = available == [Output::Leaf];
    let output = match asked {
        Some(name) => name.into(),
        None if leaves => Output::Leaf,
        None => program.schema().default_output,
    };
    if available.contains(&output) {
        return Ok(output);
    }
    let asked = stem(output);
    let what = match output {
        Output::Leaf => format!(
            "--output {asked}: this program was compiled for scores: give the model file, or \
             compile it with --output leaf"
        ),
        _ if leaves => format!(
            "--output {asked}: this program was compiled for leaf numbers only: give the model \
             file, or compile it without --output leaf"
        ),
        _ => {
            let names: Vec<&str> = available.into_iter().map(stem).collect();
            format!("--output {asked}: the model has none: choose from {}", names.join(", "))
        }
    };
    Err(Failure::about(model, what))
}
