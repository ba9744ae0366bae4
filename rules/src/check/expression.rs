//! Expressions: types, ranges, levels.

use super::{Checker, Meaning};
use crate::ast::{Expr, ExprKind, MAX_DEPTH, Operator};
use crate::error::{At, Checked, RuleError, clip, nearest};
use crate::graph::{Id, Level, Op};
use crate::value::{Item, Operand, Value, kind_name, literal};
use engine::rule::{Binary, Kind, Rounding, Wide};

/// A pair of items for each entry, and the length of the result.
pub(super) type Pairs = (Vec<(Item, Item)>, Option<u32>);

impl Checker<'_> {
    pub(super) fn expression(&mut self, expr: &Expr) -> Checked<Operand> {
        if expr.depth() > MAX_DEPTH {
            let what = format!("an expression deeper than {MAX_DEPTH}");
            return Err(RuleError::new(expr.at, what, "name a part of it with LET"));
        }
        if self.graph.too_large() {
            let what = "the rule needs more than 524,288 values and operands";
            return Err(RuleError::new(expr.at, what, "take shorter vectors or fewer terms"));
        }
        match expr.kind() {
            ExprKind::Number(text) => {
                Ok(Operand::Plain { texts: vec![(expr.at, text.clone())], length: None })
            }
            ExprKind::Truth(is) => {
                let cell = -i64::from(*is);
                let item = Item::one(self.graph.constant(cell), cell, cell);
                Ok(Operand::Typed(Value::one(Kind::Bool, item)))
            }
            ExprKind::Name(name) => self.name(expr.at, name),
            ExprKind::Vector(parts) => self.vector(expr.at, parts),
            ExprKind::Negate(inner) => self.negate(expr.at, inner),
            ExprKind::Not(inner) => {
                let inner = self.truth(inner)?;
                let not = |checker: &mut Self, item: Item| {
                    Ok(Item::truth(checker.graph.not(item.node())))
                };
                self.map(inner, Kind::Bool, not).map(Operand::Typed)
            }
            ExprKind::Binary(operator, a, b) => {
                self.binary(expr.at, *operator, a, b).map(Operand::Typed)
            }
            ExprKind::Between(x, low, high) => self.between(expr.at, x, low, high),
            ExprKind::InList(x, parts) => {
                let list = self.vector(expr.at, parts)?;
                self.member(expr.at, x, list)
            }
            ExprKind::InVector(x, vector) => {
                let list = self.expression(vector)?;
                self.member(vector.at, x, list)
            }
            ExprKind::Case(arms, otherwise) => self.case(expr.at, arms, otherwise),
            ExprKind::Call(name, arguments) => self.call(expr.at, name, arguments),
            ExprKind::Index(vector, index) => self.index(expr.at, vector, index),
        }
    }

    fn name(&mut self, at: At, name: &str) -> Checked<Operand> {
        if name == "rows" && self.asserting {
            let most = self.rows();
            let rows = self.given.rows.unwrap_or(most).cast_signed();
            let item = Item::one(self.graph.constant(rows), rows, rows);
            return Ok(Operand::Typed(Value::one(Kind::I64, item)));
        }
        match self.names.get(name) {
            Some(Meaning::Value(operand)) => Ok(operand.clone()),
            Some(Meaning::Model(_)) => {
                let what = format!("`{}` is a model", clip(name));
                Err(RuleError::new(at, what, format!("call it: {}(columns)", clip(name))))
            }
            None if name == "rows" => {
                let mend = "the number of rows stands in ASSERT only; count with count(test)";
                Err(RuleError::new(at, "`rows` outside of an assertion", mend))
            }
            None if self.defining.as_deref() == Some(name) => {
                let what = format!("`{}` uses itself", clip(name));
                let mend = "there is no recursion: name the parts with LET, one after the other";
                Err(RuleError::new(at, what, mend))
            }
            None => {
                let what = format!("there is no value `{}`", clip(name));
                let known = self.names.keys().map(String::as_str);
                let mend = match nearest(name, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "declare it before: INPUT, PARAM, PUBLIC or LET".into(),
                };
                Err(RuleError::new(at, what, mend))
            }
        }
    }

    /// A value of a known type; numbers without one are i64.
    pub(super) fn typed(&mut self, operand: Operand, at: At) -> Checked<Value> {
        match operand {
            Operand::Typed(value) => Ok(value),
            plain => self.coerce(plain, Kind::I64, at),
        }
    }

    /// A value of this type.
    pub(super) fn coerce(&mut self, operand: Operand, kind: Kind, at: At) -> Checked<Value> {
        match operand {
            Operand::Plain { texts, length } => {
                let items =
                    texts.iter().map(|(at, text)| literal(&mut self.graph, kind, *at, text));
                let items = items.collect::<Checked<Vec<Item>>>()?;
                Ok(Value { kind, length, items, flag: None })
            }
            Operand::Typed(value) if value.kind == kind => Ok(value),
            Operand::Typed(value) => {
                let (found, wanted) = (kind_name(value.kind), kind_name(kind));
                let mend = match (value.kind, kind) {
                    (Kind::I64, Kind::Fixed(bits)) => format!("convert it: fixed(x, {bits})"),
                    (Kind::Fixed(_), Kind::Fixed(bits)) => {
                        format!("convert it: rescale(x, {bits})")
                    }
                    (Kind::Fixed(_), Kind::I64) => "convert it: floor(x)".into(),
                    (Kind::Bool, Kind::I64) => "convert it: int(x)".into(),
                    (_, Kind::Bool) => "write a comparison".into(),
                    _ => "declare both with one type".into(),
                };
                Err(RuleError::new(at, format!("{found} where {wanted} is wanted"), mend))
            }
        }
    }

    pub(super) fn truth(&mut self, expr: &Expr) -> Checked<Value> {
        let operand = self.expression(expr)?;
        self.coerce(operand, Kind::Bool, expr.at)
    }

    /// One typed value, not a vector.
    pub(super) fn single(&mut self, value: &Value, at: At) -> Checked<Item> {
        match (value.length, &value.items[..]) {
            (None, [item]) => Ok(*item),
            _ => {
                let what = format!("{} where one value is wanted", value.describe());
                Err(RuleError::new(
                    at,
                    what,
                    "take an entry, v[0], or reduce it: sum, any, all, max",
                ))
            }
        }
    }

    /// Both of one type: a number without one takes the other's.
    pub(super) fn unify(&mut self, a: Operand, b: Operand, at: At) -> Checked<(Value, Value)> {
        match (a, b) {
            (Operand::Typed(a), b) => {
                let b = self.coerce(b, a.kind, at)?;
                Ok((a, b))
            }
            (a, Operand::Typed(b)) => Ok((self.coerce(a, b.kind, at)?, b)),
            (a, b) => Ok((self.coerce(a, Kind::I64, at)?, self.coerce(b, Kind::I64, at)?)),
        }
    }

    /// Values that are known at one time: a row's value and a total over rows are not.
    pub(super) fn together(&self, at: At, values: &[&Value]) -> Checked<()> {
        let levels: Vec<Level> = values.iter().map(|value| value.level(&self.graph)).collect();
        if levels.contains(&Level::Row) && levels.contains(&Level::After) {
            let mend = "a total is known after the last row: release both and combine them outside";
            return Err(RuleError::new(at, "a row's value together with a total over rows", mend));
        }
        Ok(())
    }

    /// Entry by entry; a single value goes with each entry of a vector.
    pub(super) fn pairs(&self, at: At, a: &Value, b: &Value) -> Checked<Pairs> {
        self.together(at, &[a, b])?;
        match (a.length, b.length) {
            (Some(m), Some(n)) if m != n => {
                let what = format!("a vector of {m} with a vector of {n}");
                Err(RuleError::new(at, what, "take vectors of one length"))
            }
            (Some(_), Some(_)) | (None, None) => {
                let pairs = a.items.iter().copied().zip(b.items.iter().copied()).collect();
                Ok((pairs, a.length))
            }
            (Some(_), None) => {
                Ok((a.items.iter().map(|&item| (item, b.items[0])).collect(), a.length))
            }
            (None, Some(_)) => {
                Ok((b.items.iter().map(|&item| (a.items[0], item)).collect(), b.length))
            }
        }
    }

    /// Whether some checked operation behind these values overflowed.
    pub(super) fn flags(&mut self, values: &[&Value]) -> Option<Id> {
        let flags: Vec<Id> = values.iter().filter_map(|value| value.flag).collect();
        flags.into_iter().reduce(|a, b| self.graph.binary(Binary::Or, a, b))
    }

    pub(super) fn map(
        &mut self,
        value: Value,
        kind: Kind,
        mut each: impl FnMut(&mut Self, Item) -> Checked<Item>,
    ) -> Checked<Value> {
        let Value { length, items, flag, .. } = value;
        let items = items.into_iter().map(|item| each(self, item)).collect::<Checked<_>>()?;
        Ok(Value { kind, length, items, flag })
    }

    pub(super) fn zip(
        &mut self,
        at: At,
        a: &Value,
        b: &Value,
        kind: Kind,
        mut each: impl FnMut(&mut Self, Item, Item) -> Checked<Item>,
    ) -> Checked<Value> {
        let (pairs, length) = self.pairs(at, a, b)?;
        let flag = self.flags(&[a, b]);
        let items = pairs.into_iter().map(|(a, b)| each(self, a, b)).collect::<Checked<_>>()?;
        Ok(Value { kind, length, items, flag })
    }

    /// Entries of one type; numbers without one take it.
    pub(super) fn vector(&mut self, at: At, parts: &[Expr]) -> Checked<Operand> {
        let operands =
            parts.iter().map(|part| self.expression(part)).collect::<Checked<Vec<Operand>>>()?;
        if let Some(place) = operands.iter().position(|operand| operand.length().is_some()) {
            let what = "a vector inside a vector";
            return Err(RuleError::new(parts[place].at, what, "write its entries, v[0], v[1]"));
        }
        let length = Some(parts.len() as u32);
        let kind = operands.iter().find_map(|operand| match operand {
            Operand::Typed(value) => Some(value.kind),
            Operand::Plain { .. } => None,
        });
        let Some(kind) = kind else {
            let texts = operands.into_iter().flat_map(|operand| match operand {
                Operand::Plain { texts, .. } => texts,
                Operand::Typed(_) => Vec::new(),
            });
            return Ok(Operand::Plain { texts: texts.collect(), length });
        };
        let mut values = Vec::with_capacity(parts.len());
        for (operand, part) in operands.into_iter().zip(parts) {
            values.push(self.coerce(operand, kind, part.at)?);
        }
        let all: Vec<&Value> = values.iter().collect();
        self.together(at, &all)?;
        let flag = self.flags(&all);
        let items = values.iter().map(|value| value.items[0]).collect();
        Ok(Operand::Typed(Value { kind, length, items, flag }))
    }

    fn negate(&mut self, at: At, inner: &Expr) -> Checked<Operand> {
        match self.expression(inner)? {
            Operand::Plain { texts, length } => {
                let turn = |(at, text): (At, String)| match text.strip_prefix('-') {
                    Some(positive) => (at, positive.to_owned()),
                    None => (at, format!("-{text}")),
                };
                Ok(Operand::Plain { texts: texts.into_iter().map(turn).collect(), length })
            }
            Operand::Typed(value) => {
                let kind = self.computable(at, "-", value.kind)?;
                let zero = Item::one(self.graph.constant(0), 0, 0);
                let minus =
                    |checker: &mut Self, item| checker.arithmetic(at, Operator::Sub, zero, item);
                self.map(value, kind, minus).map(Operand::Typed)
            }
        }
    }

    /// i64 and fixed take part in arithmetic.
    pub(super) fn computable(&self, at: At, what: &str, kind: Kind) -> Checked<Kind> {
        let mend = match kind {
            Kind::I64 | Kind::Fixed(_) => return Ok(kind),
            Kind::Bool => "convert it: int(x), or choose with CASE WHEN x THEN ... ELSE ... END",
            Kind::U256 => {
                "u256 has no ranges: use sat_add, sat_sub, sat_mul or checked_add, checked_sub, checked_mul"
            }
            Kind::F32 | Kind::F64 => "floats are compared and chosen only: declare it as fixed(p)",
        };
        Err(RuleError::new(at, format!("`{what}` on {}", kind_name(kind)), mend))
    }

    fn binary(&mut self, at: At, operator: Operator, a: &Expr, b: &Expr) -> Checked<Value> {
        match operator {
            Operator::And | Operator::Or | Operator::Xor => {
                let (a, b) = (self.truth(a)?, self.truth(b)?);
                let op = match operator {
                    Operator::And => Binary::And,
                    Operator::Or => Binary::Or,
                    _ => Binary::Xor,
                };
                self.zip(at, &a, &b, Kind::Bool, |checker, a, b| {
                    Ok(Item::truth(checker.graph.binary(op, a.node(), b.node())))
                })
            }
            Operator::Add | Operator::Sub => {
                let (a, b) = (self.expression(a)?, self.expression(b)?);
                let (a, b) = self.unify(a, b, at)?;
                let kind = self.computable(at, operator.text(), a.kind)?;
                self.zip(at, &a, &b, kind, |checker, a, b| checker.arithmetic(at, operator, a, b))
            }
            Operator::Mul => {
                let (a, b) = (self.expression(a)?, self.expression(b)?);
                let (a, b) = self.factors(a, b, at)?;
                let kind = self.product_kind(at, a.kind, b.kind)?;
                self.zip(at, &a, &b, kind, |checker, a, b| checker.arithmetic(at, operator, a, b))
            }
            Operator::Div => {
                let dividend = self.expression(a)?;
                let dividend = self.typed(dividend, a.at)?;
                self.quotient(at, dividend, b, Rounding::Truncate)
            }
            _ => {
                let (a, b) = (self.expression(a)?, self.expression(b)?);
                let (a, b) = self.unify(a, b, at)?;
                self.compare(at, operator, &a, &b)
            }
        }
    }

    /// Factors need not be of one type: a whole number without one stays whole.
    pub(super) fn factors(&mut self, a: Operand, b: Operand, at: At) -> Checked<(Value, Value)> {
        let whole = |operand: &Operand| match operand {
            Operand::Plain { texts, .. } => texts.iter().all(|(_, text)| !text.contains('.')),
            Operand::Typed(_) => false,
        };
        let computable = |operand: &Operand| {
            matches!(operand, Operand::Typed(Value { kind: Kind::Fixed(_), .. }))
        };
        match (a, b) {
            (Operand::Typed(a), Operand::Typed(b)) => Ok((a, b)),
            (a, b) if computable(&a) && whole(&b) => {
                Ok((self.typed(a, at)?, self.coerce(b, Kind::I64, at)?))
            }
            (a, b) if computable(&b) && whole(&a) => {
                Ok((self.coerce(a, Kind::I64, at)?, self.typed(b, at)?))
            }
            (a, b) => self.unify(a, b, at),
        }
    }

    pub(super) fn product_kind(&self, at: At, a: Kind, b: Kind) -> Checked<Kind> {
        self.computable(at, "*", a)?;
        self.computable(at, "*", b)?;
        let bits = |kind| if let Kind::Fixed(bits) = kind { bits } else { 0 };
        match bits(a) + bits(b) {
            0 => Ok(Kind::I64),
            sum @ 1..=62 => Ok(Kind::Fixed(sum)),
            sum => {
                let what = format!("a product with {sum} fraction bits, more than 62");
                Err(RuleError::new(at, what, "take fewer first: rescale(x, p)"))
            }
        }
    }

    /// A sum, difference or product that can't overflow.
    pub(super) fn arithmetic(
        &mut self,
        at: At,
        operator: Operator,
        a: Item,
        b: Item,
    ) -> Checked<Item> {
        let (op, low, high) = bounds(operator, a, b);
        let (low, high) = self.fits(at, operator.text(), low, high)?;
        Ok(Item::one(self.graph.binary(op, a.node(), b.node()), low, high))
    }

    pub(super) fn fits(&self, at: At, what: &str, low: i128, high: i128) -> Checked<(i64, i64)> {
        match (i64::try_from(low), i64::try_from(high)) {
            (Ok(low), Ok(high)) => Ok((low, high)),
            _ => {
                let what = format!("`{what}` can overflow: its cell lies between {low} and {high}");
                let mend = "declare narrower ranges, clamp(x, low, high) before, or use sat_add, \
                            sat_sub, sat_mul or checked_add, checked_sub, checked_mul";
                Err(RuleError::new(at, what, mend))
            }
        }
    }

    /// Division by a public number.
    pub(super) fn quotient(
        &mut self,
        at: At,
        dividend: Value,
        divisor: &Expr,
        rounding: Rounding,
    ) -> Checked<Value> {
        let kind = self.computable(at, "/", dividend.kind)?;
        let operand = self.expression(divisor)?;
        if let Operand::Typed(value) = &operand
            && value.level(&self.graph) != Level::Public
        {
            let what = "division by a secret";
            let mend = "compare products instead: a / b > c is a > b * c for b > 0; or divide by a PUBLIC number";
            return Err(RuleError::new(divisor.at, what, mend));
        }
        let by = self.coerce(operand, Kind::I64, divisor.at)?;
        let by = self.single(&by, divisor.at)?.low;
        if by == 0 {
            return Err(RuleError::new(divisor.at, "division by zero", "divide by another number"));
        }
        self.map(dividend, kind, |checker, item| {
            let ends = [item.low, item.high].map(|end| {
                let (end, by) = (i128::from(end), i128::from(by));
                match rounding {
                    Rounding::Truncate => end / by,
                    Rounding::Floor => end.div_euclid(by) - i128::from(by < 0 && end % by != 0),
                }
            });
            let (low, high) = checker.fits(at, "/", ends[0].min(ends[1]), ends[0].max(ends[1]))?;
            Ok(Item::one(checker.graph.divide(item.node(), by, rounding), low, high))
        })
    }

    pub(super) fn compare(
        &mut self,
        at: At,
        operator: Operator,
        a: &Value,
        b: &Value,
    ) -> Checked<Value> {
        let equality = matches!(operator, Operator::Equal | Operator::Differ);
        if a.kind == Kind::Bool && !equality {
            let what = format!("`{}` on bool", operator.text());
            return Err(RuleError::new(at, what, "write AND, OR, NOT, or = and <>"));
        }
        let kind = a.kind;
        self.zip(at, a, b, Kind::Bool, |checker, a, b| {
            Ok(Item::truth(checker.comparison(operator, kind, a, b)))
        })
    }

    fn comparison(&mut self, operator: Operator, kind: Kind, a: Item, b: Item) -> Id {
        let graph = &mut self.graph;
        if kind == Kind::U256 {
            let mut wide =
                |op, a: Item, b: Item| graph.make(Op::Wide(op), [a.nodes, b.nodes].concat());
            return match operator {
                Operator::Less => wide(Wide::Less, a, b),
                Operator::Greater => wide(Wide::Less, b, a),
                Operator::Equal => wide(Wide::Equal, a, b),
                Operator::AtMost => {
                    let above = wide(Wide::Less, b, a);
                    graph.not(above)
                }
                Operator::AtLeast => {
                    let below = wide(Wide::Less, a, b);
                    graph.not(below)
                }
                _ => {
                    let equal = wide(Wide::Equal, a, b);
                    graph.not(equal)
                }
            };
        }
        let (a, b) = (a.node(), b.node());
        match operator {
            Operator::Less => graph.binary(Binary::Less, a, b),
            Operator::Greater => graph.binary(Binary::Less, b, a),
            Operator::AtMost => graph.binary(Binary::AtMost, a, b),
            Operator::AtLeast => graph.binary(Binary::AtMost, b, a),
            Operator::Equal => graph.binary(Binary::Equal, a, b),
            _ => {
                let equal = graph.binary(Binary::Equal, a, b);
                graph.not(equal)
            }
        }
    }

    fn between(&mut self, at: At, x: &Expr, low: &Expr, high: &Expr) -> Checked<Operand> {
        let x = self.expression(x)?;
        let (low, high) = (self.expression(low)?, self.expression(high)?);
        let (from, low) = self.unify(x.clone(), low, at)?;
        let (to, high) = self.unify(x, high, at)?;
        let above = self.compare(at, Operator::AtLeast, &from, &low)?;
        let below = self.compare(at, Operator::AtMost, &to, &high)?;
        let both = self.zip(at, &above, &below, Kind::Bool, |checker, a, b| {
            Ok(Item::truth(checker.graph.binary(Binary::And, a.node(), b.node())))
        })?;
        Ok(Operand::Typed(both))
    }

    fn member(&mut self, at: At, x: &Expr, list: Operand) -> Checked<Operand> {
        if list.length().is_none() {
            let what = "IN takes a list or a vector";
            return Err(RuleError::new(at, what, "write x IN (a, b), or compare with ="));
        }
        let value = self.expression(x)?;
        let (value, list) = self.unify(value, list, x.at)?;
        let item = self.single(&value, x.at)?;
        self.together(at, &[&value, &list])?;
        let flag = self.flags(&[&value, &list]);
        let entries = list.items.iter();
        let node = if value.kind == Kind::U256 {
            let entries = entries.flat_map(|entry| entry.nodes);
            self.graph.make(Op::WideMember, item.nodes.into_iter().chain(entries).collect())
        } else {
            let entries = entries.map(|entry| entry.node());
            self.graph.make(Op::Member, [item.node()].into_iter().chain(entries).collect())
        };
        Ok(Operand::Typed(Value { flag, ..Value::one(Kind::Bool, Item::truth(node)) }))
    }

    fn case(&mut self, at: At, arms: &[(Expr, Expr)], otherwise: &Expr) -> Checked<Operand> {
        let mut whens = Vec::with_capacity(arms.len());
        let mut results = Vec::with_capacity(arms.len() + 1);
        for (when, then) in arms {
            whens.push(self.truth(when)?);
            results.push((self.expression(then)?, then.at));
        }
        results.push((self.expression(otherwise)?, otherwise.at));
        let kind = results.iter().find_map(|(operand, _)| match operand {
            Operand::Typed(value) => Some(value.kind),
            Operand::Plain { .. } => None,
        });
        let mut results = results.into_iter().rev();
        let mut next = |checker: &mut Self| -> Checked<Option<Value>> {
            let Some((operand, at)) = results.next() else { return Ok(None) };
            checker.coerce(operand, kind.unwrap_or(Kind::I64), at).map(Some)
        };
        let Some(mut chosen) = next(self)? else {
            return Err(RuleError::new(at, "a CASE without ELSE", "write ELSE and a value"));
        };
        for when in whens.iter().rev() {
            let Some(then) = next(self)? else { break };
            chosen = self.choose(at, when, &then, &chosen)?;
        }
        Ok(Operand::Typed(chosen))
    }

    /// `yes` where the condition holds, else `no`: both are there already.
    pub(super) fn choose(
        &mut self,
        at: At,
        when: &Value,
        yes: &Value,
        no: &Value,
    ) -> Checked<Value> {
        self.together(at, &[when, yes, no])?;
        let kind = yes.kind;
        let (pairs, length) = self.pairs(at, yes, no)?;
        let whens: Vec<Item> = match (when.length, length) {
            (None, _) => vec![when.items[0]; pairs.len()],
            (Some(m), Some(n)) if m == n => when.items.clone(),
            _ => {
                let what = "a vector of conditions for values of another length";
                return Err(RuleError::new(at, what, "reduce it with any(...) or all(...)"));
            }
        };
        let flag = self.flags(&[when, yes, no]);
        let items = pairs
            .into_iter()
            .zip(whens)
            .map(|((yes, no), when)| self.choose_item(kind, when.node(), yes, no));
        Ok(Value { kind, length, items: items.collect(), flag })
    }

    pub(super) fn choose_item(&mut self, kind: Kind, mask: Id, yes: Item, no: Item) -> Item {
        if kind == Kind::U256 {
            let mut nodes = yes.nodes;
            for (node, no) in nodes.iter_mut().zip(no.nodes) {
                *node = self.graph.select(mask, *node, no);
            }
            return Item::wide(nodes);
        }
        let node = self.graph.select(mask, yes.node(), no.node());
        match self.graph.public(mask) {
            Some(0) => no,
            Some(_) => yes,
            None => Item::one(node, yes.low.min(no.low), yes.high.max(no.high)),
        }
    }

    fn index(&mut self, at: At, vector: &Expr, index: &Expr) -> Checked<Operand> {
        let operand = self.expression(vector)?;
        let length = operand.length();
        let Some(length) = length else {
            let what = "an index into a single value";
            return Err(RuleError::new(at, what, "declare it as a vector, i64[4]"));
        };
        let place = self.expression(index)?;
        let place_ = self.coerce(place, Kind::I64, index.at)?;
        let item = self.single(&place_, index.at)?;
        if item.low < 0 || item.high >= i64::from(length) {
            let what = format!(
                "the index lies between {} and {}, the entries are 0 to {}",
                item.low,
                item.high,
                length - 1
            );
            let mend = format!("clamp it: clamp(x, 0, {})", length - 1);
            return Err(RuleError::new(index.at, what, mend));
        }
        // a number without a type has no place for an overflow behind its index: such an entry gets one
        if let (Some(place), Operand::Plain { texts, .. }, None) =
            (self.graph.public(item.node()), &operand, place_.flag)
        {
            return Ok(Operand::Plain { texts: vec![texts[place as usize].clone()], length: None });
        }
        let vector = self.typed(operand, vector.at)?;
        if let Some(place) = self.graph.public(item.node()) {
            let item = vector.items[place as usize];
            let flag = self.flags(&[&vector, &place_]);
            return Ok(Operand::Typed(Value { length: None, items: vec![item], flag, ..vector }));
        }
        self.together(at, &[&vector, &place_])?;
        let flag = self.flags(&[&vector, &place_]);
        let mut nodes = [0; 4];
        for (word, node) in nodes.iter_mut().enumerate().take(vector.kind.cells()) {
            let entries = vector.items.iter().map(|entry| entry.nodes[word]);
            let operands = [item.node()].into_iter().chain(entries).collect();
            *node = self.graph.make(Op::Lookup, operands);
        }
        let item = match vector.kind {
            Kind::U256 => Item::wide(nodes),
            _ => {
                let low = vector.items.iter().map(|item| item.low).min().unwrap_or(0);
                let high = vector.items.iter().map(|item| item.high).max().unwrap_or(0);
                Item::one(nodes[0], low, high)
            }
        };
        Ok(Operand::Typed(Value { flag, ..Value::one(vector.kind, item) }))
    }
}

/// The engine's operation, and the ends of its exact result.
pub(super) fn bounds(operator: Operator, a: Item, b: Item) -> (Binary, i128, i128) {
    let [al, ah, bl, bh] = [a.low, a.high, b.low, b.high].map(i128::from);
    match operator {
        Operator::Add => (Binary::Add, al + bl, ah + bh),
        Operator::Sub => (Binary::Sub, al - bh, ah - bl),
        _ => {
            let ends = [al * bl, al * bh, ah * bl, ah * bh];
            let low = ends.into_iter().fold(i128::MAX, i128::min);
            let high = ends.into_iter().fold(i128::MIN, i128::max);
            (Binary::Mul, low, high)
        }
    }
}
