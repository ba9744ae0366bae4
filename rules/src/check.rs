//! Statements to a compiled program: names, parties, levels, public facts.

mod call;
mod expression;
mod reduce;

use crate::ast::{Expr, Field, ModelAnswer, Name, Per, Rule, Statement, StatementKind};
use crate::error::{At, Checked, RuleError, clip, nearest};
use crate::graph::{Graph, Id, Level};
use crate::lower::{self, Release};
use crate::number::cells;
use crate::value::{Item, Operand, Value, kind_name, literal};
use engine::rule::{InputShape, Kind, MAX_RULE_MODELS, MAX_RULE_ROWS, Number, RuleFace, ValueFace};
use engine::shape::StepShape;
use engine::{Output, Program};
use std::collections::{BTreeMap, HashMap};

/// Rows that a rule takes where it does not say.
pub const DEFAULT_ROWS: u64 = 1 << 20;
/// Most cells of all inputs, and of all parameters.
const MAX_CELLS: usize = 1 << 16;

/// What a rule needs beside its text.
pub struct Given<'a> {
    /// Parameters by name, each with its values as text; `None` where they are not known yet: the
    /// program then holds the lowest value of each range, and must not be evaluated.
    pub parameters: Option<&'a BTreeMap<String, Vec<String>>>,
    /// The number of rows, once it is known: assertions about it are checked then.
    pub rows: Option<u64>,
    /// Gives the program of a model file.
    pub model: &'a mut dyn FnMut(&str) -> Result<Program, String>,
}

/// A checked rule.
pub struct Compiled {
    /// The program, with its parameters.
    pub program: Program,
}

/// Checks a rule and compiles it.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn check(rule: &Rule, given: Given<'_>) -> Result<Compiled, RuleError> {
    let mut checker = Checker::new(given);
    let end = rule.statements.last().map_or(At { line: 1, column: 1 }, |last| last.at);
    for statement in &rule.statements {
        checker.statement(statement)?;
    }
    checker.unknown_parameters(end)?;
    if checker.releases.is_empty() {
        let mend = "end the rule with OUTPUT TO party ONCE name = value;";
        return Err(RuleError::new(end, "the rule has no output", mend));
    }
    lower::program(checker.finish(), end)
}

/// All that lowering needs.
pub(crate) struct Parts {
    pub(crate) graph: Graph,
    pub(crate) most_rows: u64,
    pub(crate) inputs: Vec<InputShape>,
    pub(crate) loads: Vec<Id>,
    pub(crate) ranges: Vec<(i64, i64)>,
    pub(crate) values: Vec<i64>,
    pub(crate) releases: Vec<Release>,
    pub(crate) models: Vec<Program>,
    pub(crate) face: RuleFace,
}

/// What a name stands for.
enum Meaning {
    Value(Operand),
    Model(usize),
}

struct Model {
    program: Program,
    output: Output,
    kind: Kind,
    fixed: Option<(u8, i64, i64)>,
    values: u32,
}

struct Checker<'a> {
    given: Given<'a>,
    graph: Graph,
    names: HashMap<String, Meaning>,
    face: RuleFace,
    most_rows: Option<u64>,
    inputs: Vec<InputShape>,
    loads: Vec<Id>,
    ranges: Vec<(i64, i64)>,
    values: Vec<i64>,
    /// Parameters that the rule declares.
    declared: Vec<String>,
    releases: Vec<Release>,
    models: Vec<Model>,
    /// In an assertion, `rows` is a name.
    asserting: bool,
    /// In a LET, the name that is not a value yet.
    defining: Option<String>,
}

impl<'a> Checker<'a> {
    fn new(given: Given<'a>) -> Self {
        Self {
            given,
            graph: Graph::default(),
            names: HashMap::new(),
            face: RuleFace::default(),
            most_rows: None,
            inputs: Vec::new(),
            loads: Vec::new(),
            ranges: Vec::new(),
            values: Vec::new(),
            declared: Vec::new(),
            releases: Vec::new(),
            models: Vec::new(),
            asserting: false,
            defining: None,
        }
    }

    fn finish(self) -> Parts {
        Parts {
            graph: self.graph,
            most_rows: self.most_rows.unwrap_or(DEFAULT_ROWS),
            inputs: self.inputs,
            loads: self.loads,
            ranges: self.ranges,
            values: self.values,
            releases: self.releases,
            models: self.models.into_iter().map(|model| model.program).collect(),
            face: self.face,
        }
    }

