//! `tautochrone rule`: check and run rules.

mod check;
mod run;
mod submit;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use crate::rule::InputError;
use clap::{Args, Subcommand};
use engine::{Program, Purpose};
use protocol::attestation::Root;
use rules::ast::Rule;

use crate::command::failure::Failure;
use crate::command::load;
use crate::command::options::ModelOptions;

/// Check and run rules: masked comparisons and scorecards over the secrets of several parties
///
/// A rule is a text file; docs/rules.md says what it may hold. `check` shows its types and its
/// shape card, `run` evaluates it on the files of the parties and writes one result a party, or on one party's rows in an
/// enclave; `submit` gives it to one.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Arguments),
    Run(run::Arguments),
    Compile(submit::Compile),
    Submit(submit::Submit),
}

pub(crate) fn run(arguments: &Arguments, root: &Root) -> Result<(), Failure> {
    match &arguments.command {
        Command::Check(arguments) => check::run(arguments),
        Command::Run(arguments) => run::run(arguments, root),
        Command::Compile(arguments) => submit::compile(arguments),
        Command::Submit(arguments) => submit::submit(arguments, root),
    }
}

type Parameters = BTreeMap<String, Vec<String>>;

/// Reads and parses a rule file.
fn read(path: &Path) -> Result<Rule, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::Io(format!("can't read the file ({error}), {}: check the path", path.display()))
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(rules::MAX_TEXT as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let text = std::str::from_utf8(&bytes[..bytes.len().min(rules::MAX_TEXT + 1)]);
    let text = text.map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|&&b| b == b'\n').count();
        Failure::about(path, format!("line {line}, column 1: not UTF-8 text: save it as UTF-8"))
    })?;
    rules::parse(text).map_err(|error| Failure::about(path, error))
}

/// Checks a rule and compiles it.
fn compile(
    path: &Path,
    rule: &Rule,
    parameters: Option<&Parameters>,
    rows: Option<u64>,
) -> Result<Program, Failure> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut model = |name: &str| model(folder, name);
    let given = rules::Given { parameters, rows, model: &mut model };
    let compiled = rules::check(rule, given).map_err(|error| Failure::about(path, error))?;
    Ok(compiled.program)
}

/// A model beside the rule: never above its folder.
fn model(folder: &Path, name: &str) -> Result<Program, String> {
    let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if !inside || name.is_empty() {
        return Err("a model's path that leaves the rule's folder".into());
    }
    let options =
        ModelOptions { profile: None, sum: None, class: None, iterations: None, missing: None };
    let loaded = load::load(&folder.join(name), &options, Purpose::Scores);
    loaded.map(|loaded| loaded.program).map_err(|failure| failure.line())
}

/// All parameter files as one.
fn parameters(files: &[PathBuf]) -> Result<Option<Parameters>, Failure> {
    let mut all: Option<Parameters> = None;
    for file in files {
        let known = all.get_or_insert_default();
        for (name, values) in crate::rule::parameters(file).map_err(failed)? {
            if known.insert(name.clone(), values).is_some() {
                let what = format!("the parameter {name:?} is given twice: give it once");
                return Err(Failure::about(file, what));
            }
        }
    }
    Ok(all)
}

fn failed(error: InputError) -> Failure {
    match error {
        InputError::Read { .. } => Failure::Io(error.to_string()),
        InputError::Content { .. } => Failure::Refused(error.to_string()),
    }
}
