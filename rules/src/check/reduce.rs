//! Many values to few: over the entries of a vector, or over all rows.

use super::Checker;
use crate::ast::{Expr, Operator};
use crate::error::{At, Checked, RuleError};
use crate::graph::{Id, Level, Op};
use crate::value::{Item, Operand, Value};
use engine::rule::{Binary, Fold, Kind};

/// Longest vector that is sorted: its network has about n log² n / 4 exchanges.
const MAX_SORT: u32 = 1024;

impl Checker<'_> {
    pub(super) fn reduce(&mut self, at: At, name: &str, arguments: &[Expr]) -> Checked<Value> {
        if name == "dot" {
            let [a, b] = arguments else { return Err(count(at, name, 2)) };
            return self.dot(at, a, b);
        }
        let [argument] = arguments else {
            let mut error = count(at, name, 1);
            if matches!(name, "min" | "max") {
                error.mend = format!(
                    "write {}(a, b), or {name}([a, b])",
                    if name == "min" { "least" } else { "greatest" }
                );
            } else if name == "sum" {
                error.mend = "write a + b, or sum([a, b])".into();
            }
            return Err(error);
        };
        let operand = self.expression(argument)?;
        let value = match (name, operand) {
            ("count" | "any" | "all", operand) => self.coerce(operand, Kind::Bool, argument.at)?,
            (_, operand @ Operand::Plain { .. }) | (_, operand) => {
                self.typed(operand, argument.at)?
            }
        };
        match (name, value.length) {
            ("sort", Some(_)) => self.sort(at, value, Operator::Less),
            ("sort_desc", Some(_)) => self.sort(at, value, Operator::Greater),
            ("sort" | "sort_desc", None) => {
                let what = "sort of a single value";
                Err(RuleError::new(at, what, "rows are never sorted: give a vector"))
            }
            (_, Some(_)) => self.over_entries(at, name, value),
            (_, None) => self.over_rows(at, name, value),
        }
    }

    fn over_entries(&mut self, at: At, name: &str, value: Value) -> Checked<Value> {
        let flag = value.flag;
        let items = &value.items;
        let (kind, item) = match name {
            "sum" => {
                self.computable(at, name, value.kind)?;
                let mut sum = items[0];
                for &next in &items[1..] {
                    sum = self.arithmetic(at, Operator::Add, sum, next)?;
                }
                (value.kind, sum)
            }
            "count" => {
                let mut sum = self.graph.constant(0);
                for item in items {
                    // a truth value is minus one
                    sum = self.graph.binary(Binary::Sub, sum, item.node());
                }
                (Kind::I64, Item::one(sum, 0, items.len() as i64))
            }
            "any" | "all" => {
                let op = if name == "any" { Binary::Or } else { Binary::And };
                let nodes: Vec<Id> = items.iter().map(|item| item.node()).collect();
                let mut found = nodes[0];
                for &next in &nodes[1..] {
                    found = self.graph.binary(op, found, next);
                }
                (Kind::Bool, Item::truth(found))
            }
            "min" | "max" => {
                let operator = if name == "min" { Operator::Less } else { Operator::Greater };
                let single = |item: Item| Value::one(value.kind, item);
                let mut best = single(items[0]);
                for &next in &items[1..] {
                    best = self.extreme_of(at, operator, &best, &single(next))?;
                }
                (value.kind, best.items[0])
            }
            _ => {
                let operator = if name == "argmin" { Operator::Less } else { Operator::Greater };
                if value.kind == Kind::Bool {
                    return Err(RuleError::new(
                        at,
                        format!("{name} of bool"),
                        "convert it: int(x)",
                    ));
                }
                let mut best = Value::one(value.kind, items[0]);
                let mut place = Item::one(self.graph.constant(0), 0, 0);
                for (number, &next) in items.iter().enumerate().skip(1) {
                    let next = Value::one(value.kind, next);
                    let better = self.compare(at, operator, &next, &best)?;
                    best = self.choose(at, &better, &next, &best)?;
                    let number = number as i64;
                    let here = Item::one(self.graph.constant(number), number, number);
                    place = self.choose_item(Kind::I64, better.items[0].node(), here, place);
                }
                (Kind::I64, Item { low: 0, high: items.len() as i64 - 1, ..place })
            }
        };
        Ok(Value { flag, ..Value::one(kind, item) })
    }

    fn over_rows(&mut self, at: At, name: &str, value: Value) -> Checked<Value> {
        if value.level(&self.graph) != Level::Row {
            let what = format!("{name} over rows of a value that stands once");
            let mend = "give a value of each row, or a vector";
            return Err(RuleError::new(at, what, mend));
        }
        let rows = i128::from(self.rows());
        let item = value.items[0];
        let fold = |checker: &mut Self, fold, node| checker.graph.make(Op::Fold(fold), vec![node]);
        if value.kind == Kind::U256 {
            let what = format!("{name} over rows of u256");
            return Err(RuleError::new(at, what, "u256 is reduced over vectors only"));
        }
        let flag = value.flag.map(|flag| fold(self, Fold::Or, flag));
        let (kind, item) = match name {
            "sum" => {
                self.computable(at, name, value.kind)?;
                let (low, high) = (i128::from(item.low), i128::from(item.high));
                // at least one row
                let ends = (low.min(low * rows), high.max(high * rows));
                let (low, high) = self.fits(at, "sum", ends.0, ends.1)?;
                (value.kind, Item::one(fold(self, Fold::Sum, item.node()), low, high))
            }
            "count" => {
                let minus = fold(self, Fold::Sum, item.node());
                let zero = self.graph.constant(0);
                let node = self.graph.binary(Binary::Sub, zero, minus);
                (Kind::I64, Item::one(node, 0, rows as i64))
            }
            "any" => (Kind::Bool, Item::truth(fold(self, Fold::Or, item.node()))),
            "all" => (Kind::Bool, Item::truth(fold(self, Fold::And, item.node()))),
            _ if value.kind == Kind::Bool => {
                return Err(RuleError::new(at, format!("{name} of bool"), "write any or all"));
            }
            "min" | "max" => {
                let how = if name == "min" { Fold::Min } else { Fold::Max };
                (value.kind, Item::one(fold(self, how, item.node()), item.low, item.high))
            }
            _ => {
                let how = if name == "argmin" { Fold::Min } else { Fold::Max };
                let both = self.graph.make(Op::FoldFirst(how), vec![item.node()]);
                let place = self.graph.make(Op::Part(1), vec![both]);
                (Kind::I64, Item::one(place, 0, rows as i64 - 1))
            }
        };
        Ok(Value { flag, ..Value::one(kind, item) })
    }

    fn dot(&mut self, at: At, a: &Expr, b: &Expr) -> Checked<Value> {
        let (a, b) = (self.expression(a)?, self.expression(b)?);
        let (a, b) = self.factors(a, b, at)?;
        if a.length.is_none() || a.length != b.length {
            let what = format!("dot of {} and {}", a.describe(), b.describe());
            return Err(RuleError::new(at, what, "give two vectors of one length"));
        }
        let kind = self.product_kind(at, a.kind, b.kind)?;
        let products = self
            .zip(at, &a, &b, kind, |checker, a, b| checker.arithmetic(at, Operator::Mul, a, b))?;
        self.over_entries(at, "sum", products)
    }

    /// Batcher's odd-even merge sort: a fixed sequence of exchanges.
    fn sort(&mut self, at: At, mut value: Value, first: Operator) -> Checked<Value> {
        let length = value.items.len();
        if length > MAX_SORT as usize {
            let what = format!("sort of {length} entries");
            return Err(RuleError::new(at, what, format!("sort at most {MAX_SORT}")));
        }
        if value.kind == Kind::Bool {
            return Err(RuleError::new(at, "sort of bool", "convert it: int(x)"));
        }
        let last = if first == Operator::Less { Operator::Greater } else { Operator::Less };
        for (i, j) in exchanges(length) {
            let [a, b] = [i, j].map(|place| Value::one(value.kind, value.items[place]));
            let (lower, upper) = if value.kind == Kind::U256 {
                // one comparison for both
                let when = self.compare(at, first, &b, &a)?;
                (self.choose(at, &when, &b, &a)?, self.choose(at, &when, &a, &b)?)
            } else {
                (self.extreme_of(at, first, &a, &b)?, self.extreme_of(at, last, &a, &b)?)
            };
            value.items[i] = lower.items[0];
            value.items[j] = upper.items[0];
        }
        Ok(value)
    }
}

