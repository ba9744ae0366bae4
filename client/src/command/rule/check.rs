//! `tautochrone rule check`: types, and the shape card.

use std::path::PathBuf;

use clap::Args;

use crate::command::card;
use crate::command::failure::{Failure, print};

/// Check a rule: show its types and its shape card, or where it is wrong
///
/// The card lists every public number of the rule, with its steps and its memory. Everything else,
/// the cells of the inputs and the parameters, is secret.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The rule
    file: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// A file of parameters (JSON); without one, PUBLIC values have their defaults
    #[arg(long = "param", value_name = "FILE.json")]
    parameters: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let rule = super::read(&arguments.file)?;
    let parameters = super::parameters(&arguments.parameters)?;
    let program = super::compile(&arguments.file, &rule, parameters.as_ref(), None)?;
    let card = card::card(&program);
    print(&match arguments.json {
        true => format!("{:#}\n", card::object(card)),
        false => card::text(&card),
    })
}
