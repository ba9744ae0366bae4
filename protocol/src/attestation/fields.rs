//! Reading CBOR strictly: what minicbor leaves to its caller.

use super::refusal::Refusal;
use minicbor::Decoder;
use minicbor::data::Type;
use minicbor::decode::Error;

/// A decoder's error: another type than expected is a field's fault, all else is CBOR's.
pub(super) fn unreadable(error: Error) -> Refusal {
    if error.is_type_mismatch() { Refusal::Field } else { Refusal::Cbor }
}

/// Nothing may follow.
pub(super) fn end(cbor: &Decoder<'_>, bytes: &[u8]) -> Result<(), Refusal> {
    if cbor.position() == bytes.len() { Ok(()) } else { Err(Refusal::Trailing) }
}

/// Entries of a map or items of an array, whose head has just been read: so many, or up to the break.
pub(super) struct Items(Option<u64>);

impl Items {
    pub(super) fn new(length: Option<u64>) -> Self {
        Self(length)
    }

    /// Whether another one follows.
    pub(super) fn next(&mut self, cbor: &mut Decoder<'_>) -> Result<bool, Refusal> {
        match &mut self.0 {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None if cbor.datatype().map_err(unreadable)? == Type::Break => {
                cbor.skip().map_err(unreadable)?;
                Ok(false)
            }
            None => Ok(true),
        }
    }
}

/// Bytes, so many of them.
pub(super) fn bytes<'a>(
    cbor: &mut Decoder<'a>,
    lengths: std::ops::RangeInclusive<usize>,
) -> Result<&'a [u8], Refusal> {
    let found = cbor.bytes().map_err(unreadable)?;
    if lengths.contains(&found.len()) { Ok(found) } else { Err(Refusal::Field) }
}

/// The same, or nothing.
pub(super) fn optional_bytes<'a>(
    cbor: &mut Decoder<'a>,
    lengths: std::ops::RangeInclusive<usize>,
) -> Result<Option<&'a [u8]>, Refusal> {
    if cbor.datatype().map_err(unreadable)? == Type::Null {
        cbor.null().map_err(unreadable)?;
        return Ok(None);
    }
    bytes(cbor, lengths).map(Some)
}
