//! Whether a program is one that an agreement is about.

mod rule;

pub use rule::{RuleColumn, rule_columns, rule_outputs, rule_releases, rule_selection};

use super::error::{AgreementError, Fault, at};
use super::{Agreement, AgreementParts, output_name};
use crate::commitment::card;
use engine::shape::StepShape;
use engine::{Output, Program};
use std::fmt::{Debug, Display};

/// Checks a program against an agreement: `bytes` are the program's own. All that is compared here
/// is public.
///
/// # Leaks
/// The program's card.
///
/// # Errors
/// The first term that the program does not fit.
pub fn fits(agreement: &Agreement, bytes: &[u8], program: &Program) -> Result<(), AgreementError> {
    let terms = agreement.terms();
    let shape = program.shape();
    let rule = match shape.steps.as_slice() {
        [StepShape::Rule(rule)] => Some(rule),
        _ => None,
    };
    let kind = |rule| if rule { "a rule" } else { "a model" };
    same("party.roles", kind(rule.is_some()), kind(rule::of_rules(terms)))?;
    same("program.profile", shape.profile, terms.program.profile)?;
    same("program.class", shape.class, terms.program.class)?;
    match rule {
        Some(rule) => rule::fits(terms, rule)?,
        None => model_fits(terms, program)?,
    }
    let limit = u64::from(terms.limits.program_mib) << 20;
    if bytes.len() as u64 > limit {
        let (found, limit) = (format!("{} bytes", bytes.len()), format!("{limit} at most"));
        return Err(misfit("limits.program_mib", found, limit));
    }
    let (needed, limit) = (memory(terms, bytes, program), u64::from(terms.limits.memory_mib) << 20);
    if needed > limit {
        let mib = |bytes: u64| format!("{} MiB", bytes.div_ceil(1 << 20));
        return Err(misfit("limits.memory_mib", mib(needed), mib(limit)));
    }
    // last, since it says the least about what to mend
    match card(bytes) {
        Some(found) if found == terms.program.card => Ok(()),
        Some(found) => Err(misfit("program.card", found, terms.program.card)),
        None => Err(misfit("program.card", "no card", terms.program.card)),
    }
}

/// Bytes that an enclave may need at once: a program and the one that takes its place, with its bytes; and for each party a
/// message, its values, and an evaluation of a full call with all its releases.
fn memory(terms: &AgreementParts, bytes: &[u8], program: &Program) -> u64 {
    /// Threads, connections, and what the rest of the process takes.
    const BASE: u64 = 8 << 20;
    let cost = engine::cost(program.shape());
    let rows = u64::from(terms.input.rows_per_call);
    // the rows, and once more as a rule's columns
    let values = 2 * 8 * rows * terms.input.columns.len() as u64;
    let outputs = 8 * rows * u64::from(terms.output.count) * (2 + terms.releases.len() as u64);
    let message = u64::from(terms.limits.message_mib) << 20;
    let worker = message + values + outputs + cost.scratch_bytes;
    BASE + 3 * bytes.len() as u64 + cost.layout_bytes + worker * terms.parties.len() as u64
}

fn model_fits(terms: &AgreementParts, program: &Program) -> Result<(), AgreementError> {
    let shape = program.shape();
    same("input.precision", shape.precision, terms.input.precision)?;
    same("input.column", shape.features as usize, terms.input.columns.len())?;
    let names = program.schema().feature_names.iter().flatten();
    for (number, (name, column)) in names.zip(&terms.input.columns).enumerate() {
        same(format!("input.column[{number}].name"), name, &column.name)?;
    }
    let output = terms.output.output;
    if !engine::outputs(program).contains(&output) {
        let offered: Vec<&str> = engine::outputs(program).into_iter().map(output_name).collect();
        return Err(misfit("output.output", offered.join(", "), output_name(output)));
    }
    let values = values_per_row(program, output);
    if values != terms.output.count as usize {
        return Err(misfit("output.count", values, terms.output.count));
    }
    Ok(())
}

/// Values that one row gives; of a rule, the most that one party gets of a row, or once.
pub fn values_per_row(program: &Program, output: Output) -> usize {
    if output == Output::Label {
        return 1;
    }
    let counts = program.shape().steps.iter().map(|step| match step {
        StepShape::Forest(forest) => forest.outputs(),
        StepShape::Linear(linear) => linear.outputs as usize,
        StepShape::Rule(rule) => rule_outputs(rule),
        StepShape::Rank(_) | StepShape::Link(_) => 1,
    });
    counts.max().unwrap_or(1)
}

fn same<T: PartialEq + Debug>(
    path: impl Display,
    found: T,
    agreed: T,
) -> Result<(), AgreementError> {
    if found == agreed {
        return Ok(());
    }
    Err(misfit(path, format!("{found:?}"), format!("{agreed:?}")))
}

fn misfit(path: impl Display, program: impl Display, agreement: impl Display) -> AgreementError {
    at(path, Fault::Misfit { program: program.to_string(), agreement: agreement.to_string() })
}
