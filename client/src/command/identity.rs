//! `tautochrone identity`: what a party proves itself with.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::command::failure::{Failure, print};
use crate::command::remote::about;
use crate::identity::Identity;

/// Make what a party proves itself with
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    New(New),
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

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Command::New(New { file, tls }) = &arguments.command;
    let identity = if *tls { Identity::new_key() } else { Identity::new_psk() };
    let identity = identity.map_err(|error| about(file, &error))?;
    identity.write(file).map_err(|error| about(file, &error))?;
    let (field, hash) = identity.hash();
    print(&format!("{field} = \"{hash}\"\n"))
}
