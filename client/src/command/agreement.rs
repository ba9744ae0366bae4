//! `tautochrone agreement`: make, check and compare agreements.

mod report;

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::agreement::{AgreementFileError, Fill, read, template};
use clap::{Args, Subcommand};
use protocol::agreement::{Agreement, AgreementError, facts, fits};
use serde_json::json;

use crate::command::failure::{Failure, note, print};
use crate::command::load::program_with_bytes;

/// Make, check and compare agreements
///
/// An agreement says who takes part, what runs, what goes in, what comes out, and to whom.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    New(New),
    Check(Check),
    Digest(Digest),
    Diff(Diff),
}

/// Write a new agreement to fill in
#[derive(Args)]
struct New {
    /// The file to write; it must not exist
    file: PathBuf,

    /// Fill in what this program (.tau) knows: its card, its columns, its output
    #[arg(long, value_name = "FILE.tau")]
    program: Option<PathBuf>,
}

/// Check an agreement, and show what it discloses to whom
#[derive(Args)]
struct Check {
    /// An agreement in TOML
    file: PathBuf,

    /// Check that this program (.tau) is one that the agreement is about
    #[arg(long, value_name = "FILE.tau")]
    program: Option<PathBuf>,

    /// Print one JSON object, with every term and every default
    #[arg(long)]
    json: bool,
}

/// Print the digest that all parties compare
#[derive(Args)]
struct Digest {
    /// An agreement in TOML
    file: PathBuf,

    /// Write the canonical form too, which is what an enclave reads
    #[arg(long, value_name = "FILE")]
    canonical: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Show what two agreements say differently; exit code 1 if anything
#[derive(Args)]
struct Diff {
    /// An agreement in TOML
    old: PathBuf,

    /// Another one
    new: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::New(arguments) => new(arguments),
        Command::Check(arguments) => check(arguments),
        Command::Digest(arguments) => digest(arguments),
        Command::Diff(arguments) => diff(arguments),
    }
}

fn new(arguments: &New) -> Result<(), Failure> {
    let text = match &arguments.program {
        None => template(None),
        Some(path) => {
            let (bytes, program) = program_with_bytes(path)?;
            let card = protocol::card(&bytes)
                .ok_or_else(|| Failure::about(path, "is not a program (.tau): compile one"))?;
            template(Some(&Fill { program: &program, card }))
        }
    };
    let file = &arguments.file;
    let io = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Failure::about(file, "exists already: choose another name, or remove it first")
        }
        _ => Failure::Io(format!("{}: can't be written ({error})", file.display())),
    };
    let mut out = OpenOptions::new().write(true).create_new(true).open(file).map_err(io)?;
    out.write_all(text.as_bytes()).map_err(io)?;
    let blanks = text.lines().filter(|line| line.contains("\"FILL IN")).count();
    note(&format!(
        "{}: fill in {blanks} blanks, then run `tautochrone agreement check`",
        file.display()
    ));
    Ok(())
}

fn check(arguments: &Check) -> Result<(), Failure> {
    let agreement = load(&arguments.file)?;
    let program = match &arguments.program {
        None => None,
        Some(path) => {
            let (bytes, program) = program_with_bytes(path)?;
            fits(&agreement, &bytes, &program).map_err(
                |AgreementError { path: field, fault }| {
                    Failure::about(&arguments.file, format!("{field}: {fault}"))
                },
            )?;
            Some(bytes.len() as u64)
        }
    };
    print(&match arguments.json {
        true => format!("{:#}\n", report::object(&agreement, program)),
        false => report::text(&agreement, program),
    })
}

fn digest(arguments: &Digest) -> Result<(), Failure> {
    let agreement = load(&arguments.file)?;
    if let Some(path) = &arguments.canonical {
        std::fs::write(path, agreement.encode()).map_err(|error| {
            Failure::Io(format!("{}: can't be written ({error})", path.display()))
        })?;
    }
    print(&match arguments.json {
        true => format!("{:#}\n", json!({ "digest": agreement.digest().to_string() })),
        false => format!("{}\n", agreement.digest()),
    })
}

fn diff(arguments: &Diff) -> Result<(), Failure> {
    let (old, new) = (load(&arguments.old)?, load(&arguments.new)?);
    let (before, after) = (facts(&old), facts(&new));
    let find = |facts: &[(String, String)], path: &str| {
        facts.iter().find(|(found, _)| found == path).map(|(_, value)| value.clone())
    };
    let mut changes = Vec::new();
    for (path, value) in &before {
        let now = find(&after, path);
        if now.as_ref() != Some(value) {
            changes.push((path.clone(), Some(value.clone()), now));
        }
    }
    for (path, value) in &after {
        if find(&before, path).is_none() {
            changes.push((path.clone(), None, Some(value.clone())));
        }
    }
    if arguments.json {
        let list: Vec<_> = changes
            .iter()
            .map(|(path, old, new)| json!({ "term": path, "old": old, "new": new }))
            .collect();
        let (old, new) = (old.digest().to_string(), new.digest().to_string());
        print(&format!("{:#}\n", json!({ "old": old, "new": new, "changes": list })))?;
    } else {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
        let mut text = String::new();
        for (path, old, new) in &changes {
            let old = report::plain(&shown(old));
            let new = report::plain(&shown(new));
            text.push_str(&format!("{}\n  - {old}\n  + {new}\n", report::plain(path)));
        }
        print(&text)?;
    }
    match changes.len() {
        0 => Ok(()),
        count => Err(Failure::Verdict(format!(
            "{} and {} differ in {count} terms: agree on one of them",
            arguments.old.display(),
            arguments.new.display()
        ))),
    }
}

/// Reads an agreement in TOML.
pub(crate) fn load(path: &Path) -> Result<Agreement, Failure> {
    read(path).map_err(|error| match error {
        AgreementFileError::Io(_) => Failure::Io(format!("{}: {error}", path.display())),
        _ => Failure::about(path, error),
    })
}
