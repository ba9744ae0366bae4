//! The public half of a rule as flat words and names: the header of format version 2.
//!
//! Everything is a stream of 64-bit words: counts before lists, a code before each variant. A count
//! is held against the words that are left before anything is allocated for it, and a header that
//! is not consumed to its end is refused. The headers of the models that a rule calls are those of
//! version 1, one after the other.

use super::MAX_HEADER;
use super::header::Header;
use crate::bytes;
use bincode::{Decode, Encode};
use engine::rule::{
    Answer, Binary, Cell, Feature, Fold, InputShape, Instruction, Kind, Number, Per, Rounding,
    RuleFace, RuleShape, Section, ValueFace, Wide,
};
use engine::{Output, Schema, Shape};

#[derive(Encode, Decode)]
pub(super) struct RuleHeader {
    words: Vec<u64>,
    /// End of each name in `text`: parties, inputs, parameters, outputs.
    name_ends: Vec<u32>,
    text: Vec<u8>,
    /// End of each model's header in `models`.
    model_ends: Vec<u32>,
    models: Vec<u8>,
}

const BINARIES: [Binary; 17] = [
    Binary::Add,
    Binary::Sub,
    Binary::Mul,
    Binary::And,
    Binary::Or,
    Binary::Xor,
    Binary::Less,
    Binary::AtMost,
    Binary::Equal,
    Binary::Min,
    Binary::Max,
    Binary::AddSaturating,
    Binary::SubSaturating,
    Binary::MulSaturating,
    Binary::AddOverflows,
    Binary::SubOverflows,
    Binary::MulOverflows,
];
const WIDES: [Wide; 5] = [Wide::Add, Wide::Sub, Wide::Mul, Wide::Less, Wide::Equal];
const FOLDS: [Fold; 5] = [Fold::Sum, Fold::And, Fold::Or, Fold::Min, Fold::Max];
const NUMBERS: [Number; 4] = [Number::Integer, Number::Truth, Number::F32, Number::F64];
const PERS: [Per; 2] = [Per::Row, Per::Once];
const ROUNDINGS: [Rounding; 2] = [Rounding::Truncate, Rounding::Floor];
const FEATURES: [Feature; 2] = [Feature::Key, Feature::Integer];
const OUTPUTS: [Output; 4] =
    [Output::Margin, Output::Probability, Output::Prediction, Output::Label];

impl RuleHeader {
    /// `None` where a model's header is larger than a header may be.
    pub(super) fn from_shape(rule: &RuleShape) -> Option<Self> {
        let mut out = Writer::default();
        out.words.extend([rule.most_rows, u64::from(rule.scalars), u64::from(rule.row_outputs)]);
        out.list(&rule.inputs, |out, input| {
            out.code(&PERS, &input.per);
            out.code(&NUMBERS, &input.number);
            out.signed(input.low);
            out.signed(input.high);
        });
        out.list(&rule.constants, |out, &constant| out.signed(constant));
        out.list(&rule.parameters, |out, &(low, high)| {
            out.signed(low);
            out.signed(high);
        });
        out.list(&rule.once_outputs, |out, &scalar| out.word(scalar));
        for section in rule.sections() {
            out.word(section.lanes);
            out.list(&section.code, Writer::instruction);
        }
        out.list(&rule.face.parties, |out, party| out.name(party));
        for values in [&rule.face.inputs, &rule.face.parameters, &rule.face.outputs] {
            out.list(values, Writer::face);
        }
        let mut models = Vec::new();
        let mut model_ends = Vec::new();
        for (shape, schema) in &rule.models {
            models.extend(bytes::encode::<_, MAX_HEADER>(&Header::from_parts(shape, schema))?);
            model_ends.push(u32::try_from(models.len()).ok()?);
        }
        let Writer { words, name_ends, text } = out;
        Some(Self { words, name_ends, text, model_ends, models })
    }

    /// `None` for anything that `from_shape` does not write.
    pub(super) fn into_shape(self) -> Option<RuleShape> {
        let mut models = Vec::with_capacity(self.model_ends.len());
        let mut start = 0;
        for &end in &self.model_ends {
            let header = self.models.get(start..end as usize)?;
            let header: Header = bytes::decode::<_, MAX_HEADER>(header)?;
            models.push(header.into_parts()?);
            start = end as usize;
        }
        if start != self.models.len() {
            return None;
        }
        let mut read = Reader {
            words: &self.words,
            name_ends: &self.name_ends,
            text: &self.text,
            name_start: 0,
        };
        let rule = read.rule(models)?;
        let consumed = read.words.is_empty()
            && read.name_ends.is_empty()
            && read.name_start == self.text.len();
        consumed.then_some(rule)
    }
}

#[derive(Default)]
struct Writer {
    words: Vec<u64>,
    name_ends: Vec<u32>,
    text: Vec<u8>,
}

