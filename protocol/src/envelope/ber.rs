//! The one shape of BER that KMS writes, and no other. Borrowed bytes in, no recursion over what is read.

/// The parts of an envelope.
pub(super) struct Envelope<'a> {
    /// Which key it is for.
    pub(super) recipient: [u8; 32],
    /// The content's key, encrypted.
    pub(super) encrypted_key: &'a [u8],
    pub(super) iv: [u8; 16],
    /// The content, its chunks put together.
    pub(super) content: Vec<u8>,
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;
/// `[0]`, constructed and primitive.
const ZERO: u8 = 0xa0;
const ZERO_PRIMITIVE: u8 = 0x80;

const ENVELOPED_DATA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03];
const DATA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const AES_256_CBC: [u8; 9] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a];
/// `AlgorithmIdentifier` of RSA-OAEP with SHA-256, and with MGF1 of SHA-256: what stands in its SEQUENCE.
const OAEP: [u8; 60] = [
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07, 0x30, 0x2f, 0xa0, 0x0f, 0x30,
    0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xa1, 0x1c,
    0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06,
    0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
];

impl<'a> Envelope<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut input = bytes;
        let envelope = within(&mut input, SEQUENCE, |content_info| {
            exactly(content_info, OBJECT, &ENVELOPED_DATA)?;
            within(content_info, ZERO, |explicit| within(explicit, SEQUENCE, enveloped_data))
        })?;
        input.is_empty().then_some(envelope)
    }
}

fn enveloped_data<'a>(input: &mut &'a [u8]) -> Option<Envelope<'a>> {
    exactly(input, INTEGER, &[2])?;
    let (recipient, encrypted_key) = within(input, SET, |set| {
        within(set, SEQUENCE, |recipient| {
            exactly(recipient, INTEGER, &[2])?;
            let identifier = *primitive(recipient, ZERO_PRIMITIVE)?.as_array()?;
            exactly(recipient, SEQUENCE, &OAEP)?;
            Some((identifier, primitive(recipient, OCTETS)?))
        })
    })?;
    let (iv, content) = within(input, SEQUENCE, |info| {
        exactly(info, OBJECT, &DATA)?;
        let iv = within(info, SEQUENCE, |cipher| {
            exactly(cipher, OBJECT, &AES_256_CBC)?;
            Some(*primitive(cipher, OCTETS)?.as_array()?)
        })?;
        Some((iv, within(info, ZERO, chunks)?))
    })?;
    Some(Envelope { recipient, encrypted_key, iv, content })
}

/// One chunk or more, to the end.
fn chunks(input: &mut &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    while !input.is_empty() && !input.starts_with(&[0, 0]) {
        content.extend_from_slice(primitive(input, OCTETS)?);
    }
    (!content.is_empty()).then_some(content)
}

/// A constructed value: its parts, to its very end, whether its length was told or not.
fn within<'a, T>(
    input: &mut &'a [u8],
    tag: u8,
    parts: impl FnOnce(&mut &'a [u8]) -> Option<T>,
) -> Option<T> {
    let (&[found, first], rest) = input.split_first_chunk()?;
    if found != tag {
        return None;
    }
    if first == 0x80 {
        *input = rest;
        let value = parts(input)?;
        *input = input.strip_prefix(&[0, 0])?;
        return Some(value);
    }
    let mut inside = primitive(input, tag)?;
    let value = parts(&mut inside)?;
    inside.is_empty().then_some(value)
}

/// A value of a length that was told, in as few bytes as it takes.
fn primitive<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (&[found, first], rest) = input.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => {
            let (&length, rest) = rest.split_first()?;
            (usize::from(length), rest)
        }
        0x82 => {
            let (&length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(length)), rest)
        }
        _ => return None,
    };
    let shortest = match first {
        0x81 => length > 0x7f,
        0x82 => length > 0xff,
        _ => true,
    };
    if !shortest {
        return None;
    }
    let (value, rest) = rest.split_at_checked(length)?;
    if found != tag {
        return None;
    }
    *input = rest;
    Some(value)
}

fn exactly(input: &mut &[u8], tag: u8, value: &[u8]) -> Option<()> {
    (primitive(input, tag)? == value).then_some(())
}
