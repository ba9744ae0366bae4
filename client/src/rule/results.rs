//! What each party gets: its row outputs as a table, all else as one JSON object.

use engine::rule::{Kind, Per, RuleFace, RuleResults, ValueFace};
use serde_json::{Map, Value, json};

/// One party's results.
pub struct PartyResults {
    /// The party.
    pub party: String,
    /// Its row outputs as CSV, if it has any.
    pub table: Option<String>,
    /// Its single outputs, and how many cells of its own inputs were clamped.
    pub object: Value,
}

/// Deals the results to the parties. Nothing of one party's stands in another's.
pub fn results(face: &RuleFace, rows: usize, found: &RuleResults) -> Vec<PartyResults> {
    let parties = face.parties.iter().enumerate();
    parties
        .map(|(number, party)| {
            let party_ = number as u32;
            PartyResults {
                party: party.clone(),
                table: table(face, party_, rows, found),
                object: json!({
                    "rows": rows,
                    "outputs": once(face, party_, found),
                    "clamped": clamped(face, party_, found),
                }),
            }
        })
        .collect()
}

/// A party's values of one kind, with the place of their first cell.
fn mine(values: &[ValueFace], per: Per, party: u32) -> impl Iterator<Item = (usize, &ValueFace)> {
    let mut next = 0;
    let of_kind = values.iter().filter(move |value| value.per == per);
    let placed = of_kind.map(move |value| {
        let first = next;
        next += value.cells();
        (first, value)
    });
    placed.filter(move |(_, value)| value.party == party)
}

fn table(face: &RuleFace, party: u32, rows: usize, found: &RuleResults) -> Option<String> {
    let mut columns: Vec<(String, Kind, &[Vec<i64>])> = Vec::new();
    for (first, value) in mine(&face.outputs, Per::Row, party) {
        let cells = value.kind.cells();
        for entry in 0..value.length.unwrap_or(1) as usize {
            let name = match value.length {
                None => value.name.clone(),
                Some(_) => format!("{}_{entry}", value.name),
            };
            let at = first + entry * cells;
            columns.push((name, value.kind, &found.rows[at..at + cells]));
        }
    }
    if columns.is_empty() {
        return None;
    }
    let names: Vec<&str> = columns.iter().map(|(name, ..)| name.as_str()).collect();
    let mut text = names.join(",");
    text.push('\n');
    for row in 0..rows {
        for (number, (_, kind, lanes)) in columns.iter().enumerate() {
            if number > 0 {
                text.push(',');
            }
            let cells: Vec<i64> = lanes.iter().map(|lane| lane[row]).collect();
            text.push_str(&rules::text(*kind, &cells));
        }
        text.push('\n');
    }
    Some(text)
}

fn once(face: &RuleFace, party: u32, found: &RuleResults) -> Map<String, Value> {
    let single = |(first, value): (usize, &ValueFace)| {
        let cells = &found.once[first..first + value.cells()];
        let mut entries = cells.chunks(value.kind.cells()).map(|cells| json(value.kind, cells));
        let shown = match value.length {
            None => entries.next().unwrap_or(Value::Null),
            Some(_) => entries.collect(),
        };
        (value.name.clone(), shown)
    };
    mine(&face.outputs, Per::Once, party).map(single).collect()
}

/// Clamped cells of a party's own inputs.
fn clamped(face: &RuleFace, party: u32, found: &RuleResults) -> Map<String, Value> {
    let mut counts = found.clamped.iter();
    let mut all = Map::new();
    for value in &face.inputs {
        let count: u64 = counts.by_ref().take(value.cells()).sum();
        if value.party == party {
            all.insert(value.name.clone(), count.into());
        }
    }
    all
}

fn json(kind: Kind, cells: &[i64]) -> Value {
    let text = rules::text(kind, cells);
    match kind {
        Kind::Bool => (cells[0] != 0).into(),
        Kind::I64 => cells[0].into(),
        // exact where the number has at most 53 bits
        Kind::Fixed(_) | Kind::F32 | Kind::F64 => match serde_json::from_str(&text) {
            Ok(Value::Number(number)) => Value::Number(number),
            _ => text.into(),
        },
        Kind::U256 => text.into(),
    }
}
