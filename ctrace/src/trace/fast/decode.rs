//! From words in the buffer to steps.

use super::shape::{Address, Shape, Value};
use super::translate::Cache;
use crate::error::Error;
use crate::trace::observe::{Step, subnormals};
use crate::trace::stepper::Sink;

/// Reads whole blocks. Answers false when the sink has had enough.
pub(super) fn decode(
    log: &[u8],
    cache: &Cache,
    fs_base: u64,
    step: &mut Step,
    sink: &mut dyn Sink,
) -> Result<bool, Error> {
    let mut words = Words(log);
    while let Some(number) = words.next() {
        let block =
            cache.block(number).ok_or_else(|| Error::system("read the trace", "no such block"))?;
        for shape in &block.shapes {
            fill(shape, &mut words, fs_base, step)
                .ok_or_else(|| Error::system("read the trace", "it ends within a block"))?;
            if !sink.push(step)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn next(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    fn bytes(&mut self, count: usize) -> Option<&[u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }
}

fn fill(shape: &Shape, words: &mut Words<'_>, fs_base: u64, step: &mut Step) -> Option<()> {
    step.start(shape.at);
    for address in &shape.addresses {
        step.addresses.push(match *address {
            Address::Fixed { address, fs } => address.wrapping_add(if fs { fs_base } else { 0 }),
            Address::Logged { fs } => words.next()?.wrapping_add(if fs { fs_base } else { 0 }),
        });
    }
    match shape.float {
        Some(float) => {
            let mut found = 0;
            for value in &shape.values {
                let size = value.logged();
                let bytes = words.bytes(size.next_multiple_of(8))?.get(..size)?;
                found = found << 1 | subnormals(bytes, float.operand, float.scalar);
            }
            step.values.push(found);
        }
        None => {
            for value in &shape.values {
                match *value {
                    Value::General { high, mask } => {
                        let word = words.next()?;
                        step.values.push(if high { word >> 8 & 0xff } else { word & mask });
                    }
                    Value::Vector { bytes } | Value::Memory { bytes } => {
                        for _ in 0..bytes.div_ceil(8) {
                            step.values.push(words.next()?);
                        }
                    }
                }
            }
        }
    }
    if let (Some(result), Some(float)) = (shape.result, shape.float) {
        let bytes = words.bytes(result)?;
        step.values.push(subnormals(bytes, float.result, float.scalar));
    }
    Some(())
}
