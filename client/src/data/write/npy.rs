//! Predictions as `.npy`: one 2-D array, `rows x columns`, little-endian, C order.

use std::io::{self, Write};

use super::{Numeric, Predictions, ScoreValues, numeric_labels};

pub(super) fn write(predictions: &Predictions<'_>, out: &mut impl Write) -> io::Result<()> {
    let shape = (predictions.rows(), predictions.names.len());
    match predictions.scores {
        ScoreValues::F32(values) => array(out, "<f4", shape, values, |v| v.to_le_bytes()),
        ScoreValues::F64(values) => array(out, "<f8", shape, values, |v| v.to_le_bytes()),
        ScoreValues::U32(values) => array(out, "<u4", shape, values, |v| v.to_le_bytes()),
        ScoreValues::Classes { indices, labels } => match numeric_labels(labels) {
            Some(Numeric::U32(numbers)) => {
                array(out, "<u4", shape, indices, |i| numbers[i as usize].to_le_bytes())
            }
            Some(Numeric::I64(numbers)) => {
                array(out, "<i8", shape, indices, |i| numbers[i as usize].to_le_bytes())
            }
            Some(Numeric::F64(numbers)) => {
                array(out, "<f8", shape, indices, |i| numbers[i as usize].to_le_bytes())
            }
            None => Err(io::ErrorKind::InvalidInput.into()),
        },
    }
}

fn array<T: Copy, const N: usize>(
    out: &mut impl Write,
    descr: &str,
    (rows, columns): (usize, usize),
    values: &[T],
    bytes: impl Fn(T) -> [u8; N],
) -> io::Result<()> {
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    // magic, version and length are 10 bytes; the data starts at a multiple of 64
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.extend(std::iter::repeat_n(' ', padded - header.len() - 1));
    header.push('\n');
    out.write_all(b"\x93NUMPY\x01\x00")?;
    out.write_all(&(padded as u16).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    values.iter().try_for_each(|&value| out.write_all(&bytes(value)))
}
