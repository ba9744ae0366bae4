//! Files of a rule: what each party brings, and what each gets.
//!
//! ```text
//! text of a row file    --Inputs::read-->   columns of cells
//! JSON of parameters    --parameters-->     texts by name
//! cells of the results  --results-->        one table and one JSON object a party
//! ```
//! Row files are CSV: a header of the declared names (an entry of a vector is `name_0`, `name_1`),
//! then one line a row. They are their owner's, and parsed as hostile.

mod inputs;
mod results;

pub use inputs::{InputError, Inputs, parameters};
pub use results::{PartyResults, results};
