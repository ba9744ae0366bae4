//! `tautochrone data`: rows of an owner to an enclave, and the answers back.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use clap::{Args, Subcommand};
use protocol::Code;
use protocol::agreement::Whom;
use protocol::attestation::Root;
use protocol::message::Counters;
use serde_json::json;

use crate::command::compile::same_file;
use crate::command::failure::{Failure, note, print};
use crate::command::remote::{Party, Remote, failure};
use crate::command::remote_rows::{aggregates, batch, calls, columns, once, read};
use crate::command::score::names;
use crate::data::{self, CopiedColumn, Predictions, ScoreValues, Values, replace_file};
use crate::enclave::{Call, Scored, Session, SessionError};

/// How long to wait before a call is asked again.
const WAITS: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(5)];

/// Have rows scored by an enclave, or bring columns of them for others
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Score(Score),
    Supply(Supply),
    Collect(Collect),
}

/// Score rows in an enclave of an agreement
///
/// The rows are checked here first, against the agreement's columns, and a fault is told with its row and column: the enclave
/// itself tells nobody which value it refused. It proves itself before a row is sent. More rows than one call may have are
/// sent in several calls, each charged. A call whose connection broke is asked again, and charged once.
#[derive(Args)]
struct Score {
    /// The rows (.csv, .parquet, .npy), with the columns that the agreement has from whoever calls
    #[arg(long, value_name = "ROWS")]
    data: Option<PathBuf>,

    /// Where to write the answers (.csv, .parquet, .npy)
    #[arg(long, value_name = "FILE", required_unless_present = "dry_run")]
    out: Option<PathBuf>,

    /// The name of the rows of which other parties supplied their columns
    #[arg(long, value_name = "NAME")]
    batch: Option<String>,

    /// How many rows the batch has, where every column comes from others
    #[arg(long, value_name = "N", conflicts_with = "data")]
    rows: Option<u32>,

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

/// Bring this party's columns of a batch of rows, for calls of others
///
/// The columns are those that the agreement has from this party. They wait in the enclave until the next supply; the row at
/// each position is the same row as in what others bring.
#[derive(Args)]
struct Supply {
    /// The rows (.csv, .parquet, .npy), with this party's columns
    #[arg(long, value_name = "ROWS")]
    data: PathBuf,

    /// What all parties call these rows
    #[arg(long, value_name = "NAME")]
    batch: String,

    /// Drop this column (repeatable)
    #[arg(long, value_name = "COLUMN")]
    ignore: Vec<String>,

    #[command(flatten)]
    remote: Remote,
}

/// Read what was released last to this party by a call of another
#[derive(Args)]
struct Collect {
    /// Where to write the answers (.csv, .parquet, .npy)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// Keep the receipt in this file
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,

    #[command(flatten)]
    remote: Remote,
}

/// What `data score` and `rule run` ask for.
pub(crate) struct Calling<'a> {
    pub(crate) remote: &'a Remote,
    pub(crate) data: Option<&'a Path>,
    pub(crate) out: Option<&'a Path>,
    pub(crate) batch: Option<&'a str>,
    pub(crate) rows: Option<u32>,
    pub(crate) receipts: Option<&'a Path>,
    pub(crate) dry_run: bool,
    pub(crate) id: &'a [String],
    pub(crate) ignore: &'a [String],
    pub(crate) json: bool,
}

impl<'a> Calling<'a> {
    /// Nothing but where.
    pub(crate) fn of(remote: &'a Remote) -> Self {
        Self {
            remote,
            data: None,
            out: None,
            batch: None,
            rows: None,
            receipts: None,
            dry_run: false,
            id: &[],
            ignore: &[],
            json: false,
        }
    }
}

pub(crate) fn run(arguments: &Arguments, root: &Root) -> Result<(), Failure> {
    match &arguments.command {
        Command::Score(score) => call(
            &Calling {
                remote: &score.remote,
                data: score.data.as_deref(),
                out: score.out.as_deref(),
                batch: score.batch.as_deref(),
                rows: score.rows,
                receipts: score.receipts.as_deref(),
                dry_run: score.dry_run,
                id: &score.id,
                ignore: &score.ignore,
                json: score.json,
            },
            root,
        ),
        Command::Supply(arguments) => supply(arguments, root),
        Command::Collect(arguments) => collect(arguments, root),
    }
}

