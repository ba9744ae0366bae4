//! The values of a rule as a graph of engine operations, each made once.
//!
//! A node's number is above those of its operands. Operations on public numbers are done here and
//! leave constants; everything else is left to the engine.

use engine::Output;
use engine::rule::{Answer, Binary, Feature, Fold, Rounding, Wide};
use std::collections::HashMap;

/// A node's number.
pub(crate) type Id = u32;

/// When a value is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Level {
    /// When the rule is compiled.
    Public,
    /// Before the rows.
    Once,
    /// For each row.
    Row,
    /// After the rows.
    After,
}

/// What a node is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Op {
    Constant(i64),
    Parameter(u32),
    Load(u32),
    Binary(Binary),
    Select,
    Divide(i64, Rounding),
    Lookup,
    Member,
    Wide(Wide),
    WideMember,
    Model {
        model: u32,
        output: Output,
        features: Vec<Feature>,
        answer: Answer,
        values: u32,
    },
    Fold(Fold),
    FoldFirst(Fold),
    /// One of several results of its operand.
    Part(u32),
}

pub(crate) struct Node {
    pub(crate) op: Op,
    pub(crate) operands: Vec<Id>,
    pub(crate) level: Level,
}

/// Most nodes: bounds what a short text can ask for.
const MAX_NODES: usize = 1 << 19;

#[derive(Default)]
pub(crate) struct Graph {
    nodes: Vec<Node>,
    known: HashMap<(Op, Vec<Id>), Id>,
    /// Nodes and operands so far.
    size: usize,
}

impl Graph {
    pub(crate) fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether it has grown past what one rule may ask for. The checker looks once in a while.
    pub(crate) fn too_large(&self) -> bool {
        self.size > MAX_NODES
    }

    pub(crate) fn level(&self, id: Id) -> Level {
        self.node(id).level
    }

    /// The number, where it is public.
    pub(crate) fn public(&self, id: Id) -> Option<i64> {
        match self.node(id).op {
            Op::Constant(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn constant(&mut self, value: i64) -> Id {
        self.put(Op::Constant(value), Vec::new(), Level::Public)
    }

    pub(crate) fn parameter(&mut self, number: u32) -> Id {
        self.put(Op::Parameter(number), Vec::new(), Level::Once)
    }

    pub(crate) fn load(&mut self, column: u32, level: Level) -> Id {
        self.put(Op::Load(column), Vec::new(), level)
    }

    pub(crate) fn binary(&mut self, op: Binary, a: Id, b: Id) -> Id {
        match (self.public(a), self.public(b)) {
            (Some(x), Some(y)) => return self.constant(evaluate(op, x, y)),
            (Some(x), None) => {
                if let Some(id) = self.simpler(op, x, b) {
                    return id;
                }
            }
            (None, Some(y)) => {
                if let Some(id) = self.simpler(op, y, a).filter(|_| commutes(op)) {
                    return id;
                }
                if y == 0 && op == Binary::Sub {
                    return a;
                }
            }
            (None, None) => {}
        }
        // one order of the operands, so that a + b and b + a are one node
        let (a, b) = if commutes(op) && a > b { (b, a) } else { (a, b) };
        self.make(Op::Binary(op), vec![a, b])
    }

    /// `op` of a public number and a node, where it is the node itself.
    fn simpler(&self, op: Binary, number: i64, node: Id) -> Option<Id> {
        match (op, number) {
            (Binary::Add | Binary::Or | Binary::Xor, 0) | (Binary::And, -1) | (Binary::Mul, 1) => {
                Some(node)
            }
            _ => None,
        }
    }

    pub(crate) fn not(&mut self, a: Id) -> Id {
        let ones = self.constant(-1);
        self.binary(Binary::Xor, a, ones)
    }

    pub(crate) fn select(&mut self, mask: Id, yes: Id, no: Id) -> Id {
        match self.public(mask) {
            Some(0) => no,
            Some(_) => yes,
            // even of equal sides: when a value is known must not hang on what it is
            None => self.make(Op::Select, vec![mask, yes, no]),
        }
    }

    pub(crate) fn divide(&mut self, a: Id, by: i64, rounding: Rounding) -> Id {
        match self.public(a) {
            _ if by == 1 => a,
            Some(a) => {
                let (quotient, rest) = (a.wrapping_div(by), a.wrapping_rem(by));
                let down = rounding == Rounding::Floor && rest != 0 && (rest < 0) != (by < 0);
                self.constant(quotient - i64::from(down))
            }
            None => self.make(Op::Divide(by, rounding), vec![a]),
        }
    }

    /// Any other operation.
    pub(crate) fn make(&mut self, op: Op, operands: Vec<Id>) -> Id {
        let levels = operands.iter().map(|&id| self.level(id));
        let level = match op {
            Op::Fold(_) | Op::FoldFirst(_) => Level::After,
            // even of constants: only the engine does it
            _ => levels.max().unwrap_or(Level::Once).max(Level::Once),
        };
        self.put(op, operands, level)
    }

    fn put(&mut self, op: Op, operands: Vec<Id>, level: Level) -> Id {
        let id = self.nodes.len() as Id;
        let key = (op, operands);
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        self.size += 1 + key.1.len();
        self.nodes.push(Node { op: key.0.clone(), operands: key.1.clone(), level });
        self.known.insert(key, id);
        id
    }
}

fn commutes(op: Binary) -> bool {
    !matches!(
        op,
        Binary::Sub | Binary::Less | Binary::AtMost | Binary::SubSaturating | Binary::SubOverflows
    )
}

/// What the engine does, on public numbers.
fn evaluate(op: Binary, a: i64, b: i64) -> i64 {
    let truth = |is: bool| if is { -1 } else { 0 };
    match op {
        Binary::Add => a.wrapping_add(b),
        Binary::Sub => a.wrapping_sub(b),
        Binary::Mul => a.wrapping_mul(b),
        Binary::And => a & b,
        Binary::Or => a | b,
        Binary::Xor => a ^ b,
        Binary::Less => truth(a < b),
        Binary::AtMost => truth(a <= b),
        Binary::Equal => truth(a == b),
        Binary::Min => a.min(b),
        Binary::Max => a.max(b),
        Binary::AddSaturating => a.saturating_add(b),
        Binary::SubSaturating => a.saturating_sub(b),
        Binary::MulSaturating => a.saturating_mul(b),
        Binary::AddOverflows => truth(a.checked_add(b).is_none()),
        Binary::SubOverflows => truth(a.checked_sub(b).is_none()),
        Binary::MulOverflows => truth(a.checked_mul(b).is_none()),
    }
}
