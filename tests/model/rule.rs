//! The plain interpreter of rules: it walks the syntax, row by row, with branches and wide integers,
//! and knows nothing of ranges, graphs or lanes. An overflow that the checker should have refused is
//! a panic here.

mod print;
mod random;
mod targets;

pub use print::print;
pub use random::{RandomRule, random_rule};
pub use targets::{RuleTarget, rule_target, rule_target_names, rule_targets};

use engine::rule::{Kind, Per, RuleColumn};
use rules::ast::{Expr, ExprKind, Operator, Rule, StatementKind};
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;

/// One value: a cell, or four words.
#[derive(Clone, Debug, PartialEq)]
pub struct Single {
    kind: Kind,
    cells: Vec<i64>,
}

#[derive(Clone, Debug)]
enum Shape {
    /// A number without a type.
    Plain(String),
    One(Single),
    Many(Vec<Shape>),
}

/// A value, and whether a checked operation behind it overflowed.
#[derive(Clone, Debug)]
struct Answer {
    shape: Shape,
    over: bool,
}

/// What an interpretation gives: cells as the engine's, for each output in order.
pub struct Interpreted {
    /// `outputs of each row x rows` cells.
    pub rows: Vec<Vec<i64>>,
    /// Cells of outputs that stand once.
    pub once: Vec<i64>,
    /// Cells outside their range, for each column.
    pub clamped: Vec<u64>,
}

/// A rule with its inputs and parameters, ready to be asked.
struct World<'a> {
    rows: usize,
    /// Values of each row, or of the only one.
    inputs: HashMap<&'a str, Vec<Shape>>,
    lets: HashMap<&'a str, &'a Expr>,
    known: RefCell<HashMap<(&'a str, usize), Answer>>,
}

/// Interprets a rule. `parameters` as in a parameter file; `columns` as the engine takes them.
pub fn interpret(
    rule: &Rule,
    parameters: &std::collections::BTreeMap<String, Vec<String>>,
    columns: &[RuleColumn],
    rows: usize,
) -> Interpreted {
    let mut world = World {
        rows,
        inputs: HashMap::new(),
        lets: HashMap::new(),
        known: RefCell::new(HashMap::new()),
    };
    let mut clamped = Vec::new();
    let mut column = columns.iter();
    for statement in &rule.statements {
        match &statement.kind {
            StatementKind::Input { per, fields, .. } => {
                for field in fields {
                    let count = field.ty.length.unwrap_or(1) as usize;
                    let kind = field.ty.kind;
                    let ends = field.range.as_ref().map(|(low, high)| {
                        let end = |text: &str| rules::cells(kind, text).expect("a range")[0];
                        (end(&low.text), end(&high.text))
                    });
                    let own: Vec<&RuleColumn> =
                        column.by_ref().take(count * kind.cells()).collect();
                    let height = if *per == Per::Row { rows } else { 1 };
                    clamped.extend(own.iter().map(|_| 0));
                    let first = clamped.len() - own.len();
                    let values = (0..height).map(|row| {
                        let entries = own.chunks(kind.cells()).enumerate().map(|(entry, words)| {
                            let cells = words.iter().map(|word| cell(word, row)).collect();
                            let mut single = Single { kind, cells };
                            if let Some(ends) = ends.or((kind == Kind::Bool).then_some((0, 1))) {
                                let inside = single.cells[0].clamp(ends.0, ends.1);
                                let outside = inside != single.cells[0];
                                clamped[first + entry] += u64::from(outside);
                                single.cells[0] = inside;
                            }
                            Shape::One(single)
                        });
                        pack(entries.collect(), field.ty.length)
                    });
                    let values = values.collect();
                    world.inputs.insert(&field.name.text, values);
                }
            }
            StatementKind::Param { fields, .. } => {
                for field in fields {
                    let kind = field.ty.kind;
                    let texts = &parameters[&field.name.text];
                    let entry = |text: &String| {
                        Shape::One(Single { kind, cells: rules::cells(kind, text).expect("given") })
                    };
                    let value = pack(texts.iter().map(entry).collect(), field.ty.length);
                    world.inputs.insert(&field.name.text, vec![value]);
                }
            }
            StatementKind::Let { name, value } => {
                world.lets.insert(&name.text, value);
            }
            StatementKind::Public { field, value } => {
                let kind = field.ty.kind;
                let shape = world.ask(value, 0).shape;
                let shape = each(&shape, &mut |value| Shape::One(typed(value, kind)));
                world.inputs.insert(&field.name.text, vec![shape]);
            }
            _ => {}
        }
    }
    let mut found = Interpreted { rows: Vec::new(), once: Vec::new(), clamped };
    for statement in &rule.statements {
        let StatementKind::Output { per, value, .. } = &statement.kind else { continue };
        match per {
            Per::Once => found.once.extend(world.released(value, 0)),
            Per::Row => {
                let first = found.rows.len();
                for row in 0..rows {
                    let cells = world.released(value, row);
                    found.rows.resize(first + cells.len(), Vec::new());
                    for (lane, cell) in found.rows[first..].iter_mut().zip(cells) {
                        lane.push(cell);
                    }
                }
            }
        }
    }
    found
}