fn supply(arguments: &Supply, root: &Root) -> Result<(), Failure> {
    let party = arguments.remote.party()?;
    let own = columns(&party.agreement, Whom::Party(party.number));
    if own.is_empty() {
        return Err(Failure::Refused(format!(
            "the agreement has no column from {}: nothing to supply",
            party.name()
        )));
    }
    let table = read(&party.agreement, &arguments.data, &own, &[], &arguments.ignore)?;
    let most = party.agreement.terms().input.rows_per_call as usize;
    let mut calls = calls(&table, most);
    let (Some((rows, values)), 0..=1) = (calls.pop(), calls.len() + 1) else {
        return Err(Failure::about(&arguments.data, one_call(table.rows(), most)));
    };
    let call = Call::supplying(rows, &values, batch(&arguments.batch)?).map_err(failure)?;
    let mut session = arguments.remote.open(&party, root)?;
    let asking = Asking { remote: &arguments.remote, party: &party, root };
    let left = asking.insist(&mut session, |session| session.supply(&call))?;
    session.close();
    print(&format!(
        "the enclave is verified and has {rows} rows of {}; {} supplies of {} rows left\n",
        party.name(),
        left.supply_calls,
        left.supply_rows
    ))
}

fn collect(arguments: &Collect, root: &Root) -> Result<(), Failure> {
    let party = arguments.remote.party()?;
    let terms = &party.agreement.terms().output;
    let names = names(terms.output, terms.count as usize);
    let nothing = Predictions { copied: &[], names: &names, scores: ScoreValues::F64(&[]) };
    data::check(&arguments.out, &nothing)?;
    let mut session = arguments.remote.open(&party, root)?;
    let collected = session.collect().map_err(failure)?;
    session.close();
    if let (Some(path), Some(receipt)) = (&arguments.receipt, &collected.receipt) {
        replace_file(path, &receipt.encode())?;
    }
    let scores = ScoreValues::F64(&collected.outputs);
    data::write(&arguments.out, &Predictions { copied: &[], names: &names, scores })?;
    let rows = collected.outputs.len() / names.len().max(1);
    print(&format!("the enclave is verified; {rows} rows of answers\n"))
}

fn one_call(rows: usize, most: usize) -> String {
    match rows {
        0 => "no rows: give at least one".into(),
        _ => {
            format!("{rows} rows where one call has {most}: split them, under a name for each part")
        }
    }
}

pub(crate) fn call(arguments: &Calling<'_>, root: &Root) -> Result<(), Failure> {
    let party = arguments.remote.party()?;
    let agreement = &party.agreement;
    let terms = agreement.terms();
    let own = columns(agreement, Whom::Caller);
    let supplied = own.len() < terms.input.columns.len();
    let batch = match (supplied, arguments.batch) {
        (true, Some(name)) => Some(batch(name)?),
        (false, None) => None,
        (true, None) => {
            return Err(Failure::Refused(
                "other parties bring columns of these rows: say by --batch what all of you call them".into(),
            ));
        }
        (false, Some(_)) => {
            return Err(Failure::Refused(
                "--batch: no other party brings a column: leave it out".into(),
            ));
        }
    };
    let most = terms.input.rows_per_call as usize;
    let (calls, total, copied) = rows(arguments, &party, &own, most)?;
    // what others supplied is one call's rows, and so is what is folded into one result
    if (supplied || aggregates(agreement)) && calls.len() != 1 {
        return Err(Failure::Refused(one_call(total, most)));
    }
    let output = terms.output.output;
    let names = names(output, terms.output.count as usize);
    let reads = terms.releases.iter().any(|release| release.to == Whom::Caller);
    // results that stand once belong to no row
    let copied: &[CopiedColumn] = if once(agreement) { &[] } else { &copied };
    if let Some(out) = arguments.out.filter(|_| reads) {
        let nothing = Predictions { copied, names: &names, scores: ScoreValues::F64(&[]) };
        data::check(out, &nothing)?;
    }
    if let Some(folder) = arguments.receipts {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::Io(format!("{}: can't be made ({error})", folder.display()))
        })?;
    }

    let mut session = arguments.remote.open(&party, root)?;
    let left = session.status().map_err(failure)?;
    if arguments.dry_run {
        session.close();
        return dry_run(arguments, &party, total, calls.len(), &left);
    }
    if !enough(total, calls.len(), &left) {
        session.close();
        return Err(not_enough(total, calls.len(), &left));
    }
    let asking = Asking { remote: arguments.remote, party: &party, root };
    let mut outputs = Vec::new();
    let mut last = left;
    for (number, (rows, values)) in (1..).zip(&calls) {
        let call = Call::new(*rows, values, batch).map_err(failure)?;
        let scored: Scored =
            asking.insist(&mut session, |session| session.score(&call)).map_err(|error| match error {
                Failure::Verdict(text) if number > 1 => Failure::Verdict(format!(
                    "call {number} of {}: {text}; {} calls were charged and their answers are lost: nothing was written",
                    calls.len(),
                    number - 1
                )),
                other => other,
            })?;
        if let (Some(folder), Some(receipt)) = (arguments.receipts, &scored.receipt) {
            keep(folder, number, &receipt.encode())?;
        }
        outputs.extend(scored.outputs);
        last = scored.left;
    }
    session.close();
    if let Some(out) = arguments.out.filter(|_| reads) {
        data::write(
            out,
            &Predictions { copied, names: &names, scores: ScoreValues::F64(&outputs) },
        )?;
    }
    if arguments.json {
        let object = json!({
            "rows": total,
            "calls": calls.len(),
            "calls_left": last.score_calls,
            "rows_left": last.score_rows,
        });
        return print(&format!("{object:#}\n"));
    }
    let to_others = if reads { "" } else { "; the answers are for others, who collect them" };
    note(&format!(
        "the enclave is verified; {total} rows in {} calls; {} calls of {} rows left{to_others}",
        calls.len(),
        last.score_calls,
        last.score_rows
    ));
    Ok(())
}

