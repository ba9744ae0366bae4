//! CSV: UTF-8 text, commas, quotes doubled inside quotes, the first line always the header.

use std::fs::File;
use std::io::Read;

use csv::{ByteRecord, ReaderBuilder};
use engine::Precision;

use super::error::Reject;
use super::fault::Fault;
use super::plan::{Plan, Role};
use super::values::{CopiedColumn, CopiedValues, Values, table_len};
use super::{Limits, Selection, Table, cell};

pub(super) fn read(
    file: File,
    selection: &Selection<'_>,
    width: Precision,
    limits: &Limits,
) -> Result<Table, Reject> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(1 << 16)
        .from_reader(file.take(limits.file_bytes));
    let mut record = ByteRecord::new();
    if !reader.read_byte_record(&mut record).map_err(read_fault)? {
        return Err(Fault::EmptyFile.into());
    }
    let header = header(&record, limits)?;
    let plan = Plan::by_header(&header, selection).map_err(|reject| explain(reject, &header))?;
    if selection.schema.feature_names.is_none() && looks_like_data(&header) {
        return Err(Reject { line: Some(1), ..Fault::NoHeader.into() });
    }

    let features = selection.schema.features as usize;
    let mut rows = Rows {
        plan: &plan,
        header: &header,
        row: vec![0.0; features],
        values: Values::new(width),
        copied: vec![Vec::new(); selection.copy.len()],
    };
    let mut count = 0u64;
    loop {
        let line_before = reader.position().line();
        if !reader.read_byte_record(&mut record).map_err(read_fault)? {
            break;
        }
        count += 1;
        let place = |reject: Reject| Reject { row: Some(count), ..reject };
        // the parser skips blank lines; in a file of one column one could mean a missing value
        if header.len() == 1 && reader.position().line() > line_before + 1 && record.len() == 1 {
            return Err(place(Fault::BlankLine.into()));
        }
        table_len(count, features, limits.values)?;
        rows.push(&record).map_err(place)?;
    }
    let names = selection.copy.iter().cloned();
    let copied = names
        .zip(rows.copied)
        .map(|(name, texts)| CopiedColumn { name, values: CopiedValues::Text(texts) })
        .collect();
    Ok(Table {
        rows: count as usize,
        features,
        values: rows.values,
        source: Precision::F64,
        copied,
    })
}

struct Rows<'a> {
    plan: &'a Plan,
    header: &'a [String],
    row: Vec<f64>,
    values: Values,
    copied: Vec<Vec<Option<Box<str>>>>,
}

impl Rows<'_> {
    fn push(&mut self, record: &ByteRecord) -> Result<(), Reject> {
        if record.len() != self.header.len() {
            let (found, expected) = (record.len(), self.header.len());
            return Err(Fault::Ragged { found, expected }.into());
        }
        for (index, (bytes, role)) in record.iter().zip(self.plan.roles()).enumerate() {
            let at = |fault: Fault| fault.at_column(index, Some(&self.header[index]));
            match *role {
                Role::Feature(feature) => self.row[feature] = cell::number(bytes).map_err(at)?,
                Role::Copy(copy) => self.copied[copy].push(Some(text(bytes).map_err(at)?.into())),
                Role::Ignore => {}
            }
        }
        Ok(self.values.push_row(&self.row)?)
    }
}

/// A copied cell. A quote that is never closed swallows the rows after it, so no line breaks.
fn text(bytes: &[u8]) -> Result<&str, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::Utf8)?;
    if text.contains('\0') {
        return Err(Fault::Nul);
    }
    if text.contains(['\n', '\r']) {
        return Err(Fault::LineBreak);
    }
    Ok(text)
}

fn header(record: &ByteRecord, limits: &Limits) -> Result<Vec<String>, Reject> {
    if record.len() > limits.columns {
        let (found, cap) = (record.len() as u64, limits.columns as u64);
        return Err(Fault::TooMany { what: "columns", found, cap }.into());
    }
    let name = |(index, bytes)| {
        text(bytes)
            .map(str::to_owned)
            .map_err(|fault| Reject { line: Some(1), ..fault.at_column(index, None) })
    };
    record.iter().enumerate().map(name).collect()
}

/// A header of numbers is the first row of a file without a header, unless it is the `0,1,2,...`
/// that pandas writes for unnamed columns.
fn looks_like_data(header: &[String]) -> bool {
    let numbers = header.iter().all(|name| cell::number(name.as_bytes()).is_ok());
    let counted = header.iter().enumerate().all(|(index, name)| *name == index.to_string());
    numbers && !counted
}

/// Where the header is one cell, another separator is the likely reason for any complaint.
fn explain(reject: Reject, header: &[String]) -> Reject {
    match header {
        [only] => match only.chars().find(|c| matches!(c, ';' | '\t' | '|')) {
            Some(separator) => Fault::Separator(separator).into(),
            None => reject,
        },
        _ => reject,
    }
}

fn read_fault(error: csv::Error) -> Fault {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Fault::Read(error),
        _ => Fault::Utf8,
    }
}
