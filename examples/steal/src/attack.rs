//! The attacker: learns to read the trace of an engine on a tree of its own, then rebuilds a secret
//! tree by choosing rows.

use std::collections::HashMap;

use crate::practice;
use crate::trace::{Trace, TraceError, Watcher};

/// How the ways through a tree show in a trace.
pub struct Alphabet {
    /// An instruction that runs once at each node.
    head: u64,
    /// The instructions from one node to the next, and which side they stand for: `true` is right.
    words: HashMap<Vec<u64>, bool>,
}

impl Alphabet {
    /// Learns from the practice tree: `watch` shows the trace of a row. `None` where the traces do
    /// not tell the ways apart.
    ///
    /// # Errors
    /// Where the victim cannot be watched.
    pub fn learn<E>(mut watch: impl FnMut(&[f32]) -> Result<Trace, E>) -> Result<Option<Self>, E> {
        let mut seen = Vec::new();
        for (value, way) in practice::rows() {
            seen.push((watch(&[value])?.instructions(), way));
        }
        // whatever runs as often as there are nodes on a path may be what runs once at each
        let mut runs: HashMap<u64, usize> = HashMap::new();
        for &address in &seen[0].0 {
            *runs.entry(address).or_default() += 1;
        }
        runs.retain(|_, count| *count == practice::DEPTH + 1);
        let mut heads: Vec<u64> = runs.into_keys().collect();
        heads.sort_unstable();
        Ok(heads.into_iter().find_map(|head| Self::with_head(head, &seen)))
    }

    fn with_head(head: u64, seen: &[(Vec<u64>, [bool; practice::DEPTH])]) -> Option<Self> {
        let mut words = HashMap::new();
        for (trace, way) in seen {
            let nodes = split(trace, head);
            // the last node is the leaf
            if nodes.len() != way.len() + 1 {
                return None;
            }
            for (node, &right) in nodes.into_iter().zip(way) {
                if *words.entry(node.to_vec()).or_insert(right) != right {
                    return None;
                }
            }
        }
        Some(Self { head, words })
    }

    /// Reads the way of a row out of its trace. `None` where it shows a word never seen.
    fn read(&self, trace: &[u64]) -> Option<Vec<bool>> {
        let nodes = split(trace, self.head);
        let comparisons = nodes.len().checked_sub(1)?;
        nodes[..comparisons].iter().map(|&node| self.words.get(node).copied()).collect()
    }
}

/// What runs from each visit of `head` to the next.
fn split(trace: &[u64], head: u64) -> Vec<&[u64]> {
    let first = trace.iter().position(|&address| address == head).unwrap_or(trace.len());
    trace[first..].chunk_by(|_, &next| next != head).collect()
}

/// A tree as the attacker rebuilds it.
#[derive(Debug, PartialEq)]
pub enum Stolen {
    /// An end.
    Leaf,
    /// A comparison: rows with `feature <= threshold` go left.
    Split {
        /// The column.
        feature: usize,
        /// The largest value that goes left.
        threshold: f32,
        /// Where it goes.
        left: Box<Stolen>,
        /// Where the others go.
        right: Box<Stolen>,
    },
}

impl Stolen {
    /// Comparisons of the tree.
    pub fn splits(&self) -> usize {
        match self {
            Stolen::Leaf => 0,
            Stolen::Split { left, right, .. } => 1 + left.splits() + right.splits(),
        }
    }
}

/// Why a tree was not rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum StealError {
    /// The victim cannot be watched.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A trace does not read as a walk through a tree.
    #[error("a trace shows no walk through a tree")]
    Unreadable,
}

/// Rebuilds the tree of a victim, and keeps the rows that it asked.
pub struct Thief<'a> {
    victim: &'a mut Watcher,
    alphabet: &'a Alphabet,
    /// Every row asked.
    pub rows: Vec<Vec<f32>>,
}

impl<'a> Thief<'a> {
    /// Sets out to rob a victim whose traces can be read.
    pub fn new(victim: &'a mut Watcher, alphabet: &'a Alphabet) -> Self {
        Self { victim, alphabet, rows: Vec::new() }
    }

    /// Rebuilds a tree over this many features.
    ///
    /// # Errors
    /// Where the victim stops, or its traces do not read as a tree.
    pub fn steal(&mut self, features: usize) -> Result<Stolen, StealError> {
        let (low, high) = (vec![-f32::MAX; features], vec![f32::MAX; features]);
        self.node(0, low, high)
    }

    /// The node at this depth, to which exactly the rows from `low` to `high` come.
    fn node(&mut self, depth: usize, low: Vec<f32>, high: Vec<f32>) -> Result<Stolen, StealError> {
        let Some(side) = self.side(&low, depth)? else { return Ok(Stolen::Leaf) };
        if side || self.side(&high, depth)? != Some(true) {
            // one side is empty: no row can tell what is there, and none ever goes there
            return self.node(depth + 1, low, high);
        }
        let feature = self.feature(depth, &low, &high)?;
        let threshold = self.threshold(depth, feature, &low, &high)?;
        let (mut left_high, mut right_low) = (high.clone(), low.clone());
        left_high[feature] = threshold;
        right_low[feature] = threshold.next_up();
        let left = Box::new(self.node(depth + 1, low, left_high)?);
        let right = Box::new(self.node(depth + 1, right_low, high)?);
        Ok(Stolen::Split { feature, threshold, left, right })
    }

    /// Which feature sends the row right when it is raised: found by halving the set.
    fn feature(&mut self, depth: usize, low: &[f32], high: &[f32]) -> Result<usize, StealError> {
        let (mut from, mut to) = (0, low.len());
        while to - from > 1 {
            let middle = usize::midpoint(from, to);
            let mut row = low.to_vec();
            row[from..middle].copy_from_slice(&high[from..middle]);
            match self.side(&row, depth)?.ok_or(StealError::Unreadable)? {
                true => to = middle,
                false => from = middle,
            }
        }
        Ok(from)
    }

    /// The largest value of the feature that goes left: found by halving the floats in between.
    fn threshold(
        &mut self,
        depth: usize,
        feature: usize,
        low: &[f32],
        high: &[f32],
    ) -> Result<f32, StealError> {
        let (mut left, mut right) = (order(low[feature]), order(high[feature]));
        while right - left > 1 {
            let middle = i64::midpoint(left, right);
            let mut row = low.to_vec();
            row[feature] = float(middle);
            match self.side(&row, depth)?.ok_or(StealError::Unreadable)? {
                true => right = middle,
                false => left = middle,
            }
        }
        Ok(float(left))
    }

    /// Which way a row goes at this depth: `None` where it has ended before.
    fn side(&mut self, row: &[f32], depth: usize) -> Result<Option<bool>, StealError> {
        let trace = self.victim.watch(row)?;
        self.rows.push(row.to_vec());
        let way = self.alphabet.read(&trace.instructions()).ok_or(StealError::Unreadable)?;
        Ok(way.get(depth).copied())
    }
}

/// Finite floats as integers of the same order, one apart.
fn order(value: f32) -> i64 {
    let bits = i64::from(value.to_bits() & 0x7fff_ffff);
    if value.is_sign_negative() { -bits } else { bits }
}

fn float(order: i64) -> f32 {
    let magnitude = f32::from_bits(order.unsigned_abs() as u32);
    if order < 0 { -magnitude } else { magnitude }
}