/// The rows of each call, how many in all, and the columns that are copied.
type Called = (Vec<(u32, Values)>, usize, Vec<CopiedColumn>);

fn rows(
    arguments: &Calling<'_>,
    party: &Party,
    own: &[protocol::agreement::Column],
    most: usize,
) -> Result<Called, Failure> {
    let Some(path) = arguments.data else {
        let rows = match (own.is_empty(), arguments.rows) {
            (true, Some(rows)) if rows > 0 => rows,
            (true, _) => {
                return Err(Failure::Refused(
                    "every column comes from others: say by --rows how many rows the batch has"
                        .into(),
                ));
            }
            (false, _) => return Err(Failure::Refused("no rows: give --data".into())),
        };
        let values = match party.agreement.terms().input.precision {
            engine::Precision::F32 => Values::F32(Vec::new()),
            engine::Precision::F64 => Values::F64(Vec::new()),
        };
        return Ok((vec![(rows, values)], rows as usize, Vec::new()));
    };
    if let Some(out) = arguments.out
        && same_file(path, out)
    {
        return Err(Failure::about(out, "--out is the input file: give it another name"));
    }
    if own.is_empty() {
        return Err(Failure::about(
            path,
            "every column comes from others: give --rows in its place",
        ));
    }
    let table = read(&party.agreement, path, own, arguments.id, arguments.ignore)?;
    Ok((calls(&table, most), table.rows(), table.copied().to_vec()))
}

/// Who asks, and where.
struct Asking<'a> {
    remote: &'a Remote,
    party: &'a Party,
    root: &'a Root,
}

impl Asking<'_> {
    /// Asks until an answer comes, over a new connection where one broke. It is the same call, which is charged once; and
    /// the same boot, since another one has other budgets.
    fn insist<T>(
        &self,
        session: &mut Session<TcpStream>,
        mut ask: impl FnMut(&mut Session<TcpStream>) -> Result<T, SessionError>,
    ) -> Result<T, Failure> {
        let mut waits = WAITS.into_iter();
        loop {
            let error = match ask(session) {
                Ok(answer) => return Ok(answer),
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
                *session = self.remote.open(self.party, self.root)?;
                if session.boot() != boot {
                    return Err(Failure::Verdict(
                        "the enclave was started again, and the new one does not know this call: ask the program's owner"
                            .into(),
                    ));
                }
            }
        }
    }
}

fn dry_run(
    arguments: &Calling<'_>,
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

fn keep(folder: &Path, number: usize, receipt: &[u8]) -> Result<(), Failure> {
    Ok(replace_file(&folder.join(format!("{number}.receipt")), receipt)?)
}