fn cell(column: &RuleColumn, row: usize) -> i64 {
    match column {
        RuleColumn::I64(cells) => cells[row],
        RuleColumn::F32(cells) => i64::from(ops::key_f32(cells[row])),
        RuleColumn::F64(cells) => ops::key_f64(cells[row]),
    }
}

fn pack(mut entries: Vec<Shape>, length: Option<u32>) -> Shape {
    match length {
        Some(_) => Shape::Many(entries),
        None => entries.remove(0),
    }
}

impl Single {
    fn truth(is: bool) -> Self {
        Self { kind: Kind::Bool, cells: vec![i64::from(is)] }
    }

    fn is(&self) -> bool {
        assert_eq!(self.kind, Kind::Bool);
        self.cells[0] != 0
    }

    fn integer(kind: Kind, exact: i128) -> Self {
        let cell = i64::try_from(exact).expect("the checker let an overflow through");
        Self { kind, cells: vec![cell] }
    }

    fn order(&self, other: &Self) -> Ordering {
        assert_eq!(self.kind, other.kind);
        if self.kind == Kind::U256 {
            let words = |single: &Self| {
                single.cells.iter().rev().map(|w| w.cast_unsigned()).collect::<Vec<u64>>()
            };
            return words(self).cmp(&words(other));
        }
        self.cells[0].cmp(&other.cells[0])
    }
}

/// A number with the type of its neighbour.
fn typed(shape: &Shape, kind: Kind) -> Single {
    match shape {
        Shape::One(single) => single.clone(),
        Shape::Plain(text) => Single { kind, cells: rules::cells(kind, text).expect("a literal") },
        Shape::Many(_) => panic!("a vector where one value is wanted"),
    }
}

fn kind_of(shape: &Shape) -> Option<Kind> {
    match shape {
        Shape::Plain(_) => None,
        Shape::One(single) => Some(single.kind),
        Shape::Many(entries) => entries.iter().find_map(kind_of),
    }
}

fn common(a: &Shape, b: &Shape) -> Kind {
    kind_of(a).or(kind_of(b)).unwrap_or(Kind::I64)
}

fn each(shape: &Shape, f: &mut impl FnMut(&Shape) -> Shape) -> Shape {
    match shape {
        Shape::Many(entries) => Shape::Many(entries.iter().map(f).collect()),
        one => f(one),
    }
}

