//! Reads the `.npy` files of the golden cases: little-endian `f4`, `f8`, `u4`, in C order.

use std::path::Path;

/// An array, row by row.
pub struct Npy {
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    /// Its values.
    pub values: NpyValues,
}

/// Values of an array.
pub enum NpyValues {
    /// `<f4`
    F32(Vec<f32>),
    /// `<f8`
    F64(Vec<f64>),
    /// `<u4`
    U32(Vec<u32>),
}

impl Npy {
    /// Reads a file.
    ///
    /// # Panics
    /// On anything that the golden cases do not contain: a test wants to stop right there.
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let bad = |what: &str| -> ! { panic!("{}: {what}", path.display()) };
        let Some((b"\x93NUMPY\x01\x00", rest)) = bytes.split_first_chunk::<8>() else {
            bad("not a version 1.0 npy file")
        };
        let Some((length, rest)) = rest.split_first_chunk() else { bad("no header") };
        let (header, data) = rest.split_at(u16::from_le_bytes(*length).into());
        let header = std::str::from_utf8(header).unwrap_or_else(|_| bad("header is no text"));
        if !header.contains("'fortran_order': False") {
            bad("not in C order");
        }
        let between = |from: &str, to: &str| {
            let (_, after) = header.split_once(from).unwrap_or_else(|| bad(from));
            after.split_once(to).unwrap_or_else(|| bad(to)).0
        };
        let shape: Vec<usize> = between("'shape': (", ")")
            .split(',')
            .filter(|part| !part.trim().is_empty())
            .map(|part| part.trim().parse().unwrap_or_else(|_| bad("shape")))
            .collect();
        let values = match between("'descr': '", "'") {
            "<f4" => NpyValues::F32(numbers(data, f32::from_le_bytes)),
            "<f8" => NpyValues::F64(numbers(data, f64::from_le_bytes)),
            "<u4" => NpyValues::U32(numbers(data, u32::from_le_bytes)),
            other => bad(other),
        };
        let array = Self { shape, values };
        if array.len() != array.shape.iter().product::<usize>() {
            bad("length does not fit the shape");
        }
        array
    }

    fn len(&self) -> usize {
        match &self.values {
            NpyValues::F32(values) => values.len(),
            NpyValues::F64(values) => values.len(),
            NpyValues::U32(values) => values.len(),
        }
    }
}

fn numbers<T, const N: usize>(data: &[u8], from_bytes: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (numbers, rest) = data.as_chunks();
    assert!(rest.is_empty(), "a number is cut off");
    numbers.iter().map(|&bytes| from_bytes(bytes)).collect()
}