impl Writer {
    fn word(&mut self, word: impl Into<u64>) {
        self.words.push(word.into());
    }

    fn signed(&mut self, word: i64) {
        self.words.push(word.cast_unsigned());
    }

    fn code<T: PartialEq>(&mut self, all: &[T], one: &T) {
        let code = all.iter().position(|other| other == one).unwrap_or(usize::MAX);
        self.words.push(code as u64);
    }

    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.words.push(items.len() as u64);
        for item in items {
            each(self, item);
        }
    }

    fn name(&mut self, name: &String) {
        self.text.extend(name.as_bytes());
        self.name_ends.push(self.text.len() as u32);
    }

    fn face(&mut self, value: &ValueFace) {
        self.name(&value.name);
        self.word(value.party);
        self.code(&PERS, &value.per);
        let (kind, bits) = match value.kind {
            Kind::Bool => (0, 0),
            Kind::I64 => (1, 0),
            Kind::Fixed(bits) => (2, bits),
            Kind::U256 => (3, 0),
            Kind::F32 => (4, 0),
            Kind::F64 => (5, 0),
        };
        self.words.extend([kind, u64::from(bits), u64::from(value.length.unwrap_or(0))]);
    }

    fn cell(&mut self, cell: &Cell) {
        self.word(match *cell {
            Cell::Lane(lane) => u64::from(lane),
            Cell::Scalar(scalar) => 1 << 32 | u64::from(scalar),
        });
    }

    fn cells(&mut self, cells: &[Cell]) {
        self.list(cells, Self::cell);
    }

    fn four(&mut self, cells: &[Cell; 4]) {
        cells.iter().for_each(|cell| self.cell(cell));
    }

    fn instruction(&mut self, instruction: &Instruction) {
        match instruction {
            Instruction::Load { column, into } => {
                self.words.extend([0, u64::from(*column), u64::from(*into)]);
            }
            Instruction::Binary { op, a, b, into } => {
                self.word(1u32);
                self.code(&BINARIES, op);
                self.cell(a);
                self.cell(b);
                self.word(*into);
            }
            Instruction::Select { mask, yes, no, into } => {
                self.word(2u32);
                [mask, yes, no].into_iter().for_each(|cell| self.cell(cell));
                self.word(*into);
            }
            Instruction::Divide { a, by, rounding, into } => {
                self.word(3u32);
                self.cell(a);
                self.signed(*by);
                self.code(&ROUNDINGS, rounding);
                self.word(*into);
            }
            Instruction::Lookup { index, from, into } => {
                self.word(4u32);
                self.cell(index);
                self.cells(from);
                self.word(*into);
            }
            Instruction::Member { a, of, into } => {
                self.word(5u32);
                self.cell(a);
                self.cells(of);
                self.word(*into);
            }
            Instruction::Wide { op, a, b, into } => {
                self.word(6u32);
                self.code(&WIDES, op);
                self.four(a);
                self.four(b);
                self.list(into, |out, &lane| out.word(lane));
            }
            Instruction::WideMember { a, of, into } => {
                self.word(7u32);
                self.four(a);
                self.list(of, Self::four);
                self.word(*into);
            }
            Instruction::Model { model, output, features, answer, into } => {
                self.word(8u32);
                self.word(*model);
                self.code(&OUTPUTS, output);
                self.list(features, |out, (cell, feature)| {
                    out.cell(cell);
                    out.code(&FEATURES, feature);
                });
                match *answer {
                    Answer::Key => self.word(0u32),
                    Answer::Class => self.word(1u32),
                    Answer::Fixed { bits, low, high } => {
                        self.word(2u32);
                        self.word(bits);
                        self.signed(low);
                        self.signed(high);
                    }
                }
                self.list(into, |out, &lane| out.word(lane));
            }
            Instruction::Fold { fold, a, into } => {
                self.word(9u32);
                self.code(&FOLDS, fold);
                self.cell(a);
                self.word(*into);
            }
            Instruction::FoldFirst { fold, a, best, row } => {
                self.word(10u32);
                self.code(&FOLDS, fold);
                self.cell(a);
                self.word(*best);
                self.word(*row);
            }
            Instruction::Emit { a, output } => {
                self.word(11u32);
                self.cell(a);
                self.word(*output);
            }
        }
    }
}

struct Reader<'a> {
    words: &'a [u64],
    name_ends: &'a [u32],
    text: &'a [u8],
    name_start: usize,
}

