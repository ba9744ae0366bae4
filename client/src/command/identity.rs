//! `tautochrone identity`: what a party proves itself with.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::command::agreement::load;
use crate::command::failure::{Failure, print};
use crate::command::remote::about;
use crate::identity::Identity;
use crate::wrap::{WrapError, wrap};

/// Make what a party proves itself with
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    New(New),
    Wrap(Wrap),
}

/// Make a new identity, and print the line that goes into the agreement
///
/// A pre-shared key of 256 random bits, for a party with authentication = "psk"; with --tls a key pair, for one with
/// authentication = "tls". The file is the party's secret, and made for one agreement.
#[derive(Args)]
struct New {
    /// The file to write; it must not exist
    file: PathBuf,

    /// A key pair instead of a pre-shared key
    #[arg(long)]
    tls: bool,
}

/// Wrap a pre-shared key under its party's key in KMS, for the enclave's parent
///
/// Runs the party's AWS command line tool (`aws kms encrypt`) with the party's own credentials; the key goes to its standard
/// input. The file is named by the party's id, and goes to the parent's folder --wrapped. It is no secret: KMS opens it for
/// the agreed enclave alone.
#[derive(Args)]
struct Wrap {
    /// The identity
    file: PathBuf,

    /// The agreement (TOML) that it was made for
    #[arg(long, value_name = "FILE")]
    agreement: PathBuf,

    /// The folder to write into, which must exist
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,

    /// The AWS command line tool
    #[arg(long, value_name = "PROGRAM", default_value = "aws")]
    aws: OsString,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::New(arguments) => new(arguments),
        Command::Wrap(arguments) => wrap_it(arguments),
    }
}

fn new(New { file, tls }: &New) -> Result<(), Failure> {
    let identity = if *tls { Identity::new_key() } else { Identity::new_psk() };
    let identity = identity.map_err(|error| about(file, &error))?;
    identity.write(file).map_err(|error| about(file, &error))?;
    let (field, hash) = identity.hash();
    print(&format!("{field} = \"{hash}\"\n"))
}

fn wrap_it(Wrap { file, agreement, out, aws }: &Wrap) -> Result<(), Failure> {
    let agreement = load(agreement)?;
    let identity = Identity::read(file).map_err(|error| about(file, &error))?;
    let number = identity.party(&agreement).map_err(|error| about(file, &error))?;
    let Identity::Psk(secret) = &identity else {
        return Err(Failure::about(
            file,
            "a key pair needs no wrapping: the agreement pins its public half",
        ));
    };
    let party = agreement.terms().parties.get(usize::from(number));
    let party = party.ok_or_else(|| Failure::about(file, "belongs to no party"))?;
    let wrapped = wrap(aws, &agreement, party, secret).map_err(|error| match error {
        WrapError::NoKey => Failure::Refused(format!("{}: {error}", party.name)),
        error => Failure::Io(error.to_string()),
    })?;
    let path = out.join(party.id().to_string());
    std::fs::write(&path, wrapped)
        .map_err(|error| Failure::Io(format!("{}: can't be written ({error})", path.display())))?;
    print(&format!("{}\n", path.display()))
}
