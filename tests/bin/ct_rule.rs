//! Regions for an instruction count: every rule target, one after the other, on one of its secrets.
//!
//! `ct-rule BACKEND SECRET`: the number of the secret, 0 to 7. The last region is a planted leak: a
//! branch on the secret, for the check to catch.
#![forbid(unsafe_code)]

use engine::Backend;
use engine::rule::RuleResults;
use model::rule::rule_targets;
use std::hint::black_box;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let backend = Backend::named(&arguments[1]).expect("a backend of this CPU");
    let secret: usize = arguments[2].parse().expect("a number");
    for target in rule_targets() {
        let prepared = target.prepare(&target.secrets[secret]);
        black_box(counted_region(|| target.run(backend, prepared)));
        println!("{}", target.name);
    }
    black_box(counted_region(|| planted(secret as i64)));
    println!("planted");
}

/// What the check counts.
#[inline(never)]
fn counted_region(body: impl FnOnce() -> RuleResults) -> RuleResults {
    body()
}

/// A branch on a secret, of the kind that the check must see.
fn planted(secret: i64) -> RuleResults {
    let mut once = Vec::with_capacity(8);
    for limit in 0..8 {
        if black_box(secret) > limit {
            once.push(black_box(3i64).wrapping_mul(black_box(limit)));
        }
    }
    RuleResults { rows: Vec::new(), once, clamped: Vec::new(), steps: 0 }
}
