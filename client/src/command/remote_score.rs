//! `tautochrone data score`: an owner's rows to an enclave, and the answers back.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use clap::{Args, Subcommand};
use engine::{LabelRule, Output, Schema};
use protocol::Code;
use protocol::agreement::{Agreement, Whom};
use protocol::attestation::Root;
use protocol::message::Counters;
use serde_json::json;

use crate::agreement::check_values;
use crate::command::compile::same_file;
use crate::command::failure::{Failure, note, print};
use crate::command::remote::{Party, Remote, failure};
use crate::command::score::names;
use crate::data::{self, Limits, Predictions, ScoreValues, Selection, Values, replace_file};
use crate::enclave::{Call, Scored, Session, SessionError};

/// How long to wait before a call is asked again.
const WAITS: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(5)];

/// Have rows scored by an enclave
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Score(Score),
}

/// Score rows in an enclave of an agreement
///
/// The rows are checked here first, against the agreement's columns, and a fault is told with its row and column: the enclave
/// itself tells nobody which value it refused. It proves itself before a row is sent. More rows than one call may have are
/// sent in several calls, each charged.
#[derive(Args)]
struct Score {
    /// The rows (.csv, .parquet, .npy), with the agreement's columns
    #[arg(long, value_name = "ROWS")]
    data: PathBuf,

    /// Where to write the answers (.csv, .parquet, .npy)
    #[arg(long, value_name = "FILE", required_unless_present = "dry_run")]
    out: Option<PathBuf>,

    /// Keep the receipt of each call in this folder, as 1.receipt, 2.receipt, ...
    #[arg(long, value_name = "FOLDER")]
    receipts: Option<PathBuf>,

    /// Verify the enclave, check the rows, print what the calls would cost and what is left; charge nothing
    #[arg(long)]
    dry_run: bool,

    /// Copy this column to the output (repeatable)
    #[arg(long, value_name = "COLUMN")]
    id: Vec<String>,

    /// Drop this column (repeatable)
    #[arg(long, value_name = "COLUMN")]
    ignore: Vec<String>,

    #[command(flatten)]
    remote: Remote,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, root: &Root) -> Result<(), Failure> {
    let Command::Score(arguments) = &arguments.command;
    let party = arguments.remote.party()?;
    let terms = party.agreement.terms();
    if let Some(column) = terms.input.columns.iter().find(|column| column.from != Whom::Caller) {
        return Err(Failure::Refused(format!(
            "column {:?} comes from another party, which this command can't ask for yet",
            column.name
        )));
    }
    if let Some(out) = &arguments.out
        && same_file(&arguments.data, out)
    {
        return Err(Failure::about(out, "--out is the input file: give it another name"));
    }
    let schema = schema(&party.agreement);
    let selection = Selection { schema: &schema, copy: &arguments.id, ignore: &arguments.ignore };
    let table = data::read(&arguments.data, &selection, terms.input.precision, &Limits::default())?;
    check_values(&terms.input.columns, table.values())
        .map_err(|fault| Failure::about(&arguments.data, fault))?;
    let calls = calls(&table, terms.input.rows_per_call as usize);
    let output = terms.output.output;
    let names = names(output, terms.output.count as usize);
    if let Some(out) = &arguments.out {
        let nothing =
            Predictions { copied: table.copied(), names: &names, scores: ScoreValues::F64(&[]) };
        data::check(out, &nothing)?;
    }
    if let Some(folder) = &arguments.receipts {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::Io(format!("{}: can't be made ({error})", folder.display()))
        })?;
    }

    let mut session = arguments.remote.open(&party, root)?;
    let left = session.status().map_err(failure)?;
    if arguments.dry_run {
        session.close();
        return dry_run(arguments, &party, table.rows(), calls.len(), &left);
    }
    if !enough(table.rows(), calls.len(), &left) {
        session.close();
        return Err(not_enough(table.rows(), calls.len(), &left));
    }
    let mut outputs = Vec::new();
    let mut last = left;
    for (number, (rows, values)) in (1..).zip(&calls) {
        let call = Call::new(*rows, values, None).map_err(failure)?;
        let scored =
            insist(arguments, &party, root, &mut session, &call).map_err(|error| match error {
                Failure::Verdict(text) if number > 1 => Failure::Verdict(format!(
                    "call {number} of {}: {text}; {} calls were charged and their answers are lost: nothing was written",
                    calls.len(),
                    number - 1
                )),
                other => other,
            })?;
        if let Some(folder) = &arguments.receipts {
            keep(folder, number, &scored.receipt.encode())?;
        }
        outputs.extend(scored.outputs);
        last = scored.left;
    }
    session.close();
    if let Some(out) = &arguments.out {
        let scores = ScoreValues::F64(&outputs);
        data::write(out, &Predictions { copied: table.copied(), names: &names, scores })?;
    }
    if arguments.json {
        let object = json!({
            "rows": table.rows(),
            "calls": calls.len(),
            "calls_left": last.score_calls,
            "rows_left": last.score_rows,
        });
        return print(&format!("{object:#}\n"));
    }
    note(&format!(
        "the enclave is verified; {} rows in {} calls; {} calls of {} rows left",
        table.rows(),
        calls.len(),
        last.score_calls,
        last.score_rows
    ));
    Ok(())
}

