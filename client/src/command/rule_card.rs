//! The shape card of a rule: every public number, the steps, the memory.

use engine::rule::{InputShape, Kind, Number, Per, RuleShape, Section, ValueFace, rule_cost};
use engine::shape::Shape;
use serde_json::{Value, json};

use crate::command::card::{self, Fact, Facts, one};

/// The card of a rule's program.
pub(crate) fn card(shape: &Shape, rule: &RuleShape) -> Facts {
    let version = one(protocol::program::RULE_VERSION);
    let mut card = vec![("format_version", version), ("profile", one("strict"))];
    card.extend(facts(rule));
    let (cost, memory) = (rule_cost(rule), engine::cost(shape));
    card.push((
        "cost",
        Fact::Group(vec![
            ("steps_before_the_rows", one(cost.setup)),
            ("steps_per_512_rows", one(cost.block)),
            ("steps_after_the_rows", one(cost.finish)),
            ("steps_at_most_rows", one(cost.steps(rule.most_rows))),
            ("program_bytes", one(memory.program_bytes)),
            ("scratch_bytes", one(memory.scratch_bytes)),
        ]),
    ));
    card
}

/// What a rule's shape says.
pub(crate) fn facts(rule: &RuleShape) -> Facts {
    let face = &rule.face;
    let party = |value: &ValueFace| face.parties.get(value.party as usize).cloned();
    let line = |value: &ValueFace, range: Option<(i64, i64)>| {
        let per = if value.per == Per::Row { "each row" } else { "once" };
        let party = party(value).unwrap_or_default();
        let mut line = format!("{party}: {} {}, {per}", value.name, kind(value));
        if let Some((low, high)) = range.filter(|_| ranged(value.kind)) {
            let text = |cell| rules::text(value.kind, &[cell]);
            line.push_str(&format!(", {} to {}", text(low), text(high)));
        }
        line
    };
    let ends = |input: &InputShape| match input.number {
        Number::F32 if (input.low, input.high) == (i32::MIN.into(), i32::MAX.into()) => None,
        Number::F64 if (input.low, input.high) == (i64::MIN, i64::MAX) => None,
        _ => Some((input.low, input.high)),
    };
    let mut columns = rule.inputs.iter();
    let inputs: Vec<String> = face
        .inputs
        .iter()
        .map(|value| {
            let first = columns.by_ref().take(value.cells()).last();
            line(value, first.and_then(ends))
        })
        .collect();
    let mut ranges = rule.parameters.iter();
    let parameters: Vec<String> = face
        .parameters
        .iter()
        .map(|value| line(value, ranges.by_ref().take(value.cells()).last().copied()))
        .collect();
    let outputs: Vec<String> = face.outputs.iter().map(|value| line(value, None)).collect();
    let models = rule.models.iter().map(|(shape, schema)| card::of(shape, schema)).collect();
    vec![
        ("step", one("rule")),
        ("rows_at_most", one(rule.most_rows)),
        ("parties", one(face.parties.clone())),
        ("inputs", one(inputs)),
        ("parameters", one(parameters)),
        ("outputs", one(outputs)),
        ("columns", one(rule.inputs.len())),
        ("constants", one(rule.constants.clone())),
        ("scalars", one(rule.scalars)),
        ("before_the_rows", section(&rule.setup)),
        ("each_512_rows", section(&rule.rows)),
        ("after_the_rows", section(&rule.finish)),
        ("row_cells_released", one(rule.row_outputs)),
        ("scalars_released", one(rule.once_outputs.clone())),
        ("models", Fact::Steps(models)),
    ]
}

fn section(section: &Section) -> Fact {
    let code: Vec<Value> = section.code.iter().map(|i| json!(format!("{i:?}"))).collect();
    Fact::Group(vec![
        ("lanes", one(section.lanes)),
        ("instructions", one(section.code.len())),
        ("code", one(code)),
    ])
}

/// Types whose range is worth a word.
fn ranged(kind: Kind) -> bool {
    !matches!(kind, Kind::Bool | Kind::U256)
}

fn kind(value: &ValueFace) -> String {
    let kind = match value.kind {
        Kind::Bool => "bool".into(),
        Kind::I64 => "i64".into(),
        Kind::Fixed(bits) => format!("fixed({bits})"),
        Kind::U256 => "u256".into(),
        Kind::F32 => "f32".into(),
        Kind::F64 => "f64".into(),
    };
    match value.length {
        Some(length) => format!("{kind}[{length}]"),
        None => kind,
    }
}
