//! A hash of a trace that does not depend on where the system placed things.
//!
//! SHA-256 over little-endian words. For each step: the place of the instruction, the number of addresses, masks and
//! values, each address as a place, each mask, each value. A place is two words, a space and an offset in it:
//!
//! | address in | space | offset |
//! |---|---|---|
//! | a mapped file (program, library) or `[vdso]` | hash of its name without folders | from where it is mapped |
//! | the stack | 1 | below or above the stack pointer at the beginning |
//! | the mapping that holds the secret buffer | 2 | from the buffer's first byte |
//! | any other mapping (heap, other memory) | 3 and up, in order of first touch | from the first address touched in it |
//! | no mapping | 0 | the address itself |
//!
//! What it thus cannot see: which address of another mapping was touched first. What it still depends on: how far apart
//! two allocations in one mapping lie, so on what was allocated before; a harness that is to reproduce a fingerprint must
//! allocate the same sizes in the same order.

use super::locate::base_name;
use super::mappings::Mappings;
use super::observe::Step;
use super::tracee::{Registers, Tracee};
use crate::error::Error;
use sha2::{Digest, Sha256};

const NOWHERE: u64 = 0;
const STACK: u64 = 1;
const BUFFER: u64 = 2;
const FIRST_OTHER: u64 = 3;

/// A hash under way.
pub(crate) struct Fingerprint {
    tracee: Tracee,
    stack: u64,
    buffer: Option<(u64, u64)>,
    spaces: Vec<Space>,
    last: usize,
    others: u64,
    words: Vec<u8>,
    hasher: Sha256,
}

/// A range of addresses that share a space.
#[derive(Clone, Copy)]
struct Space {
    start: u64,
    end: u64,
    name: u64,
    base: u64,
}

impl Fingerprint {
    /// For a process that stands at the beginning of a region.
    pub(crate) fn new(
        tracee: Tracee,
        registers: &Registers,
        buffer: Option<(u64, u64)>,
    ) -> Result<Self, Error> {
        Ok(Self {
            tracee,
            stack: registers.rsp,
            buffer: buffer.filter(|&(_, length)| length > 0),
            spaces: vec![],
            last: 0,
            others: FIRST_OTHER,
            words: Vec::with_capacity(1 << 16),
            hasher: Sha256::new(),
        })
    }

    pub(crate) fn push(&mut self, step: &Step) -> Result<(), Error> {
        self.place(step.at)?;
        let counts = [step.addresses.len(), step.masks.len(), step.values.len()];
        self.word(counts.iter().fold(0, |all, &count| all << 16 | count as u64));
        for &address in &step.addresses {
            self.place(address)?;
        }
        for &word in step.masks.iter().chain(&step.values) {
            self.word(word);
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> String {
        self.hasher.update(&self.words);
        self.hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn word(&mut self, word: u64) {
        self.words.extend(word.to_le_bytes());
        if self.words.len() >= 1 << 16 {
            self.hasher.update(&self.words);
            self.words.clear();
        }
    }

    fn place(&mut self, address: u64) -> Result<(), Error> {
        let holds = |space: &&Space| space.start <= address && address < space.end;
        let space = match self.spaces.get(self.last).filter(holds) {
            Some(space) => *space,
            None => match self.spaces.iter().position(|space| holds(&space)) {
                Some(position) => {
                    self.last = position;
                    self.spaces[position]
                }
                None => self.enter(address)?,
            },
        };
        self.word(space.name);
        self.word(address.wrapping_sub(space.base));
        Ok(())
    }

    /// A mapping is touched for the first time, or has grown.
    fn enter(&mut self, address: u64) -> Result<Space, Error> {
        let mappings = Mappings::of(self.tracee)?;
        let Some(mapping) = mappings.find(address) else {
            return Ok(Space { start: 0, end: 0, name: NOWHERE, base: 0 });
        };
        let holds = |at: u64| mapping.start <= at && at < mapping.end;
        let grown = self.spaces.iter().position(|space| {
            holds(space.start) || (space.start..space.end).contains(&mapping.start)
        });
        if let Some(position) = grown {
            self.spaces[position].start = self.spaces[position].start.min(mapping.start);
            self.spaces[position].end = self.spaces[position].end.max(mapping.end);
            return Ok(self.spaces[position]);
        }
        let (name, base) = if holds(self.stack) {
            (STACK, self.stack)
        } else if let Some((buffer, _)) = self.buffer.filter(|&(buffer, _)| holds(buffer)) {
            (BUFFER, buffer)
        } else if mapping.name.starts_with('/') {
            (
                name_hash(base_name(&mapping.name)),
                mappings.base(&mapping.name).unwrap_or(mapping.start),
            )
        } else if mapping.name.starts_with("[v") {
            (name_hash(&mapping.name), mapping.start)
        } else {
            self.others += 1;
            (self.others - 1, address)
        };
        let space = Space { start: mapping.start, end: mapping.end, name, base };
        self.spaces.push(space);
        Ok(space)
    }
}

/// FNV-1a, with the top bit set so that no name is a number of a space.
fn name_hash(name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    hash | 1 << 63
}
