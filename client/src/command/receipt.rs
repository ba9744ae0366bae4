//! `tautochrone receipt`: whether an enclave did what a receipt says.

use std::path::PathBuf;

use crate::hex;
use clap::{Args, Subcommand};
use protocol::Sha384;
use protocol::attestation::Root;
use protocol::receipt::{MAX_PROVEN, ProvenReceipt, ReceiptBody, ReceiptRefusal};
use serde_json::{Value, json};

use crate::command::agreement;
use crate::command::attest::{measurements, pcr, read};
use crate::command::failure::{Failure, print};

/// Verify receipts of evaluations
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Verify(Verify),
}

/// Verify that an enclave of this agreement signed a receipt
///
/// Needs no enclave and no network: the document that makes the key an enclave's is in the file, and is judged at the
/// time that it was made. What the receipt commits to, the program and the rows, only their owners can open.
///
/// Exit codes: 0 valid; 1 refused, with the reason; 2 not a receipt, or wrong usage.
#[derive(Args)]
struct Verify {
    /// The receipt, as a client kept it
    #[arg(value_name = "RECEIPT")]
    receipt: PathBuf,

    /// The agreement (TOML) that it must be of; of a prebuilt image it says what to expect
    #[arg(long, value_name = "FILE")]
    agreement: PathBuf,

    /// A further expected measurement, such as 0=HEX; may be given for each PCR
    #[arg(long = "pcr", value_name = "N=HEX", value_parser = pcr)]
    pcrs: Vec<(u8, Sha384)>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, root: &Root) -> Result<(), Failure> {
    let Command::Verify(arguments) = &arguments.command;
    let agreement = agreement::load(&arguments.agreement)?;
    let expected = measurements(Some(&agreement), &arguments.pcrs)?;
    let path = &arguments.receipt;
    let kept = ProvenReceipt::decode(&read(path, MAX_PROVEN)?)
        .ok_or_else(|| Failure::about(path, "not a receipt with its document: is it the file?"))?;
    match kept.verify(root, &expected, &agreement.digest()) {
        Ok(body) => print(&match arguments.json {
            true => format!("{:#}\n", object(body)),
            false => text(body),
        }),
        Err(refusal) => {
            if arguments.json {
                let reason = match refusal {
                    ReceiptRefusal::Document(refusal) => refusal.name(),
                    ReceiptRefusal::Agreement => "agreement",
                    ReceiptRefusal::Signature => "receipt-signature",
                };
                let detail = refusal.to_string();
                let object = json!({ "verdict": "refused", "reason": reason, "detail": detail });
                print(&format!("{object:#}\n"))?;
            }
            Err(Failure::Verdict(format!(
                "{}: the receipt proves nothing: {refusal}",
                path.display()
            )))
        }
    }
}

fn fields(body: &ReceiptBody) -> [(&'static str, String); 12] {
    [
        ("agreement", body.agreement.to_string()),
        ("boot", hex::encode(&body.boot)),
        ("party", body.party.to_string()),
        ("request", hex::encode(&body.request.0)),
        ("epoch", body.epoch.to_string()),
        ("rows", body.rows.to_string()),
        ("calls_left", body.calls_left.to_string()),
        ("rows_left", body.rows_left.to_string()),
        ("card", body.card.to_string()),
        ("program", body.program.to_string()),
        ("input", body.input.to_string()),
        ("output", body.output.to_string()),
    ]
}

fn text(body: &ReceiptBody) -> String {
    let lines =
        fields(body).map(|(name, value)| format!("{:<12}{value}\n", name.replace('_', " ")));
    format!("valid\n{}", lines.concat())
}

fn object(body: &ReceiptBody) -> Value {
    let mut object = json!({ "verdict": "valid" });
    for (name, value) in fields(body) {
        object[name] = match name {
            "epoch" | "rows" | "calls_left" | "rows_left" => {
                value.parse::<u64>().map_or(Value::Null, Value::from)
            }
            _ => value.into(),
        };
    }
    object
}