fn count(at: At, name: &str, arguments: usize) -> RuleError {
    let what = format!("{name} with another number of arguments than {arguments}");
    RuleError::new(at, what, format!("give {arguments}"))
}

/// Pairs (i, j), i < j: after all of them the entry at i is before the one at j.
fn exchanges(length: usize) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut p = 1;
    while p < length {
        let mut k = p;
        while k >= 1 {
            for j in (k % p..length.saturating_sub(k)).step_by(2 * k) {
                for i in j..(j + k).min(length - k) {
                    if i / (2 * p) == (i + k) / (2 * p) {
                        pairs.push((i, i + k));
                    }
                }
            }
            k /= 2;
        }
        p *= 2;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::exchanges;

    /// A network sorts everything if it sorts zeros and ones.
    #[test]
    fn the_network_sorts() {
        for length in 1..=12 {
            let pairs = exchanges(length);
            for bits in 0u32..1 << length {
                let mut entries: Vec<u32> = (0..length).map(|i| bits >> i & 1).collect();
                for &(i, j) in &pairs {
                    let (a, b) = (entries[i], entries[j]);
                    (entries[i], entries[j]) = (a.min(b), a.max(b));
                }
                assert!(entries.is_sorted(), "{length}: {bits:b}");
            }
        }
    }
}
