//! One agreement a boot: its digest goes into PCR16, which is locked before anything is served.
//!
//! A prebuilt image serves any agreement, so verifiers and key policies look at PCR16: zeros, extended once by the
//! digest, locked. A register that is not zero was extended by somebody else; one that is not locked could be extended
//! later. Of a dedicated image the agreement is in PCR2 already.

use protocol::Sha384;
use protocol::agreement::{Agreement, Image};
use protocol::attestation::pcr16;

/// The register that tells which agreement.
const NUMBER: u16 = 16;

/// A register of the security module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Register {
    /// It can't be extended any more.
    pub locked: bool,
    /// What it holds.
    pub value: Sha384,
}

/// The registers of a security module.
pub trait Registers {
    /// Reads one.
    ///
    /// # Errors
    /// Where the module fails.
    fn describe(&self, number: u16) -> Result<Register, RegisterFailed>;

    /// Extends one.
    ///
    /// # Errors
    /// Where the module fails.
    fn extend(&self, number: u16, data: &Sha384) -> Result<(), RegisterFailed>;

    /// Locks one.
    ///
    /// # Errors
    /// Where the module fails.
    fn lock(&self, number: u16) -> Result<(), RegisterFailed>;
}

/// The module failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegisterFailed;

/// Why the agreement could not be measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotMeasured {
    /// The module failed.
    #[error("the security module failed: start the enclave again")]
    Module,
    /// Somebody locked it before.
    #[error("PCR16 is locked already: start the enclave again, with this program as the first")]
    Locked,
    /// Somebody extended it before.
    #[error("PCR16 was extended already: start the enclave again, with this program as the first")]
    NotZero,
    /// It does not hold what was put in, or is open.
    #[error("PCR16 does not hold the agreement, locked: do not rely on this security module")]
    NotHeld,
}

impl From<RegisterFailed> for NotMeasured {
    fn from(_: RegisterFailed) -> Self {
        Self::Module
    }
}

/// The proof that this boot is one agreement's. Nothing else makes one.
pub struct Measured(());

/// Binds this boot to an agreement.
///
/// # Errors
/// Where the register is not the agreement's alone.
pub fn bind(module: &impl Registers, agreement: &Agreement) -> Result<Measured, NotMeasured> {
    if let Image::Dedicated { .. } = agreement.terms().image {
        return Ok(Measured(()));
    }
    let before = module.describe(NUMBER)?;
    if before.locked {
        return Err(NotMeasured::Locked);
    }
    if before.value != Sha384([0; 48]) {
        return Err(NotMeasured::NotZero);
    }
    let digest = agreement.digest();
    module.extend(NUMBER, &digest)?;
    module.lock(NUMBER)?;
    let held = Register { locked: true, value: pcr16(&digest) };
    if module.describe(NUMBER)? != held {
        return Err(NotMeasured::NotHeld);
    }
    Ok(Measured(()))
}
