//! Which secrets a region runs on, and in which order.

use crate::error::Error;

/// Which secrets to try.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Number of secrets: of those that the program has, or that are made up.
    pub count: Option<usize>,
    /// Only these of the secrets, in this order.
    pub only: Vec<usize>,
    /// Determinism alone: the first secret this many times.
    pub same: Option<usize>,
    /// Seed of made-up secrets.
    pub seed: u64,
}

/// Made-up secrets when nothing else is said.
const MADE: usize = 8;

/// Where a secret comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    /// The program's, or the input file, of this number.
    Given(usize),
    /// Made up by the tracer.
    Made(usize),
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) secret: Secret,
    /// Whether it repeats the first secret, to see whether the program is deterministic.
    pub(crate) control: bool,
}

impl std::fmt::Display for Planned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.secret {
            Secret::Given(number) => write!(f, "secret {number}")?,
            Secret::Made(number) => write!(f, "made-up secret {number}")?,
        }
        f.write_str(if self.control { ", again" } else { "" })
    }
}

impl Plan {
    /// Runs for a region that brings `available` secrets (0: none, they are made up).
    pub(crate) fn region(&self, available: usize) -> Result<Vec<Planned>, Error> {
        if available == 0 {
            return self.runs(self.count.unwrap_or(MADE), Secret::Made);
        }
        self.runs(self.count.map_or(available, |count| count.min(available)), Secret::Given)
    }

    /// Runs for a program that reads `available` input files.
    pub(crate) fn inputs(&self, available: usize) -> Result<Vec<Planned>, Error> {
        self.runs(available.max(1), Secret::Given)
    }

    /// The first secret, the same again as a control, then the others.
    fn runs(&self, count: usize, secret: fn(usize) -> Secret) -> Result<Vec<Planned>, Error> {
        if let Some(missing) = self.only.iter().find(|&&number| number >= count) {
            return Err(Error::Request(format!(
                "there is no secret {missing}: there are {count}, numbered from 0"
            )));
        }
        let chosen = if self.only.is_empty() { (0..count).collect() } else { self.only.clone() };
        let Some((&first, rest)) = chosen.split_first() else { return Ok(vec![]) };
        let control = Planned { secret: secret(first), control: true };
        let mut runs = vec![Planned { secret: secret(first), control: false }];
        match self.same {
            Some(times) => runs.extend((1..times.max(2)).map(|_| control)),
            None => {
                runs.push(control);
                runs.extend(
                    rest.iter().map(|&number| Planned { secret: secret(number), control: false }),
                );
            }
        }
        Ok(runs)
    }

    /// A made-up secret: random, all zero, all ones, then random again.
    pub(crate) fn make(&self, number: usize, length: usize) -> Vec<u8> {
        match number {
            1 => vec![0; length],
            2 => vec![0xff; length],
            _ => {
                let mut state = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number as u64;
                (0..length).map(|_| next(&mut state) as u8).collect()
            }
        }
    }
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
