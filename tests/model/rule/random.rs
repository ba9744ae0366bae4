//! Random rules, well-typed by construction, with inputs that favour the ends of ranges.
//!
//! What a generated rule may still fail is the check of overflow: plain arithmetic mostly gets
//! clamped operands, and sometimes does not.

use engine::rule::{Kind, Per, RuleColumn};
use rules::ast::{
    At, Expr, ExprKind, Field, Name, Number, Operator, Rule, Statement, StatementKind, TypeName,
};
use std::collections::BTreeMap;

/// A rule, its parameters, its inputs.
pub struct RandomRule {
    /// The rule.
    pub rule: Rule,
    /// Parameters as in a file.
    pub parameters: BTreeMap<String, Vec<String>>,
    /// Rows.
    pub rows: usize,
    /// Kind, how often, and range of each column; for drawing other inputs of the same shape.
    columns: Vec<(Kind, Per, i64, i64)>,
}

/// A random rule from a seed.
pub fn random_rule(seed: u64) -> RandomRule {
    let mut make = Make {
        random: Random(seed),
        statements: Vec::new(),
        known: Vec::new(),
        columns: Vec::new(),
        parameters: BTreeMap::new(),
    };
    let rows = match make.random.below(24) {
        0 => 512 + make.random.below(90) as usize,
        _ => 1 + make.random.below(6) as usize,
    };
    make.rule();
    let Make { statements, parameters, columns, .. } = make;
    RandomRule { rule: Rule { statements }, parameters, rows, columns }
}

impl RandomRule {
    /// Inputs for the rule: any seed gives columns of the same kinds and lengths.
    pub fn inputs(&self, seed: u64) -> Vec<RuleColumn> {
        let mut random = Random(seed);
        let column = |&(kind, per, low, high): &(Kind, Per, i64, i64)| {
            let rows = if per == Per::Row { self.rows } else { 1 };
            let mut cells = (0..rows).map(|_| match kind {
                Kind::Bool => random.below(3).cast_signed() & 1,
                Kind::U256 => random.word(),
                _ => random.near(low, high),
            });
            match kind {
                Kind::F32 => RuleColumn::F32(
                    cells.map(|bits| f32::from_bits((bits as i32).cast_unsigned())).collect(),
                ),
                Kind::F64 => RuleColumn::F64(
                    cells.map(|bits| f64::from_bits(bits.cast_unsigned())).collect(),
                ),
                _ => RuleColumn::I64(cells.by_ref().collect()),
            }
        };
        self.columns.iter().map(column).collect()
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Any word, the ends as often as the middle.
    fn word(&mut self) -> i64 {
        match self.below(8) {
            0 => i64::MIN,
            1 => i64::MAX,
            2 => 0,
            3 => -1,
            4 => 1,
            5 => self.below(200).cast_signed() - 100,
            6 => (self.next() as i32).into(),
            _ => self.next().cast_signed(),
        }
    }

    /// A number in or just outside of a range.
    fn near(&mut self, low: i64, high: i64) -> i64 {
        let width = (i128::from(high) - i128::from(low) + 1) as u128;
        match self.below(8) {
            0 => low,
            1 => high,
            2 => low.wrapping_sub(1),
            3 => high.wrapping_add(1),
            4 => self.word(),
            _ => low.wrapping_add((u128::from(self.next()) % width) as i64),
        }
    }
}

/// When a value is known.
#[derive(Clone, Copy, PartialEq)]
enum When {
    Once,
    Row,
    After,
}

struct Known {
    name: String,
    kind: Kind,
    length: Option<u32>,
    when: When,
}

struct Make {
    random: Random,
    statements: Vec<Statement>,
    known: Vec<Known>,
    columns: Vec<(Kind, Per, i64, i64)>,
    parameters: BTreeMap<String, Vec<String>>,
}

const AT: At = At { line: 0, column: 0 };
const KINDS: [Kind; 7] =
    [Kind::Bool, Kind::I64, Kind::I64, Kind::Fixed(4), Kind::Fixed(8), Kind::U256, Kind::F64];

fn name(text: &str) -> Name {
    Name { at: AT, text: text.into() }
}

fn expr(kind: ExprKind) -> Expr {
    Expr::new(AT, kind)
}

fn number(text: impl ToString) -> Expr {
    let text = text.to_string();
    match text.strip_prefix('-') {
        Some(positive) => expr(ExprKind::Negate(expr(ExprKind::Number(positive.into())))),
        None => expr(ExprKind::Number(text)),
    }
}

fn call(function: &str, parts: Vec<Expr>) -> Expr {
    expr(ExprKind::Call(function.into(), parts))
}

fn operate(operator: Operator, a: Expr, b: Expr) -> Expr {
    expr(ExprKind::Binary(operator, a, b))
}

impl Make {
    fn rule(&mut self) {
        self.say(StatementKind::Party(vec![name("alice"), name("bob")]));
        self.say(StatementKind::Rows(Number { at: AT, text: "1000".into() }));
        for (per, party) in [(Per::Row, "alice"), (Per::Once, "bob"), (Per::Row, "bob")] {
            let fields = (0..2 + self.random.below(3)).map(|_| self.input(per)).collect();
            self.say(StatementKind::Input { party: name(party), per, fields });
        }
        let fields = (0..2 + self.random.below(3)).map(|_| self.parameter()).collect();
        self.say(StatementKind::Param { party: name("bob"), fields });
        for _ in 0..self.random.below(4) {
            let (kind, length) = (self.kind(), self.length(4));
            let when = self.when();
            let value = self.value(kind, length, when, 3);
            let name_ = format!("v{}", self.known.len());
            self.say(StatementKind::Let { name: name(&name_), value });
            // an untyped literal stays untyped: outputs and uses give it i64 or their own type
            self.known.push(Known { name: name_, kind, length, when });
        }
        for number in 0..1 + self.random.below(4) {
            let (kind, length, when) = (self.kind(), self.length(6), self.when());
            let mut value = self.value(kind, length, when, 4);
            let per = if when == When::Row { Per::Row } else { Per::Once };
            if per == Per::Row {
                value = self.of_each_row(value, kind, length);
            }
            let name = name(&format!("out{number}"));
            self.say(StatementKind::Output { party: self::name("alice"), per, name, value });
        }
    }

