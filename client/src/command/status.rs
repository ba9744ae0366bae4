//! `tautochrone status`: what an enclave says of itself and of the party that asks.

use clap::Args;
use protocol::attestation::Root;
use serde_json::json;

use crate::command::failure::{Failure, print};
use crate::command::remote::{Remote, failure};
use crate::hex;

/// Ask an enclave what is left to a party
///
/// Verifies the enclave first, charges nothing, and prints which agreement it serves, its boot, and the caller's own
/// counters.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    remote: Remote,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, root: &Root) -> Result<(), Failure> {
    let party = arguments.remote.party()?;
    let mut session = arguments.remote.open(&party, root)?;
    let boot = hex::encode(&session.boot());
    let left = session.status().map_err(failure)?;
    session.close();
    let phase = ["no program", "a program", "a program, frozen"];
    let phase = phase.get(left.phase as usize).copied().unwrap_or("unknown");
    let digest = party.agreement.digest().to_string();
    if arguments.json {
        let object = json!({
            "party": party.name(),
            "agreement": digest,
            "boot": boot,
            "phase": phase,
            "submissions_left": left.submit_calls,
            "supplies_left": left.supply_calls,
            "rows_left_to_supply": left.supply_rows,
            "calls_left": left.score_calls,
            "rows_left": left.score_rows,
        });
        return print(&format!("{object:#}\n"));
    }
    print(&format!(
        "the enclave is verified: chain, signature, measurements, this connection
agreement         {digest}
boot              {boot}
phase             {phase}
{name}: {submit} submissions, {supply} supplies of {supply_rows} rows, {score} calls of {score_rows} rows left
",
        name = party.name(),
        submit = left.submit_calls,
        supply = left.supply_calls,
        supply_rows = left.supply_rows,
        score = left.score_calls,
        score_rows = left.score_rows,
    ))
}
