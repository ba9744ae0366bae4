//! The one place where bincode is used.
//!
//! bincode 2.0.1 is pinned and unmaintained (`docs/decisions/0002-bincode.md`), so it is kept on a
//! short leash: fixed-width little-endian integers (variable-width ones branch on values), a limit
//! on every decode that caps what it may allocate, all input consumed, and only flat types: integers
//! and byte or integer vectors, no zero-sized elements, no recursion, no strings, no floats.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::{Decode, Encode};

fn config<const LIMIT: usize>() -> Configuration<LittleEndian, Fixint, Limit<LIMIT>> {
    bincode::config::standard().with_fixed_int_encoding().with_limit::<LIMIT>()
}

/// Encodes a flat value; `None` where it is larger than the limit.
pub(crate) fn encode<T: Encode, const LIMIT: usize>(value: &T) -> Option<Vec<u8>> {
    let bytes = bincode::encode_to_vec(value, config::<LIMIT>()).ok()?;
    (bytes.len() <= LIMIT).then_some(bytes)
}

/// Decodes a flat value from exactly these bytes.
pub(crate) fn decode<T: Decode<()>, const LIMIT: usize>(bytes: &[u8]) -> Option<T> {
    if bytes.len() > LIMIT {
        return None;
    }
    let (value, consumed) = bincode::decode_from_slice(bytes, config::<LIMIT>()).ok()?;
    (consumed == bytes.len()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Encode, Decode, PartialEq, Debug)]
    struct Flat {
        a: u32,
        b: Vec<u8>,
    }

    #[test]
    fn refuses_leftovers_short_input_and_claims_over_the_limit() {
        let value = Flat { a: 7, b: vec![1, 2, 3] };
        let bytes = encode::<_, 64>(&value).expect("small");
        assert_eq!(decode::<Flat, 64>(&bytes), Some(value));
        assert_eq!(decode::<Flat, 64>(&bytes[..bytes.len() - 1]), None);
        assert_eq!(decode::<Flat, 64>(&[bytes.as_slice(), &[0]].concat()), None);
        let mut claims = bytes;
        claims[4..12].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(decode::<Flat, 64>(&claims), None);
        assert_eq!(encode::<_, 8>(&Flat { a: 0, b: vec![0; 9] }), None);
    }
}