fn both(a: &Shape, b: &Shape, f: &mut impl FnMut(&Shape, &Shape) -> Shape) -> Shape {
    match (a, b) {
        (Shape::Many(a), Shape::Many(b)) => {
            assert_eq!(a.len(), b.len());
            Shape::Many(a.iter().zip(b).map(|(a, b)| f(a, b)).collect())
        }
        (Shape::Many(a), b) => Shape::Many(a.iter().map(|a| f(a, b)).collect()),
        (a, Shape::Many(b)) => Shape::Many(b.iter().map(|b| f(a, b)).collect()),
        (a, b) => f(a, b),
    }
}

fn bits(kind: Kind) -> u8 {
    if let Kind::Fixed(bits) = kind { bits } else { 0 }
}

fn entries(shape: &Shape) -> Vec<Single> {
    let kind = kind_of(shape).unwrap_or(Kind::I64);
    match shape {
        Shape::Many(entries) => entries.iter().map(|entry| typed(entry, kind)).collect(),
        one => vec![typed(one, kind)],
    }
}

fn wide(cells: &[i64]) -> [u64; 4] {
    std::array::from_fn(|word| cells[word].cast_unsigned())
}

/// Exact 256-bit arithmetic by school methods: result mod 2^256, and whether it left the range.
fn wide_arithmetic(name: &str, a: [u64; 4], b: [u64; 4]) -> ([u64; 4], bool) {
    let mut out = [0u64; 8];
    match name {
        "add" => {
            let mut carry = 0u128;
            for i in 0..4 {
                let sum = u128::from(a[i]) + u128::from(b[i]) + carry;
                (out[i], carry) = (sum as u64, sum >> 64);
            }
            out[4] = carry as u64;
        }
        "sub" => {
            let mut borrow = 0i128;
            for i in 0..4 {
                let difference = i128::from(a[i]) - i128::from(b[i]) - borrow;
                out[i] = difference as u64;
                borrow = i128::from(difference < 0);
            }
            out[4] = borrow as u64;
        }
        _ => {
            for i in 0..4 {
                let mut carry = 0u128;
                for j in 0..4 {
                    let term = u128::from(a[i]) * u128::from(b[j]) + u128::from(out[i + j]) + carry;
                    (out[i + j], carry) = (term as u64, term >> 64);
                }
                out[i + 4] = carry as u64;
            }
        }
    }
    ([out[0], out[1], out[2], out[3]], out[4..].iter().any(|&word| word != 0))
}

impl<'a> World<'a> {
    /// An output's cells, as the engine hands them out.
    fn released(&self, value: &'a Expr, row: usize) -> Vec<i64> {
        let mut cells = Vec::new();
        for single in entries(&self.ask(value, row).shape) {
            let turned = single.kind == Kind::Bool;
            cells.extend(single.cells.iter().map(|&cell| if turned { -cell } else { cell }));
        }
        cells
    }

