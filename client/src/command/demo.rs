//! `tautochrone demo`: two parties, one model, one data set, what each sees; and what a clock tells.

mod attack;
mod clock;
mod naive;
mod observer;
mod plot;

use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::data::{self, Limits, Selection, replace_file};
use clap::Args;
use engine::{Backend, CompileOptions, Cost, Evaluation, Output, Program, Rows, Scores};
use models::{ImportError, ImportOptions};
use serde_json::json;

use crate::command::failure::{Failure, print, say};

/// Two parties, one model, one data set: what each brings, what each sees, and what a clock tells
///
/// Runs in this process, on models and rows that come with the source. The enclave that would stand
/// between the parties is not built yet: the demo says so.
///
/// The second part times single rows on a naive decision tree and on this engine, and lets an
/// observer guess the answers from the times alone. It measures this machine, now: it reports what
/// it finds, and exits with 0 whatever that is.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder with model.json, tree.json, rows.csv and labels.csv
    #[arg(long, value_name = "FOLDER", default_value = "examples/demo")]
    folder: PathBuf,

    /// Print one JSON object, with every time that was taken
    #[arg(long)]
    json: bool,

    /// Draw the times of both engines into this file [default: no plot]
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let parties = parties(&arguments.folder)?;
    if !arguments.json {
        print(&parties.text())?;
    }
    let attack = attack::run(&arguments.folder)?;
    if arguments.json {
        let object = json!({"parties": parties.json(), "clock": attack.json()});
        say!("{object:#}");
    } else {
        print(&format!("\n{}", attack.text()))?;
    }
    if let Some(path) = &arguments.plot {
        replace_file(path, plot::draw(&attack).as_bytes())?;
    }
    Ok(())
}

/// What the two parties brought, and what came out.
struct Parties {
    source: String,
    program_bytes: usize,
    cost: Cost,
    rows: usize,
    features: usize,
    /// How many rows are of each class.
    tally: Vec<(String, usize)>,
    /// How many labels are the known ones, where these are known.
    right: Option<usize>,
    took: Duration,
    backend: Backend,
}

fn parties(folder: &Path) -> Result<Parties, Failure> {
    let model = folder.join("model.json");
    let rows = folder.join("rows.csv");

    // Alice, on her machine
    let imported = models::import_file(&model, &ImportOptions::default()).map_err(unreadable)?;
    let program = engine::compile(&imported.model, &CompileOptions::default())
        .map_err(|error| Failure::about(&model, error))?;
    let cost = engine::cost(program.shape());
    let bytes =
        protocol::program::encode(program).map_err(|error| Failure::about(&model, error))?;

    // the engine
    let program =
        protocol::program::decode(&bytes).map_err(|error| Failure::about(&model, error))?;

    // Bob, on his
    let selection = Selection { schema: program.schema(), copy: &[], ignore: &[] };
    let table = data::read(&rows, &selection, program.shape().precision, &Limits::default())?;
    let (secret, _) = table.into_rows().map_err(|error| Failure::about(&rows, error))?;

    let backend = Backend::detect();
    let start = Instant::now();
    let labels =
        labels(&program, &secret, backend).map_err(|error| Failure::about(&rows, error))?;
    Ok(Parties {
        took: start.elapsed(),
        source: crate::command::load::describe(&imported.source),
        program_bytes: bytes.len(),
        cost,
        rows: secret.count(),
        features: secret.features(),
        tally: tally(&program, &labels),
        right: agreement(&folder.join("labels.csv"), &labels),
        backend,
    })
}

impl Parties {
    fn text(&self) -> String {
        let tally: Vec<String> =
            self.tally.iter().map(|(class, count)| format!("{count} of class {class}")).collect();
        let mut text = format!(
            "Alice owns a model: {source}
  she sends {bytes} bytes of program, its shape is public, its parameters are not
Bob owns {rows} rows of {features} columns

  who          sees
  Alice        the number of rows, nothing of their content
  Bob          the shape card, and {rows} labels: {tally}
  the machine  {steps} kernel steps a tile of 64 rows, {program} bytes of program: functions of the shape

",
            source = self.source,
            bytes = self.program_bytes,
            rows = self.rows,
            features = self.features,
            tally = tally.join(", "),
            steps = self.cost.tile_steps,
            program = self.cost.program_bytes,
        );
        if let Some(right) = self.right {
            let rows = self.rows;
            let _ = writeln!(
                text,
                "{right} of {rows} labels are the diagnosis that neither party sent."
            );
        }
        let (took, backend, kernel) = (self.took, self.backend.name(), self.cost.kernel);
        let _ = writeln!(text, "Evaluated in {took:.1?} on {backend} with the kernel {kernel}.");
        text.push_str(
            "Both parties ran in one process here: the enclave between them is not built yet.\n",
        );
        text
    }

    fn json(&self) -> serde_json::Value {
        let tally: serde_json::Map<_, _> =
            self.tally.iter().map(|(class, count)| (class.clone(), json!(count))).collect();
        json!({
            "source": self.source,
            "program_bytes": self.program_bytes,
            "tile_steps": self.cost.tile_steps,
            "kernel": self.cost.kernel,
            "backend": self.backend.name(),
            "rows": self.rows,
            "features": self.features,
            "labels": tally,
            "right": self.right,
            "nanoseconds": self.took.as_nanos() as u64,
        })
    }
}

/// A demo file that is not there: most likely the wrong folder.
fn unreadable(error: ImportError) -> Failure {
    match error {
        ImportError::Read { .. } => {
            Failure::Io(format!("{error}: run the demo from the source folder, or give --folder"))
        }
        error => Failure::Refused(format!("{error}: give --folder with the demo's own files")),
    }
}

fn labels(
    program: &Program,
    rows: &Rows,
    backend: Backend,
) -> Result<Vec<u32>, engine::EvaluateError> {
    let evaluation =
        Evaluation { output: Output::Label, backend, threads: NonZeroUsize::MIN, kernel: None };
    match engine::evaluate(program, rows, &evaluation, &|_| ())? {
        Scores::Labels(labels) => Ok(labels),
        _ => Err(engine::EvaluateError::Output),
    }
}

fn tally(program: &Program, labels: &[u32]) -> Vec<(String, usize)> {
    let classes = program.schema().classes.iter().enumerate();
    let counts = classes.map(|(class, name)| {
        (name.clone(), labels.iter().filter(|&&label| label as usize == class).count())
    });
    counts.collect()
}

/// How many labels are those of the file; `None` where there is no such file.
fn agreement(path: &Path, labels: &[u32]) -> Option<usize> {
    let text = std::fs::read_to_string(path).ok()?;
    let known = text.lines().skip(1).map(|line| line.trim().parse::<u32>().ok());
    Some(known.zip(labels).filter(|(known, label)| *known == Some(**label)).count())
}

#[cfg(test)]
mod tests;
