//! Findings as people and programs read them, merged by source line.

use super::code::Code;
use super::compare::{Findings, Kind};
use super::locate::{Locator, Place};
use super::record::Event;
use crate::instruction::Model;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The verdict on a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All runs showed the same instructions, addresses and operand values.
    Same,
    /// A run with another secret differed.
    Leak,
    /// Not all was compared.
    Incomplete,
    /// The first secret, tried twice, gave two traces.
    NotDeterministic,
}

/// What became of one region.
#[derive(Clone, Debug, Serialize)]
pub struct RegionReport {
    /// The name that the program gave it.
    pub name: String,
    /// The verdict.
    pub outcome: Outcome,
    /// Each run, the reference first.
    pub runs: Vec<RunReport>,
    /// What differed, by source line.
    pub leaks: Vec<Leak>,
    /// Why it is incomplete.
    pub problems: Vec<String>,
}

/// One run of a region.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// Which secret.
    pub secret: String,
    /// Whether it only repeated the first.
    pub control: bool,
    /// Instructions compared.
    pub steps: usize,
    /// Position-normalised hash of the trace.
    pub fingerprint: String,
}

/// What differed at one source line.
#[derive(Clone, Debug, Serialize)]
pub struct Leak {
    /// In words.
    pub what: String,
    /// `file:line`, or what is known instead.
    pub line: String,
    /// Where, with inlined frames.
    pub place: Place,
    /// The place in the program's own code that led there, when the place itself is in a library.
    pub called_from: Option<Caller>,
    /// Instructions of this line that differed.
    pub instructions: Vec<Different>,
}

/// A call into a library.
#[derive(Clone, Debug, Serialize)]
pub struct Caller {
    /// The function called, when its name is known.
    pub function: Option<String>,
    /// Where the call stands.
    pub place: Place,
}

/// One instruction that differed.
#[derive(Clone, Debug, Serialize)]
pub struct Different {
    /// Offset in its module.
    pub offset: u64,
    /// In Intel's syntax.
    pub instruction: String,
    /// How often, over all runs.
    pub times: u64,
    /// First run that did.
    pub run: usize,
    /// First step of the reference at which it did.
    pub step: usize,
    /// What the reference and the other run did.
    pub detail: String,
}

/// Merges findings by source line and kind.
pub(crate) fn merge(
    findings: &Findings,
    reference: &[Event],
    code: &Code,
    locator: &mut Locator,
) -> Vec<Leak> {
    let mut merged: BTreeMap<(String, String), Leak> = BTreeMap::new();
    for (&(kind, at), finding) in findings {
        let place = locator.place(at);
        let model = code.known(at);
        let what = words(kind, model);
        let detail = match kind {
            Kind::Branch => format!(
                "goes on at {} or {}",
                short(locator, finding.reference),
                short(locator, finding.other)
            ),
            Kind::Address
                if model.is_some_and(|model| {
                    model.mask.is_none() && model.bit_offset.is_none() && model.memory.len() == 1
                }) =>
            {
                format!("{:#x} or {:#x}", finding.reference, finding.other)
            }
            Kind::Address | Kind::Latency => String::new(),
        };
        let different = Different {
            offset: place.offset,
            instruction: model.map_or_else(String::new, |model| model.instruction.to_string()),
            times: finding.times,
            run: finding.run,
            step: finding.step,
            detail,
        };
        let called_from = if place.own_frame().is_none() {
            caller(reference, finding.step, code, locator)
        } else {
            None
        };
        let line = place.line();
        // a stripped library has no lines: its findings belong to the call
        let key = called_from.as_ref().map_or_else(|| line.clone(), |caller| caller.place.line());
        let leak = Leak { what: what.clone(), line, place, called_from, instructions: vec![] };
        merged.entry((key, what)).or_insert(leak).instructions.push(different);
    }
    merged.into_values().collect()
}

fn words(kind: Kind, model: Option<&Model>) -> String {
    match kind {
        Kind::Branch => "branch".into(),
        Kind::Address if model.is_some_and(|model| model.mask.is_some()) => {
            "mask or address of a masked access".into()
        }
        Kind::Address if model.is_some_and(|model| model.string.is_some()) => {
            "address or length of a string instruction".into()
        }
        Kind::Address if model.is_some_and(|model| model.system_call) => {
            "argument of a system call".into()
        }
        Kind::Address => "address".into(),
        Kind::Latency => match model.and_then(|model| model.latency) {
            Some(latency) => format!("operand of {}", latency.name()),
            None => "number of a system call".into(),
        },
    }
}

