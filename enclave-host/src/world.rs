//! What the host needs from outside, as traits. The parent is behind most of them: it may lie.

use channel::Socket;
use protocol::parent::Service;
use std::io;

/// Where sealed records go. The parent keeps them; nothing here believes that it does.
pub trait Store {
    /// Stores a record and waits for the word that it is stored.
    ///
    /// # Errors
    /// Where no such word came. The record may be stored all the same.
    fn put(&mut self, epoch: u64, record: &[u8]) -> Result<(), NotStored>;
}

/// No word came that a record is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the store did not take a record: look at the parent's log")]
pub struct NotStored;

/// Random bytes that nobody else knows: the NSM's, never the parent's.
pub trait Entropy {
    /// Fills the bytes.
    ///
    /// # Errors
    /// Where there is no entropy.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The source of entropy failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the security module gave no random bytes: start the enclave again")]
pub struct NoEntropy;

/// The time that windows are checked against.
pub trait Clock {
    /// Seconds since 1970 UTC; `None` where no trusted time is known, which closes every window.
    fn now(&self) -> Option<u64>;
}

/// Reaches the parent's services.
pub trait Connect: Send + Sync {
    /// One connection.
    type Stream: Socket;

    /// Connects to a service.
    ///
    /// # Errors
    /// Where nobody listens.
    fn connect(&self, service: Service) -> io::Result<Self::Stream>;
}
