//! Predictions as Parquet, column by column, through the crate's low-level writer.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};

use super::{Numeric, Predictions, ScoreValues, numeric_labels};
use crate::data::values::CopiedValues;

/// Rows per row group.
const GROUP: usize = 1 << 18;

pub(super) fn write<W: Write + Send>(predictions: &Predictions<'_>, out: &mut W) -> io::Result<()> {
    write_file(predictions, out).map_err(|error| match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    })
}

fn write_file<W: Write + Send>(predictions: &Predictions<'_>, out: &mut W) -> Result<()> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let labels = match predictions.scores {
        ScoreValues::Classes { labels, .. } => Labels::of(labels),
        _ => Labels::Text(Vec::new()),
    };
    let schema = schema(predictions, &labels)?;
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
    let rows = predictions.rows();
    for start in (0..rows).step_by(GROUP) {
        let range = start..rows.min(start + GROUP);
        let mut group = writer.next_row_group()?;
        for column in predictions.copied {
            copied(&mut group, &column.values, range.clone())?;
        }
        for column in 0..predictions.names.len() {
            let width = predictions.names.len();
            let cells = range.clone().map(|row| row * width + column);
            match predictions.scores {
                ScoreValues::F32(v) => required::<F32>(&mut group, cells.map(|i| v[i]).collect())?,
                ScoreValues::F64(v) => required::<F64>(&mut group, cells.map(|i| v[i]).collect())?,
                ScoreValues::U32(v) => {
                    required::<I32>(&mut group, cells.map(|i| v[i] as i32).collect())?;
                }
                ScoreValues::Classes { indices, .. } => {
                    let classes = cells.map(|i| indices[i] as usize);
                    match &labels {
                        Labels::Int(l) => {
                            required::<I64>(&mut group, classes.map(|c| l[c]).collect())?
                        }
                        Labels::Text(l) => {
                            required::<Bytes>(&mut group, classes.map(|c| l[c].clone()).collect())?;
                        }
                    }
                }
            }
        }
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

use parquet::data_type::{
    BoolType as Bool, ByteArrayType as Bytes, DoubleType as F64, FloatType as F32,
    Int32Type as I32, Int64Type as I64,
};

/// Class labels: integers where all of them are, else text.
enum Labels {
    Int(Vec<i64>),
    Text(Vec<ByteArray>),
}

impl Labels {
    fn of(labels: &[String]) -> Self {
        match numeric_labels(labels) {
            Some(Numeric::U32(numbers)) => {
                Labels::Int(numbers.into_iter().map(i64::from).collect())
            }
            Some(Numeric::I64(numbers)) => Labels::Int(numbers),
            _ => Labels::Text(labels.iter().map(|label| label.as_str().into()).collect()),
        }
    }
}

fn schema(predictions: &Predictions<'_>, labels: &Labels) -> Result<TypePtr> {
    let field = |name: &str, repetition, physical, logical| {
        Type::primitive_type_builder(name, physical)
            .with_repetition(repetition)
            .with_logical_type(logical)
            .build()
            .map(Arc::new)
    };
    let mut fields = Vec::new();
    for column in predictions.copied {
        let (physical, logical) = match column.values {
            CopiedValues::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            CopiedValues::Int(_) => (Physical::INT64, None),
            CopiedValues::F32(_) => (Physical::FLOAT, None),
            CopiedValues::F64(_) => (Physical::DOUBLE, None),
            CopiedValues::Bool(_) => (Physical::BOOLEAN, None),
        };
        fields.push(field(&column.name, Repetition::OPTIONAL, physical, logical)?);
    }
    let (physical, logical) = match (&predictions.scores, labels) {
        (ScoreValues::F32(_), _) => (Physical::FLOAT, None),
        (ScoreValues::F64(_), _) => (Physical::DOUBLE, None),
        (ScoreValues::U32(_), _) => (Physical::INT32, Some(LogicalType::integer(32, false))),
        (_, Labels::Int(_)) => (Physical::INT64, None),
        (_, Labels::Text(_)) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    for name in predictions.names {
        fields.push(field(name, Repetition::REQUIRED, physical, logical.clone())?);
    }
    Type::group_type_builder("schema").with_fields(fields).build().map(Arc::new)
}

type Group<'a, W> = SerializedRowGroupWriter<'a, W>;

fn copied<W: Write + Send>(
    group: &mut Group<'_, W>,
    values: &CopiedValues,
    range: std::ops::Range<usize>,
) -> Result<()> {
    match values {
        CopiedValues::Text(v) => {
            optional::<Bytes, W>(group, v[range].iter().map(|t| t.as_deref().map(ByteArray::from)))
        }
        CopiedValues::Int(v) => optional::<I64, W>(group, v[range].iter().copied()),
        CopiedValues::F32(v) => optional::<F32, W>(group, v[range].iter().copied()),
        CopiedValues::F64(v) => optional::<F64, W>(group, v[range].iter().copied()),
        CopiedValues::Bool(v) => optional::<Bool, W>(group, v[range].iter().copied()),
    }
}

fn required<T: DataType>(
    group: &mut Group<'_, impl Write + Send>,
    values: Vec<T::T>,
) -> Result<()> {
    write_column::<T, _>(group, &values, None)
}

fn optional<T: DataType, W: Write + Send>(
    group: &mut Group<'_, W>,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<()> {
    let values: Vec<Option<T::T>> = values.collect();
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let present: Vec<T::T> = values.into_iter().flatten().collect();
    write_column::<T, W>(group, &present, Some(&levels))
}

fn write_column<T: DataType, W: Write + Send>(
    group: &mut Group<'_, W>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<()> {
    let missing = || ParquetError::General("the row group has no further column".into());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}
