//! `tautochrone demo`: two parties, one model, one data set, what each sees.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use client::data::{self, Limits, Selection};
use engine::{Backend, CompileOptions, Evaluation, Output, Program, Rows, Scores};
use models::ImportOptions;

use crate::failure::{Failure, say};

/// Two parties, one model, one data set: what each brings, and what each sees
///
/// Runs in this process, on a model and rows that come with the source. The enclave that would stand
/// between the parties is not built yet: the demo says so.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder with model.json, rows.csv and labels.csv
    #[arg(long, value_name = "FOLDER", default_value = "examples/demo")]
    folder: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let model = arguments.folder.join("model.json");
    let rows = arguments.folder.join("rows.csv");

    // Alice, on her machine
    let imported = models::import_file(&model, &ImportOptions::default()).map_err(|error| {
        Failure::Io(format!("{error}: run the demo from the source folder, or give --folder"))
    })?;
    let program = engine::compile(&imported.model, &CompileOptions::default())
        .map_err(|error| Failure::about(&model, error))?;
    let cost = engine::cost(program.shape());
    let bytes =
        protocol::program::encode(program).map_err(|error| Failure::about(&model, error))?;
    say!("Alice owns a model: {}", crate::load::describe(&imported.source));
    say!(
        "  she sends {} bytes of program, its shape is public, its parameters are not",
        bytes.len()
    );

    // the engine
    let program =
        protocol::program::decode(&bytes).map_err(|error| Failure::about(&model, error))?;

    // Bob, on his
    let selection = Selection { schema: program.schema(), copy: &[], ignore: &[] };
    let table = data::read(&rows, &selection, program.shape().precision, &Limits::default())?;
    let count = table.rows();
    let (secret, _) = table.into_rows().map_err(|error| Failure::about(&rows, error))?;
    say!("Bob owns {count} rows of {} columns", secret.features());

    let backend = Backend::detect();
    let start = Instant::now();
    let labels =
        labels(&program, &secret, backend).map_err(|error| Failure::about(&rows, error))?;
    let took = start.elapsed();
    say!("");
    say!("  who          sees");
    say!("  Alice        the number of rows, nothing of their content");
    say!("  Bob          the shape card, and {count} labels: {}", tally(&program, &labels));
    say!(
        "  the machine  {} kernel steps a tile of 64 rows, {} bytes of program: functions of the shape",
        cost.tile_steps,
        cost.program_bytes
    );
    if let Some(right) = agreement(&arguments.folder.join("labels.csv"), &labels) {
        say!("");
        say!("{right} of {count} labels are the diagnosis that neither party sent.");
    }
    say!("Evaluated in {took:.1?} on {} with the kernel {}.", backend.name(), cost.kernel);
    say!("Both parties ran in one process here: the enclave between them is not built yet.");
    Ok(())
}

fn labels(
    program: &Program,
    rows: &Rows,
    backend: Backend,
) -> Result<Vec<u32>, engine::EvaluateError> {
    let evaluation = Evaluation { output: Output::Label, backend, threads: NonZeroUsize::MIN };
    match engine::evaluate(program, rows, &evaluation, &|_| ())? {
        Scores::Labels(labels) => Ok(labels),
        _ => Err(engine::EvaluateError::Output),
    }
}

fn tally(program: &Program, labels: &[u32]) -> String {
    let classes = program.schema().classes.iter().enumerate();
    let counts = classes.map(|(class, name)| {
        let count = labels.iter().filter(|&&label| label as usize == class).count();
        format!("{count} of class {name}")
    });
    counts.collect::<Vec<_>>().join(", ")
}

/// How many labels are those of the file; `None` where there is no such file.
fn agreement(path: &std::path::Path, labels: &[u32]) -> Option<usize> {
    let text = std::fs::read_to_string(path).ok()?;
    let known = text.lines().skip(1).map(|line| line.trim().parse::<u32>().ok());
    Some(known.zip(labels).filter(|(known, label)| *known == Some(**label)).count())
}
