//! Functions of one row: choices, saturating and checked arithmetic, conversions, tables, models.

use super::expression::bounds;
use super::{Checker, Meaning};
use crate::ast::{Expr, Operator};
use crate::error::{At, Checked, RuleError, clip, nearest};
use crate::graph::{Id, Level, Op};
use crate::value::{Item, Operand, Value, kind_name};
use engine::Precision;
use engine::rule::{Answer, Binary, Feature, Kind, Rounding, Wide};

/// The functions of the language.
const FUNCTIONS: [&str; 36] = [
    "abs",
    "all",
    "any",
    "argmax",
    "argmin",
    "checked_add",
    "checked_mul",
    "checked_sub",
    "clamp",
    "count",
    "div_floor",
    "dot",
    "fixed",
    "floor",
    "greatest",
    "if",
    "int",
    "least",
    "len",
    "max",
    "min",
    "overflowed",
    "piecewise",
    "points",
    "rescale",
    "sat_abs",
    "sat_add",
    "sat_mul",
    "sat_neg",
    "sat_sub",
    "sort",
    "sort_desc",
    "sum",
    "xor",
    "and",
    "or",
];

pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.contains(&name)
}

impl Checker<'_> {
    pub(super) fn call(&mut self, at: At, name: &str, arguments: &[Expr]) -> Checked<Operand> {
        if let Some(Meaning::Model(model)) = self.names.get(name) {
            let model = *model;
            return self.call_model(at, name, model, arguments);
        }
        let lower = name.to_ascii_lowercase();
        let value = match (lower.as_str(), arguments) {
            ("if", [when, yes, no]) => {
                let when = self.truth(when)?;
                let (yes, no) = (self.expression(yes)?, self.expression(no)?);
                let (yes, no) = self.unify(yes, no, at)?;
                self.choose(at, &when, &yes, &no)
            }
            ("least", [_, _, ..]) => self.extreme(at, arguments, Operator::Less),
            ("greatest", [_, _, ..]) => self.extreme(at, arguments, Operator::Greater),
            ("clamp", [x, low, high]) => self.clamp(at, x, low, high),
            ("abs", [x]) => self.abs(at, x),
            ("sat_neg", [x]) => self.saturating_negation(at, x).map(|(_, negated)| negated),
            ("sat_abs", [x]) => {
                let (x, negated) = self.saturating_negation(at, x)?;
                self.larger(at, &x, &negated)
            }
            (
                "sat_add" | "sat_sub" | "sat_mul" | "checked_add" | "checked_sub" | "checked_mul",
                [a, b],
            ) => {
                let operator = match &lower[lower.len() - 3..] {
                    "add" => Operator::Add,
                    "sub" => Operator::Sub,
                    _ => Operator::Mul,
                };
                self.saturating(at, operator, lower.starts_with("checked"), a, b)
            }
            ("overflowed", [x]) => {
                let x = self.expression(x)?;
                let x = self.typed(x, at)?;
                let flag = x.flag.unwrap_or_else(|| self.graph.constant(0));
                Ok(Value::one(Kind::Bool, Item::truth(flag)))
            }
            ("int", [x]) => {
                let x = self.truth(x)?;
                let one = self.graph.constant(1);
                self.map(x, Kind::I64, |checker, item| {
                    let node = checker.graph.binary(Binary::And, item.node(), one);
                    Ok(Item::one(node, 0, 1))
                })
            }
            ("fixed", [x, bits]) => self.fixed_from(at, x, bits),
            ("rescale", [x, bits]) => self.rescale(at, x, bits),
            ("floor", [x]) => {
                let x = self.expression(x)?;
                let x = self.typed(x, at)?;
                let Kind::Fixed(bits) = x.kind else {
                    return Err(wrong_type(at, "floor", &x, "fixed(p)"));
                };
                self.shift_down(at, x, bits, Kind::I64)
            }
            ("div_floor", [x, by]) => {
                let dividend = self.expression(x)?;
                let dividend = self.typed(dividend, x.at)?;
                self.quotient(at, dividend, by, Rounding::Floor)
            }
            ("points", [x, from, points]) => self.points(at, x, from, points),
            ("piecewise", [x, from, to]) => self.piecewise(at, x, from, to),
            ("len", [x]) => {
                let x = self.expression(x)?;
                let Some(length) = x.length() else {
                    return Err(RuleError::new(at, "len of a single value", "give a vector"));
                };
                let length = i64::from(length);
                let item = Item::one(self.graph.constant(length), length, length);
                Ok(Value::one(Kind::I64, item))
            }
            (
                "sum" | "count" | "any" | "all" | "min" | "max" | "argmin" | "argmax" | "sort"
                | "sort_desc" | "dot",
                _,
            ) => self.reduce(at, &lower, arguments),
            _ => return Err(self.no_call(at, name, &lower, arguments.len())),
        };
        value.map(Operand::Typed)
    }

    fn no_call(&self, at: At, name: &str, lower: &str, arguments: usize) -> RuleError {
        if is_function(lower) {
            let what = format!("{lower} with {arguments} arguments");
            return RuleError::new(at, what, "docs/rules.md lists what each function takes");
        }
        let what = format!("there is no function `{}`", clip(name));
        let models = self.names.iter().filter(|(_, m)| matches!(m, Meaning::Model(_)));
        let known = FUNCTIONS.into_iter().chain(models.map(|(name, _)| name.as_str()));
        let mend = match lower {
            "avg" | "mean" => "release sum and count, and divide outside".into(),
            "coalesce" | "nvl" | "isnull" => "every cell has a value: remove it".into(),
            "round" => "add a half before floor(x)".into(),
            "exp" | "log" | "ln" | "sqrt" | "pow" | "power" => {
                "approximate it: piecewise(x, [..], [..])".into()
            }
            "mod" => "write x - x / n * n".into(),
            _ if self.names.contains_key(name) => "it is a value: write it without brackets".into(),
            _ => match nearest(lower, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    "docs/rules.md lists the functions; there are no functions of your own".into()
                }
            },
        };
        RuleError::new(at, what, mend)
    }

    /// `least` and `greatest`.
    fn extreme(&mut self, at: At, arguments: &[Expr], operator: Operator) -> Checked<Value> {
        let operands = arguments
            .iter()
            .map(|part| self.expression(part))
            .collect::<Checked<Vec<Operand>>>()?;
        let kind = operands.iter().find_map(|operand| match operand {
            Operand::Typed(value) => Some(value.kind),
            Operand::Plain { .. } => None,
        });
        let mut found: Option<Value> = None;
        for (operand, part) in operands.into_iter().zip(arguments) {
            let next = self.coerce(operand, kind.unwrap_or(Kind::I64), part.at)?;
            found = Some(match found {
                None => next,
                Some(found) => self.extreme_of(at, operator, &found, &next)?,
            });
        }
        found.ok_or_else(|| RuleError::new(at, "no arguments", "give two or more"))
    }

    /// The smaller ([`Operator::Less`]) or larger one.
    pub(super) fn extreme_of(
        &mut self,
        at: At,
        operator: Operator,
        a: &Value,
        b: &Value,
    ) -> Checked<Value> {
        if a.kind == Kind::Bool {
            return Err(RuleError::new(at, "the smaller of two bool", "write AND or OR"));
        }
        if a.kind == Kind::U256 {
            let when = self.compare(at, operator, a, b)?;
            return self.choose(at, &when, a, b);
        }
        let kind = a.kind;
        self.zip(at, a, b, kind, |checker, a, b| Ok(checker.extreme_item(operator, a, b)))
    }

    pub(super) fn extreme_item(&mut self, operator: Operator, a: Item, b: Item) -> Item {
        let (op, low, high) = match operator {
            Operator::Less => (Binary::Min, a.low.min(b.low), a.high.min(b.high)),
            _ => (Binary::Max, a.low.max(b.low), a.high.max(b.high)),
        };
        Item::one(self.graph.binary(op, a.node(), b.node()), low, high)
    }

    fn larger(&mut self, at: At, a: &Value, b: &Value) -> Checked<Value> {
        let mut value = self.extreme_of(at, Operator::Greater, a, b)?;
        // of x and -x the larger one is not negative
        for item in &mut value.items {
            item.low = item.low.max(0);
        }
        Ok(value)
    }

    fn clamp(&mut self, at: At, x: &Expr, low: &Expr, high: &Expr) -> Checked<Value> {
        let x = self.expression(x)?;
        let (low, high) = (self.expression(low)?, self.expression(high)?);
        let (x, low) = self.unify(x, low, at)?;
        let high = self.coerce(high, x.kind, at)?;
        // where low > high, high wins
        let above = self.extreme_of(at, Operator::Greater, &x, &low)?;
        self.extreme_of(at, Operator::Less, &above, &high)
    }

    fn abs(&mut self, at: At, x: &Expr) -> Checked<Value> {
        let x = self.expression(x)?;
        let x = self.typed(x, at)?;
        let kind = self.computable(at, "abs", x.kind)?;
        let zero = Item::one(self.graph.constant(0), 0, 0);
        let negated = self.map(x.clone(), kind, |checker, item| {
            checker.arithmetic(at, Operator::Sub, zero, item)
        })?;
        self.larger(at, &x, &negated)
    }

    /// The value and its saturating negation.
    fn saturating_negation(&mut self, at: At, x: &Expr) -> Checked<(Value, Value)> {
        let x = self.expression(x)?;
        let x = self.typed(x, at)?;
        let kind = self.computable(at, "-", x.kind)?;
        let zero = Item::one(self.graph.constant(0), 0, 0);
        let negated = self.map(x.clone(), kind, |checker, item| {
            Ok(checker.saturating_item(Operator::Sub, zero, item).0)
        })?;
        Ok((x, negated))
    }

    fn saturating(
        &mut self,
        at: At,
        operator: Operator,
        checked: bool,
        a: &Expr,
        b: &Expr,
    ) -> Checked<Value> {
        let (a, b) = (self.expression(a)?, self.expression(b)?);
        let (a, b) = match operator {
            Operator::Mul => self.factors(a, b, at)?,
            _ => self.unify(a, b, at)?,
        };
        let kind = match (operator, a.kind, b.kind) {
            (_, Kind::U256, Kind::U256) => Kind::U256,
            (Operator::Mul, a, b) => self.product_kind(at, a, b)?,
            _ => self.computable(at, operator.text(), a.kind)?,
        };
        let mut flags = Vec::new();
        let mut value = self.zip(at, &a, &b, kind, |checker, a, b| {
            let (item, flag) = match kind {
                Kind::U256 => checker.saturating_wide(operator, a, b),
                _ => checker.saturating_item(operator, a, b),
            };
            flags.extend(flag);
            Ok(item)
        })?;
        if checked {
            let own = flags.into_iter().reduce(|a, b| self.graph.binary(Binary::Or, a, b));
            value.flag = match (value.flag, own) {
                (Some(a), Some(b)) => Some(self.graph.binary(Binary::Or, a, b)),
                (a, b) => a.or(b),
            };
        }
        Ok(value)
    }

    /// The saturating result, and whether it overflowed if it can.
    fn saturating_item(&mut self, operator: Operator, a: Item, b: Item) -> (Item, Option<Id>) {
        let (plain, low, high) = bounds(operator, a, b);
        let clip = |end: i128| end.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
        let (low, high, fits) =
            (clip(low), clip(high), i64::try_from(low).is_ok() && i64::try_from(high).is_ok());
        if fits {
            return (Item::one(self.graph.binary(plain, a.node(), b.node()), low, high), None);
        }
        let (saturating, overflows) = match plain {
            Binary::Add => (Binary::AddSaturating, Binary::AddOverflows),
            Binary::Sub => (Binary::SubSaturating, Binary::SubOverflows),
            _ => (Binary::MulSaturating, Binary::MulOverflows),
        };
        let node = self.graph.binary(saturating, a.node(), b.node());
        let flag = self.graph.binary(overflows, a.node(), b.node());
        (Item::one(node, low, high), Some(flag))
    }

    fn saturating_wide(&mut self, operator: Operator, a: Item, b: Item) -> (Item, Option<Id>) {
        let (op, end) = match operator {
            Operator::Add => (Wide::Add, -1),
            Operator::Sub => (Wide::Sub, 0),
            _ => (Wide::Mul, -1),
        };
        let wide = self.graph.make(Op::Wide(op), [a.nodes, b.nodes].concat());
        let flag = self.graph.make(Op::Part(4), vec![wide]);
        let end = self.graph.constant(end);
        let nodes = [0, 1, 2, 3].map(|word| {
            let part = self.graph.make(Op::Part(word), vec![wide]);
            self.graph.select(flag, end, part)
        });
        (Item::wide(nodes), Some(flag))
    }

    fn fraction_bits(&mut self, bits: &Expr) -> Checked<u8> {
        let operand = self.expression(bits)?;
        let value = self.coerce(operand, Kind::I64, bits.at)?;
        let item = self.single(&value, bits.at)?;
        match self.graph.public(item.node()) {
            Some(bits @ 1..=62) => Ok(bits as u8),
            Some(_) => {
                let what = "a number of fraction bits that is not 1 to 62";
                Err(RuleError::new(bits.at, what, "write one from 1 to 62"))
            }
            None => {
                let what = "a secret in a public place";
                Err(RuleError::new(bits.at, what, "the number of fraction bits is public"))
            }
        }
    }

    fn fixed_from(&mut self, at: At, x: &Expr, bits: &Expr) -> Checked<Value> {
        let bits = self.fraction_bits(bits)?;
        match self.expression(x)? {
            Operand::Typed(value) if value.kind == Kind::I64 => {
                self.shift_up(at, value, bits, Kind::Fixed(bits))
            }
            Operand::Typed(value) => Err(wrong_type(at, "fixed", &value, "i64")),
            plain => self.coerce(plain, Kind::Fixed(bits), x.at),
        }
    }

    fn rescale(&mut self, at: At, x: &Expr, bits: &Expr) -> Checked<Value> {
        let bits = self.fraction_bits(bits)?;
        let x = self.expression(x)?;
        let x = self.typed(x, at)?;
        match x.kind {
            Kind::Fixed(now) if now > bits => self.shift_down(at, x, now - bits, Kind::Fixed(bits)),
            Kind::Fixed(now) => self.shift_up(at, x, bits - now, Kind::Fixed(bits)),
            _ => Err(wrong_type(at, "rescale", &x, "fixed(p)")),
        }
    }

    fn shift_up(&mut self, at: At, x: Value, bits: u8, kind: Kind) -> Checked<Value> {
        let unit = 1i64 << bits;
        let unit = Item::one(self.graph.constant(unit), unit, unit);
        self.map(x, kind, |checker, item| checker.arithmetic(at, Operator::Mul, item, unit))
    }

    fn shift_down(&mut self, _: At, x: Value, bits: u8, kind: Kind) -> Checked<Value> {
        self.map(x, kind, |checker, item| {
            let node = checker.graph.divide(item.node(), 1 << bits, Rounding::Floor);
            Ok(Item::one(node, item.low >> bits, item.high >> bits))
        })
    }

    /// A table of points: those of the last threshold that is at or below the value.
    fn points(&mut self, at: At, x: &Expr, from: &Expr, points: &Expr) -> Checked<Value> {
        let value = self.expression(x)?;
        let thresholds = self.expression(from)?;
        let (value, thresholds) = self.unify(value, thresholds, from.at)?;
        let item = self.single(&value, x.at)?;
        let operand = self.expression(points)?;
        let points_ = self.typed(operand, points.at)?;
        let (Some(below), Some(count)) = (thresholds.length, points_.length) else {
            let what = "points without vectors";
            return Err(RuleError::new(at, what, "write points(x, [10, 20], [0, 5, 9])"));
        };
        if count != below + 1 {
            let what = format!("{count} points for {below} thresholds");
            let mend = format!("give {}: the first for values below all thresholds", below + 1);
            return Err(RuleError::new(points.at, what, mend));
        }
        self.ascending(from.at, &thresholds)?;
        self.together(at, &[&value, &thresholds, &points_])?;
        let flag = self.flags(&[&value, &thresholds, &points_]);
        let x = Value::one(value.kind, item);
        let mut found = points_.items[0];
        for (threshold, &points) in thresholds.items.iter().zip(&points_.items[1..]) {
            let threshold = Value::one(value.kind, *threshold);
            let reached = self.compare(at, Operator::AtLeast, &x, &threshold)?;
            found = self.choose_item(points_.kind, reached.items[0].node(), points, found);
        }
        Ok(Value { flag, ..Value::one(points_.kind, found) })
    }

    /// Public thresholds must ascend; of secret ones, the last that is reached counts.
    fn ascending(&self, at: At, thresholds: &Value) -> Checked<()> {
        let public: Option<Vec<i64>> = match thresholds.kind {
            Kind::U256 => None,
            _ => thresholds.items.iter().map(|item| self.graph.public(item.node())).collect(),
        };
        if public.is_some_and(|all| all.windows(2).any(|pair| pair[0] >= pair[1])) {
            let what = "thresholds that do not ascend";
            return Err(RuleError::new(at, what, "put them in ascending order, each once"));
        }
        Ok(())
    }

    /// Straight lines between public knots, level outside of them.
    fn piecewise(&mut self, at: At, x: &Expr, from: &Expr, to: &Expr) -> Checked<Value> {
        let value = self.expression(x)?;
        let knots = self.expression(from)?;
        let (value, knots) = self.unify(value, knots, from.at)?;
        let item = self.single(&value, x.at)?;
        let operand = self.expression(to)?;
        let heights = self.typed(operand, to.at)?;
        self.computable(at, "piecewise", value.kind)?;
        let kind = self.computable(at, "piecewise", heights.kind)?;
        let public = [(&knots, from.at), (&heights, to.at)].map(|(value, at)| {
            if value.level(&self.graph) != Level::Public {
                let mend = "the knots are public; use points(...) with secret parameters";
                return Err(RuleError::new(at, "a secret in a public place", mend));
            }
            Ok(value.items.iter().map(|item| item.low).collect::<Vec<i64>>())
        });
        let [xs, ys] = public;
        let (xs, ys) = (xs?, ys?);
        if knots.length.is_none() || knots.length != heights.length || xs.len() < 2 {
            let what = "knots and heights that are not two vectors of one length, at least 2";
            return Err(RuleError::new(at, what, "write piecewise(x, [0, 10], [0, 100])"));
        }
        self.ascending(from.at, &knots)?;
        // height = first height + for each piece: rise * (part of the piece that is passed) / run
        let mut sum = Item::one(self.graph.constant(ys[0]), ys[0], ys[0]);
        let [least, most] = [ys.iter().min(), ys.iter().max()].map(|end| end.copied().unwrap_or(0));
        for piece in 0..xs.len() - 1 {
            let run = i128::from(xs[piece + 1]) - i128::from(xs[piece]);
            let rise = i128::from(ys[piece + 1]) - i128::from(ys[piece]);
            let (run, _) = self.fits(at, "piecewise", run, run)?;
            let (rise, _) = self.fits(at, "piecewise", rise, rise)?;
            let ends =
                [xs[piece], xs[piece + 1]].map(|end| Item::one(self.graph.constant(end), end, end));
            let inside = self.extreme_item(Operator::Greater, item, ends[0]);
            let inside = self.extreme_item(Operator::Less, inside, ends[1]);
            let mut passed = self.arithmetic(at, Operator::Sub, inside, ends[0])?;
            // whatever the range of x: between 0 and the run
            (passed.low, passed.high) = (passed.low.clamp(0, run), passed.high.clamp(0, run));
            let rise_ = Item::one(self.graph.constant(rise), rise, rise);
            let product = self.arithmetic(at, Operator::Mul, passed, rise_)?;
            let node = self.graph.divide(product.node(), run, Rounding::Floor);
            let part = Item::one(node, rise.min(0), rise.max(0));
            let node = self.graph.binary(Binary::Add, sum.node(), part.node());
            // a partial sum ends at a height or, within the piece, between two of them
            sum = Item::one(node, least, most);
        }
        Ok(Value { flag: value.flag, ..Value::one(kind, sum) })
    }

    fn call_model(
        &mut self,
        at: At,
        name: &str,
        model: usize,
        arguments: &[Expr],
    ) -> Checked<Operand> {
        let narrow = self.models[model].program.shape().precision == Precision::F32;
        let wanted = self.models[model].program.shape().features as usize;
        let mut operands = Vec::new();
        let mut features = Vec::new();
        let mut values = Vec::new();
        for argument in arguments {
            let operand = self.expression(argument)?;
            let value = self.typed(operand, argument.at)?;
            let own = if narrow { Kind::F32 } else { Kind::F64 };
            for item in &value.items {
                let most = if narrow { 1 << 24 } else { 1 << 53 };
                features.push(match value.kind {
                    kind if kind == own => Feature::Key,
                    Kind::I64 if item.low >= -most && item.high <= most => Feature::Integer,
                    Kind::I64 => {
                        let what =
                            format!("an integer that may not be exact as {}", kind_name(own));
                        let mend = format!("declare it with a RANGE within -{most} TO {most}");
                        return Err(RuleError::new(argument.at, what, mend));
                    }
                    _ => {
                        let what = format!("{} as a column of a model", value.describe());
                        let mend =
                            format!("declare it as {}, or as i64 with a range", kind_name(own));
                        return Err(RuleError::new(argument.at, what, mend));
                    }
                });
                operands.push(item.node());
            }
            values.push(value);
        }
        if operands.len() != wanted {
            let what = format!("`{}` with {} columns", clip(name), operands.len());
            let mend = format!("the model reads {wanted}, in its own order");
            return Err(RuleError::new(at, what, mend));
        }
        let all: Vec<&Value> = values.iter().collect();
        self.together(at, &all)?;
        let flag = self.flags(&all);
        let model_ = &self.models[model];
        let (kind, count) = (model_.kind, model_.values);
        let (answer, low, high) = match (model_.fixed, kind) {
            (Some((bits, low, high)), _) => (Answer::Fixed { bits, low, high }, low, high),
            (None, Kind::I64) => {
                let classes = model_.program.schema().classes.len() as i64;
                (Answer::Class, 0, classes.max(1) - 1)
            }
            _ => (Answer::Key, i64::MIN, i64::MAX),
        };
        let op = Op::Model {
            model: model as u32,
            output: self.models[model].output,
            features,
            answer,
            values: count,
        };
        let call = self.graph.make(op, operands);
        let items: Vec<Item> = (0..count)
            .map(|part| Item::one(self.graph.make(Op::Part(part), vec![call]), low, high))
            .collect();
        let length = (count > 1).then_some(count);
        Ok(Operand::Typed(Value { kind, length, items, flag }))
    }
}

fn wrong_type(at: At, function: &str, value: &Value, wanted: &str) -> RuleError {
    let what = format!("{function} of {}", value.describe());
    RuleError::new(at, what, format!("it takes {wanted}"))
}
