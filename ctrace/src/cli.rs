//! Arguments in, reports and exit codes out. 0: same; 1: a leak or a difference; 2: no verdict.

use clap::{Args, Parser, Subcommand};
use ctrace::binary::Binary;
use ctrace::error::Error;
use ctrace::same_code::{Compared, same_code};
use ctrace::scan::{Expectation, deviations, expectation, line, scan};
use ctrace::trace::{Choice, Options, Outcome, Plan, RegionReport, exit_code, text, trace};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Shows whether the instructions and addresses of a program depend on a secret.
#[derive(Parser)]
#[command(version, after_help = "Exit code: 0 same, 1 leak or difference, 2 no verdict.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the marked region once for each secret and compare all that an observer could see.
    Trace {
        #[command(flatten)]
        target: Target,
        /// One JSON object on standard output.
        #[arg(long)]
        json: bool,
    },
    /// Print the position-normalised hash of the trace, which all secrets must share.
    Fingerprint {
        #[command(flatten)]
        target: Target,
        /// Under which name to record or check it.
        #[arg(long, default_value = "region")]
        name: String,
        /// Add it to this JSON file.
        #[arg(long, value_name = "FILE", conflicts_with = "check")]
        record: Option<PathBuf>,
        /// Compare it with this JSON file.
        #[arg(long, value_name = "FILE")]
        check: Option<PathBuf>,
    },
    /// Count what could depend on operands in the machine code of functions.
    Scan {
        /// The binary.
        binary: PathBuf,
        /// Part of the functions' demangled names.
        pattern: String,
        /// A JSON file with what is expected; anything else is a deviation.
        #[arg(long, value_name = "FILE", conflicts_with = "record")]
        expect: Option<PathBuf>,
        /// Write what was found to this file, as the new expectation.
        #[arg(long, value_name = "FILE")]
        record: Option<PathBuf>,
        /// One JSON object on standard output.
        #[arg(long)]
        json: bool,
    },
    /// Compare the machine code of functions in two binaries, addresses masked.
    SameCode {
        /// The binary that was checked.
        first: PathBuf,
        /// The binary that ships.
        second: PathBuf,
        /// Part of the functions' demangled names.
        pattern: String,
        /// One JSON object on standard output.
        #[arg(long)]
        json: bool,
    },
}

