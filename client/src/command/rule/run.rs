//! `tautochrone rule run`: evaluate a rule on the parties' files.

use std::path::{Path, PathBuf};

use crate::rule::{Inputs, results};
use clap::Args;
use engine::Backend;
use engine::rule::evaluate_rule;
use engine::shape::StepShape;

use crate::command::failure::{Failure, print};
use crate::command::remote::MaybeRemote;
use crate::command::remote_score::{Calling, call};
use protocol::attestation::Root;

/// Evaluate a rule on the files of the parties
///
/// Each party's results go to files of its own below DIR: PARTY.csv for values of each row,
/// PARTY.json for values that stand once and for how many of its own cells were outside their
/// range. All parties' secrets are in this one process: whoever runs it sees them.
///
/// With --enclave, the rule is the one that its owner submitted there, --data are this party's rows, and what the agreement
/// releases to it goes to the file --out.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The rule
    #[arg(required_unless_present = "enclave", conflicts_with = "enclave")]
    file: Option<PathBuf>,

    /// A party's rows (CSV); twice where it has inputs of EACH ROW and of ONCE
    #[arg(long = "input", value_name = "PARTY=FILE.csv", conflicts_with = "enclave")]
    inputs: Vec<String>,

    /// The folder for the results, which is made if it is not there; with --enclave, the file
    #[arg(long, value_name = "DIR|FILE")]
    out: PathBuf,

    /// A file of parameters (JSON): {"name": value, "list": [1, 2]}
    #[arg(long = "param", value_name = "FILE.json", conflicts_with = "enclave")]
    parameters: Vec<PathBuf>,

    /// How many rows the batch has, where every column comes from others
    #[arg(long, value_name = "N", requires = "enclave", conflicts_with = "data")]
    rows: Option<u32>,

    /// This party's rows (.csv, .parquet, .npy), for an enclave
    #[arg(long, value_name = "ROWS", requires = "enclave")]
    data: Option<PathBuf>,

    /// The name of the rows of which other parties supplied their columns
    #[arg(long, value_name = "NAME", requires = "enclave")]
    batch: Option<String>,

    #[command(flatten)]
    remote: MaybeRemote,
}

pub(crate) fn run(arguments: &Arguments, root: &Root) -> Result<(), Failure> {
    let file = match (arguments.remote.given(), &arguments.file) {
        (Some(remote), _) => {
            let calling = Calling {
                data: arguments.data.as_deref(),
                out: Some(&arguments.out),
                batch: arguments.batch.as_deref(),
                rows: arguments.rows,
                ..Calling::of(&remote)
            };
            return call(&calling, root);
        }
        (None, Some(file)) => file,
        (None, None) => return Err(Failure::Refused("no rule: give a rule file".into())),
    };
    let rule = super::read(file)?;
    let parameters = super::parameters(&arguments.parameters)?.unwrap_or_default();
    // once without the rows, to know what to read; then with them, for assertions about them
    let program = super::compile(file, &rule, Some(&parameters), None)?;
    let [StepShape::Rule(shape)] = program.shape().steps.as_slice() else {
        return Err(Failure::about(file, "this is no rule: give a rule file"));
    };
    let mut inputs = Inputs::new(&shape.face, shape.most_rows);
    for input in &arguments.inputs {
        let (party, path) = party(&shape.face.parties, input)?;
        inputs.read(party, Path::new(path)).map_err(super::failed)?;
    }
    let rows = inputs.rows().unwrap_or(1);
    let inputs = inputs.finish().map_err(|missing| {
        let party = &shape.face.parties[missing.party as usize];
        let (per, name) = (missing.per, &missing.name);
        let what = format!(
            "no file brings the input {name:?} ({per:?}) of party {party:?}: give it with --input {party}=FILE.csv"
        );
        Failure::about(file, what)
    })?;
    let program = super::compile(file, &rule, Some(&parameters), Some(rows as u64))?;
    let found = evaluate_rule(&program, &inputs, Backend::detect())
        .map_err(|error| Failure::about(file, format!("{error}: check the inputs")))?;

    let out = &arguments.out;
    std::fs::create_dir_all(out).map_err(|error| {
        Failure::Io(format!("can't make the folder ({error}), {}: check the path", out.display()))
    })?;
    let mut said = String::new();
    for party in results(&shape.face, rows, &found) {
        let mut write = |extension: &str, text: &str| -> Result<(), Failure> {
            let path = out.join(format!("{}.{extension}", party.party));
            crate::data::replace_file(&path, text.as_bytes())?;
            said.push_str(&format!("{}\n", path.display()));
            Ok(())
        };
        if let Some(table) = &party.table {
            write("csv", table)?;
        }
        write("json", &format!("{:#}\n", party.object))?;
    }
    print(&format!("{said}{rows} rows, {} steps\n", found.steps))
}

/// `PARTY=FILE` to the party's number and the file.
fn party<'a>(parties: &[String], input: &'a str) -> Result<(u32, &'a str), Failure> {
    let Some((name, path)) = input.split_once('=') else {
        return Err(Failure::Refused(format!("--input {input}: no party: write PARTY=FILE.csv")));
    };
    match parties.iter().position(|party| party == name) {
        Some(party) => Ok((party as u32, path)),
        None => {
            let known = parties.join(", ");
            let what = format!("--input {input}: the rule has no such party: choose from {known}");
            Err(Failure::Refused(what))
        }
    }
}