    fn ask(&self, expr: &'a Expr, row: usize) -> Answer {
        let plain = |shape| Answer { shape, over: false };
        match expr.kind() {
            ExprKind::Number(text) => plain(Shape::Plain(text.clone())),
            ExprKind::Truth(is) => plain(Shape::One(Single::truth(*is))),
            ExprKind::Name(name) => self.name(name, row),
            ExprKind::Vector(parts) => self.vector(parts, row),
            ExprKind::Negate(inner) => {
                let inner = self.ask(inner, row);
                let shape = each(&inner.shape, &mut |value| match value {
                    Shape::Plain(text) => Shape::Plain(match text.strip_prefix('-') {
                        Some(text) => text.to_owned(),
                        None => format!("-{text}"),
                    }),
                    value => {
                        let value = typed(value, Kind::I64);
                        Shape::One(Single::integer(value.kind, -i128::from(value.cells[0])))
                    }
                });
                Answer { shape, ..inner }
            }
            ExprKind::Not(inner) => {
                let inner = self.ask(inner, row);
                let not =
                    &mut |value: &Shape| Shape::One(Single::truth(!typed(value, Kind::Bool).is()));
                Answer { shape: each(&inner.shape, not), ..inner }
            }
            ExprKind::Binary(operator, a, b) => {
                let (a, b) = (self.ask(a, row), self.ask(b, row));
                Answer { shape: binary(*operator, &a.shape, &b.shape), over: a.over | b.over }
            }
            ExprKind::Between(x, low, high) => {
                let [x, low, high] = [x, low, high].map(|part| self.ask(part, row));
                let above = binary(Operator::AtLeast, &x.shape, &low.shape);
                let below = binary(Operator::AtMost, &x.shape, &high.shape);
                let over = x.over | low.over | high.over;
                Answer { shape: binary(Operator::And, &above, &below), over }
            }
            ExprKind::InList(x, parts) => self.member(x, &self.vector(parts, row), row),
            ExprKind::InVector(x, vector) => self.member(x, &self.ask(vector, row), row),
            ExprKind::Case(arms, otherwise) => self.case(arms, otherwise, row),
            ExprKind::Call(name, parts) => self.call(name, parts, row),
            ExprKind::Index(vector, index) => {
                let (vector, index) = (self.ask(vector, row), self.ask(index, row));
                let place = typed(&index.shape, Kind::I64).cells[0];
                let Shape::Many(entries) = vector.shape else { panic!("an index into one value") };
                let shape = entries[usize::try_from(place).expect("an index")].clone();
                Answer { shape, over: vector.over | index.over }
            }
        }
    }

    fn name(&self, name: &'a str, row: usize) -> Answer {
        if let Some(values) = self.inputs.get(name) {
            let shape = values[row.min(values.len() - 1)].clone();
            return Answer { shape, over: false };
        }
        if let Some(known) = self.known.borrow().get(&(name, row)) {
            return known.clone();
        }
        let answer = self.ask(self.lets[name], row);
        self.known.borrow_mut().insert((name, row), answer.clone());
        answer
    }

    fn vector(&self, parts: &'a [Expr], row: usize) -> Answer {
        let answers: Vec<Answer> = parts.iter().map(|part| self.ask(part, row)).collect();
        let over = answers.iter().any(|answer| answer.over);
        let kind = answers.iter().find_map(|answer| kind_of(&answer.shape));
        let entry = |answer: Answer| match kind {
            Some(kind) => Shape::One(typed(&answer.shape, kind)),
            None => answer.shape,
        };
        Answer { shape: Shape::Many(answers.into_iter().map(entry).collect()), over }
    }

    fn member(&self, x: &'a Expr, list: &Answer, row: usize) -> Answer {
        let x = self.ask(x, row);
        let Shape::Many(parts) = &list.shape else { panic!("IN one value") };
        let found = parts.iter().any(|part| {
            let kind = kind_of(&x.shape).or(kind_of(&list.shape)).unwrap_or(Kind::I64);
            typed(&x.shape, kind) == typed(part, kind)
        });
        Answer { shape: Shape::One(Single::truth(found)), over: x.over | list.over }
    }

    /// Flags come from both sides: a rule evaluates both.
    fn case(&self, arms: &'a [(Expr, Expr)], otherwise: &'a Expr, row: usize) -> Answer {
        let whens: Vec<Answer> = arms.iter().map(|(when, _)| self.ask(when, row)).collect();
        let mut results: Vec<Answer> = arms.iter().map(|(_, then)| self.ask(then, row)).collect();
        results.push(self.ask(otherwise, row));
        let over = whens.iter().chain(&results).any(|answer| answer.over);
        let kind = results.iter().find_map(|result| kind_of(&result.shape)).unwrap_or(Kind::I64);
        let length = results.iter().find_map(|result| match &result.shape {
            Shape::Many(entries) => Some(entries.len()),
            _ => None,
        });
        let choose = |place: usize| {
            let entry = |shape: &Shape| match shape {
                Shape::Many(entries) => typed(&entries[place], kind),
                one => typed(one, kind),
            };
            let holds = |when: &Answer| match &when.shape {
                Shape::Many(entries) => typed(&entries[place], Kind::Bool).is(),
                one => typed(one, Kind::Bool).is(),
            };
            let chosen = whens.iter().position(holds).unwrap_or(arms.len());
            Shape::One(entry(&results[chosen].shape))
        };
        let shape = match length {
            None => choose(0),
            Some(length) => Shape::Many((0..length).map(choose).collect()),
        };
        Answer { shape, over }
    }

