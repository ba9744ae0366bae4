//! What an enclave knows of the parties of its agreement.

use crate::error::ChannelError;
use crate::pinned::OwnKey;
use crate::psk::Psk;
use protocol::{Sha256, Sha384};

/// How one party proves who it is.
pub enum Proof {
    /// By a key that the enclave has too.
    Psk(Psk),
    /// By a key of its own, of which the agreement has the hash.
    Pinned(Sha256),
}

impl From<Psk> for Proof {
    fn from(key: Psk) -> Self {
        Self::Psk(key)
    }
}

/// How each party proves who it is, in the agreement's order, and the enclave's own key where one of them pins.
pub struct Parties {
    keys: Vec<Proof>,
    own: Option<OwnKey>,
}

impl Parties {
    /// Makes the enclave's own key, for this boot, if one is needed.
    ///
    /// # Errors
    /// [`ChannelError::Setup`] where the cryptographic library fails.
    pub fn new(keys: Vec<Proof>) -> Result<Self, ChannelError> {
        let pinned = keys.iter().any(|key| matches!(key, Proof::Pinned(_)));
        let own = if pinned { Some(OwnKey::generate()?) } else { None };
        Ok(Self { keys, own })
    }

    pub(crate) fn own(&self) -> Option<&OwnKey> {
        self.own.as_ref()
    }

    pub(crate) fn psks(&self) -> Vec<&Psk> {
        let keys = self.keys.iter();
        keys.filter_map(|key| if let Proof::Psk(psk) = key { Some(psk) } else { None }).collect()
    }

    pub(crate) fn by_psk(&self, identity: &Sha384) -> Option<usize> {
        self.keys
            .iter()
            .position(|key| matches!(key, Proof::Psk(psk) if psk.identity() == identity))
    }

    pub(crate) fn by_key(&self, sha256: &Sha256) -> Option<usize> {
        self.keys.iter().position(|key| matches!(key, Proof::Pinned(pinned) if pinned == sha256))
    }
}
