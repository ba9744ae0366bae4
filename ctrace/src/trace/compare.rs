//! Where two traces part, and where they meet again.

use super::record::Event;
use std::collections::{BTreeMap, HashMap};

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// The next instruction.
    Branch,
    /// An address, or a mask on memory.
    Address,
    /// An operand of an instruction whose time depends on it.
    Latency,
}

/// One instruction that behaved differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// First step of the reference trace where it did.
    pub(crate) step: usize,
    /// Run (number in the plan) that first showed it.
    pub(crate) run: usize,
    /// How often it did, over all runs.
    pub(crate) times: u64,
    /// What the reference did: the address of the next instruction, or of the memory.
    pub(crate) reference: u64,
    /// What the other run did.
    pub(crate) other: u64,
}

/// Findings by what differs and at which instruction.
pub(crate) type Findings = BTreeMap<(Kind, u64), Finding>;

/// How far both sides are searched for the place where they meet again.
const WINDOW: usize = 4096;

/// Compares a run with the reference. A split is charged to the instruction before it; then both sides are brought to
/// the nearest common instruction. Answers false when there was none: the rest is not compared.
pub(crate) fn compare(
    reference: &[Event],
    other: &[Event],
    run: usize,
    findings: &mut Findings,
) -> bool {
    let mut add = |kind, at, step, reference, other| {
        let finding = Finding { step, run, times: 0, reference, other };
        findings.entry((kind, at)).or_insert(finding).times += 1;
    };
    let (mut i, mut j) = (0, 0);
    while let (Some(a), Some(b)) = (reference.get(i), other.get(j)) {
        if a.at == b.at {
            if a.address != b.address {
                add(Kind::Address, a.at, i, a.address, b.address);
            }
            if a.value != b.value {
                add(Kind::Latency, a.at, i, 0, 0);
            }
            i += 1;
            j += 1;
            continue;
        }
        let split = i
            .checked_sub(1)
            .and_then(|before| reference.get(before))
            .map_or(a.at, |before| before.at);
        add(Kind::Branch, split, i.saturating_sub(1), a.at, b.at);
        let Some((ahead, behind)) = meeting(&reference[i..], &other[j..]) else { return false };
        i += ahead;
        j += behind;
    }
    if i == reference.len() && j == other.len() {
        return true;
    }
    let Some(last) = i.checked_sub(1).and_then(|last| reference.get(last)) else { return false };
    let next = |events: &[Event], at: usize| events.get(at).map_or(0, |event| event.at);
    add(Kind::Branch, last.at, i - 1, next(reference, i), next(other, j));
    true
}

/// The nearest pair of positions that run the same instruction on the same address; when there is none, on any address.
/// Addresses bring loops back together at the right round.
fn meeting(reference: &[Event], other: &[Event]) -> Option<(usize, usize)> {
    let touches = |event: &Event| (event.address != 0).then_some((event.at, event.address));
    nearest(reference, other, touches)
        .or_else(|| nearest(reference, other, |event| Some((event.at, 0))))
}

fn nearest(
    reference: &[Event],
    other: &[Event],
    key: impl Fn(&Event) -> Option<(u64, u64)>,
) -> Option<(usize, usize)> {
    let mut first: HashMap<(u64, u64), usize> = HashMap::new();
    for (position, event) in other.iter().take(WINDOW).enumerate() {
        if let Some(key) = key(event) {
            first.entry(key).or_insert(position);
        }
    }
    reference
        .iter()
        .take(WINDOW)
        .enumerate()
        .filter_map(|(position, event)| Some((position, *first.get(&key(event)?)?)))
        .min_by_key(|&(here, there)| here + there)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(at: &[u64]) -> Vec<Event> {
        at.iter().map(|&at| Event { at, address: 0, value: 0 }).collect()
    }

    fn kinds(reference: &[Event], other: &[Event]) -> Vec<(Kind, u64, u64)> {
        let mut findings = Findings::new();
        compare(reference, other, 1, &mut findings);
        findings.iter().map(|(&(kind, at), finding)| (kind, at, finding.times)).collect()
    }

    #[test]
    fn a_split_is_charged_to_the_branch_and_what_follows_is_still_compared() {
        let reference = trace(&[1, 2, 10, 11, 5, 6]);
        let mut other = trace(&[1, 2, 20, 5, 6]);
        other[4].address = 9;
        assert_eq!(kinds(&reference, &other), [(Kind::Branch, 2, 1), (Kind::Address, 6, 1)]);
    }

    #[test]
    fn a_skipped_part_of_a_loop_shifts_no_round() {
        let round = |number: u64, skip: bool| {
            let ats = if skip { vec![1, 2, 4] } else { vec![1, 2, 3, 4] };
            ats.into_iter().map(move |at| Event {
                at,
                address: if at == 1 || at == 3 { 100 + number } else { 0 },
                value: 0,
            })
        };
        let reference: Vec<Event> = (0..9).flat_map(|number| round(number, false)).collect();
        let other: Vec<Event> = (0..9).flat_map(|number| round(number, number % 2 == 0)).collect();
        assert_eq!(kinds(&reference, &other), [(Kind::Branch, 2, 5)]);
    }

    #[test]
    fn a_trace_that_stops_early_is_a_branch() {
        assert_eq!(kinds(&trace(&[1, 2, 3]), &trace(&[1, 2])), [(Kind::Branch, 2, 1)]);
        assert_eq!(kinds(&trace(&[1, 2]), &trace(&[1, 2, 3])), [(Kind::Branch, 2, 1)]);
    }

    #[test]
    fn no_meeting_is_said() {
        assert!(!compare(&trace(&[1, 2, 3]), &trace(&[1, 7, 8]), 1, &mut Findings::new()));
    }

    #[test]
    fn equal_traces_have_no_findings() {
        assert_eq!(kinds(&trace(&[1, 2, 3]), &trace(&[1, 2, 3])), []);
        assert_eq!(kinds(&[], &[]), []);
        assert!(!compare(&[], &trace(&[1]), 1, &mut Findings::new()));
    }
}
