//! How much each reader can learn, in bits: an upper bound from the agreement alone.

use super::Agreement;
use super::terms::*;

/// What one reader may read through one release.
#[derive(Clone, PartialEq, Debug)]
pub struct Reading {
    /// Position of the reader among the parties.
    pub reader: u16,
    /// The form of the release.
    pub form: Form,
    /// Values per row (of an aggregate: per call).
    pub values: u32,
    /// Bits of one value, at most.
    pub bits_per_value: u32,
    /// Calls whose outputs the reader sees, over all instances.
    pub calls: u64,
    /// Rows of these calls in total, at most.
    pub rows: u64,
    /// Whether these calls can hold rows or columns that another party brought.
    pub of_others: bool,
}

impl Reading {
    /// Bits of one row (of an aggregate: of one call).
    pub fn bits_per_row(&self) -> u64 {
        u64::from(self.values) * u64::from(self.bits_per_value)
    }

    /// Bits in total: outputs x width x calls x rows. The caps on budgets keep it below 2^62.
    pub fn bits_in_total(&self) -> u64 {
        let times = match self.form {
            Form::Rows => self.rows,
            Form::Aggregate { .. } => self.calls,
        };
        self.bits_per_row() * times
    }
}

/// All readings, in the order of the parties.
pub fn readings(agreement: &Agreement) -> Vec<Reading> {
    let terms = agreement.terms();
    let mut all = Vec::new();
    for (reader, party) in (0..).zip(&terms.parties) {
        for release in &terms.releases {
            let callers: Vec<(u16, &Party)> = match release.to {
                Whom::Caller => vec![(reader, party)],
                Whom::Party(to) if to == reader => (0..).zip(&terms.parties).collect(),
                Whom::Party(_) => continue,
            };
            let budgets = callers.iter().map(|(_, party)| party.score);
            let calls: u64 = budgets.clone().map(|budget| u64::from(budget.calls)).sum();
            if calls == 0 {
                continue;
            }
            // a call holds so many rows at most, whatever the budget of rows is
            let rows = budgets
                .map(|budget| {
                    let by_calls = u64::from(budget.calls) * u64::from(terms.input.rows_per_call);
                    budget.rows.min(by_calls)
                })
                .sum();
            let of_others = callers.iter().any(|&(c, party)| c != reader && party.score.calls > 0)
                || terms
                    .input
                    .columns
                    .iter()
                    .any(|c| matches!(c.from, Whom::Party(p) if p != reader));
            all.push(Reading {
                reader,
                form: release.form,
                values: terms.output.count,
                bits_per_value: bits_per_value(&terms.output, release.digits),
                calls,
                rows,
                of_others,
            });
        }
    }
    all
}

/// Bits that tell all values apart which a release can give: a multiple of `10^-decimals` within
/// the range, or any float.
fn bits_per_value(output: &OutputTerms, digits: Digits) -> u32 {
    const FULL: u32 = 64;
    let values = match (output.output, digits) {
        // a class is a whole number, however many digits are released
        (engine::Output::Label, _) => output.max - output.min + 1.0,
        (_, Digits::Full) => return FULL,
        // both ends count, and one more for what the arithmetic here may round off
        (_, Digits::Decimals(decimals)) => {
            ((output.max - output.min) * 10f64.powi(i32::from(decimals))).floor() + 2.0
        }
    };
    (0..FULL).find(|&bits| 2f64.powi(bits as i32) >= values).unwrap_or(FULL)
}