    /// Most rows, which from now on can't change.
    fn rows(&mut self) -> u64 {
        *self.most_rows.get_or_insert(DEFAULT_ROWS)
    }

    fn statement(&mut self, statement: &Statement) -> Checked<()> {
        match &statement.kind {
            StatementKind::Party(names) => names.iter().try_for_each(|name| self.party(name)),
            StatementKind::Rows(number) => {
                let rows = number.text.parse().ok().filter(|n| (1..=MAX_RULE_ROWS).contains(n));
                let Some(rows) = rows else {
                    let what = format!("{} rows", clip(&number.text));
                    let mend = format!("write a whole number from 1 to {MAX_RULE_ROWS}");
                    return Err(RuleError::new(number.at, what, mend));
                };
                if self.most_rows.is_some() {
                    let mend = "say it once, before the first value that depends on it";
                    return Err(RuleError::new(statement.at, "ROWS UP TO too late", mend));
                }
                self.most_rows = Some(rows);
                Ok(())
            }
            StatementKind::Input { party, per, fields } => {
                let party = self.known_party(party)?;
                fields.iter().try_for_each(|field| self.input(party, *per, field))
            }
            StatementKind::Param { party, fields } => {
                let party = self.known_party(party)?;
                fields.iter().try_for_each(|field| self.parameter(party, field))
            }
            StatementKind::Public { field, value } => self.public(field, value),
            StatementKind::Model { name, party, file, answer } => {
                self.known_party(party)?;
                self.model(name, file, answer)
            }
            StatementKind::Let { name, value } => {
                self.fresh(name)?;
                self.defining = Some(name.text.clone());
                let value = self.expression(value);
                self.defining = None;
                let value = value?;
                self.names.insert(name.text.clone(), Meaning::Value(value));
                Ok(())
            }
            StatementKind::Output { party, per, name, value } => {
                self.output(party, *per, name, value)
            }
            StatementKind::Assert(fact) => self.assert(fact),
        }
    }

    fn party(&mut self, name: &Name) -> Checked<()> {
        let plain = name.text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if self.face.parties.contains(&name.text) || !plain || name.text.is_empty() {
            let what = format!("the party `{}` is named twice", clip(&name.text));
            return Err(RuleError::new(name.at, what, "name each party once"));
        }
        self.face.parties.push(name.text.clone());
        Ok(())
    }

    fn known_party(&self, name: &Name) -> Checked<u32> {
        match self.face.parties.iter().position(|party| *party == name.text) {
            Some(party) => Ok(party as u32),
            None => {
                let what = format!("there is no party `{}`", clip(&name.text));
                let known = self.face.parties.iter().map(String::as_str);
                let mend = match nearest(&name.text, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("declare it before: PARTY {};", clip(&name.text)),
                };
                Err(RuleError::new(name.at, what, mend))
            }
        }
    }

    /// A name that stands for nothing yet.
    fn fresh(&self, name: &Name) -> Checked<()> {
        let taken = self.names.contains_key(&name.text);
        if taken || call::is_function(&name.text) || name.text == "rows" {
            let what = format!("the name `{}` is taken", clip(&name.text));
            return Err(RuleError::new(name.at, what, "choose another one"));
        }
        Ok(())
    }

    /// Lowest and highest cell of a field.
    fn range(&mut self, field: &Field) -> Checked<(i64, i64)> {
        let kind = field.ty.kind;
        let Some((low, high)) = &field.range else {
            return Ok(match kind {
                Kind::Bool => (0, 1),
                Kind::F32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
                _ => (i64::MIN, i64::MAX),
            });
        };
        if matches!(kind, Kind::Bool | Kind::U256) {
            let what = format!("a {} has no range", kind_name(kind));
            return Err(RuleError::new(low.at, what, "leave RANGE out"));
        }
        let (from, to) = (
            literal(&mut self.graph, kind, low.at, &low.text)?.low,
            literal(&mut self.graph, kind, high.at, &high.text)?.low,
        );
        if from > to {
            let what =
                format!("the range from {} to {} is empty", clip(&low.text), clip(&high.text));
            return Err(RuleError::new(low.at, what, "put the lower number first"));
        }
        Ok((from, to))
    }