fn short(locator: &mut Locator, address: u64) -> String {
    if address == 0 { "the end".into() } else { locator.place(address).line() }
}

/// The last step before `step` that stands in code of the program's own, with source lines.
fn caller(reference: &[Event], step: usize, code: &Code, locator: &mut Locator) -> Option<Caller> {
    let mut known = std::collections::HashMap::new();
    let before = reference.get(..step)?;
    let found = before.iter().rposition(|event| {
        *known.entry(event.at).or_insert_with(|| locator.place(event.at).own_frame().is_some())
    })?;
    let event = before[found];
    // `call [slot]`: the slot's name is the function's
    let slot = code.known(event.at).filter(|model| model.instruction.is_ip_rel_memory_operand());
    let function = slot
        .and_then(|model| locator.slot(model.instruction.ip_rel_memory_address()))
        .or_else(|| {
            let place = locator.place(before.get(found + 1)?.at);
            place.frames.last().map(|frame| frame.function.clone()).or(place.near)
        });
    Some(Caller { function, place: locator.place(event.at) })
}

/// 0: all the same; 1: a leak; 2: no verdict. Nothing holds for a program that is not deterministic; but a leak that was
/// seen is one, whatever else is missing.
pub fn exit_code(regions: &[RegionReport]) -> u8 {
    let any = |outcome| regions.iter().any(|region| region.outcome == outcome);
    if any(Outcome::NotDeterministic) {
        2
    } else if any(Outcome::Leak) {
        1
    } else if any(Outcome::Incomplete) || regions.is_empty() {
        2
    } else {
        0
    }
}

/// The report on one region, for people.
pub fn text(region: &RegionReport) -> String {
    let mut out = String::new();
    let name =
        if region.name.is_empty() { String::new() } else { format!("region {}: ", region.name) };
    let steps = region.runs.first().map_or(0, |run| run.steps);
    let compared: usize = region.runs.iter().map(|run| run.steps).sum();
    let _ = writeln!(
        out,
        "{name}{} runs, {steps} instructions in the first, {compared} in all",
        region.runs.len()
    );
    for leak in &region.leaks {
        write_leak(&mut out, leak);
    }
    for problem in &region.problems {
        let _ = writeln!(out, "INCOMPLETE {problem}");
    }
    let verdict = match region.outcome {
        Outcome::Same => "SAME for these secrets, on this path, in this binary",
        Outcome::Leak => "LEAK",
        Outcome::Incomplete => "INCOMPLETE: no verdict",
        Outcome::NotDeterministic => {
            "NOT DETERMINISTIC: the first secret gave two traces, so nothing can be said about others"
        }
    };
    let _ = writeln!(out, "{name}{verdict}");
    out
}

fn write_leak(out: &mut String, leak: &Leak) {
    let at = leak.called_from.as_ref().map_or(&leak.place, |caller| &caller.place);
    let through = match leak.called_from.as_ref().map(|caller| &caller.function) {
        Some(Some(function)) => format!(", in {function} ({})", leak.line),
        Some(None) => format!(", in {}", leak.line),
        None => String::new(),
    };
    let _ = writeln!(out, "LEAK {} at {}{through}", leak.what, at.line());
    for (depth, frame) in at.frames.iter().enumerate() {
        let word = if depth == 0 { "in" } else { "inlined into" };
        let _ = writeln!(out, "       {word} {} ({}:{})", frame.function, frame.file, frame.line);
    }
    const SHOWN: usize = 4;
    for different in leak.instructions.iter().take(SHOWN) {
        let detail = if different.detail.is_empty() {
            String::new()
        } else {
            format!(": {}", different.detail)
        };
        let _ = writeln!(
            out,
            "       {:#x} `{}` {} times, first in run {} at step {}{detail}",
            different.offset, different.instruction, different.times, different.run, different.step
        );
    }
    if leak.instructions.len() > SHOWN {
        let _ = writeln!(out, "       and {} more instructions", leak.instructions.len() - SHOWN);
    }
}