    /// A value that stands in each row for certain, even where the random one is a constant.
    fn of_each_row(&mut self, value: Expr, kind: Kind, length: Option<u32>) -> Expr {
        let when = operate(Operator::Less, expr(ExprKind::Name("alice0".into())), number(0));
        let other = self.leaf(kind, length, When::Once);
        expr(ExprKind::Case(vec![(when, value)], other))
    }

    fn say(&mut self, kind: StatementKind) {
        self.statements.push(Statement { at: AT, kind });
    }

    fn kind(&mut self) -> Kind {
        KINDS[self.random.below(KINDS.len() as u64) as usize]
    }

    fn length(&mut self, one_in: u64) -> Option<u32> {
        self.random.one_in(one_in).then(|| 1 + self.random.below(5) as u32)
    }

    fn when(&mut self) -> When {
        [When::Row, When::Row, When::Row, When::Once, When::After][self.random.below(5) as usize]
    }

    fn range(&mut self, kind: Kind) -> Option<(i64, i64)> {
        if matches!(kind, Kind::Bool | Kind::U256 | Kind::F32 | Kind::F64) || self.random.one_in(4)
        {
            return None;
        }
        // whole numbers, so that a fixed-point range reads back exactly
        let bits = if let Kind::Fixed(bits) = kind { bits } else { 0 };
        let reach = [5, 1000, 1 << 20, 1 << 40][self.random.below(4) as usize];
        let low = self.random.below(reach).cast_signed() - (reach / 2).cast_signed();
        let high = low + self.random.below(reach).cast_signed();
        Some((low << bits, high << bits))
    }

    fn field(
        &mut self,
        text: String,
        kind: Kind,
        length: Option<u32>,
        range: Option<(i64, i64)>,
    ) -> Field {
        let number = |cell: i64| Number { at: AT, text: rules::text(kind, &[cell]) };
        let range = range.map(|(low, high)| (number(low), number(high)));
        Field { name: Name { at: AT, text }, ty: TypeName { at: AT, kind, length }, range }
    }

