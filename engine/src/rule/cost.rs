//! What a rule costs, from its shape alone.

use super::{Instruction, RULE_BLOCK, RuleShape, Section};

/// Steps of a rule. A step is one branch-free loop over a block of at most 512 rows, or over one
/// cell in the sections that run once. A model counts one step beside its own cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RuleCost {
    /// Before the rows.
    pub setup: u64,
    /// For each block of rows.
    pub block: u64,
    /// After the rows.
    pub finish: u64,
}

impl RuleCost {
    /// Steps for so many rows: exactly those that run.
    pub fn steps(&self, rows: u64) -> u64 {
        self.setup + self.block * rows.div_ceil(RULE_BLOCK as u64) + self.finish
    }
}

/// The cost of a rule.
pub fn rule_cost(rule: &RuleShape) -> RuleCost {
    let steps = |section: &Section| section.code.iter().map(steps).sum();
    RuleCost { setup: steps(&rule.setup), block: steps(&rule.rows), finish: steps(&rule.finish) }
}

/// One step for each loop over the block: where every entry is looked at, one for each entry.
fn steps(instruction: &Instruction) -> u64 {
    match instruction {
        Instruction::Lookup { from: of, .. } | Instruction::Member { of, .. } => of.len() as u64,
        Instruction::WideMember { of, .. } => of.len() as u64,
        _ => 1,
    }
}
