//! `tautochrone bench`: how fast a model scores rows that are in memory already.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::data::{self, Limits, Selection, Values};
use clap::Args;
use engine::shape::StepShape;
use engine::{Evaluation, Output, Precision, Program, RowValues, Rows, TreeKernel};
use serde_json::{Value, json};

use crate::command::failure::{Failure, print};
use crate::command::load;
use crate::command::options::{ModelOptions, RunOptions};

/// Time the evaluation of a model on rows in memory
///
/// From row-major values in memory to margins: order keys, ranks, trees and leaf sums, without
/// files and without the link. Rows of 32 bits are used wherever the model takes them. The median
/// over the runs is told. Of a .tau file, `trees` is the padded number: a program hides its own.
#[derive(Args)]
pub(crate) struct Arguments {
    /// A program (.tau) or a model file
    #[arg(long, value_name = "FILE.tau|MODEL")]
    model: PathBuf,

    /// The rows (.csv, .parquet, .npy)
    #[arg(long, value_name = "ROWS")]
    data: PathBuf,

    /// Rows to score: the file's, repeated or cut [default: as many as the file has]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rows: Option<u32>,

    /// Runs to take the median of, after one that is not counted
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,

    /// Drop this column (repeatable)
    #[arg(long, value_name = "COLUMN")]
    ignore: Vec<String>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    run: RunOptions,

    #[command(flatten)]
    options: ModelOptions,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let backend = arguments.run.backend()?;
    let loaded = load::load_narrow(&arguments.model, &arguments.options)?;
    let program = loaded.program;
    if !engine::outputs(&program).contains(&Output::Margin) {
        let what = "this program gives leaf numbers only: give one that was compiled for scores";
        return Err(Failure::about(&arguments.model, what));
    }
    let rows = read_rows(arguments, &program)?;
    let evaluation = Evaluation {
        output: Output::Margin,
        backend,
        threads: arguments.run.threads(),
        kernel: arguments.run.kernel(),
    };
    let kernel = engine::tree_kernel(&program, rows.count(), &evaluation)
        .map_err(|error| Failure::about(&arguments.model, error))?
        .map_or("linear", TreeKernel::name);
    let mut times = Vec::with_capacity(arguments.runs as usize);
    for run in 0..=arguments.runs {
        let start = Instant::now();
        let scores = engine::evaluate(&program, &rows, &evaluation, &|_| ())
            .map_err(|error| Failure::about(&arguments.data, error))?;
        let time = start.elapsed();
        std::hint::black_box(scores);
        if run > 0 {
            times.push(time);
        }
    }
    times.sort_unstable();
    let report =
        report(&program, loaded.trees, &rows, (&evaluation, kernel), times[times.len() / 2]);
    if arguments.json {
        print(&format!("{report}\n"))
    } else {
        let lines = report.as_object().into_iter().flatten();
        print(&lines.map(|(key, value)| format!("{key:16}{}\n", plain(value))).collect::<String>())
    }
}

/// The file's rows at the program's precision, repeated or cut to the number asked for.
fn read_rows(arguments: &Arguments, program: &Program) -> Result<Rows, Failure> {
    let about = |what: &dyn std::fmt::Display| Failure::about(&arguments.data, what);
    let limits = Limits::default();
    let selection = Selection { schema: program.schema(), copy: &[], ignore: &arguments.ignore };
    let table = data::read(&arguments.data, &selection, program.shape().precision, &limits)?;
    let features = table.features();
    if table.rows() == 0 {
        return Err(about(&"there are no rows to time: give a file that has some"));
    }
    let count = arguments.rows.map_or(table.rows(), |rows| rows as usize);
    let wanted = count.saturating_mul(features);
    if wanted > limits.values {
        let cap = limits.values / features;
        return Err(about(&format!("--rows {count}: more than fit: give at most {cap}")));
    }
    let values = match table.values() {
        Values::F32(values) => {
            RowValues::F32(values.iter().copied().cycle().take(wanted).collect())
        }
        Values::F64(values) => {
            RowValues::F64(values.iter().copied().cycle().take(wanted).collect())
        }
    };
    Rows::try_new(features, values).map_err(|error| about(&error))
}

/// What was measured. Keys are stable.
fn report(
    program: &Program,
    trees: Option<usize>,
    rows: &Rows,
    (evaluation, kernel): (&Evaluation, &str),
    median: Duration,
) -> Value {
    let shape = program.shape();
    // a program tells only the padded number
    let padded = shape.steps.iter().find_map(|step| match step {
        StepShape::Forest(forest) => Some(forest.trees as usize),
        _ => None,
    });
    let trees = trees.or(padded);
    let per_row = median.as_secs_f64() * 1e9 / rows.count() as f64;
    json!({
        "ns_per_tree_row": trees.map(|trees| per_row / trees.max(1) as f64),
        "rows_per_s": 1e9 / per_row,
        "peak_bytes": peak_bytes(),
        "kernel": kernel,
        "backend": evaluation.backend.name(),
        "profile": match shape.profile {
            engine::Profile::Strict => "strict",
            engine::Profile::DataOblivious => "data-oblivious",
        },
        "precision": match shape.precision {
            Precision::F32 => "f32",
            Precision::F64 => "f64",
        },
        "threads": evaluation.threads,
        "rows": rows.count(),
        "trees": trees,
    })
}

/// Largest resident memory of this process so far, where the system tells it.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            format!("{:.4}", number.as_f64().unwrap_or_default())
        }
        other => other.to_string(),
    }
}