    fn call(&self, name: &'a str, parts: &'a [Expr], row: usize) -> Answer {
        match name {
            "sum" | "count" | "any" | "all" | "min" | "max" | "argmin" | "argmax" => {
                let first = self.ask(&parts[0], row);
                if matches!(first.shape, Shape::Many(_)) {
                    let shape = reduce(name, &entries(&first.shape));
                    return Answer { shape: Shape::One(shape), over: first.over };
                }
                let all: Vec<Answer> = (0..self.rows).map(|row| self.ask(&parts[0], row)).collect();
                let values: Vec<Single> = all.iter().flat_map(|one| entries(&one.shape)).collect();
                let over = all.iter().any(|answer| answer.over);
                return Answer { shape: Shape::One(reduce(name, &values)), over };
            }
            _ => {}
        }
        let answers: Vec<Answer> = parts.iter().map(|part| self.ask(part, row)).collect();
        let mut over = answers.iter().any(|answer| answer.over);
        let shapes: Vec<&Shape> = answers.iter().map(|answer| &answer.shape).collect();
        let shape = match (name, shapes.as_slice()) {
            ("if", [when, yes, no]) => {
                let kind = common(yes, no);
                let chosen = if typed(when, Kind::Bool).is() { yes } else { no };
                Shape::One(typed(chosen, kind))
            }
            ("least" | "greatest", shapes) => {
                let kind = shapes.iter().find_map(|shape| kind_of(shape)).unwrap_or(Kind::I64);
                let best = if name == "least" { Ordering::Less } else { Ordering::Greater };
                let mut found = shapes[0].clone();
                for shape in &shapes[1..] {
                    found = both(&found, shape, &mut |a, b| {
                        let (a, b) = (typed(a, kind), typed(b, kind));
                        Shape::One(if b.order(&a) == best { b } else { a })
                    });
                }
                each(&found, &mut |value| Shape::One(typed(value, kind)))
            }
            ("clamp", [x, low, high]) => {
                let kind = kind_of(x).or(kind_of(low)).or(kind_of(high)).unwrap_or(Kind::I64);
                let [x, low, high] = [x, low, high].map(|shape| typed(shape, kind));
                let above = if x.order(&low).is_lt() { low } else { x };
                Shape::One(if above.order(&high).is_gt() { high } else { above })
            }
            ("abs", [x]) => each(x, &mut |x| {
                let x = typed(x, Kind::I64);
                Shape::One(Single::integer(x.kind, i128::from(x.cells[0]).abs()))
            }),
            ("sat_neg" | "sat_abs", [x]) => each(x, &mut |x| {
                let x = typed(x, Kind::I64);
                let exact = i128::from(x.cells[0]);
                let exact = if name == "sat_abs" { exact.abs() } else { -exact };
                Shape::One(Single::integer(x.kind, exact.min(i128::from(i64::MAX))))
            }),
            (
                "sat_add" | "sat_sub" | "sat_mul" | "checked_add" | "checked_sub" | "checked_mul",
                [a, b],
            ) => {
                let checked = name.starts_with("checked");
                both(a, b, &mut |a, b| {
                    let (value, overflows) = saturating(&name[name.len() - 3..], a, b);
                    over |= checked && overflows;
                    Shape::One(value)
                })
            }
            ("overflowed", _) => {
                let is = std::mem::take(&mut over);
                Shape::One(Single::truth(is))
            }
            ("int", [x]) => each(x, &mut |x| {
                let cells = typed(x, Kind::Bool).cells;
                Shape::One(Single { kind: Kind::I64, cells })
            }),
            ("fixed" | "rescale", [x, p]) => {
                let p = typed(p, Kind::I64).cells[0] as u8;
                each(x, &mut |x| {
                    if matches!(x, Shape::Plain(_)) {
                        return Shape::One(typed(x, Kind::Fixed(p)));
                    }
                    let x = typed(x, Kind::I64);
                    let (cell, now) = (i128::from(x.cells[0]), bits(x.kind));
                    let exact = if p >= now { cell << (p - now) } else { cell >> (now - p) };
                    Shape::One(Single::integer(Kind::Fixed(p), exact))
                })
            }
            ("floor", [x]) => each(x, &mut |x| {
                let x = typed(x, Kind::I64);
                Shape::One(Single::integer(Kind::I64, i128::from(x.cells[0]) >> bits(x.kind)))
            }),
            ("div_floor", [x, by]) => each(x, &mut |x| {
                let (x, by) = (typed(x, Kind::I64), i128::from(typed(by, Kind::I64).cells[0]));
                let cell = i128::from(x.cells[0]);
                let down = cell % by != 0 && (cell < 0) != (by < 0);
                Shape::One(Single::integer(x.kind, cell / by - i128::from(down)))
            }),
            ("len", [Shape::Many(entries)]) => {
                // public: whatever overflowed in the entries is not behind it
                over = false;
                Shape::One(Single::integer(Kind::I64, entries.len() as i128))
            }
            ("dot", [a, b]) => {
                let products = binary(Operator::Mul, a, b);
                Shape::One(reduce("sum", &entries(&products)))
            }
            ("sort" | "sort_desc", [x]) => {
                let mut all = entries(x);
                all.sort_by(|a, b| if name == "sort" { a.order(b) } else { b.order(a) });
                Shape::Many(all.into_iter().map(Shape::One).collect())
            }
            ("points", [x, Shape::Many(from), points]) => {
                let kind = kind_of(x).or(from.iter().find_map(kind_of)).unwrap_or(Kind::I64);
                let (x, points) = (typed(x, kind), entries(points));
                let reached = from.iter().rposition(|from| x.order(&typed(from, kind)).is_ge());
                Shape::One(points[reached.map_or(0, |place| place + 1)].clone())
            }
            ("piecewise", [x, Shape::Many(from), to]) => {
                let kind = kind_of(x).or(from.iter().find_map(kind_of)).unwrap_or(Kind::I64);
                let x = i128::from(typed(x, kind).cells[0]);
                let from: Vec<i128> =
                    from.iter().map(|f| i128::from(typed(f, kind).cells[0])).collect();
                let to = entries(to);
                let heights: Vec<i128> = to.iter().map(|to| i128::from(to.cells[0])).collect();
                let last = from.len() - 1;
                let height = if x <= from[0] {
                    heights[0]
                } else if x >= from[last] {
                    heights[last]
                } else {
                    let piece = from.iter().rposition(|&from| from <= x).expect("inside");
                    let (run, rise) =
                        (from[piece + 1] - from[piece], heights[piece + 1] - heights[piece]);
                    heights[piece] + ((x - from[piece]) * rise).div_euclid(run)
                };
                Shape::One(Single::integer(to[0].kind, height))
            }
            (other, _) => panic!("the interpreter knows no {other} of {} values", parts.len()),
        };
        Answer { shape, over }
    }
}

