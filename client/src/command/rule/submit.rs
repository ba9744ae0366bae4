//! `tautochrone rule submit` and `rule compile`: a rule to an enclave, or to a program file.

use std::path::PathBuf;

use clap::Args;
use protocol::attestation::Root;

use crate::command::failure::{Failure, print};
use crate::command::give::{Giving, fitting, give};

/// Compile a rule to a program (.tau)
///
/// `tautochrone agreement new --program` takes its columns, its outputs and its card from it. It holds the parameters, and
/// is as secret as they are.
#[derive(Args)]
pub(crate) struct Compile {
    #[command(flatten)]
    source: Source,

    /// Where to write the program
    #[arg(short, long = "out", value_name = "FILE.tau")]
    out: PathBuf,
}

/// Submit a rule to an enclave of an agreement
///
/// The rule is compiled and checked against the agreement here first, and the enclave proves itself before a byte of it is
/// sent. Boots that got one are noted as for `tautochrone model submit`.
#[derive(Args)]
pub(crate) struct Submit {
    #[command(flatten)]
    source: Source,

    #[command(flatten)]
    giving: Giving,
}

/// A rule and its parameters
#[derive(Args)]
struct Source {
    /// The rule
    file: PathBuf,

    /// A file of parameters (JSON): {"name": value, "list": [1, 2]}
    #[arg(long = "param", value_name = "FILE.json")]
    parameters: Vec<PathBuf>,
}

impl Source {
    fn bytes(&self) -> Result<Vec<u8>, Failure> {
        let rule = super::read(&self.file)?;
        let parameters = super::parameters(&self.parameters)?.unwrap_or_default();
        let program = super::compile(&self.file, &rule, Some(&parameters), None)?;
        protocol::program::encode(program).map_err(|error| Failure::about(&self.file, error))
    }
}

pub(crate) fn compile(arguments: &Compile) -> Result<(), Failure> {
    let bytes = arguments.source.bytes()?;
    crate::data::replace_file(&arguments.out, &bytes)?;
    print(&format!("{}: {} bytes\n", arguments.out.display(), bytes.len()))
}

pub(crate) fn submit(arguments: &Submit, root: &Root) -> Result<(), Failure> {
    let party = arguments.giving.remote.party()?;
    let bytes = arguments.source.bytes()?;
    let file = &arguments.source.file;
    let program = protocol::program::decode(&bytes).map_err(|error| Failure::about(file, error))?;
    fitting(&party.agreement, file, &bytes, &program)?;
    give(&arguments.giving, &party, &bytes, root)
}
