//! What an enclave must have been started from.

use super::refusal::Refusal;
use crate::agreement::{Agreement, Image};
use crate::digest::{Sha384, sha384};
use std::collections::BTreeMap;

/// Numbers of measurements are below this. The module has 16; AWS's sandboxes use a further one.
pub const PCRS: u8 = 32;

/// Expected measurements: that of the image (PCR0) among them, and none that is all zeros.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Measurements(BTreeMap<u8, Sha384>);

/// Why measurements can't be expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MeasurementsError {
    /// PCR0 is not among them.
    #[error("PCR0, the image, is not among them: without it any image would do")]
    NoImage,
    /// A number that no PCR has.
    #[error("there is no PCR{0}")]
    Number(u8),
    /// A number stands twice.
    #[error("PCR{0} stands twice")]
    Twice(u8),
    /// All zeros, which an enclave in debug mode has.
    #[error("PCR{0} is all zeros, which stands for debug mode or for nothing measured")]
    Zero(u8),
}

impl Measurements {
    /// Expects these.
    ///
    /// # Errors
    /// See [`MeasurementsError`].
    pub fn new(pcrs: impl IntoIterator<Item = (u8, Sha384)>) -> Result<Self, MeasurementsError> {
        let mut expected = BTreeMap::new();
        for (number, value) in pcrs {
            if number >= PCRS {
                return Err(MeasurementsError::Number(number));
            }
            if value == Sha384([0; 48]) {
                return Err(MeasurementsError::Zero(number));
            }
            if expected.insert(number, value).is_some() {
                return Err(MeasurementsError::Twice(number));
            }
        }
        if expected.contains_key(&0) { Ok(Self(expected)) } else { Err(MeasurementsError::NoImage) }
    }

    /// What an agreement says: for a prebuilt image all four that matter; for a dedicated one only
    /// PCR1, since the other two follow from the image that is built with the agreement in it.
    pub fn of(agreement: &Agreement) -> Vec<(u8, Sha384)> {
        match agreement.terms().image {
            Image::Prebuilt { pcr0, pcr1, pcr2 } => {
                vec![(0, pcr0), (1, pcr1), (2, pcr2), (16, pcr16(&agreement.digest()))]
            }
            Image::Dedicated { pcr1, .. } => vec![(1, pcr1)],
        }
    }

    /// Whether this one is expected.
    pub fn names(&self, number: u8) -> bool {
        self.0.contains_key(&number)
    }

    pub(super) fn check(&self, found: &BTreeMap<u8, Sha384>) -> Result<(), Refusal> {
        for (&number, expected) in &self.0 {
            match found.get(&number) {
                Some(value) if value == expected => {}
                Some(_) => return Err(Refusal::Pcr(number)),
                None => return Err(Refusal::MissingPcr(number)),
            }
        }
        Ok(())
    }
}

/// PCR16 of a prebuilt image that serves an agreement: zeros, extended once by its digest.
pub fn pcr16(agreement: &Sha384) -> Sha384 {
    sha384(&[0; 48], &agreement.0)
}
