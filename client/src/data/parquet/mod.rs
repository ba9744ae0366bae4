//! Parquet: flat columns of floats, integers and booleans; text too where a column is copied.
//!
//! Null is missing. Nested columns are refused where they are wanted and passed over where they are
//! ignored.

mod column;
mod guard;
mod thrift;

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::Precision;
use parquet::errors::ParquetError;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::types::SchemaDescriptor;

use super::error::{Reject, one_line};
use super::fault::Fault;
use super::format::Format;
use super::plan::{Plan, Role};
use super::values::{CopiedColumn, Values, table_len};
use super::{Limits, Selection, Table};
use column::{Kind, Place};

pub(super) fn read(
    mut file: File,
    file_len: u64,
    selection: &Selection<'_>,
    width: Precision,
    limits: &Limits,
) -> Result<Table, Reject> {
    guard::check_footer(&mut file, file_len)?;
    // the Parquet crate panics on some damaged files; that is a fault of the file, not of ours
    catch_unwind(AssertUnwindSafe(|| read_table(file, file_len, selection, width, limits)))
        .unwrap_or_else(|_| Err(damaged("its parts contradict each other").into()))
}

fn read_table(
    mut file: File,
    file_len: u64,
    selection: &Selection<'_>,
    width: Precision,
    limits: &Limits,
) -> Result<Table, Reject> {
    let second = file.try_clone().map_err(Fault::Read)?;
    let reader = SerializedFileReader::new(second).map_err(crate_fault)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let header: Vec<String> =
        schema.root_schema().get_fields().iter().map(|f| f.name().to_owned()).collect();
    if header.len() > limits.columns {
        let (found, cap) = (header.len() as u64, limits.columns as u64);
        return Err(Fault::TooMany { what: "columns", found, cap }.into());
    }
    let plan = Plan::by_header(&header, selection)?;
    let leaves = wanted_leaves(&schema, &plan, &header)?;

    let groups = reader.metadata().row_groups();
    let mut rows = 0u64;
    for group in groups {
        let group_rows =
            u64::try_from(group.num_rows()).map_err(|_| damaged("a negative number of rows"))?;
        rows = rows.saturating_add(group_rows);
        for leaf in &leaves {
            guard::check_pages(&mut file, file_len, group.column(leaf.index), group_rows)
                .map_err(|fault| fault.at_column(leaf.field, Some(&header[leaf.field])))?;
        }
    }
    let features = selection.schema.features as usize;
    let mut values = Values::zeros(width, table_len(rows, features, limits.values)?)?;
    let mut copied: Vec<CopiedColumn> = Vec::with_capacity(selection.copy.len());
    for (copy, name) in selection.copy.iter().enumerate() {
        let leaf = leaves.iter().find(|leaf| leaf.role == Role::Copy(copy));
        let kind = leaf.map_or(Kind::Text, |leaf| leaf.kind);
        copied.push(CopiedColumn { name: name.clone(), values: kind.empty() });
    }

    let mut first_row = 0;
    for (index, group) in groups.iter().enumerate() {
        let group_rows = group.num_rows() as usize;
        let group_reader = reader.get_row_group(index).map_err(crate_fault)?;
        for leaf in &leaves {
            let column = group_reader.get_column_reader(leaf.index).map_err(crate_fault)?;
            let place = Place { first_row, rows: group_rows };
            let result = match leaf.role {
                Role::Feature(feature) => {
                    column::read_numbers(column, leaf.kind, place, |row, v| {
                        values.set(row * features + feature, v);
                    })
                }
                Role::Copy(copy) => {
                    column::read_copy(column, leaf.kind, place, &mut copied[copy].values)
                }
                Role::Ignore => Ok(()),
            };
            result.map_err(|(row, fault)| Reject {
                row: row.map(|row| row as u64 + 1),
                ..fault.at_column(leaf.field, Some(&header[leaf.field]))
            })?;
        }
        first_row += group_rows;
    }
    let wide =
        leaves.iter().any(|leaf| matches!(leaf.role, Role::Feature(_)) && leaf.kind != Kind::F32);
    let source = if wide { Precision::F64 } else { Precision::F32 };
    Ok(Table { rows: rows as usize, features, values, source, copied })
}

/// A column that is read: its place among the top-level fields and among the leaves.
struct Leaf {
    field: usize,
    index: usize,
    kind: Kind,
    role: Role,
}

fn wanted_leaves(
    schema: &SchemaDescriptor,
    plan: &Plan,
    header: &[String],
) -> Result<Vec<Leaf>, Reject> {
    let mut leaves = Vec::new();
    let mut reached = vec![false; header.len()];
    for index in 0..schema.num_columns() {
        let field = schema.get_column_root_idx(index);
        let role = plan.roles()[field];
        reached[field] = true;
        if role == Role::Ignore {
            continue;
        }
        let at = |fault: Fault| fault.at_column(field, Some(&header[field]));
        let descriptor = schema.column(index);
        if descriptor.path().parts().len() != 1 || descriptor.max_rep_level() != 0 {
            return Err(at(Fault::NumberType("of a nested column".into())));
        }
        let kind = Kind::of(&descriptor);
        let kind = match role {
            Role::Copy(_) => kind.map_err(Fault::CopyType).map_err(at)?,
            _ => match kind.map_err(Fault::NumberType).map_err(at)? {
                Kind::Text => return Err(at(Fault::NumberType("text".into()))),
                kind => kind,
            },
        };
        leaves.push(Leaf { field, index, kind, role });
    }
    // a group without children has a name but nothing to read
    match reached.iter().zip(plan.roles()).position(|(&yes, &role)| !yes && role != Role::Ignore) {
        Some(field) => {
            Err(Fault::NumberType("of an empty group".into())
                .at_column(field, Some(&header[field])))
        }
        None => Ok(leaves),
    }
}

fn damaged(what: impl Into<String>) -> Fault {
    Fault::Damaged { format: Format::Parquet, what: what.into() }
}

fn crate_fault(error: ParquetError) -> Fault {
    damaged(one_line(&error.to_string(), 120))
}
