//! `tautochrone inspect`: the shape card.

use std::path::PathBuf;

use clap::Args;
use engine::Purpose;

use crate::command::card;
use crate::command::failure::{Failure, note, print};
use crate::command::load;
use crate::command::options::ModelOptions;

/// Show the shape card: everything that is public of a program
///
/// The card is a function of the program's shape and schema alone: two models of one shape and
/// schema show the same card. A model file is compiled first, with the flags below.
#[derive(Args)]
pub(crate) struct Arguments {
    /// A program (.tau) or a model file
    #[arg(value_name = "FILE.tau|MODEL")]
    file: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    options: ModelOptions,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let loaded = load::load(&arguments.file, &arguments.options, Purpose::Scores)?;
    let card = card::card(&loaded.program);
    let text = match arguments.json {
        true => format!("{:#}\n", card::object(card)),
        false => card::text(&card),
    };
    print(&text)?;
    // what a model file says of itself is its owner's to know and no part of the card
    if let Some(source) = &loaded.source {
        note(&load::describe(source));
    }
    Ok(())
}