fn binary(operator: Operator, a: &Shape, b: &Shape) -> Shape {
    let whole = |shape: &Shape| matches!(shape, Shape::Plain(text) if !text.contains('.'));
    both(a, b, &mut |a, b| {
        if operator == Operator::Mul {
            let kind = common(a, b);
            // a whole number without a type stays whole
            let own = |shape: &Shape| if whole(shape) { Kind::I64 } else { kind };
            let (a, b) = (typed(a, own(a)), typed(b, own(b)));
            let sum = bits(a.kind) + bits(b.kind);
            let kind = if sum == 0 { Kind::I64 } else { Kind::Fixed(sum) };
            return Shape::One(Single::integer(
                kind,
                i128::from(a.cells[0]) * i128::from(b.cells[0]),
            ));
        }
        if operator == Operator::Div {
            let (a, b) = (typed(a, Kind::I64), typed(b, Kind::I64));
            return Shape::One(Single::integer(
                a.kind,
                i128::from(a.cells[0]) / i128::from(b.cells[0]),
            ));
        }
        let kind = common(a, b);
        let (a, b) = (typed(a, kind), typed(b, kind));
        let truth = |is| Shape::One(Single::truth(is));
        match operator {
            Operator::Add => {
                Shape::One(Single::integer(kind, i128::from(a.cells[0]) + i128::from(b.cells[0])))
            }
            Operator::Sub => {
                Shape::One(Single::integer(kind, i128::from(a.cells[0]) - i128::from(b.cells[0])))
            }
            Operator::Less => truth(a.order(&b).is_lt()),
            Operator::AtMost => truth(a.order(&b).is_le()),
            Operator::Greater => truth(a.order(&b).is_gt()),
            Operator::AtLeast => truth(a.order(&b).is_ge()),
            Operator::Equal => truth(a.order(&b).is_eq()),
            Operator::Differ => truth(a.order(&b).is_ne()),
            Operator::And => truth(a.is() && b.is()),
            Operator::Or => truth(a.is() || b.is()),
            Operator::Xor => truth(a.is() != b.is()),
            Operator::Mul | Operator::Div => unreachable!("done above"),
        }
    })
}

