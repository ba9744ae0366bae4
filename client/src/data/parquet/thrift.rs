//! Just enough of Thrift's compact protocol to look at a Parquet footer or page header before the
//! Parquet crate trusts the sizes in it. Every read is checked against the bytes that are there.
//!
//! Spec: <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

/// Deepest nesting of structs and lists; a Parquet footer has about ten.
const MAX_DEPTH: u32 = 32;

/// Why a header could not be walked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Broken {
    /// The bytes end in the middle.
    CutOff,
    /// No such type, or nested too deep.
    Malformed,
}

/// A cursor over the bytes of one struct.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A field of a struct: its number and the type that follows.
pub(super) struct Field {
    pub(super) id: i64,
    pub(super) kind: u8,
}

pub(super) const FALSE: u8 = 2;
pub(super) const I32: u8 = 5;
pub(super) const LIST: u8 = 9;
pub(super) const STRUCT: u8 = 12;

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The next field of the current struct, `None` at its end. `last` is the field before.
    pub(super) fn field(&mut self, last: &mut i64) -> Result<Option<Field>, Broken> {
        let byte = self.byte()?;
        if byte == 0 {
            return Ok(None);
        }
        let id = match byte >> 4 {
            0 => self.int()?,
            delta => last.saturating_add(i64::from(delta)),
        };
        *last = id;
        Ok(Some(Field { id, kind: byte & 15 }))
    }

    /// A zigzag integer.
    pub(super) fn int(&mut self) -> Result<i64, Broken> {
        let raw = self.varint()?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    /// A list's length and element type.
    pub(super) fn list(&mut self) -> Result<(u64, u8), Broken> {
        let byte = self.byte()?;
        let len = match byte >> 4 {
            15 => self.varint()?,
            short => u64::from(short),
        };
        // every element takes at least one byte
        if len > (self.bytes.len() - self.at) as u64 {
            return Err(Broken::CutOff);
        }
        Ok((len, byte & 15))
    }

    /// Passes over a value.
    pub(super) fn skip(&mut self, kind: u8) -> Result<(), Broken> {
        self.skip_at(kind, MAX_DEPTH)
    }

    fn skip_at(&mut self, kind: u8, depth: u32) -> Result<(), Broken> {
        let depth = depth.checked_sub(1).ok_or(Broken::Malformed)?;
        match kind {
            1 | 2 => Ok(()),
            3 => self.advance(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.advance(8),
            8 => {
                let len = self.varint()?;
                self.advance(usize::try_from(len).map_err(|_| Broken::CutOff)?)
            }
            9 | 10 => {
                let (len, element) = self.list()?;
                for _ in 0..len {
                    match element {
                        // a boolean is one byte as an element, none as a field
                        1 | 2 => self.advance(1)?,
                        _ => self.skip_at(element, depth)?,
                    }
                }
                Ok(())
            }
            12 => {
                let mut last = 0;
                while let Some(field) = self.field(&mut last)? {
                    self.skip_at(field.kind, depth)?;
                }
                Ok(())
            }
            // maps and UUIDs do not occur in Parquet
            _ => Err(Broken::Malformed),
        }
    }

    fn byte(&mut self) -> Result<u8, Broken> {
        let byte = *self.bytes.get(self.at).ok_or(Broken::CutOff)?;
        self.at += 1;
        Ok(byte)
    }

    fn varint(&mut self) -> Result<u64, Broken> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte & 128 == 0 {
                return Ok(value);
            }
        }
        Err(Broken::Malformed)
    }

    fn advance(&mut self, bytes: usize) -> Result<(), Broken> {
        let end = self.at.checked_add(bytes).filter(|&end| end <= self.bytes.len());
        self.at = end.ok_or(Broken::CutOff)?;
        Ok(())
    }
}
