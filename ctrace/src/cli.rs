//! Arguments in, reports and exit codes out. 0: same; 1: a leak or a difference; 2: no verdict.

use clap::{Args, Parser, Subcommand};
use ctrace::error::Error;
use ctrace::trace::{Options, Outcome, Plan, RegionReport, text, trace};
use std::path::PathBuf;
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
    /// Do not keep tracer and program on one processor (about four times slower).
    #[arg(long)]
    no_pin: bool,
    /// The program and its arguments.
    #[arg(last = true, required = true, value_name = "BINARY ARGS")]
    program: Vec<String>,
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
            pin: !self.no_pin,
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
                Ok(code(&regions))
            }
        }
    }
}

/// Nothing holds for a program that is not deterministic; but a leak that was seen is one, whatever else is missing.
fn code(regions: &[RegionReport]) -> ExitCode {
    let any = |outcome| regions.iter().any(|region| region.outcome == outcome);
    if any(Outcome::NotDeterministic) {
        2.into()
    } else if any(Outcome::Leak) {
        1.into()
    } else if any(Outcome::Incomplete) {
        2.into()
    } else {
        0.into()
    }
}
