//! `tautochrone model submit`: an owner's program to an enclave.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use engine::Purpose;
use protocol::agreement::Agreement;
use protocol::attestation::Root;

use crate::command::failure::Failure;
use crate::command::give::{Giving, fitting, give};
use crate::command::load;
use crate::command::options::ModelOptions;

/// Give a model to an enclave
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Submit(Submit),
}

/// Submit a program to an enclave of an agreement
///
/// The program is checked against the agreement here first, and the enclave proves itself before a byte of it is sent. Each
/// boot that got a program is noted beside the identity file, with the salt of the commitment that receipts name. Budgets
/// are for one boot: a second one is only given a program with --again.
#[derive(Args)]
struct Submit {
    /// A program (.tau) or a model file
    #[arg(long, value_name = "FILE.tau|MODEL")]
    model: PathBuf,

    #[command(flatten)]
    giving: Giving,

    #[command(flatten)]
    options: ModelOptions,
}

pub(crate) fn run(arguments: &Arguments, root: &Root) -> Result<(), Failure> {
    let Command::Submit(arguments) = &arguments.command;
    let party = arguments.giving.remote.party()?;
    let bytes = program(arguments, &party.agreement)?;
    give(&arguments.giving, &party, &bytes, root)
}

/// The program's bytes, if the agreement is about such a program.
fn program(arguments: &Submit, agreement: &Agreement) -> Result<Vec<u8>, Failure> {
    let path = &arguments.model;
    let (bytes, program) = if path.extension().is_some_and(|extension| extension == "tau") {
        load::program_with_bytes(path)?
    } else {
        let loaded = load::load(path, &arguments.options, Purpose::Scores)?;
        let bytes = protocol::program::encode(loaded.program)
            .map_err(|error| Failure::about(path, error))?;
        let program =
            protocol::program::decode(&bytes).map_err(|error| Failure::about(path, error))?;
        (bytes, program)
    };
    fitting(agreement, path, &bytes, &program)?;
    Ok(bytes)
}
