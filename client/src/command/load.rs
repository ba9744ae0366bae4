//! A program from a `.tau` file, or compiled on the spot from a model file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use engine::shape::{Shape, StepShape, Sum};
use engine::{CompileOptions, MAX_PROGRAM_BYTES, Model, Precision, Program, Purpose};
use models::{ImportError, Iterations, SourceInfo};
use protocol::program::{MAGIC, MAX_HEADER, decode};

use crate::command::failure::Failure;
use crate::command::options::{ModelOptions, SumName};

/// A program and, where it was compiled on the spot, what the model file says of itself.
pub(crate) struct Loaded {
    pub(crate) program: Program,
    pub(crate) source: Option<SourceInfo>,
    /// Trees of the model file, which a program hides.
    pub(crate) trees: Option<usize>,
}

/// Loads a `.tau` file or a model file, told apart by the first bytes.
pub(crate) fn load(
    path: &Path,
    options: &ModelOptions,
    purpose: Purpose,
) -> Result<Loaded, Failure> {
    load_at(path, options, purpose, None)
}

/// As [`load`], but a model of trees is compiled for rows of 32 bits, whatever its library reads.
pub(crate) fn load_narrow(path: &Path, options: &ModelOptions) -> Result<Loaded, Failure> {
    load_at(path, options, Purpose::Scores, Some(Precision::F32))
}

fn load_at(
    path: &Path,
    options: &ModelOptions,
    purpose: Purpose,
    precision: Option<Precision>,
) -> Result<Loaded, Failure> {
    if is_program(path)? {
        let program = read_program(path)?;
        agree(path, program.shape(), options)?;
        return Ok(Loaded { program, source: None, trees: None });
    }
    let imported = models::import_file(path, &options.import()).map_err(|error| match error {
        ImportError::Read { .. } => Failure::Io(format!("{error}: check the path")),
        error => Failure::about(path, error),
    })?;
    let options = CompileOptions { precision, ..options.compile(purpose) };
    let program =
        engine::compile(&imported.model, &options).map_err(|error| Failure::about(path, error))?;
    let trees = match &imported.model {
        Model::Ensemble(ensemble) => Some(ensemble.parts().trees.len()),
        Model::Linear(_) => None,
    };
    Ok(Loaded { program, source: Some(imported.source), trees })
}

/// One line about the model file: what it is, and which of its rounds count.
pub(crate) fn describe(source: &SourceInfo) -> String {
    let mut line = format!("{} {}, {}", source.format.name(), source.version, source.objective);
    if let Some(rounds) = source.rounds {
        line.push_str(&format!(", {} of {} rounds", rounds.used, rounds.in_file));
        match rounds.choice {
            Some(Iterations::Best) => line.push_str(" (--iterations best)"),
            Some(Iterations::All) => line.push_str(" (--iterations all)"),
            None => {}
        }
    }
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn is_program(path: &Path) -> Result<bool, Failure> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tau")) {
        return Ok(true);
    }
    let mut start = Vec::with_capacity(MAGIC.len());
    open(path)?
        .take(MAGIC.len() as u64)
        .read_to_end(&mut start)
        .map_err(|e| unreadable(path, &e))?;
    Ok(start == MAGIC)
}

fn read_program(path: &Path) -> Result<Program, Failure> {
    Ok(program_with_bytes(path)?.1)
}

/// A `.tau` file, as bytes and as a program.
pub(crate) fn program_with_bytes(path: &Path) -> Result<(Vec<u8>, Program), Failure> {
    let cap = MAX_PROGRAM_BYTES + MAX_HEADER as u64 + 16;
    let mut bytes = Vec::new();
    let file = open(path)?;
    let length = file.metadata().map_err(|e| unreadable(path, &e))?.len();
    if length > cap {
        return Err(Failure::about(path, format!("{length} bytes are more than a program has")));
    }
    bytes
        .try_reserve_exact(length as usize)
        .map_err(|_| Failure::about(path, "the program does not fit into this machine's memory"))?;
    file.take(cap).read_to_end(&mut bytes).map_err(|e| unreadable(path, &e))?;
    let program = decode(&bytes)
        .map_err(|error| Failure::about(path, format!("{error}: compile the model again")))?;
    Ok((bytes, program))
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Io(format!("can't read the file ({error}), {}: check the path", path.display()))
}

/// Flags that say otherwise than the `.tau` has decided are refused, not passed over.
fn agree(path: &Path, shape: &Shape, options: &ModelOptions) -> Result<(), Failure> {
    let sum = shape.steps.iter().find_map(|step| match step {
        StepShape::Forest(forest) => Some(forest.sum),
        _ => None,
    });
    let fixed = matches!(sum, Some(Sum::Fixed { .. }));
    let missing = options.missing.map(f64::from);
    let differs = [
        ("--profile", options.profile.is_some_and(|name| shape.profile != name.into())),
        ("--class", options.class.is_some_and(|name| shape.class != name.into())),
        ("--sum", options.sum.is_some_and(|name| fixed != (name == SumName::Fixed))),
        ("--missing", missing.is_some() && missing != shape.missing_value),
        ("--iterations", options.iterations.is_some()),
    ];
    match differs.into_iter().find(|(_, differs)| *differs) {
        None => Ok(()),
        Some((flag, _)) => Err(Failure::about(
            path,
            format!(
                "{flag} was decided when this program was compiled: leave it out, or compile the model again with it"
            ),
        )),
    }
}
