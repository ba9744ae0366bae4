//! How a target's buffer is divided: fields that start on cache lines.

use ops::{LINE, Line};
use std::ops::Range;

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Equal for all secrets.
    Public,
    /// A model's parameters: secret in strict, public in data-oblivious.
    Model,
    /// Rows, or what was computed from them: always secret.
    Rows,
    /// Where results go.
    Output,
}

/// The fields of a buffer.
#[derive(Clone, Default)]
pub struct Layout {
    fields: Vec<(Class, usize)>,
}

impl Layout {
    /// Adds a field of some bytes.
    #[must_use]
    pub fn with(mut self, class: Class, bytes: usize) -> Self {
        self.fields.push((class, bytes));
        self
    }

    /// Bytes of the buffer.
    pub fn bytes(&self) -> usize {
        self.fields.iter().map(|&(_, bytes)| bytes.next_multiple_of(LINE)).sum()
    }

    /// A buffer, on cache lines.
    pub fn buffer(&self) -> Vec<Line> {
        vec![Line::default(); self.bytes() / LINE]
    }

    /// One secret: the bytes of all fields but outputs, in order. Outputs start as zeros.
    ///
    /// # Panics
    /// Where a field has another length.
    pub fn secret(&self, values: &[Vec<u8>]) -> Vec<u8> {
        let mut values = values.iter();
        let mut secret = Vec::with_capacity(self.bytes());
        for &(class, bytes) in &self.fields {
            match class {
                Class::Output => secret.resize(secret.len() + bytes, 0),
                _ => {
                    let value = values.next().expect("a value for each field");
                    assert_eq!(value.len(), bytes, "secrets have one length");
                    secret.extend_from_slice(value);
                }
            }
            secret.resize(secret.len().next_multiple_of(LINE), 0);
        }
        assert!(values.next().is_none(), "a field for each value");
        secret
    }

    /// Where the secret bytes are.
    pub fn secret_ranges(&self, model_is_secret: bool) -> Vec<Range<usize>> {
        self.ranges(|class| class == Class::Rows || (class == Class::Model && model_is_secret))
    }

    fn ranges(&self, wanted: impl Fn(Class) -> bool) -> Vec<Range<usize>> {
        let mut start = 0;
        let mut found = Vec::new();
        for &(class, bytes) in &self.fields {
            if wanted(class) {
                found.push(start..start + bytes);
            }
            start += bytes.next_multiple_of(LINE);
        }
        found
    }

    /// Where each field is.
    pub fn ranges_of_all(&self) -> Vec<Range<usize>> {
        self.ranges(|_| true)
    }

    /// The fields of a buffer, in order.
    pub fn split<'a, const N: usize>(&self, mut buffer: &'a mut [u8]) -> [&'a mut [u8]; N] {
        let mut fields = self.fields.iter();
        std::array::from_fn(|_| {
            let &(_, bytes) = fields.next().expect("as many fields as asked for");
            let (field, rest) =
                std::mem::take(&mut buffer).split_at_mut(bytes.next_multiple_of(LINE));
            buffer = rest;
            &mut field[..bytes]
        })
    }
}
