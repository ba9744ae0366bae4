//! The parent's services, from inside. It may lie, stall or vanish: then there is no word, and nothing is released.

use crate::world::{Connect, NotStored, Store};
use channel::Socket;
use protocol::agreement::{Agreement, AgreementError, MAX_BYTES};
use protocol::parent::Service;
use std::io::{self, Read, Write};
use std::time::Duration;

/// How long the parent may take for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A store that the parent keeps.
pub struct RemoteStore<C: Connect> {
    parent: C,
    stream: Option<C::Stream>,
}

impl<C: Connect> RemoteStore<C> {
    /// Connects with the first record.
    pub fn new(parent: C) -> Self {
        Self { parent, stream: None }
    }

    fn exchange(&mut self, epoch: u64, record: &[u8]) -> io::Result<()> {
        // taken out: after any failure the connection is gone, so that no late word is taken for a later record's
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.parent.connect(Service::Store)?,
        };
        stream.set_timeout(PATIENCE)?;
        let length = u32::try_from(record.len()).map_err(|_| io::ErrorKind::InvalidData)?;
        stream.write_all(&[&length.to_le_bytes(), record].concat())?;
        let mut word = [0; 8];
        stream.read_exact(&mut word)?;
        if word != epoch.to_le_bytes() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.stream = Some(stream);
        Ok(())
    }
}

impl<C: Connect> Store for RemoteStore<C>
where
    C::Stream: Send,
{
    fn put(&mut self, epoch: u64, record: &[u8]) -> Result<(), NotStored> {
        let kept = self.stream.is_some();
        // a parent that was started again closed the old connection: that is worth a second try
        self.exchange(epoch, record)
            .or_else(|error| if kept { self.exchange(epoch, record) } else { Err(error) })
            .map_err(|_| NotStored)
    }
}

/// Why there is no agreement.
#[derive(Debug, thiserror::Error)]
pub enum AgreementUnread {
    /// The parent does not give it.
    #[error("the parent gave no agreement ({0}): start it with --agreement")]
    Parent(io::Error),
    /// It is none.
    #[error(transparent)]
    Refused(#[from] AgreementError),
}

/// Asks the parent for the agreement. Which one it is, PCR16 will tell everybody.
///
/// # Errors
/// Where the parent gives none, or bytes that are none.
pub fn agreement(parent: &impl Connect) -> Result<Agreement, AgreementUnread> {
    let read = || {
        let mut stream = parent.connect(Service::Agreement)?;
        stream.set_timeout(PATIENCE)?;
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes)?;
        Ok(bytes)
    };
    Ok(Agreement::decode(&read().map_err(AgreementUnread::Parent)?)?)
}
