//! The victim: holds a secret tree, and answers rows. Nothing but its trace leaves it.
//!
//! `steal-victim naive FILE.json|practice` or `steal-victim ours FILE.tau`. Rows come on standard
//! input, as raw little-endian f32. On standard output it says first where the code of an answer is
//! (two addresses; the attacker could as well read them out of the binary, which is public). It says
//! no answers: the attacker does without.
#![forbid(unsafe_code)]

// the very engine that `tautochrone demo` times
#[path = "../../../../client/src/command/demo/naive.rs"]
mod naive;

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;

use engine::{Backend, Evaluation, Model, Output, Program, RowValues, Rows, Scores, evaluate};
use naive::Naive;

/// A secret model, ready to answer.
enum Secret {
    Naive(Naive),
    Ours { program: Box<Program>, evaluation: Evaluation },
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            // standard error carries the trace
            let _ = writeln!(io::stderr(), "error: steal-victim: {what}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    let (secret, features) = match arguments {
        [engine, file] if engine == "naive" => load_naive(file)?,
        [engine, file] if engine == "ours" => load_ours(file)?,
        _ => return Err("usage: steal-victim naive FILE.json|practice, or ours FILE.tau".into()),
    };
    let mut out = io::stdout().lock();
    for address in [answer as *const () as u64, answered as *const () as u64] {
        out.write_all(&address.to_le_bytes()).map_err(|e| e.to_string())?;
    }
    out.flush().map_err(|e| e.to_string())?;
    let mut input = io::stdin().lock();
    let mut bytes = vec![0; 4 * features];
    while input.read_exact(&mut bytes).is_ok() {
        let values: Vec<f32> =
            bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        // our engine takes rows into custody before it answers; the naive one reads them as they are
        let rows = Rows::try_new(features, RowValues::F32(values.clone()));
        let rows = rows.map_err(|e| e.to_string())?;
        black_box(answer(&secret, &rows, &values));
        black_box(answered());
    }
    Ok(())
}

/// What the attacker watches, from its first instruction until [`answered`].
#[inline(never)]
fn answer(secret: &Secret, rows: &Rows, values: &[f32]) -> u32 {
    match secret {
        Secret::Naive(tree) => tree.class_vartime(values),
        Secret::Ours { program, evaluation } => {
            match evaluate(program, rows, evaluation, &|_| ()) {
                Ok(Scores::Labels(labels)) => labels.first().copied().unwrap_or(u32::MAX),
                _ => u32::MAX,
            }
        }
    }
}

/// Marks the end of an answer.
#[inline(never)]
fn answered() -> u32 {
    black_box(1)
}

fn load_naive(file: &str) -> Result<(Secret, usize), String> {
    let model = match file {
        "practice" => steal::practice::tree().map_err(|error| error.to_string())?,
        file => {
            models::import_file(Path::new(file), &Default::default())
                .map_err(|error| error.to_string())?
                .model
        }
    };
    let Model::Ensemble(ensemble) = model else { return Err("not a tree".into()) };
    let features = ensemble.schema().features as usize;
    let naive = Naive::new(&ensemble).ok_or("not one scikit-learn tree of classes")?;
    Ok((Secret::Naive(naive), features))
}

fn load_ours(file: &str) -> Result<(Secret, usize), String> {
    let bytes = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    let program = protocol::program::decode(&bytes).map_err(|error| error.to_string())?;
    let features = program.shape().features as usize;
    let evaluation = Evaluation {
        output: Output::Label,
        backend: Backend::detect(),
        threads: NonZeroUsize::MIN,
        kernel: None,
    };
    Ok((Secret::Ours { program: Box::new(program), evaluation }, features))
}
