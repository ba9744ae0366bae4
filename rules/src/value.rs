//! Typed values of the checker: nodes with ranges.

use crate::error::{At, Checked, RuleError, clip};
use crate::graph::{Graph, Id, Level};
use crate::number::{NumberFault, cells};
use engine::rule::Kind;

/// One value: its nodes (one, or the four words of a u256) and where its cell lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) nodes: [Id; 4],
    pub(crate) low: i64,
    pub(crate) high: i64,
}

impl Item {
    pub(crate) fn one(node: Id, low: i64, high: i64) -> Self {
        Self { nodes: [node; 4], low, high }
    }

    pub(crate) fn truth(node: Id) -> Self {
        Self::one(node, -1, 0)
    }

    pub(crate) fn wide(nodes: [Id; 4]) -> Self {
        Self { nodes, low: i64::MIN, high: i64::MAX }
    }

    pub(crate) fn node(self) -> Id {
        self.nodes[0]
    }
}

/// A value or vector of a known type.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) kind: Kind,
    /// Entries of a vector.
    pub(crate) length: Option<u32>,
    pub(crate) items: Vec<Item>,
    /// All ones where a checked operation behind it overflowed.
    pub(crate) flag: Option<Id>,
}

impl Value {
    pub(crate) fn one(kind: Kind, item: Item) -> Self {
        Self { kind, length: None, items: vec![item], flag: None }
    }

    pub(crate) fn level(&self, graph: &Graph) -> Level {
        let nodes = self.items.iter().flat_map(|item| item.nodes);
        nodes.chain(self.flag).map(|node| graph.level(node)).max().unwrap_or(Level::Public)
    }

    pub(crate) fn describe(&self) -> String {
        match self.length {
            None => kind_name(self.kind),
            Some(length) => format!("{}[{length}]", kind_name(self.kind)),
        }
    }
}

/// What an expression is before its neighbours are known.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    /// Numbers without a type of their own.
    Plain { texts: Vec<(At, String)>, length: Option<u32> },
    /// A value.
    Typed(Value),
}

impl Operand {
    pub(crate) fn length(&self) -> Option<u32> {
        match self {
            Operand::Plain { length, .. } => *length,
            Operand::Typed(value) => value.length,
        }
    }
}

pub(crate) fn kind_name(kind: Kind) -> String {
    match kind {
        Kind::Bool => "bool".into(),
        Kind::I64 => "i64".into(),
        Kind::Fixed(bits) => format!("fixed({bits})"),
        Kind::U256 => "u256".into(),
        Kind::F32 => "f32".into(),
        Kind::F64 => "f64".into(),
    }
}

/// A written number as a public item of a type.
pub(crate) fn literal(graph: &mut Graph, kind: Kind, at: At, text: &str) -> Checked<Item> {
    if kind == Kind::Bool {
        let what = format!("the number {} where a bool is wanted", clip(text));
        return Err(RuleError::new(at, what, "write TRUE or FALSE, or a comparison"));
    }
    let cells = cells(kind, text).map_err(|fault| {
        let what = format!("{} is {} ({})", clip(text), fault.text(), kind_name(kind));
        let mend = match (fault, kind) {
            (NumberFault::Fraction, _) => "round it, or declare the value as fixed(p)",
            (_, Kind::U256) => "write a whole number below 2^256, without a sign",
            _ => "write a smaller or shorter number",
        };
        RuleError::new(at, what, mend)
    })?;
    Ok(match cells[..] {
        [a, b, c, d] => Item::wide([a, b, c, d].map(|word| graph.constant(word))),
        _ => Item::one(graph.constant(cells[0]), cells[0], cells[0]),
    })
}