    fn input(&mut self, per: Per) -> Field {
        let first = self.known.is_empty();
        let kind = match self.random.below(9) {
            _ if first => Kind::I64,
            0 => Kind::F32,
            _ => self.kind(),
        };
        let length = if first { None } else { self.length(4) };
        let range = self.range(kind);
        let (low, high) = range.unwrap_or((i64::MIN, i64::MAX));
        for _ in 0..length.unwrap_or(1) as usize * kind.cells() {
            self.columns.push((kind, per, low, high));
        }
        let text = format!("alice{}", self.known.len());
        let when = if per == Per::Row { When::Row } else { When::Once };
        self.known.push(Known { name: text.clone(), kind, length, when });
        self.field(text, kind, length, range)
    }

    fn parameter(&mut self) -> Field {
        let (kind, length) = (self.kind(), self.length(2));
        let range = self.range(kind);
        let (low, high) = range.unwrap_or((i64::MIN, i64::MAX));
        let text = format!("p{}", self.known.len());
        let values = (0..length.unwrap_or(1)).map(|_| {
            let cells: Vec<i64> = match kind {
                Kind::Bool => vec![self.random.below(2).cast_signed()],
                Kind::U256 => (0..4).map(|_| self.random.word()).collect(),
                Kind::F64 => vec![ops::key_f64(self.random.word() as f64 / 256.0)],
                _ => vec![self.random.near(low, high).clamp(low, high)],
            };
            rules::text(kind, &cells)
        });
        let values = values.collect();
        self.parameters.insert(text.clone(), values);
        self.known.push(Known { name: text.clone(), kind, length, when: When::Once });
        self.field(text, kind, length, range)
    }

    /// A literal without a type, for a place beside a value that has one.
    fn bare(&mut self, kind: Kind) -> Expr {
        match kind {
            Kind::Bool => expr(ExprKind::Truth(self.random.one_in(2))),
            Kind::I64 => number(self.random.word()),
            Kind::Fixed(_) => {
                let sign = if self.random.one_in(2) { "-" } else { "" };
                number(format!("{sign}{}.{}", self.random.below(2000), self.random.below(1000)))
            }
            Kind::U256 => {
                let words: [i64; 4] = std::array::from_fn(|_| self.random.word());
                expr(ExprKind::Number(rules::text(Kind::U256, &words)))
            }
            Kind::F32 | Kind::F64 => {
                number(format!("{}.{}", self.random.below(2000), self.random.below(1000)))
            }
        }
    }

    /// A literal that says its type.
    fn literal(&mut self, kind: Kind) -> Expr {
        match kind {
            Kind::Bool | Kind::I64 => self.bare(kind),
            Kind::Fixed(bits) => call("fixed", vec![self.bare(kind), number(bits)]),
            Kind::U256 | Kind::F32 | Kind::F64 => {
                let name = self.public(kind);
                expr(ExprKind::Name(name))
            }
        }
    }

    /// A value, or a bare literal.
    fn beside(&mut self, kind: Kind, when: When, depth: u32) -> Expr {
        match self.random.below(3) {
            0 => self.bare(kind),
            _ => self.value(kind, None, when, depth),
        }
    }

    /// A known value, or a new one without depth.
    fn leaf(&mut self, kind: Kind, length: Option<u32>, when: When) -> Expr {
        let fits = |known: &&Known| {
            known.kind == kind
                && known.length == length
                && (known.when == When::Once || known.when == when)
        };
        let found: Vec<String> = self.known.iter().filter(fits).map(|k| k.name.clone()).collect();
        if !found.is_empty() && !self.random.one_in(5) {
            let place = self.random.below(found.len() as u64) as usize;
            return expr(ExprKind::Name(found[place].clone()));
        }
        match length {
            None => self.literal(kind),
            Some(length) => {
                expr(ExprKind::Vector((0..length).map(|_| self.literal(kind)).collect()))
            }
        }
    }

