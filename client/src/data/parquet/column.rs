//! One column chunk, read through the crate's typed column readers in batches.

use parquet::basic::{LogicalType, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::schema::types::ColumnDescriptor;

use super::{crate_fault, damaged};
use crate::data::fault::Fault;
use crate::data::npy::exact_float;
use crate::data::values::CopiedValues;

/// Rows decoded at once.
const BATCH: usize = 4096;

/// The types that are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    F32,
    F64,
    Signed,
    Unsigned,
    Bool,
    Text,
}

/// Rows of a chunk: where they start in the table, and how many.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) first_row: usize,
    pub(super) rows: usize,
}

/// A fault and, where it lies in one, its row from 0.
pub(super) type RowFault = (Option<usize>, Fault);

impl Kind {
    /// The kind of a column, or the name of the type that is none of them.
    pub(super) fn of(descriptor: &ColumnDescriptor) -> Result<Self, String> {
        let physical = descriptor.physical_type();
        match (physical, descriptor.logical_type_ref()) {
            (Type::FLOAT, None) => Ok(Kind::F32),
            (Type::DOUBLE, None) => Ok(Kind::F64),
            (Type::BOOLEAN, None) => Ok(Kind::Bool),
            (Type::INT32 | Type::INT64, Some(LogicalType::Integer(int))) => {
                Ok(if int.is_signed { Kind::Signed } else { Kind::Unsigned })
            }
            // a column of nulls only, whose type the writer could not tell
            (Type::INT32, Some(LogicalType::Unknown)) => Ok(Kind::Signed),
            (Type::INT32 | Type::INT64, None) => Kind::of_old_integer(descriptor),
            (Type::BYTE_ARRAY, Some(LogicalType::String | LogicalType::Enum)) => Ok(Kind::Text),
            (Type::BYTE_ARRAY, None) => Ok(Kind::Text),
            (_, Some(logical)) => {
                let name = format!("{logical:?}");
                Err(name.split(['(', ' ', '{']).next().unwrap_or_default().to_uppercase())
            }
            (physical, None) => Err(physical.to_string()),
        }
    }

    /// Files of older writers have no logical type but the converted type that it replaced.
    fn of_old_integer(descriptor: &ColumnDescriptor) -> Result<Self, String> {
        use parquet::basic::ConvertedType as C;
        match descriptor.converted_type() {
            C::NONE | C::INT_8 | C::INT_16 | C::INT_32 | C::INT_64 => Ok(Kind::Signed),
            C::UINT_8 | C::UINT_16 | C::UINT_32 | C::UINT_64 => Ok(Kind::Unsigned),
            other => Err(other.to_string()),
        }
    }

    pub(super) fn empty(self) -> CopiedValues {
        match self {
            Kind::F32 => CopiedValues::F32(Vec::new()),
            Kind::F64 => CopiedValues::F64(Vec::new()),
            Kind::Signed | Kind::Unsigned => CopiedValues::Int(Vec::new()),
            Kind::Bool => CopiedValues::Bool(Vec::new()),
            Kind::Text => CopiedValues::Text(Vec::new()),
        }
    }
}

/// Reads a column of numbers; null becomes NaN.
pub(super) fn read_numbers(
    reader: ColumnReader,
    kind: Kind,
    place: Place,
    mut set: impl FnMut(usize, f64),
) -> Result<(), RowFault> {
    let unsigned = kind == Kind::Unsigned;
    match reader {
        ColumnReader::FloatColumnReader(r) => each(r, place, |row, value| {
            set(row, value.map_or(f64::NAN, |&v| f64::from(v)));
            Ok(())
        }),
        ColumnReader::DoubleColumnReader(r) => each(r, place, |row, value| {
            set(row, value.copied().unwrap_or(f64::NAN));
            Ok(())
        }),
        ColumnReader::BoolColumnReader(r) => each(r, place, |row, value| {
            set(row, value.map_or(f64::NAN, |&v| f64::from(u8::from(v))));
            Ok(())
        }),
        ColumnReader::Int32ColumnReader(r) => each(r, place, |row, value| {
            let value = value.map_or(Ok(f64::NAN), |&v| exact_float(int32(v, unsigned).into()));
            set(row, value?);
            Ok(())
        }),
        ColumnReader::Int64ColumnReader(r) => each(r, place, |row, value| {
            let value = value.map_or(Ok(f64::NAN), |&v| {
                exact_float(if unsigned { i128::from(v as u64) } else { v.into() })
            });
            set(row, value?);
            Ok(())
        }),
        _ => Err((None, damaged("a column has another type than the schema says"))),
    }
}

