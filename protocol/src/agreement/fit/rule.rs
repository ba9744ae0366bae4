//! Whether a rule is one that an agreement is about: its cells are the agreement's columns and outputs, one for one.

use super::super::error::AgreementError;
use super::super::terms::{AgreementParts, Column, ColumnValues, Form, Missing, Role, Whom};
use super::{misfit, same};
use engine::rule::{InputShape, Kind, Number, Per, RuleShape, ValueFace};
use engine::{Output, Precision};

/// One cell of an input, as the agreement has a column for it.
pub struct RuleColumn<'a> {
    /// Its name: of an entry of a vector, the vector's and its place.
    pub name: String,
    /// Which of the rule's parties brings it.
    pub party: &'a str,
    /// What it holds.
    pub input: InputShape,
}

/// The columns that a rule reads, in order.
pub fn rule_columns(rule: &RuleShape) -> Vec<RuleColumn<'_>> {
    let cells = rule.face.inputs.iter().flat_map(|input| {
        let party = rule.face.parties.get(input.party as usize).map_or("", String::as_str);
        names(input).into_iter().map(move |name| (name, party))
    });
    cells
        .zip(&rule.inputs)
        .map(|((name, party), &input)| RuleColumn { name, party, input })
        .collect()
}

fn names(value: &ValueFace) -> Vec<String> {
    match (value.length, value.kind.cells()) {
        (None, 1) => vec![value.name.clone()],
        _ => (0..value.cells()).map(|cell| format!("{}_{cell}", value.name)).collect(),
    }
}

/// The results that a rule gives to one of its parties in one form: their places among those of each row, or among those
/// that stand once, and their kinds.
pub fn rule_selection(rule: &RuleShape, party: &str, per: Per) -> Vec<(usize, Kind)> {
    let face = &rule.face;
    let of_form = face.outputs.iter().filter(|output| output.per == per);
    let cells = of_form.flat_map(|output| {
        let to = face.parties.get(output.party as usize).map_or("", String::as_str);
        std::iter::repeat_n((to, output.kind), output.cells())
    });
    let placed = cells.enumerate().filter(|(_, (to, _))| *to == party);
    placed.map(|(place, (_, kind))| (place, kind)).collect()
}

/// The most values that one party gets in one form: `output.count` of an agreement.
pub fn rule_outputs(rule: &RuleShape) -> usize {
    let forms = [Per::Row, Per::Once];
    let all = rule
        .face
        .parties
        .iter()
        .flat_map(|party| forms.map(|per| rule_selection(rule, party, per).len()));
    all.max().unwrap_or(0)
}

/// What the release to each party of a rule would be: its name and the form.
pub fn rule_releases(rule: &RuleShape) -> Vec<(&str, Per)> {
    let forms = [Per::Row, Per::Once];
    let all = rule.face.parties.iter().flat_map(|party| forms.map(|per| (party.as_str(), per)));
    all.filter(|(party, per)| !rule_selection(rule, party, *per).is_empty()).collect()
}

pub(super) fn fits(terms: &AgreementParts, rule: &RuleShape) -> Result<(), AgreementError> {
    same("input.precision", Precision::F64, terms.input.precision)?;
    let most = u64::from(terms.input.rows_per_call);
    if rule.most_rows < most {
        let found = format!("{} rows at most", rule.most_rows);
        return Err(misfit("input.rows_per_call", found, most));
    }
    let columns = rule_columns(rule);
    same("input.column", columns.len(), terms.input.columns.len())?;
    for (number, (cell, column)) in columns.iter().zip(&terms.input.columns).enumerate() {
        column_fits(terms, &format!("input.column[{number}]"), cell, column)?;
    }
    same("output.output", Output::Prediction, terms.output.output)?;
    same("output.count", rule_outputs(rule), terms.output.count as usize)?;
    if rule.face.outputs.iter().any(|output| output.kind == Kind::U256) {
        return Err(misfit("output.count", "an output of 256 bits", "numbers of 64 bits"));
    }
    for (number, release) in terms.releases.iter().enumerate() {
        let path = format!("release[{number}].form");
        let (per, form) = match release.form {
            Form::Rows => (Per::Row, "rows"),
            Form::Aggregate { .. } => (Per::Once, "aggregate"),
        };
        // whoever may call reads what is released to the caller
        let readers = terms.parties.iter().enumerate().filter(|(party, terms)| match release.to {
            Whom::Caller => terms.score.calls > 0,
            Whom::Party(reader) => usize::from(reader) == *party,
        });
        for (_, reader) in readers {
            if rule_selection(rule, &reader.name, per).is_empty() {
                let found = format!("no such output to {:?}", reader.name);
                return Err(misfit(path, found, form));
            }
        }
    }
    Ok(())
}

fn column_fits(
    terms: &AgreementParts,
    path: &str,
    cell: &RuleColumn<'_>,
    column: &Column,
) -> Result<(), AgreementError> {
    same(format!("{path}.name"), &cell.name, &column.name)?;
    if let Whom::Party(party) = column.from {
        let from = terms.parties.get(usize::from(party)).map_or("", |party| party.name.as_str());
        same(format!("{path}.from"), cell.party, from)?;
    }
    same(format!("{path}.missing"), Missing::Refused, column.missing)?;
    let InputShape { number, low, high, .. } = cell.input;
    // whole numbers, as the cells are: of fixed point, in units of the last bit
    let agreed = match &column.values {
        ColumnValues::Integer { min, max } => Some((*min, *max)),
        ColumnValues::Category { categories } => {
            Some((0, i64::try_from(categories.len()).unwrap_or(i64::MAX) - 1))
        }
        ColumnValues::Number { .. } => None,
    };
    let within = match (number, agreed, &column.values) {
        (Number::Integer, Some((min, max)), _) => low <= min && max <= high,
        (Number::Truth, Some((min, max)), _) => 0 <= min && max <= 1,
        (Number::F64, _, ColumnValues::Number { min, max }) => {
            low <= order_key(*min) && order_key(*max) <= high
        }
        _ => false,
    };
    if within {
        return Ok(());
    }
    let found = match number {
        Number::Integer => format!("an integer from {low} to {high}"),
        Number::Truth => "an integer from 0 to 1".into(),
        Number::F64 => "a number within the rule's range".into(),
        Number::F32 => "an f32: declare it as f64 in the rule".into(),
    };
    Err(misfit(path, found, "values beyond it, or of another type"))
}

/// The order key of a finite bound.
fn order_key(bound: f64) -> i64 {
    let bits = bound.to_bits().cast_signed();
    let (magnitude, sign) = (bits & i64::MAX, bits >> 63);
    (magnitude ^ sign) - sign
}

/// Whether the agreement's owner of the program is one of rules.
pub(super) fn of_rules(terms: &AgreementParts) -> bool {
    terms.parties.iter().any(|party| party.roles.contains(&Role::RuleOwner))
}