    fn input(&mut self, party: u32, per: Per, field: &Field) -> Checked<()> {
        self.fresh(&field.name)?;
        let (low, high) = self.range(field)?;
        let kind = field.ty.kind;
        let number = match kind {
            Kind::Bool => Number::Truth,
            Kind::F32 => Number::F32,
            Kind::F64 => Number::F64,
            Kind::I64 | Kind::Fixed(_) | Kind::U256 => Number::Integer,
        };
        let level = if per == Per::Row { Level::Row } else { Level::Once };
        let count = field.ty.length.unwrap_or(1);
        self.room(&field.name, self.inputs.len(), kind, count)?;
        let mut items = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let mut load = || {
                let column = self.inputs.len() as u32;
                self.inputs.push(InputShape { per, number, low, high });
                let node = self.graph.load(column, level);
                self.loads.push(node);
                node
            };
            items.push(match kind {
                Kind::U256 => Item::wide([load(), load(), load(), load()]),
                Kind::Bool => Item::truth(load()),
                _ => Item::one(load(), low, high),
            });
        }
        self.face.inputs.push(face(field, party, per));
        self.define(field, items);
        Ok(())
    }

    fn room(&self, name: &Name, used: usize, kind: Kind, count: u32) -> Checked<()> {
        if used + kind.cells() * count as usize > MAX_CELLS {
            let what = format!("more than {MAX_CELLS} cells of inputs or parameters");
            return Err(RuleError::new(name.at, what, "declare fewer or shorter vectors"));
        }
        Ok(())
    }

    fn define(&mut self, field: &Field, items: Vec<Item>) {
        let value = Value { kind: field.ty.kind, length: field.ty.length, items, flag: None };
        self.names.insert(field.name.text.clone(), Meaning::Value(Operand::Typed(value)));
    }

    /// Values given for a parameter, as cells of each entry; the lowest ones where none are known.
    fn given(&mut self, field: &Field, range: (i64, i64)) -> Checked<Option<Vec<Vec<i64>>>> {
        let name = &field.name;
        self.declared.push(name.text.clone());
        let Some(texts) = self.given.parameters.and_then(|given| given.get(&name.text)) else {
            return Ok(None);
        };
        let count = field.ty.length.unwrap_or(1) as usize;
        if texts.len() != count {
            let what = format!("{} values for parameter `{}`", texts.len(), clip(&name.text));
            let mend = format!("give {count} in the parameter file");
            return Err(RuleError::new(name.at, what, mend));
        }
        let mut all = Vec::with_capacity(count);
        for (number, text) in texts.iter().enumerate() {
            // its owner's own parameter, on its owner's machine: the place is said, not the value
            let wrong = |what: &str| {
                let what =
                    format!("value {} of parameter `{}` is {what}", number + 1, clip(&name.text));
                RuleError::new(name.at, what, "correct it in the parameter file")
            };
            let cells = cells(field.ty.kind, text).map_err(|fault| wrong(fault.text()))?;
            if field.ty.kind.cells() == 1 && !(range.0..=range.1).contains(&cells[0]) {
                return Err(wrong("outside its range"));
            }
            all.push(cells);
        }
        Ok(Some(all))
    }

    fn parameter(&mut self, party: u32, field: &Field) -> Checked<()> {
        self.fresh(&field.name)?;
        let (low, high) = self.range(field)?;
        let kind = field.ty.kind;
        let count = field.ty.length.unwrap_or(1);
        self.room(&field.name, self.ranges.len(), kind, count)?;
        let given = self.given(field, (low, high))?;
        if given.is_none() && self.given.parameters.is_some() {
            let what = format!("the parameter `{}` is not given", clip(&field.name.text));
            return Err(RuleError::new(field.name.at, what, "give it in a file with --param"));
        }
        let lowest = vec![if kind == Kind::U256 { 0 } else { low }; kind.cells()];
        // a truth value is all ones as a parameter: it passes no load
        let (low, high) = if kind == Kind::Bool { (-1, 0) } else { (low, high) };
        let mut items = Vec::with_capacity(count as usize);
        for entry in 0..count as usize {
            let cells = given.as_ref().map_or(&lowest, |given| &given[entry]);
            let mut put = |cell: i64| {
                let number = self.ranges.len() as u32;
                self.ranges.push((low, high));
                self.values.push(if kind == Kind::Bool { -cell } else { cell });
                self.graph.parameter(number)
            };
            items.push(match cells[..] {
                [a, b, c, d] => Item::wide([put(a), put(b), put(c), put(d)]),
                _ => Item::one(put(cells[0]), low, high),
            });
        }
        self.face.parameters.push(face(field, party, Per::Once));
        self.define(field, items);
        Ok(())
    }

    fn public(&mut self, field: &Field, value: &Expr) -> Checked<()> {
        self.fresh(&field.name)?;
        let (low, high) = self.range(field)?;
        let operand = self.expression(value)?;
        let mut value_ = self.coerce(operand, field.ty.kind, value.at)?;
        if value_.length != field.ty.length {
            let what =
                format!("{} where {} is declared", value_.describe(), kind_name(field.ty.kind));
            return Err(RuleError::new(value.at, what, "give as many values as it has entries"));
        }
        if value_.level(&self.graph) != Level::Public {
            let what = "a secret in a public place";
            let mend = "a PUBLIC value depends on public values only; use LET for secrets";
            return Err(RuleError::new(value.at, what, mend));
        }
        if let Some(given) = self.given(field, (low, high))? {
            value_.items = given
                .iter()
                .map(|cells| match cells[..] {
                    [a, b, c, d] => Item::wide([a, b, c, d].map(|word| self.graph.constant(word))),
                    _ if field.ty.kind == Kind::Bool => {
                        Item::one(self.graph.constant(-cells[0]), -cells[0], -cells[0])
                    }
                    _ => Item::one(self.graph.constant(cells[0]), cells[0], cells[0]),
                })
                .collect();
        }
        let within = |item: &Item| {
            field.ty.kind.cells() > 1
                || field.ty.kind == Kind::Bool
                || (low <= item.low && item.high <= high)
        };
        if !value_.items.iter().all(within) {
            let what = format!("the value of `{}` is outside its range", clip(&field.name.text));
            return Err(RuleError::new(value.at, what, "correct the value or the range"));
        }
        self.define(field, value_.items);
        Ok(())
    }

    fn model(&mut self, name: &Name, file: &Name, answer: &ModelAnswer) -> Checked<()> {
        self.fresh(name)?;
        if self.models.len() == MAX_RULE_MODELS {
            let what = format!("more than {MAX_RULE_MODELS} models");
            return Err(RuleError::new(name.at, what, "call fewer"));
        }
        let output = match answer.output.text.as_str() {
            "margin" => Output::Margin,
            "probability" => Output::Probability,
            "prediction" => Output::Prediction,
            "label" => Output::Label,
            other => {
                let what = format!("a model gives no `{}`", clip(other));
                let mend = "choose from margin, probability, prediction, label";
                return Err(RuleError::new(answer.output.at, what, mend));
            }
        };
        let program = (self.given.model)(&file.text).map_err(|what| {
            RuleError::new(file.at, what, "give the path from the rule's folder")
        })?;
        let shape = program.shape().clone();
        if shape.steps.iter().any(|step| matches!(step, StepShape::Rule(_))) {
            let what = "the file is a rule, not a model";
            return Err(RuleError::new(file.at, what, "a rule calls models only"));
        }
        if shape.profile != engine::Profile::Strict {
            let what = "the model was compiled with profile data-oblivious";
            return Err(RuleError::new(file.at, what, "compile it with --profile strict"));
        }
        if !engine::outputs(&program).contains(&output) {
            let what = format!("this model gives no {}", answer.output.text);
            let mend = "choose another output; `tautochrone inspect` lists them";
            return Err(RuleError::new(answer.output.at, what, mend));
        }
        let (values, narrow) = shape.steps.iter().fold((1, false), |found, step| match step {
            StepShape::Forest(f) => (f.outputs() as u32, f.sum == engine::shape::Sum::SourceF32),
            StepShape::Linear(linear) => (linear.outputs, false),
            _ => found,
        });
        let values = if output == Output::Label { 1 } else { values };
        let (kind, fixed) = match &answer.fixed {
            None if output == Output::Label => (Kind::I64, None),
            None => (if narrow { Kind::F32 } else { Kind::F64 }, None),
            Some((ty, low, high)) => {
                let Kind::Fixed(bits) = ty.kind else {
                    let what = format!("a model's answer as {}", kind_name(ty.kind));
                    return Err(RuleError::new(ty.at, what, "write AS fixed(p), or leave AS out"));
                };
                if output == Output::Label || ty.length.is_some() || bits > 48 {
                    let what = "this answer as this type";
                    let mend = "AS takes fixed(1) to fixed(48), for margins and probabilities";
                    return Err(RuleError::new(ty.at, what, mend));
                }
                let kind = Kind::Fixed(bits);
                let from = literal(&mut self.graph, kind, low.at, &low.text)?.low;
                let to = literal(&mut self.graph, kind, high.at, &high.text)?.low;
                if from > to || from < -(1 << 51) || to > 1 << 51 {
                    let what = "the range is empty, or wider than 2^51 steps";
                    let mend = "put the lower number first, or take fewer fraction bits";
                    return Err(RuleError::new(low.at, what, mend));
                }
                (kind, Some((bits, from, to)))
            }
        };
        self.names.insert(name.text.clone(), Meaning::Model(self.models.len()));
        self.models.push(Model { program, output, kind, fixed, values });
        Ok(())
    }

    fn output(&mut self, party: &Name, per: Per, name: &Name, value: &Expr) -> Checked<()> {
        let number = self.known_party(party)?;
        let twice = self.face.outputs.iter().any(|o| o.party == number && o.name == name.text);
        if twice {
            let what =
                format!("`{}` is released to `{}` twice", clip(&name.text), clip(&party.text));
            return Err(RuleError::new(name.at, what, "choose another name"));
        }
        let operand = self.expression(value)?;
        let released = self.typed(operand, value.at)?;
        let level = released.level(&self.graph);
        match (per, level) {
            (Per::Row, Level::Row) | (Per::Once, Level::Public | Level::Once | Level::After) => {}
            (Per::Row, _) => {
                let what = "EACH ROW of a value that stands once";
                return Err(RuleError::new(value.at, what, "write OUTPUT TO party ONCE"));
            }
            (Per::Once, _) => {
                let what = "ONCE of a value that each row has";
                let mend =
                    "write OUTPUT TO party EACH ROW, or reduce it: sum, count, any, all, min, max";
                return Err(RuleError::new(value.at, what, mend));
            }
        }
        let mut nodes = Vec::new();
        for item in &released.items {
            nodes.extend(&item.nodes[..released.kind.cells()]);
        }
        self.releases.push(Release { per, nodes });
        self.face.outputs.push(ValueFace {
            name: name.text.clone(),
            party: number,
            per,
            kind: released.kind,
            length: released.length,
        });
        Ok(())
    }

    fn assert(&mut self, fact: &Expr) -> Checked<()> {
        self.asserting = true;
        let operand = self.expression(fact);
        self.asserting = false;
        let value = self.coerce(operand?, Kind::Bool, fact.at)?;
        let [item] = value.items[..] else {
            let what = "an assertion about a vector";
            return Err(RuleError::new(fact.at, what, "reduce it with all(...)"));
        };
        let about_rows = mentions_rows(fact);
        match self.graph.public(item.node()) {
            None => {
                let mend = "assert public facts only: rows, len(v), PUBLIC values";
                Err(RuleError::new(fact.at, "a secret in a public place", mend))
            }
            Some(0) if !about_rows || self.given.rows.is_some() => {
                let mend = "change the rule or what it is run on";
                Err(RuleError::new(fact.at, "the assertion does not hold", mend))
            }
            Some(_) => Ok(()),
        }
    }

    /// Parameters that were given, but that the rule does not have.
    fn unknown_parameters(&self, end: At) -> Checked<()> {
        for name in self.given.parameters.into_iter().flat_map(BTreeMap::keys) {
            if !self.declared.contains(name) {
                let what = format!("the rule has no parameter `{}`", clip(name));
                let mend = match nearest(name, self.declared.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "remove it from the parameter file".into(),
                };
                return Err(RuleError::new(end, what, mend));
            }
        }
        Ok(())
    }
}

fn mentions_rows(fact: &Expr) -> bool {
    use crate::ast::ExprKind as E;
    match fact.kind() {
        E::Name(name) => name == "rows",
        E::Number(_) | E::Truth(_) => false,
        E::Vector(parts) | E::Call(_, parts) => parts.iter().any(mentions_rows),
        E::Negate(a) | E::Not(a) => mentions_rows(a),
        E::Binary(_, a, b) | E::InVector(a, b) | E::Index(a, b) => {
            mentions_rows(a) || mentions_rows(b)
        }
        E::Between(a, b, c) => [a, b, c].into_iter().any(mentions_rows),
        E::InList(a, parts) => mentions_rows(a) || parts.iter().any(mentions_rows),
        E::Case(arms, last) => {
            arms.iter().any(|(a, b)| mentions_rows(a) || mentions_rows(b)) || mentions_rows(last)
        }
    }
}

fn face(field: &Field, party: u32, per: Per) -> ValueFace {
    let (name, kind, length) = (field.name.text.clone(), field.ty.kind, field.ty.length);
    ValueFace { name, party, per, kind, length }
}
