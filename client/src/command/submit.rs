//! `tautochrone model submit`: an owner's program to an enclave.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use engine::Purpose;
use protocol::Code;
use protocol::agreement::{Agreement, AgreementError, fits, readings};
use protocol::attestation::Root;
use serde_json::json;

use crate::command::failure::{Failure, note, print};
use crate::command::load;
use crate::command::options::ModelOptions;
use crate::command::remote::{Remote, failure};
use crate::enclave::SessionError;
use crate::provisioned::{NotesError, Provisioned};

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
    remote: Remote,

    /// Submit although another boot got a program under this agreement: all budgets are granted once more
    #[arg(long)]
    again: bool,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    options: ModelOptions,
}

pub(crate) fn run(arguments: &Arguments, root: &Root) -> Result<(), Failure> {
    let Command::Submit(arguments) = &arguments.command;
    let party = arguments.remote.party()?;
    let bytes = program(arguments, &party.agreement)?;
    let digest = party.agreement.digest();
    let mut notes = Provisioned::beside(&arguments.remote.identity)
        .map_err(|error| about_notes(&arguments.remote.identity, &error))?;
    let before = notes.boots(&digest);
    if before > 0 {
        let exposure = exposure(&party.agreement, before as u64 + 1);
        if !arguments.again {
            return Err(Failure::Refused(format!(
                "{}: {before} boot(s) got a program under this agreement before; another one grants every budget once \
                 more, {exposure} in all: say --again if that is meant",
                notes.path().display()
            )));
        }
        note(&format!("granted to {} boots now: {exposure} in all", before + 1));
    }
    let mut session = arguments.remote.open(&party, root)?;
    let submission = session.submission(&bytes).map_err(failure)?;
    let about = |error: NotesError| about_notes(&arguments.remote.identity, &error);
    let (boot, commitment) = (session.boot(), submission.commitment());
    notes.asked(&digest, &boot, submission.salt(), &commitment).map_err(about)?;
    let left = match session.submit(submission) {
        Ok(left) => left,
        Err(error) => {
            // It counts as a program where that is not known: where the connection broke, and where the enclave took it
            // and only the word of the store did not come.
            if matches!(error, SessionError::Refused(code) if code != Code::Store) {
                notes.refused(&digest, &boot).map_err(about)?;
            }
            return Err(failure(error));
        }
    };
    session.close();
    print(&match arguments.json {
        true => format!(
            "{:#}\n",
            json!({
                "commitment": commitment.to_string(),
                "bytes": bytes.len(),
                "submissions_left": left.submit_calls,
            })
        ),
        false => format!(
            "the enclave is verified and took the program, {} bytes\ncommitment  {commitment}\n{} submissions left; noted \
             in {}\n",
            bytes.len(),
            left.submit_calls,
            notes.path().display(),
        ),
    })
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
    fits(agreement, &bytes, &program).map_err(|AgreementError { path: field, fault }| {
        Failure::about(path, format!("the agreement is about another program: {field}: {fault}"))
    })?;
    Ok(bytes)
}

/// What so many boots can tell each reader.
fn exposure(agreement: &Agreement, boots: u64) -> String {
    let parties = &agreement.terms().parties;
    let each: Vec<String> = readings(agreement)
        .iter()
        .map(|reading| {
            let name = &parties[usize::from(reading.reader)].name;
            format!("{} bits to {name}", reading.bits_in_total().saturating_mul(boots))
        })
        .collect();
    if each.is_empty() { "nothing".into() } else { each.join(", ") }
}

fn about_notes(identity: &std::path::Path, error: &NotesError) -> Failure {
    let text = format!("{}.submitted: {error}: keep it where it is", identity.display());
    match error {
        NotesError::Io(_) => Failure::Io(text),
        NotesError::Form(_) => Failure::Refused(text),
    }
}
