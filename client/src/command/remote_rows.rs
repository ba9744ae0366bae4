//! Rows of a party, as the agreement has columns for them: read, and checked before anything is sent.

use std::path::Path;

use engine::{LabelRule, Output, Schema};
use protocol::agreement::{Agreement, Column, Form, Whom};
use protocol::message::BatchId;
use protocol::sha256;

use crate::agreement::check_values;
use crate::command::failure::Failure;
use crate::data::{self, Limits, Selection, Table, Values};

/// The columns that come from whoever calls, or from one party.
pub(crate) fn columns(agreement: &Agreement, from: Whom) -> Vec<Column> {
    let columns = agreement.terms().input.columns.iter();
    columns.filter(|column| column.from == from).cloned().collect()
}

/// Reads rows of some columns.
pub(crate) fn read(
    agreement: &Agreement,
    path: &Path,
    columns: &[Column],
    copy: &[String],
    ignore: &[String],
) -> Result<Table, Failure> {
    let schema = Schema {
        // an agreement has far fewer columns than that
        features: columns.len() as u32,
        feature_names: Some(columns.iter().map(|column| column.name.clone()).collect()),
        label: LabelRule::None,
        classes: Vec::new(),
        default_output: Output::Margin,
    };
    let selection = Selection { schema: &schema, copy, ignore };
    let precision = agreement.terms().input.precision;
    let table = data::read(path, &selection, precision, &Limits::default())?;
    check_values(columns, table.values()).map_err(|fault| Failure::about(path, fault))?;
    Ok(table)
}

/// The rows, as many to a call as one may have.
pub(crate) fn calls(table: &Table, most: usize) -> Vec<(u32, Values)> {
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

/// The id of a batch that people call by a name.
pub(crate) fn batch(name: &str) -> Result<BatchId, Failure> {
    if name.is_empty() || name.len() > 256 {
        return Err(Failure::Refused("--batch: a name has 1 to 256 characters".into()));
    }
    let digest = sha256(&[b"tautochrone batch v1 ", name.as_bytes()].concat());
    let mut id = [0; 16];
    id.iter_mut().zip(digest.0).for_each(|(place, byte)| *place = byte);
    Ok(BatchId(id))
}

/// Whether any result is one over all rows of a call, so that several calls are not what one would be.
pub(crate) fn aggregates(agreement: &Agreement) -> bool {
    agreement.terms().releases.iter().any(|release| release.form != Form::Rows)
}

/// Whether what the caller gets stands once.
pub(crate) fn once(agreement: &Agreement) -> bool {
    let mut releases = agreement.terms().releases.iter();
    releases.any(|release| release.to == Whom::Caller && release.form != Form::Rows)
}
