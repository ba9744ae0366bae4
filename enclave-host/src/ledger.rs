//! Budgets: what is left to each party, and what was charged under which request id.

use ops::equal_bytes;
use protocol::agreement::{Agreement, Budget, Party};
use protocol::message::{Counters, RequestId};
use protocol::{Code, Sha384};
use std::collections::HashMap;

/// What one request costs.
#[derive(Clone, Copy)]
pub(crate) enum Cost {
    Submit,
    Supply { rows: u32 },
    Score { rows: u32 },
}

/// What was charged under a request id.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// Keyed hash of the request.
    pub(crate) content: Sha384,
    /// Of the record that says so.
    pub(crate) epoch: u64,
    /// What was left after it.
    pub(crate) left: Counters,
}

/// What is known of a request id.
pub(crate) enum Known {
    /// Nothing.
    New,
    /// The same request was charged.
    Again(Entry),
    /// Another request was charged under this id.
    Other,
}

/// Memory of one entry, with the table around it, at most.
const ENTRY_BYTES: u64 = 256;

pub(crate) struct Ledger {
    accounts: Vec<Account>,
}

struct Account {
    left: Counters,
    entries: HashMap<RequestId, Entry>,
}

impl Ledger {
    /// Full budgets of one instance; `None` where their entries could not all be kept in `memory`
    /// bytes. All memory is reserved here.
    pub(crate) fn new(agreement: &Agreement, memory: u64) -> Option<Self> {
        let terms = agreement.terms();
        let share = |party: &Party| full(party, terms.instances);
        let calls = |left: &Counters| {
            u64::from(left.submit_calls)
                + u64::from(left.supply_calls)
                + u64::from(left.score_calls)
        };
        let lefts: Vec<Counters> = terms.parties.iter().map(share).collect();
        let total: u64 = lefts.iter().map(calls).sum();
        if total.checked_mul(ENTRY_BYTES)? > memory {
            return None;
        }
        let account = |left: Counters| {
            let mut entries = HashMap::new();
            entries.try_reserve(usize::try_from(calls(&left)).ok()?).ok()?;
            Some(Account { left, entries })
        };
        Some(Self { accounts: lefts.into_iter().map(account).collect::<Option<_>>()? })
    }

    /// What is left to a party.
    pub(crate) fn left(&self, party: u16) -> Counters {
        self.accounts.get(usize::from(party)).map_or(Counters::default(), |account| account.left)
    }

    /// What is known of a request id. Costs nothing.
    pub(crate) fn known(&self, party: u16, id: RequestId, content: &Sha384) -> Known {
        let account = self.accounts.get(usize::from(party));
        match account.and_then(|account| account.entries.get(&id)) {
            None => Known::New,
            // Declassified: whether a party repeats its own request is that party's to know.
            Some(entry) if equal_bytes(&entry.content.0, &content.0).declassify() => {
                Known::Again(*entry)
            }
            Some(_) => Known::Other,
        }
    }

    /// Whether a party can pay.
    pub(crate) fn affords(&self, party: u16, cost: Cost) -> Result<Counters, Code> {
        let account = self.accounts.get(usize::from(party)).ok_or(Code::NotAllowed)?;
        let mut left = account.left;
        let paid = match cost {
            Cost::Submit => take(&mut left.submit_calls, 1),
            Cost::Supply { rows } => {
                take(&mut left.supply_calls, 1).and(take(&mut left.supply_rows, rows.into()))
            }
            Cost::Score { rows } => {
                take(&mut left.score_calls, 1).and(take(&mut left.score_rows, rows.into()))
            }
        };
        paid.map(|()| left).ok_or(Code::Budget)
    }

    /// Charges a request that [`affords`](Ledger::affords) found affordable: `entry.left` is its answer.
    pub(crate) fn charge(&mut self, party: u16, id: RequestId, entry: Entry) {
        if let Some(account) = self.accounts.get_mut(usize::from(party)) {
            account.left = entry.left;
            account.entries.insert(id, entry);
        }
    }
}

/// One instance's share. The agreement's check made sure that nothing is left over.
fn full(party: &Party, instances: u16) -> Counters {
    let calls = |calls: u32| calls / u32::from(instances);
    let rows = |budget: Budget| budget.rows / u64::from(instances);
    Counters {
        submit_calls: calls(party.submit_calls),
        supply_calls: calls(party.supply.calls),
        score_calls: calls(party.score.calls),
        phase: 0,
        supply_rows: rows(party.supply),
        score_rows: rows(party.score),
    }
}

fn take<T: Copy + PartialOrd + std::ops::Sub<Output = T>>(left: &mut T, cost: T) -> Option<()> {
    if *left < cost {
        return None;
    }
    *left = *left - cost;
    Some(())
}
