//! A program to an enclave, with a note of each boot that got one: what `model submit` and `rule submit` share.

use clap::Args;
use engine::Program;
use protocol::Code;
use protocol::agreement::{Agreement, AgreementError, fits, readings};
use protocol::attestation::Root;
use serde_json::json;
use std::path::Path;

use crate::command::failure::{Failure, note, print};
use crate::command::remote::{Party, Remote, failure};
use crate::enclave::SessionError;
use crate::provisioned::{NotesError, Provisioned};

/// How a program is given
#[derive(Args)]
pub(crate) struct Giving {
    #[command(flatten)]
    pub(crate) remote: Remote,

    /// Submit although another boot got a program under this agreement: all budgets are granted once more
    #[arg(long)]
    again: bool,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Gives a program that [`fitting`] found to be one of the agreement.
pub(crate) fn give(
    arguments: &Giving,
    party: &Party,
    bytes: &[u8],
    root: &Root,
) -> Result<(), Failure> {
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
    let mut session = arguments.remote.open(party, root)?;
    let submission = session.submission(bytes).map_err(failure)?;
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

/// Refuses a program that the agreement is not about.
pub(crate) fn fitting(
    agreement: &Agreement,
    path: &Path,
    bytes: &[u8],
    program: &Program,
) -> Result<(), Failure> {
    fits(agreement, bytes, program).map_err(|AgreementError { path: field, fault }| {
        Failure::about(path, format!("the agreement is about another program: {field}: {fault}"))
    })
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
