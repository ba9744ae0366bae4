//! What `agreement check` says: who may do what, and how much each reader can learn.
//!
//! Figures are upper bounds that follow from the agreement alone. Nothing here is a secret.

use engine::{Precision, Profile};
use protocol::agreement::{
    Agreement, Form, Party, Reading, SEMANTICS, VERSION, facts, output_name, readings, role_name,
};
use serde_json::{Value, json};

/// The report as one JSON object. `program` is the size of the program in bytes, if one was given.
pub(crate) fn object(agreement: &Agreement, program: Option<u64>) -> Value {
    let terms = agreement.terms();
    let parties: Vec<Value> = terms
        .parties
        .iter()
        .map(|party| json!({ "name": party.name, "id": party.id().to_string(), "may": may(party) }))
        .collect();
    let disclosure: Vec<Value> = readings(agreement)
        .iter()
        .map(|reading| {
            json!({
                "reader": terms.parties[usize::from(reading.reader)].name,
                "form": form(reading.form),
                "values": reading.values,
                "bits_per_value": reading.bits_per_value,
                "bits_per_row": reading.bits_per_row(),
                "calls": reading.calls,
                "rows": reading.rows,
                "bits_in_total": reading.bits_in_total(),
                "of_others": reading.of_others,
            })
        })
        .collect();
    let all: serde_json::Map<String, Value> =
        facts(agreement).into_iter().map(|(path, value)| (path, Value::String(value))).collect();
    json!({
        "agreement": VERSION,
        "semantics": SEMANTICS,
        "name": terms.name,
        "digest": agreement.digest().to_string(),
        "parties": parties,
        "input_bits_per_row": input_bits(agreement),
        "program_bits": program_bits(agreement, program),
        "disclosure": disclosure,
        "warnings": warnings(agreement, program),
        "terms": all,
    })
}

/// The report for people.
pub(crate) fn text(agreement: &Agreement, program: Option<u64>) -> String {
    let terms = agreement.terms();
    let mut out = format!("agreement   {}\n", plain(&terms.name));
    out.push_str(&format!("digest      {}\n", agreement.digest()));
    out.push_str(
        "            every party compares this digest with the others before it signs\n\n",
    );
    out.push_str("who may do what\n");
    for party in &terms.parties {
        out.push_str(&format!("  {}: {}\n", party.name, may(party)));
    }
    out.push_str("\nwho reads what, at most\n");
    let readings = readings(agreement);
    for reading in &readings {
        let reader = &terms.parties[usize::from(reading.reader)].name;
        let (whose, unit) = match (reading.of_others, reading.form) {
            (true, Form::Rows) => ("rows of others too", "row"),
            (false, Form::Rows) => ("its own rows", "row"),
            (true, Form::Aggregate { .. }) => ("aggregates, of rows of others too", "call"),
            (false, Form::Aggregate { .. }) => ("aggregates of its own rows", "call"),
        };
        out.push_str(&format!(
            "  {reader}: {} of {whose}: {} x {} bits = {} bits per {unit}; {} calls, {} rows: {} bits in total\n",
            output_name(terms.output.output),
            reading.values,
            reading.bits_per_value,
            grouped(reading.bits_per_row()),
            grouped(reading.calls),
            grouped(reading.rows),
            grouped(reading.bits_in_total()),
        ));
    }
    if readings.is_empty() {
        out.push_str("  nobody reads anything\n");
    }
    out.push_str("\nwhat this agreement cannot prevent\n");
    for warning in warnings(agreement, program) {
        out.push_str(&format!("  - {warning}\n"));
    }
    out
}

/// What a party may do, in words.
fn may(party: &Party) -> String {
    let roles: Vec<&str> = party.roles.iter().map(|&role| role_name(role)).collect();
    let mut parts = vec![roles.join(", ")];
    if party.submit_calls > 0 {
        parts.push(format!("submits the program up to {}", times(party.submit_calls)));
    }
    for (verb, budget) in [("supplies columns", party.supply), ("scores", party.score)] {
        if budget.calls > 0 {
            let (calls, rows) = (times(budget.calls), grouped(budget.rows));
            parts.push(format!("{verb} up to {calls}, {rows} rows in all"));
        }
    }
    parts.join("; ")
}

fn times(calls: u32) -> String {
    format!("{} time{}", grouped(calls.into()), if calls == 1 { "" } else { "s" })
}

fn warnings(agreement: &Agreement, program: Option<u64>) -> Vec<String> {
    let terms = agreement.terms();
    let mut all = Vec::new();
    let (row, model) = (input_bits(agreement), program_bits(agreement, program));
    for reading in readings(agreement) {
        let party = &terms.parties[usize::from(reading.reader)];
        let reader = &party.name;
        // an owner has nothing to extract
        if party.submit_calls == 0 {
            all.push(extraction(reader, &reading, model, program.is_some()));
        }
        if reading.of_others {
            all.push(format!(
                "encoding: a program can write its input into its output; {reader} could read up to {} of the {} bits of a row that others brought",
                grouped(reading.bits_per_row().min(row)),
                grouped(row),
            ));
        }
    }
    if terms.program.profile == Profile::DataOblivious {
        all.push("profile data-oblivious: whoever watches the machine can learn the model from memory accesses; use \"strict\" to hide it".into());
    }
    if terms.instances > 1 {
        all.push(format!(
            "instances: each of the {} enclaves holds an even share of every budget, so a party may be refused by one while another has calls left",
            terms.instances
        ));
    }
    all.push("restarts: budgets are for one provisioning; whoever submits the program to a new boot grants them again".into());
    all
}

fn extraction(reader: &str, reading: &Reading, model: u64, exact: bool) -> String {
    let total = reading.bits_in_total();
    let percent = total as f64 / model as f64 * 100.0;
    let share = match percent {
        p if p >= 100.0 => "as much as the whole program or more".to_owned(),
        p if p < 0.01 => "less than 0.01% of the program".to_owned(),
        p => format!("{p:.2}% of the program"),
    };
    let size = if exact { "the program has" } else { "a program may have" };
    format!(
        "extraction: answers tell about the model; {reader} gets up to {} bits with rows of its own choice, {share} ({size} {} bits), and a model that is simpler than its program can be rebuilt from fewer",
        grouped(total),
        grouped(model),
    )
}

fn input_bits(agreement: &Agreement) -> u64 {
    let input = &agreement.terms().input;
    let width = match input.precision {
        Precision::F32 => 32,
        Precision::F64 => 64,
    };
    input.columns.len() as u64 * width
}

fn program_bits(agreement: &Agreement, program: Option<u64>) -> u64 {
    program.unwrap_or(u64::from(agreement.terms().limits.program_mib) << 20) * 8
}

fn form(form: Form) -> &'static str {
    match form {
        Form::Rows => "rows",
        Form::Aggregate { .. } => "aggregate",
    }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A name on one line, whatever is in it.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