    fn value(&mut self, kind: Kind, length: Option<u32>, when: When, depth: u32) -> Expr {
        if depth == 0 || self.random.one_in(6) {
            return self.leaf(kind, length, when);
        }
        let depth = depth - 1;
        if let Some(length) = length {
            return self.vector(kind, length, when, depth);
        }
        // what works for every type
        let sub = |make: &mut Self| make.value(kind, None, when, depth);
        match self.random.below(14) {
            0 => {
                let when_ = self.value(Kind::Bool, None, when, depth);
                return call("if", vec![when_, sub(self), sub(self)]);
            }
            1 => {
                let arms = (0..1 + self.random.below(3))
                    .map(|_| (self.value(Kind::Bool, None, when, depth), sub(self)))
                    .collect();
                return expr(ExprKind::Case(arms, sub(self)));
            }
            2 => {
                let length = 1 + self.random.below(5) as u32;
                let vector = self.value(kind, Some(length), when, depth);
                let index = if self.random.one_in(2) {
                    number(self.random.below(length.into()))
                } else {
                    let place = self.value(Kind::I64, None, when, depth);
                    call("clamp", vec![place, number(0), number(length - 1)])
                };
                return expr(ExprKind::Index(vector, index));
            }
            3 if kind != Kind::Bool => {
                let function = if self.random.one_in(2) { "least" } else { "greatest" };
                let parts = (0..2 + self.random.below(2)).map(|_| sub(self)).collect();
                return call(function, parts);
            }
            4 if kind != Kind::Bool => {
                return call("clamp", vec![sub(self), sub(self), sub(self)]);
            }
            5 if kind != Kind::Bool => {
                let length = 1 + self.random.below(5) as u32;
                let vector = self.value(kind, Some(length), when, depth);
                return call(if self.random.one_in(2) { "min" } else { "max" }, vec![vector]);
            }
            6 if when == When::After && kind != Kind::U256 && kind != Kind::Bool => {
                let row = self.row_value(kind, depth);
                return call(if self.random.one_in(2) { "min" } else { "max" }, vec![row]);
            }
            _ => {}
        }
        match kind {
            Kind::Bool => self.truth(when, depth),
            Kind::U256 => self.wide(when, depth),
            Kind::F32 | Kind::F64 => self.leaf(kind, None, when),
            Kind::I64 | Kind::Fixed(_) => self.number(kind, when, depth),
        }
    }

    /// A value that stands in each row for certain.
    fn row_value(&mut self, kind: Kind, depth: u32) -> Expr {
        let value = self.value(kind, None, When::Row, depth);
        self.of_each_row(value, kind, None)
    }

    /// A public value, declared on the spot.
    fn public(&mut self, kind: Kind) -> String {
        let text = format!("p{}", self.known.len());
        let value = self.bare(kind);
        let field = self.field(text.clone(), kind, None, None);
        self.say(StatementKind::Public { field, value: value.clone() });
        // the interpreter takes it as it would take a LET
        self.known.push(Known { name: text.clone(), kind, length: None, when: When::Once });
        text
    }

    fn vector(&mut self, kind: Kind, length: u32, when: When, depth: u32) -> Expr {
        let sub = |make: &mut Self| make.value(kind, Some(length), when, depth);
        match self.random.below(6) {
            0 if kind != Kind::Bool => {
                let vector = self.value(kind, Some(length), when, depth);
                call(if self.random.one_in(2) { "sort" } else { "sort_desc" }, vec![vector])
            }
            1 if matches!(kind, Kind::I64 | Kind::Fixed(_) | Kind::U256) => {
                let function = ["sat_add", "sat_sub", "checked_add"][self.random.below(3) as usize];
                let (a, b) = (self.value(kind, Some(length), when, depth), sub(self));
                call(function, vec![a, b])
            }
            2 => {
                let when_ = self.value(Kind::Bool, None, when, depth);
                let vector = self.value(kind, Some(length), when, depth);
                let other = sub(self);
                expr(ExprKind::Case(vec![(when_, vector)], other))
            }
            3 if kind == Kind::Bool => {
                let other = self.kind();
                let a = self.value(other, Some(length), when, depth);
                let b = self.value(other, None, when, depth);
                operate(self.comparison(other), a, b)
            }
            _ => {
                let parts = (0..length).map(|_| self.value(kind, None, when, depth)).collect();
                expr(ExprKind::Vector(parts))
            }
        }
    }

    fn comparison(&mut self, kind: Kind) -> Operator {
        let equalities = [Operator::Equal, Operator::Differ];
        let orders = [Operator::Less, Operator::AtMost, Operator::Greater, Operator::AtLeast];
        match kind {
            Kind::Bool => equalities[self.random.below(2) as usize],
            _ if self.random.one_in(3) => equalities[self.random.below(2) as usize],
            _ => orders[self.random.below(4) as usize],
        }
    }

