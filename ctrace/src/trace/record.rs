//! A trace in memory: one event for each instruction.

use super::observe::Step;

/// One executed instruction. Two runs are the same when their events are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Where it stands.
    pub(crate) at: u64,
    /// The one address it touches, or all addresses and masks mixed into one word.
    pub(crate) address: u64,
    /// Operand values that its time may depend on, mixed into one word.
    pub(crate) value: u64,
}

impl From<&Step> for Event {
    fn from(step: &Step) -> Self {
        let address = match (&step.addresses[..], &step.masks[..]) {
            ([], []) => 0,
            ([address], []) => *address,
            (addresses, masks) => {
                let seed = mix(addresses.len() as u64 + 1, masks.len() as u64);
                addresses.iter().chain(masks).fold(seed, |all, &word| mix(all, word))
            }
        };
        let value = step.values.iter().fold(0, |all, &word| mix(all, word));
        Event { at: step.at, address, value }
    }
}

/// A 64-bit mix; collisions are as rare as chance, nobody chooses the inputs to collide.
fn mix(all: u64, word: u64) -> u64 {
    let product =
        u128::from(all ^ 0x9e37_79b9_7f4a_7c15) * u128::from(word ^ 0xd6e8_feb8_6659_fd93);
    (product as u64 ^ (product >> 64) as u64) ^ all.rotate_left(23) ^ word.rotate_left(17)
}