/// Reads a column as it is.
pub(super) fn read_copy(
    reader: ColumnReader,
    kind: Kind,
    place: Place,
    values: &mut CopiedValues,
) -> Result<(), RowFault> {
    let unsigned = kind == Kind::Unsigned;
    match (reader, values) {
        (ColumnReader::FloatColumnReader(r), CopiedValues::F32(out)) => {
            each(r, place, |_, value| push(out, value.copied()))
        }
        (ColumnReader::DoubleColumnReader(r), CopiedValues::F64(out)) => {
            each(r, place, |_, value| push(out, value.copied()))
        }
        (ColumnReader::BoolColumnReader(r), CopiedValues::Bool(out)) => {
            each(r, place, |_, value| push(out, value.copied()))
        }
        (ColumnReader::Int32ColumnReader(r), CopiedValues::Int(out)) => {
            each(r, place, |_, value| push(out, value.map(|&v| int32(v, unsigned))))
        }
        (ColumnReader::Int64ColumnReader(r), CopiedValues::Int(out)) => {
            each(r, place, |_, value| match value {
                Some(&v) if unsigned && v < 0 => {
                    Err(Fault::CopyType("of unsigned integers above 2^63".into()))
                }
                _ => push(out, value.copied()),
            })
        }
        (ColumnReader::ByteArrayColumnReader(r), CopiedValues::Text(out)) => {
            each(r, place, |_, value: Option<&ByteArray>| {
                let text = value.map(|v| std::str::from_utf8(v.data()).map_err(|_| Fault::Utf8));
                push(out, text.transpose()?.map(Into::into))
            })
        }
        _ => Err((None, damaged("a column has another type than the schema says"))),
    }
}

fn int32(value: i32, unsigned: bool) -> i64 {
    if unsigned { i64::from(value as u32) } else { value.into() }
}

fn push<T>(out: &mut Vec<Option<T>>, value: Option<T>) -> Result<(), Fault> {
    out.try_reserve(1).map_err(|_| Fault::Memory)?;
    out.push(value);
    Ok(())
}

/// Calls `with` for each row of a flat column chunk, in order.
fn each<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    place: Place,
    mut with: impl FnMut(usize, Option<&T::T>) -> Result<(), Fault>,
) -> Result<(), RowFault> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    let mut done = 0;
    while done < place.rows {
        values.clear();
        levels.clear();
        let want = BATCH.min(place.rows - done);
        let (records, ..) = reader
            .read_records(want, Some(&mut levels), None, &mut values)
            .map_err(|error| (None, crate_fault(error)))?;
        if records == 0 {
            return Err((None, damaged("a column has fewer values than its row group")));
        }
        let mut next = values.iter();
        for offset in 0..records {
            // without levels the column is required and every row has a value
            let value = if levels.get(offset).is_none_or(|&level| level != 0) {
                let cut = || (None, damaged("a column has fewer values than its levels say"));
                Some(next.next().ok_or_else(cut)?)
            } else {
                None
            };
            let row = place.first_row + done + offset;
            with(row, value).map_err(|fault| (Some(row), fault))?;
        }
        done += records;
    }
    Ok(())
}