impl Reader<'_> {
    fn word(&mut self) -> Option<u64> {
        let (&word, rest) = self.words.split_first()?;
        self.words = rest;
        Some(word)
    }

    fn index(&mut self) -> Option<u32> {
        u32::try_from(self.word()?).ok()
    }

    fn signed(&mut self) -> Option<i64> {
        self.word().map(u64::cast_signed)
    }

    fn code<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(usize::try_from(self.word()?).ok()?).copied()
    }

    /// A list; each item takes a word at least, so a count above the words left is refused.
    fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = usize::try_from(self.word()?).ok()?;
        if count > self.words.len() + self.name_ends.len() {
            return None;
        }
        (0..count).map(|_| each(self)).collect()
    }

    fn name(&mut self) -> Option<String> {
        let (&end, rest) = self.name_ends.split_first()?;
        let name = self.text.get(self.name_start..end as usize)?;
        self.name_ends = rest;
        self.name_start = end as usize;
        Some(std::str::from_utf8(name).ok()?.to_owned())
    }

    fn rule(&mut self, models: Vec<(Shape, Schema)>) -> Option<RuleShape> {
        Some(RuleShape {
            most_rows: self.word()?,
            scalars: self.index()?,
            row_outputs: self.index()?,
            inputs: self.list(|read| {
                Some(InputShape {
                    per: read.code(&PERS)?,
                    number: read.code(&NUMBERS)?,
                    low: read.signed()?,
                    high: read.signed()?,
                })
            })?,
            constants: self.list(Self::signed)?,
            parameters: self.list(|read| Some((read.signed()?, read.signed()?)))?,
            once_outputs: self.list(Self::index)?,
            setup: self.section()?,
            rows: self.section()?,
            finish: self.section()?,
            face: RuleFace {
                parties: self.list(Self::name)?,
                inputs: self.list(Self::face)?,
                parameters: self.list(Self::face)?,
                outputs: self.list(Self::face)?,
            },
            models,
        })
    }

    fn section(&mut self) -> Option<Section> {
        Some(Section { lanes: self.index()?, code: self.list(Self::instruction)? })
    }

    fn face(&mut self) -> Option<ValueFace> {
        Some(ValueFace {
            name: self.name()?,
            party: self.index()?,
            per: self.code(&PERS)?,
            kind: match (self.word()?, self.word()?) {
                (0, 0) => Kind::Bool,
                (1, 0) => Kind::I64,
                (2, bits) => Kind::Fixed(u8::try_from(bits).ok()?),
                (3, 0) => Kind::U256,
                (4, 0) => Kind::F32,
                (5, 0) => Kind::F64,
                _ => return None,
            },
            length: match self.index()? {
                0 => None,
                length => Some(length),
            },
        })
    }

    fn cell(&mut self) -> Option<Cell> {
        let word = self.word()?;
        match word >> 32 {
            0 => Some(Cell::Lane(word as u32)),
            1 => Some(Cell::Scalar(word as u32)),
            _ => None,
        }
    }

    fn four(&mut self) -> Option<[Cell; 4]> {
        Some([self.cell()?, self.cell()?, self.cell()?, self.cell()?])
    }

    fn instruction(&mut self) -> Option<Instruction> {
        Some(match self.word()? {
            0 => Instruction::Load { column: self.index()?, into: self.index()? },
            1 => Instruction::Binary {
                op: self.code(&BINARIES)?,
                a: self.cell()?,
                b: self.cell()?,
                into: self.index()?,
            },
            2 => Instruction::Select {
                mask: self.cell()?,
                yes: self.cell()?,
                no: self.cell()?,
                into: self.index()?,
            },
            3 => Instruction::Divide {
                a: self.cell()?,
                by: self.signed()?,
                rounding: self.code(&ROUNDINGS)?,
                into: self.index()?,
            },
            4 => Instruction::Lookup {
                index: self.cell()?,
                from: self.list(Self::cell)?,
                into: self.index()?,
            },
            5 => Instruction::Member {
                a: self.cell()?,
                of: self.list(Self::cell)?,
                into: self.index()?,
            },
            6 => Instruction::Wide {
                op: self.code(&WIDES)?,
                a: self.four()?,
                b: self.four()?,
                into: self.list(Self::index)?,
            },
            7 => Instruction::WideMember {
                a: self.four()?,
                of: self.list(Self::four)?,
                into: self.index()?,
            },
            8 => Instruction::Model {
                model: self.index()?,
                output: self.code(&OUTPUTS)?,
                features: self.list(|read| Some((read.cell()?, read.code(&FEATURES)?)))?,
                answer: match self.word()? {
                    0 => Answer::Key,
                    1 => Answer::Class,
                    2 => Answer::Fixed {
                        bits: u8::try_from(self.word()?).ok()?,
                        low: self.signed()?,
                        high: self.signed()?,
                    },
                    _ => return None,
                },
                into: self.list(Self::index)?,
            },
            9 => {
                Instruction::Fold { fold: self.code(&FOLDS)?, a: self.cell()?, into: self.index()? }
            }
            10 => Instruction::FoldFirst {
                fold: self.code(&FOLDS)?,
                a: self.cell()?,
                best: self.index()?,
                row: self.index()?,
            },
            11 => Instruction::Emit { a: self.cell()?, output: self.index()? },
            _ => return None,
        })
    }
}
