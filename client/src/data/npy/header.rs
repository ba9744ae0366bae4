//! The header of a `.npy` file: a small strict parser for the one dictionary that NumPy writes.

use std::io::Read;

use super::damaged;
use crate::data::error::clip;
use crate::data::fault::Fault;

/// Longest header; NumPy itself trusts 10,000 bytes.
const MAX_HEADER: usize = 1 << 16;
const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// What the header says.
pub(super) struct Header {
    pub(super) item: Item,
    pub(super) fortran: bool,
    pub(super) shape: Vec<u64>,
}

/// The type of one item.
#[derive(Clone, Copy)]
pub(super) struct Item {
    pub(super) kind: Kind,
    pub(super) bytes: usize,
    big_endian: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Float,
    Signed,
    Unsigned,
    Bool,
}

/// Reads magic, version and dictionary; also returns the bytes read.
pub(super) fn read(input: &mut impl Read) -> Result<(Header, u64), Fault> {
    let mut start = [0u8; 8];
    exact(input, &mut start)?;
    if start[..6] != *MAGIC {
        return Err(damaged("the first bytes are not those of an array"));
    }
    let (len, prefix) = match start[6] {
        1 => {
            let mut len = [0u8; 2];
            exact(input, &mut len)?;
            (u16::from_le_bytes(len) as usize, 10)
        }
        2 | 3 => {
            let mut len = [0u8; 4];
            exact(input, &mut len)?;
            (u32::from_le_bytes(len) as usize, 12)
        }
        _ => return Err(damaged("a format version other than 1, 2 and 3")),
    };
    if len > MAX_HEADER {
        return Err(damaged("the header is longer than 65536 bytes"));
    }
    let mut text = vec![0u8; len];
    exact(input, &mut text)?;
    let text = std::str::from_utf8(&text).map_err(|_| damaged("the header is not text"))?;
    Ok((Parser { rest: text }.header()?, (prefix + len) as u64))
}

fn exact(input: &mut impl Read, bytes: &mut [u8]) -> Result<(), Fault> {
    input.read_exact(bytes).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged("the header is cut off"),
        _ => Fault::Read(error),
    })
}

impl Item {
    fn parse(descr: &str) -> Result<Self, Fault> {
        let refused = || Fault::NumberType(clip(descr));
        let (order, rest) = descr.split_at_checked(1).ok_or_else(refused)?;
        let (kind, bytes) = match rest {
            "f4" => (Kind::Float, 4),
            "f8" => (Kind::Float, 8),
            "i1" => (Kind::Signed, 1),
            "i2" => (Kind::Signed, 2),
            "i4" => (Kind::Signed, 4),
            "i8" => (Kind::Signed, 8),
            "u1" => (Kind::Unsigned, 1),
            "u2" => (Kind::Unsigned, 2),
            "u4" => (Kind::Unsigned, 4),
            "u8" => (Kind::Unsigned, 8),
            "b1" => (Kind::Bool, 1),
            _ => return Err(refused()),
        };
        let big_endian = match order {
            "<" => false,
            ">" => true,
            "|" if bytes == 1 => false,
            _ => return Err(refused()),
        };
        Ok(Self { kind, bytes, big_endian })
    }

    /// The number in `bytes`, which are this item's length.
    pub(super) fn value(self, bytes: &[u8]) -> Result<f64, Fault> {
        let mut le = [0u8; 8];
        le[..bytes.len()].copy_from_slice(bytes);
        if self.big_endian {
            le[..bytes.len()].reverse();
        }
        let raw = u64::from_le_bytes(le);
        match (self.kind, self.bytes) {
            (Kind::Float, 4) => Ok(f64::from(f32::from_bits(raw as u32))),
            (Kind::Float, _) => Ok(f64::from_bits(raw)),
            (Kind::Signed, bytes) => {
                let unused = 64 - 8 * bytes as u32;
                exact_float(i128::from((raw << unused) as i64 >> unused))
            }
            (Kind::Unsigned, _) => exact_float(i128::from(raw)),
            (Kind::Bool, _) => Ok(if raw == 0 { 0.0 } else { 1.0 }),
        }
    }
}

/// An integer as f64, if that is exact.
pub(in crate::data) fn exact_float(value: i128) -> Result<f64, Fault> {
    let float = value as f64;
    if float as i128 == value { Ok(float) } else { Err(Fault::Inexact(value)) }
}

/// `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }`, keys in any order, each once.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn header(mut self) -> Result<Header, Fault> {
        let (mut item, mut fortran, mut shape) = (None, None, None);
        self.expect("{")?;
        while !self.take("}") {
            let key = self.string()?;
            self.expect(":")?;
            let fresh = match key {
                "descr" => item.replace(self.descr()?).is_none(),
                "fortran_order" => fortran.replace(self.boolean()?).is_none(),
                "shape" => shape.replace(self.shape()?).is_none(),
                _ => return Err(damaged("an unknown key in the header")),
            };
            if !fresh {
                return Err(damaged("a key twice in the header"));
            }
            if !self.take(",") {
                self.expect("}")?;
                break;
            }
        }
        self.skip_space();
        match (item, fortran, shape, self.rest) {
            (Some(item), Some(fortran), Some(shape), "") => Ok(Header { item, fortran, shape }),
            _ => Err(malformed()),
        }
    }

    fn descr(&mut self) -> Result<Item, Fault> {
        if self.take("[") {
            return Err(Fault::NumberType("of a structured array".into()));
        }
        Item::parse(self.string()?)
    }

    fn boolean(&mut self) -> Result<bool, Fault> {
        if self.take("True") {
            return Ok(true);
        }
        self.expect("False").map(|()| false)
    }

    fn shape(&mut self) -> Result<Vec<u64>, Fault> {
        let mut shape = Vec::new();
        self.expect("(")?;
        while !self.take(")") {
            if shape.len() == 32 {
                return Err(malformed());
            }
            shape.push(self.number()?);
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(shape)
    }

    fn number(&mut self) -> Result<u64, Fault> {
        self.skip_space();
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        digits.parse().map_err(|_| malformed())
    }

    fn string(&mut self) -> Result<&'a str, Fault> {
        let quote = if self.take("'") {
            '\''
        } else {
            self.expect("\"")?;
            '"'
        };
        let (text, rest) = self.rest.split_once(quote).ok_or_else(malformed)?;
        self.rest = rest;
        Ok(text)
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), Fault> {
        if self.take(token) { Ok(()) } else { Err(malformed()) }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\n']);
    }
}

fn malformed() -> Fault {
    damaged("the header is not the dictionary that NumPy writes")
}
