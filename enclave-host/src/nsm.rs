//! The Nitro security module of a real enclave, behind `/dev/nsm`.

use crate::measured::{Register, RegisterFailed, Registers};
use crate::world::{Clock, Entropy, NoEntropy};
use aws_nitro_enclaves_nsm_api::api::{Request, Response};
use aws_nitro_enclaves_nsm_api::driver::{nsm_exit, nsm_init, nsm_process_request};
use protocol::Sha384;
use protocol::attestation::Document;
use protocol::document::{Attester, NONCE_BYTES, NoDocument};
use std::time::{SystemTime, UNIX_EPOCH};

/// The open module; closed on drop.
pub struct Nsm {
    descriptor: i32,
}

/// There is no module.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("/dev/nsm can't be opened: this program runs inside an AWS Nitro Enclave alone")]
pub struct NoModule;

impl Nsm {
    /// Opens it.
    ///
    /// # Errors
    /// Where there is none.
    pub fn open() -> Result<Self, NoModule> {
        let descriptor = nsm_init();
        if descriptor < 0 { Err(NoModule) } else { Ok(Self { descriptor }) }
    }

    fn ask(&self, request: Request) -> Response {
        nsm_process_request(self.descriptor, request)
    }
}

impl Drop for Nsm {
    fn drop(&mut self) {
        nsm_exit(self.descriptor);
    }
}

impl Attester for Nsm {
    fn document_for(
        &self,
        user_data: &Sha384,
        nonce: &[u8; NONCE_BYTES],
        public_key: Option<&[u8]>,
    ) -> Result<Vec<u8>, NoDocument> {
        let bytes = |bytes: &[u8]| Some(bytes.to_vec().into());
        let request = Request::Attestation {
            user_data: bytes(&user_data.0),
            nonce: bytes(nonce),
            public_key: public_key.and_then(bytes),
        };
        match self.ask(request) {
            Response::Attestation { document } => Ok(document),
            _ => Err(NoDocument),
        }
    }
}

impl Entropy for &Nsm {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Response::GetRandom { random } = self.ask(Request::GetRandom) else {
                return Err(NoEntropy);
            };
            let count = random.len().min(rest.len());
            // an answer without bytes would be asked for forever
            if count == 0 {
                return Err(NoEntropy);
            }
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(random.get(..count).ok_or(NoEntropy)?);
            rest = later;
        }
        Ok(())
    }
}

impl Registers for Nsm {
    fn describe(&self, number: u16) -> Result<Register, RegisterFailed> {
        match self.ask(Request::DescribePCR { index: number }) {
            Response::DescribePCR { lock, data } => {
                let value = data.try_into().map_err(|_| RegisterFailed)?;
                Ok(Register { locked: lock, value: Sha384(value) })
            }
            _ => Err(RegisterFailed),
        }
    }

    fn extend(&self, number: u16, data: &Sha384) -> Result<(), RegisterFailed> {
        match self.ask(Request::ExtendPCR { index: number, data: data.0.to_vec() }) {
            Response::ExtendPCR { .. } => Ok(()),
            _ => Err(RegisterFailed),
        }
    }

    fn lock(&self, number: u16) -> Result<(), RegisterFailed> {
        match self.ask(Request::LockPCR { index: number }) {
            Response::LockPCR => Ok(()),
            _ => Err(RegisterFailed),
        }
    }
}

/// The time of an enclave: that of a fresh document of its own module, while the clock agrees.
pub struct ModuleClock<'a> {
    module: &'a Nsm,
    /// Only agreements with windows need the time; others are not asked to wait for a document.
    needed: bool,
}

/// Seconds that module and clock may differ.
const APART: u64 = 30;

impl<'a> ModuleClock<'a> {
    /// A clock; `needed` where a party has a window.
    pub fn new(module: &'a Nsm, needed: bool) -> Self {
        Self { module, needed }
    }
}

impl Clock for ModuleClock<'_> {
    fn now(&self) -> Option<u64> {
        if !self.needed {
            return None;
        }
        let document = self.module.document(&Sha384([0; 48]), &[0; NONCE_BYTES]).ok()?;
        let module = Document::read(&document).ok()?.claimed_time().as_secs();
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        agreed_time(module, clock)
    }
}

/// The module's time, where the clock does not contradict it.
fn agreed_time(module: u64, clock: u64) -> Option<u64> {
    (module.abs_diff(clock) <= APART).then_some(module)
}

#[cfg(test)]
mod tests {
    use super::agreed_time;

    #[test]
    fn a_clock_that_contradicts_the_module_closes_every_window() {
        for (module, clock, agreed) in [
            (1000, 1000, Some(1000)),
            (1000, 1030, Some(1000)),
            (1000, 970, Some(1000)),
            (1000, 1031, None),
            (1000, 969, None),
            (0, u64::MAX, None),
        ] {
            assert_eq!(agreed_time(module, clock), agreed, "{module} {clock}");
        }
    }
}
