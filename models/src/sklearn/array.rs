//! Arrays as the exporter writes them: little-endian bytes in base64, with a type and a shape.

use crate::error::{ImportError, quote};
use crate::json::{Capped, fields};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};
use std::fmt;

/// An array, whose claims about itself are not yet checked.
#[derive(Default)]
pub(super) struct Array {
    dtype: String,
    shape: Capped<u64, 2>,
    data: Base64,
}
fields!(Array { "dtype" => dtype, "shape" => shape, "data" => data } required ["dtype", "shape", "data"]);

impl Array {
    /// The numbers, if the array has this type and shape.
    pub(super) fn f64s(&self, place: &str, shape: &[usize]) -> Result<Vec<f64>, ImportError> {
        self.numbers(place, "<f8", shape, f64::from_le_bytes)
    }

    /// The numbers, if the array has this type and shape.
    pub(super) fn i32s(&self, place: &str, shape: &[usize]) -> Result<Vec<i32>, ImportError> {
        self.numbers(place, "<i4", shape, i32::from_le_bytes)
    }

    /// The bits, if the array has this shape and holds nothing but 0 and 1.
    pub(super) fn flags(&self, place: &str, shape: &[usize]) -> Result<Vec<bool>, ImportError> {
        let bytes = self.numbers(place, "|u1", shape, u8::from_le_bytes)?;
        if bytes.iter().any(|&byte| byte > 1) {
            return Err(ImportError::malformed(place, "it holds other values than 0 and 1"));
        }
        Ok(bytes.into_iter().map(|byte| byte == 1).collect())
    }

    /// The length of the first dimension, as the shape claims it; 0 if there is none.
    pub(super) fn claimed_length(&self) -> usize {
        self.shape.0.first().map_or(0, |&length| usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn numbers<T, const WIDTH: usize>(
        &self,
        place: &str,
        dtype: &str,
        shape: &[usize],
        read: impl Fn([u8; WIDTH]) -> T,
    ) -> Result<Vec<T>, ImportError> {
        if self.dtype != dtype {
            let what = format!("its type is {} where {dtype} was due", quote(&self.dtype));
            return Err(ImportError::malformed(place, what));
        }
        if !self.shape.0.iter().copied().eq(shape.iter().map(|&length| length as u64)) {
            let what = format!("its shape is not {shape:?}");
            return Err(ImportError::malformed(place, what));
        }
        let bytes = shape.iter().try_fold(WIDTH, |product, &length| product.checked_mul(length));
        if bytes != Some(self.data.0.len()) {
            let what = format!("it holds {} bytes, which is not its shape", self.data.0.len());
            return Err(ImportError::malformed(place, what));
        }
        let (numbers, _) = self.data.0.as_chunks::<WIDTH>();
        Ok(numbers.iter().map(|&number| read(number)).collect())
    }
}

/// Bytes, decoded while the file is read.
#[derive(Default)]
struct Base64(Vec<u8>);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Base64;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64 text")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Base64, E> {
                STANDARD
                    .decode(text)
                    .map(Base64)
                    .map_err(|error| E::custom(format!("base64: {error}")))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