/// What to run.
#[derive(Args)]
struct Target {
    /// Trace only the calls of functions whose name contains this.
    #[arg(long, value_name = "PATTERN")]
    symbol: Option<String>,
    /// A file with a secret, for programs without the marker crate's region; `{}` in ARGS stands for it, else it comes
    /// on standard input. Give at least two.
    #[arg(long, value_name = "FILE")]
    input: Vec<PathBuf>,
    /// Number of secrets [default: all that the program has, or 8 made up].
    #[arg(short = 'n', long, value_name = "N")]
    secrets: Option<usize>,
    /// Only this of the program's secrets (may be repeated; the first is the reference).
    #[arg(long, value_name = "NUMBER")]
    secret: Vec<usize>,
    /// Determinism control alone: run the first secret this many times.
    #[arg(long, value_name = "TIMES", num_args = 0..=1, default_missing_value = "2")]
    same: Option<usize>,
    /// Seed of made-up secrets.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Most instructions of one run.
    #[arg(long, value_name = "N", default_value_t = 20_000_000)]
    max_steps: usize,
    /// With `--engine step`, do not keep tracer and program on one processor (about four times slower).
    #[arg(long)]
    no_pin: bool,
    /// `fast` runs copies of basic blocks, `step` steps each instruction; both give the same trace.
    #[arg(long, value_enum, default_value = "fast")]
    engine: EngineName,
    /// The program and its arguments.
    #[arg(last = true, required = true, value_name = "BINARY ARGS")]
    program: Vec<String>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum EngineName {
    Fast,
    Step,
}

impl Target {
    fn options(self) -> Options {
        let mut program = self.program.into_iter();
        Options {
            program: program.next().unwrap_or_default().into(),
            arguments: program.collect(),
            symbol: self.symbol,
            inputs: self.input,
            plan: Plan { count: self.secrets, only: self.secret, same: self.same, seed: self.seed },
            max_steps: self.max_steps,
            pin: !self.no_pin && matches!(self.engine, EngineName::Step),
            engine: match self.engine {
                EngineName::Fast => Choice::Fast,
                EngineName::Step => Choice::Step,
            },
        }
    }
}

/// Runs the command.
pub(crate) fn run() -> ExitCode {
    match Cli::parse().command.run() {
        Ok(code) => code,
        Err(why) => {
            eprintln!("ctrace: {why}");
            ExitCode::from(2)
        }
    }
}

impl Command {
    fn run(self) -> Result<ExitCode, Error> {
        match self {
            Command::Trace { target, json } => {
                let regions = trace(&target.options())?;
                if json {
                    let document = serde_json::json!({ "regions": regions });
                    println!("{document:#}");
                } else {
                    regions.iter().for_each(|region| print!("{}", text(region)));
                }
                Ok(exit_code(&regions).into())
            }
            Command::Fingerprint { target, name, record, check } => {
                let regions = trace(&target.options())?;
                fingerprint(&regions, &name, record.as_deref(), check.as_deref())
            }
            Command::Scan { binary, pattern, expect, record, json } => {
                scan_command(&binary, &pattern, expect.as_deref(), record.as_deref(), json)
            }
            Command::SameCode { first, second, pattern, json } => {
                same_code_command(&first, &second, &pattern, json)
            }
        }
    }
}

/// Prints each region's hash; fails when the secrets do not share it, or the file holds another.
fn fingerprint(
    regions: &[RegionReport],
    name: &str,
    record: Option<&Path>,
    check: Option<&Path>,
) -> Result<ExitCode, Error> {
    let mut found = BTreeMap::new();
    for region in regions {
        if region.outcome != Outcome::Same {
            eprint!("{}", text(region));
            return Ok(exit_code(regions).into());
        }
        let Some((first, rest)) = region.runs.split_first() else { continue };
        if rest.iter().any(|run| run.fingerprint != first.fingerprint) {
            eprintln!(
                "ctrace: the runs are the same, but their fingerprints differ; please report this"
            );
            return Ok(2.into());
        }
        let name = if region.name.is_empty() {
            name.to_owned()
        } else {
            format!("{name}/{}", region.name)
        };
        println!("{} {name}", first.fingerprint);
        found.insert(name, first.fingerprint.clone());
    }
    if let Some(path) = record {
        let mut all: BTreeMap<String, String> =
            if path.exists() { read_json(path)? } else { BTreeMap::new() };
        all.extend(found.clone());
        write_json(path, &all)?;
    }
    let Some(path) = check else { return Ok(0.into()) };
    let recorded: BTreeMap<String, String> = read_json(path)?;
    let mut good = true;
    for (name, fingerprint) in &found {
        match recorded.get(name) {
            Some(expected) if expected == fingerprint => {}
            Some(expected) => {
                println!("{name}: {} records {expected}", path.display());
                good = false;
            }
            None => {
                return Err(Error::file(
                    path,
                    format!("has no fingerprint `{name}`; add it with --record"),
                ));
            }
        }
    }
    Ok(if good { 0 } else { 1 }.into())
}

fn scan_command(
    path: &Path,
    pattern: &str,
    expect: Option<&Path>,
    record: Option<&Path>,
    json: bool,
) -> Result<ExitCode, Error> {
    let binary = Binary::read(path)?;
    let scanned = scan(&binary, pattern)?;
    let found = expectation(&scanned);
    if let Some(path) = record {
        write_json(path, &found)?;
    }
    let expected: Option<Expectation> = expect.map(read_json).transpose()?;
    let deviations = expected.map_or(vec![], |expected| deviations(&binary, &expected, &scanned));
    if json {
        println!("{:#}", serde_json::json!({ "functions": found, "deviations": deviations }));
    } else {
        for (name, inventory) in &found {
            println!("{name}: {}", line(inventory));
        }
        deviations.iter().for_each(|deviation| print!("DEVIATION {deviation}"));
        println!("{} functions, {} deviations", found.len(), deviations.len());
    }
    Ok(if deviations.is_empty() { 0 } else { 1 }.into())
}

fn same_code_command(
    first: &Path,
    second: &Path,
    pattern: &str,
    json: bool,
) -> Result<ExitCode, Error> {
    let compared = same_code(&Binary::read(first)?, &Binary::read(second)?, pattern)?;
    let failed = compared.iter().filter(|compared| compared.state.fails()).count();
    if json {
        println!("{:#}", serde_json::json!({ "functions": compared, "failed": failed }));
    } else {
        for Compared { name, state, first, detail, .. } in &compared {
            let hash = first.first().map_or("", |hash| &hash[..16]);
            println!("{state:?} {hash} {name}");
            detail.iter().for_each(|detail| println!("    {detail}"));
        }
        println!(
            "{} functions, {failed} of the second binary are not in the first",
            compared.len()
        );
    }
    Ok(if failed == 0 { 0 } else { 1 }.into())
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = std::fs::read_to_string(path).map_err(|why| Error::file(path, why))?;
    serde_json::from_str(&text)
        .map_err(|why| Error::file(path, format!("not what ctrace --record writes: {why}")))
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value).map_err(|why| Error::file(path, why))?;
    std::fs::write(path, text + "\n").map_err(|why| Error::file(path, why))
}