fn saturating(name: &str, a: &Shape, b: &Shape) -> (Single, bool) {
    let kind = common(a, b);
    if kind == Kind::U256 {
        let [a, b] = [a, b].map(|shape| wide(&typed(shape, kind).cells));
        let (exact, over) = wide_arithmetic(name, a, b);
        let end = if name == "sub" { 0 } else { u64::MAX };
        let words = if over { [end; 4] } else { exact };
        return (Single { kind, cells: words.map(u64::cast_signed).to_vec() }, over);
    }
    let whole = |shape: &Shape| matches!(shape, Shape::Plain(text) if !text.contains('.'));
    let own = |shape: &Shape| if name == "mul" && whole(shape) { Kind::I64 } else { kind };
    let (a, b) = (typed(a, own(a)), typed(b, own(b)));
    let (x, y) = (i128::from(a.cells[0]), i128::from(b.cells[0]));
    let (exact, kind) = match name {
        "add" => (x + y, kind),
        "sub" => (x - y, kind),
        _ => {
            let sum = bits(a.kind) + bits(b.kind);
            (x * y, if sum == 0 { Kind::I64 } else { Kind::Fixed(sum) })
        }
    };
    let inside = exact.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
    (Single::integer(kind, inside), inside != exact)
}

fn reduce(name: &str, values: &[Single]) -> Single {
    let place = |best: Ordering| {
        let mut found = 0;
        for (place, value) in values.iter().enumerate() {
            if value.order(&values[found]) == best {
                found = place;
            }
        }
        found
    };
    match name {
        "sum" => {
            let exact = values.iter().map(|value| i128::from(value.cells[0])).sum();
            Single::integer(values[0].kind, exact)
        }
        "count" => Single::integer(Kind::I64, values.iter().filter(|v| v.is()).count() as i128),
        "any" => Single::truth(values.iter().any(Single::is)),
        "all" => Single::truth(values.iter().all(Single::is)),
        "min" => values[place(Ordering::Less)].clone(),
        "max" => values[place(Ordering::Greater)].clone(),
        "argmin" => Single::integer(Kind::I64, place(Ordering::Less) as i128),
        _ => Single::integer(Kind::I64, place(Ordering::Greater) as i128),
    }
}