    fn truth(&mut self, when: When, depth: u32) -> Expr {
        let sub = |make: &mut Self| make.value(Kind::Bool, None, when, depth);
        match self.random.below(9) {
            0 => expr(ExprKind::Not(sub(self))),
            1 => {
                let operator =
                    [Operator::And, Operator::Or, Operator::Xor][self.random.below(3) as usize];
                operate(operator, sub(self), sub(self))
            }
            2 => {
                let kind = self.other_than_bool();
                let x = self.value(kind, None, when, depth);
                let (low, high) =
                    (self.value(kind, None, when, depth), self.value(kind, None, when, depth));
                expr(ExprKind::Between(x, low, high))
            }
            3 => {
                let kind = self.other_than_bool();
                let x = self.value(kind, None, when, depth);
                let parts = (0..1 + self.random.below(4)).map(|_| self.beside(kind, when, depth));
                let parts = parts.collect();
                expr(ExprKind::InList(x, parts))
            }
            4 => {
                let kind = self.other_than_bool();
                let length = 1 + self.random.below(5) as u32;
                let x = self.value(kind, None, when, depth);
                let vector = self.value(kind, Some(length), when, depth);
                expr(ExprKind::InVector(x, vector))
            }
            5 => {
                let length = 1 + self.random.below(5) as u32;
                let vector = self.value(Kind::Bool, Some(length), when, depth);
                call(if self.random.one_in(2) { "any" } else { "all" }, vec![vector])
            }
            6 => {
                let kind = [Kind::I64, Kind::Fixed(4), Kind::U256][self.random.below(3) as usize];
                let value = self.value(kind, None, when, depth);
                call("overflowed", vec![value])
            }
            7 if when == When::After => {
                let row = self.row_value(Kind::Bool, depth);
                call(if self.random.one_in(2) { "any" } else { "all" }, vec![row])
            }
            _ => {
                let kind = self.kind();
                let a = self.value(kind, None, when, depth);
                let b = self.beside(kind, when, depth);
                let operator = self.comparison(kind);
                if self.random.one_in(2) {
                    operate(operator, a, b)
                } else {
                    operate(operator, b, a)
                }
            }
        }
    }

    fn other_than_bool(&mut self) -> Kind {
        loop {
            let kind = self.kind();
            if kind != Kind::Bool {
                return kind;
            }
        }
    }

    fn wide(&mut self, when: When, depth: u32) -> Expr {
        let functions =
            ["sat_add", "sat_sub", "sat_mul", "checked_add", "checked_sub", "checked_mul"];
        let function = functions[self.random.below(6) as usize];
        let a = self.value(Kind::U256, None, when, depth);
        let b = self.value(Kind::U256, None, when, depth);
        call(function, vec![a, b])
    }

    /// A value between -1000 and 1000, nearly always.
    fn small(&mut self, kind: Kind, when: When, depth: u32) -> Expr {
        let value = self.value(kind, None, when, depth);
        if self.random.one_in(40) {
            return value;
        }
        call("clamp", vec![value, number(-1000), number(1000)])
    }

