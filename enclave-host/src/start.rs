//! From a boot to serving, in the one order that keeps the promises.
//!
//! ```text
//! agreement -> measured -> keys of the boot -> locked down -> keys from KMS -> budgets, head stored -> the first byte of a party
//! ```

use crate::boot::Boot;
use crate::core::{Core, StartError};
use crate::keys::{Keys, NotProvisioned, Provisioned, provision};
use crate::lockdown::{NotLocked, Outward, lock_down};
use crate::log::Log;
use crate::measured::{NotMeasured, Registers, bind};
use crate::pace::{Agreed, Timed};
use crate::parent::RemoteStore;
use crate::serve::{Host, Listener, serve};
use crate::world::{Clock, Connect, Entropy, NoEntropy};
use channel::{ChannelError, Parties};
use protocol::agreement::Agreement;
use protocol::document::Attester;
use std::io;
use std::sync::Arc;
use std::thread;

/// What an enclave stands in.
pub struct Outside<'a, N, L, C, T> {
    /// The security module.
    pub module: &'a N,
    /// Where parties come from.
    pub listener: L,
    /// The parent's services.
    pub parent: C,
    /// The trusted time.
    pub clock: T,
    /// Sockets that may still be made once the process is locked down.
    pub outward: Outward,
}

/// Why an enclave does not serve, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// The agreement is not the one of this boot.
    #[error(transparent)]
    NotMeasured(#[from] NotMeasured),
    /// KMS released no key.
    #[error(transparent)]
    NotProvisioned(#[from] NotProvisioned),
    /// There is no entropy.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// The host can't serve the agreement.
    #[error(transparent)]
    Agreement(#[from] StartError),
    /// The cryptographic library failed.
    #[error("the cryptographic library failed: start the enclave again")]
    Crypto,
    /// The machine has less than the agreement names.
    #[error(
        "the machine has not the memory of limits.memory_mib: give the enclave more, or agree on less"
    )]
    Memory,
    /// The process is not locked down.
    #[error(transparent)]
    NotLocked(#[from] NotLocked),
    /// The listener failed.
    #[error("the listener failed ({0}): start the enclave again")]
    Listener(io::Error),
}

impl From<ChannelError> for Stopped {
    fn from(_: ChannelError) -> Self {
        Self::Crypto
    }
}

/// The exit code of a panic.
pub const PANICKED: i32 = 70;

/// From here on a panic ends the process with [`PANICKED`], and says nothing: a message could quote what it should not.
pub fn panic_silently() {
    std::panic::set_hook(Box::new(|_| std::process::exit(PANICKED)));
}

/// Takes the agreed memory from the system, all of it at once. It is free then, but stays with the process (see
/// `channel::prepare`), so what is served later finds it there.
fn reserve(mib: u32) -> Option<()> {
    const PAGE: usize = 4096;
    let mut memory: Vec<u8> = Vec::new();
    memory.try_reserve_exact(usize::try_from(mib).ok()?.checked_mul(1 << 20)?).ok()?;
    while memory.len() < memory.capacity() {
        // a page is there once it was written
        let more = PAGE.min(memory.capacity() - memory.len());
        memory.extend_from_slice(&[1; PAGE][..more]);
    }
    std::hint::black_box(&memory);
    Some(())
}

/// Serves an agreement until the listener fails. From the lock-down on, this process can do nothing else.
///
/// # Errors
/// Whatever stopped it.
pub fn run<N, L, C, T>(
    outside: Outside<'_, N, L, C, T>,
    agreement: Arc<Agreement>,
    keys: Keys<'_>,
) -> Stopped
where
    N: Attester + Registers + Sync,
    for<'a> &'a N: Entropy,
    L: Listener,
    C: Connect + Clone,
    T: Clock + Sync,
{
    let Outside { module, listener, parent, clock, outward } = outside;
    let replies = agreement.terms().replies;
    let log = Arc::new(Log::new(replies));
    let prepare = || -> Result<_, Stopped> {
        bind(module, &agreement)?;
        let boot = Arc::new(Boot::new(&mut &*module)?);
        lock_down(outward)?;
        reserve(agreement.terms().limits.memory_mib).ok_or(Stopped::Memory)?;
        let Provisioned { proofs, head } = provision(module, &parent, keys, &agreement, &boot)?;
        let parties = Parties::new(proofs)?;
        let store = RemoteStore::new(parent.clone());
        let (agreed, trial) = (Arc::clone(&agreement), Timed::new(replies));
        let core = Core::new(agreed, Arc::clone(&boot), store, head.as_deref(), trial)?;
        Ok((boot, core, parties))
    };
    let (boot, core, parties) = match prepare() {
        Ok(prepared) => prepared,
        Err(stopped) => return stopped,
    };
    let error = thread::scope(|scope| {
        scope.spawn(|| log.send(&parent));
        let pace = Agreed::new(replies);
        let attester = module;
        let host =
            Host { agreement, boot, core, parties, attester, clock, pace, log: Arc::clone(&log) };
        let error = serve(&listener, host);
        log.close();
        error
    });
    Stopped::Listener(error)
}
