//! NumPy `.npy`: one array of plain numbers, 2-D `rows x columns`, or 1-D as one column.
//!
//! f4, f8, signed and unsigned integers, and booleans, in either byte order, C or Fortran order.
//! The file's length must be exactly what the header says, which is checked before any allocation.

mod header;

use std::fs::File;
use std::io::{BufReader, Read};

use engine::Precision;

use super::error::Reject;
use super::fault::Fault;
use super::format::Format;
use super::plan::{Plan, Role};
use super::values::{Values, table_len};
use super::{Limits, Selection, Table};
pub(super) use header::exact_float;
use header::{Header, Kind};

pub(super) fn read(
    file: File,
    file_len: u64,
    selection: &Selection<'_>,
    width: Precision,
    limits: &Limits,
) -> Result<Table, Reject> {
    let mut input = BufReader::with_capacity(1 << 16, file);
    let (header, header_len) = header::read(&mut input)?;
    let (rows, columns) = match *header.shape {
        [rows] => (rows, 1),
        [rows, columns] => (rows, columns),
        _ => return Err(Fault::Unsupported("an array that is neither 1-D nor 2-D").into()),
    };
    let data = rows.checked_mul(columns).and_then(|n| n.checked_mul(header.item.bytes as u64));
    let found = file_len.saturating_sub(header_len);
    if data != Some(found) {
        let what = format!(
            "the header's shape ({rows} x {columns}, {} bytes each) does not fit the {found} \
             bytes that follow",
            header.item.bytes
        );
        return Err(damaged(what).into());
    }
    let columns = usize::try_from(columns).unwrap_or(usize::MAX);
    if columns > limits.columns {
        let (found, cap) = (columns as u64, limits.columns as u64);
        return Err(Fault::TooMany { what: "columns", found, cap }.into());
    }
    let plan = Plan::by_position(columns, selection)?;
    let len = table_len(rows, columns, limits.values)?;
    let mut values = Values::zeros(width, len)?;
    fill(&mut input, &header, rows as usize, columns, &plan, &mut values)?;
    let source = match header.item.kind {
        Kind::Float if header.item.bytes == 4 => Precision::F32,
        _ => Precision::F64,
    };
    Ok(Table { rows: rows as usize, features: columns, values, source, copied: Vec::new() })
}

fn fill(
    input: &mut impl Read,
    header: &Header,
    rows: usize,
    columns: usize,
    plan: &Plan,
    values: &mut Values,
) -> Result<(), Reject> {
    let mut item = [0u8; 8];
    let item = &mut item[..header.item.bytes];
    let (outer, inner) = if header.fortran { (columns, rows) } else { (rows, columns) };
    for a in 0..outer {
        for b in 0..inner {
            let (row, column) = if header.fortran { (b, a) } else { (a, b) };
            input.read_exact(item).map_err(Fault::Read)?;
            let value = header.item.value(item).map_err(|fault| Reject {
                row: Some(row as u64 + 1),
                ..fault.at_column(column, None)
            })?;
            if let Role::Feature(feature) = plan.roles()[column] {
                values.set(row * columns + feature, value);
            }
        }
    }
    Ok(())
}

fn damaged(what: impl Into<String>) -> Fault {
    Fault::Damaged { format: Format::Npy, what: what.into() }
}