    fn number(&mut self, kind: Kind, when: When, depth: u32) -> Expr {
        let fixed = if let Kind::Fixed(bits) = kind { bits } else { 0 };
        match self.random.below(19) {
            0 | 1 => {
                let operator = [Operator::Add, Operator::Sub][self.random.below(2) as usize];
                operate(operator, self.small(kind, when, depth), self.small(kind, when, depth))
            }
            2 => {
                let (a, b) = match (fixed, self.random.below(2)) {
                    (8, 0) => (Kind::Fixed(4), Kind::Fixed(4)),
                    _ => (kind, Kind::I64),
                };
                operate(Operator::Mul, self.small(a, when, depth), self.small(b, when, depth))
            }
            3 | 4 => {
                let functions = ["sat_add", "sat_sub", "checked_add", "checked_sub"];
                let function = functions[self.random.below(4) as usize];
                let a = self.value(kind, None, when, depth);
                let b = self.value(kind, None, when, depth);
                call(function, vec![a, b])
            }
            5 => {
                let function = if self.random.one_in(2) { "sat_mul" } else { "checked_mul" };
                let (a, b) =
                    (self.value(kind, None, when, depth), self.value(Kind::I64, None, when, depth));
                call(function, vec![a, b])
            }
            6 => expr(ExprKind::Negate(self.small(kind, when, depth))),
            7 => call("abs", vec![self.small(kind, when, depth)]),
            8 => {
                let x = self.value(kind, None, when, depth);
                call(if self.random.one_in(2) { "sat_abs" } else { "sat_neg" }, vec![x])
            }
            9 => {
                let by =
                    [1, 2, 3, 7, 10, 64, 1_000_003, -1, -5, -8][self.random.below(10) as usize];
                let x = if by == -1 {
                    self.small(kind, when, depth)
                } else {
                    self.value(kind, None, when, depth)
                };
                if self.random.one_in(2) {
                    operate(Operator::Div, x, number(by))
                } else {
                    call("div_floor", vec![x, number(by)])
                }
            }
            10 => match kind {
                Kind::I64 => call("int", vec![self.value(Kind::Bool, None, when, depth)]),
                _ => {
                    let x = self.value(Kind::I64, None, when, depth);
                    let x = call("clamp", vec![x, number(-1000), number(1000)]);
                    call("fixed", vec![x, number(fixed)])
                }
            },
            11 => match kind {
                Kind::I64 => call("floor", vec![self.value(Kind::Fixed(8), None, when, depth)]),
                Kind::Fixed(4) => {
                    call("rescale", vec![self.value(Kind::Fixed(8), None, when, depth), number(4)])
                }
                _ => call("rescale", vec![self.small(Kind::Fixed(4), when, depth), number(8)]),
            },
            12 if kind == Kind::I64 => {
                let length = 1 + self.random.below(5) as u32;
                match self.random.below(3) {
                    0 => {
                        let vector = self.value(Kind::Bool, Some(length), when, depth);
                        call("count", vec![vector])
                    }
                    1 => {
                        let other = self.other_than_bool();
                        let vector = self.value(other, Some(length), when, depth);
                        call(if self.random.one_in(2) { "argmin" } else { "argmax" }, vec![vector])
                    }
                    _ => {
                        let other = self.kind();
                        call("len", vec![self.value(other, Some(length), when, depth)])
                    }
                }
            }
            12 | 13 => {
                let length = 1 + self.random.below(4);
                let parts = (0..length).map(|_| self.small(kind, when, depth)).collect();
                call("sum", vec![expr(ExprKind::Vector(parts))])
            }
            14 if kind == Kind::I64 => {
                let length = 1 + self.random.below(3);
                let vector = |make: &mut Self| {
                    let parts = (0..length).map(|_| make.small(Kind::I64, when, depth)).collect();
                    expr(ExprKind::Vector(parts))
                };
                let (a, b) = (vector(self), vector(self));
                call("dot", vec![a, b])
            }
            15 => {
                let other = [Kind::I64, Kind::Fixed(4), Kind::F64][self.random.below(3) as usize];
                let x = self.value(other, None, when, depth);
                let count = 1 + self.random.below(4);
                let first = self.random.below(100).cast_signed() - 50;
                let from =
                    (0..count).map(|place| number(first + 7 * place.cast_signed())).collect();
                let points = (0..=count).map(|_| self.value(kind, None, when, depth)).collect();
                let points = expr(ExprKind::Vector(points));
                call("points", vec![x, expr(ExprKind::Vector(from)), points])
            }
            16 if kind == Kind::I64 => {
                let other = [Kind::I64, Kind::Fixed(4)][self.random.below(2) as usize];
                let x = self.value(other, None, when, depth);
                let count = 2 + self.random.below(3);
                let first = self.random.below(100).cast_signed() - 50;
                let step = 1 + self.random.below(30).cast_signed();
                let from = (0..count).map(|place| number(first + step * place.cast_signed()));
                let to = (0..count).map(|_| self.random.below(400).cast_signed() - 200);
                let to: Vec<Expr> = to.map(number).collect();
                call(
                    "piecewise",
                    vec![x, expr(ExprKind::Vector(from.collect())), expr(ExprKind::Vector(to))],
                )
            }
            17 if when == When::After => {
                let row = self.row_value(kind, depth);
                call("sum", vec![call("clamp", vec![row, number(-1000), number(1000)])])
            }
            18 if when == When::After && kind == Kind::I64 => match self.random.below(2) {
                0 => call("count", vec![self.row_value(Kind::Bool, depth)]),
                _ => {
                    let other = [Kind::I64, Kind::F64][self.random.below(2) as usize];
                    let row = self.row_value(other, depth);
                    call(if self.random.one_in(2) { "argmin" } else { "argmax" }, vec![row])
                }
            },
            _ => self.leaf(kind, None, when),
        }
    }
}