/// Asks until an answer comes, over a new connection where one broke. It is the same call, which is charged once; and the
/// same boot, since another one has other budgets.
fn insist(
    arguments: &Score,
    party: &Party,
    root: &Root,
    session: &mut Session<TcpStream>,
    call: &Call,
) -> Result<Scored, Failure> {
    let mut waits = WAITS.into_iter();
    loop {
        let error = match session.score(call) {
            Ok(scored) => return Ok(scored),
            Err(error) => error,
        };
        let broken = matches!(error, SessionError::Channel(_));
        let passing = matches!(error, SessionError::Refused(Code::Store | Code::Busy));
        let Some(wait) = waits.next().filter(|_| broken || passing) else {
            return Err(failure(error));
        };
        note(&format!("{error}; asking the same call again, which is charged once"));
        sleep(wait);
        if broken {
            let boot = session.boot();
            *session = arguments.remote.open(party, root)?;
            if session.boot() != boot {
                return Err(Failure::Verdict(
                    "the enclave was started again, and the new one does not know this call: ask the model's owner".into(),
                ));
            }
        }
    }
}

fn dry_run(
    arguments: &Score,
    party: &Party,
    rows: usize,
    calls: usize,
    left: &Counters,
) -> Result<(), Failure> {
    let (calls_left, rows_left) = (left.score_calls, left.score_rows);
    let enough = enough(rows, calls, left);
    if arguments.json {
        let object = json!({
            "rows": rows,
            "calls": calls,
            "calls_left": calls_left,
            "rows_left": rows_left,
            "enough": enough,
        });
        print(&format!("{object:#}\n"))?;
    } else {
        print(&format!(
            "the enclave is verified, and the rows are as agreed\n{}: {rows} rows in {calls} calls; {calls_left} calls of \
             {rows_left} rows left\n",
            party.name()
        ))?;
    }
    if enough {
        return Ok(());
    }
    Err(not_enough(rows, calls, left))
}

/// Whether so many rows and calls are left to the party.
fn enough(rows: usize, calls: usize, left: &Counters) -> bool {
    calls as u64 <= u64::from(left.score_calls) && rows as u64 <= left.score_rows
}

/// Told before the first call: calls that are charged and lead to no file would be lost.
fn not_enough(rows: usize, calls: usize, left: &Counters) -> Failure {
    Failure::Verdict(format!(
        "{rows} rows in {calls} calls are more than is left, {} calls of {} rows: nothing was sent or charged; score fewer rows",
        left.score_calls, left.score_rows
    ))
}

/// The rows, as many to a call as one may have.
fn calls(table: &data::Table, most: usize) -> Vec<(u32, Values)> {
    let features = table.features();
    let starts = (0..table.rows()).step_by(most.max(1));
    starts
        .map(|first| {
            let rows = most.min(table.rows() - first);
            let range = first * features..(first + rows) * features;
            let values = match table.values() {
                Values::F32(values) => Values::F32(values[range].to_vec()),
                Values::F64(values) => Values::F64(values[range].to_vec()),
            };
            // the agreement's rows of a call are 32 bits
            (rows as u32, values)
        })
        .collect()
}

fn keep(folder: &Path, number: usize, receipt: &[u8]) -> Result<(), Failure> {
    Ok(replace_file(&folder.join(format!("{number}.receipt")), receipt)?)
}

/// The agreement's columns, as a row file has them.
fn schema(agreement: &Agreement) -> Schema {
    let columns = &agreement.terms().input.columns;
    Schema {
        // an agreement has far fewer columns than that
        features: columns.len() as u32,
        feature_names: Some(columns.iter().map(|column| column.name.clone()).collect()),
        label: LabelRule::None,
        classes: Vec::new(),
        default_output: Output::Margin,
    }
}
