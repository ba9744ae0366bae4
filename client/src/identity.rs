//! What a party proves itself with: a file that only its owner has.
//!
//! A pre-shared key is a file of 64 hex digits; a key of the party's own is a PKCS#8 PEM file. Which party of an agreement it
//! belongs to, the agreement's hashes say.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::time::Instant;

use channel::{ChannelError, OwnKey, Psk, Socket, Unattested, connect, connect_pinned};
use engine::Secret;
use protocol::agreement::{Agreement, Authentication};
use protocol::{Sha256, sha256};

use crate::hex;

/// Longest identity file.
const MAX_FILE: u64 = 16 << 10;

/// A party's identity.
pub enum Identity {
    /// A pre-shared key, which the enclave has too.
    Psk(Secret<[u8; 32]>),
    /// A key of the party's own.
    Key(Box<OwnKey>),
}

/// Why an identity can't be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file can't be read or written.
    #[error("can't be {1} ({0})")]
    Io(std::io::Error, &'static str),
    /// It holds neither kind.
    #[error(
        "holds neither 64 hex digits nor a PKCS#8 PEM key: make one with `tautochrone identity new`"
    )]
    Form,
    /// It exists already.
    #[error("exists already: choose another name, since an identity can't be made again")]
    Exists,
    /// The agreement does not know it.
    #[error("belongs to no party of the agreement: is it the right file, and the right agreement?")]
    Unknown,
    /// The cryptographic library failed.
    #[error("the cryptographic library failed: try again")]
    Crypto,
}

impl Identity {
    /// A new pre-shared key.
    ///
    /// # Errors
    /// Where this machine has no random bytes.
    pub fn new_psk() -> Result<Self, IdentityError> {
        let mut secret = Secret::new([0; 32]);
        aws_lc_rs::rand::fill(secret.expose_mut()).map_err(|_| IdentityError::Crypto)?;
        Ok(Self::Psk(secret))
    }

    /// A new key of the party's own.
    ///
    /// # Errors
    /// Where the cryptographic library fails.
    pub fn new_key() -> Result<Self, IdentityError> {
        OwnKey::generate().map(|key| Self::Key(Box::new(key))).map_err(|_| IdentityError::Crypto)
    }

    /// Reads an identity.
    ///
    /// # Errors
    /// Where the file can't be read or is no identity.
    pub fn read(path: &Path) -> Result<Self, IdentityError> {
        let io = |error| IdentityError::Io(error, "read");
        let file = std::fs::File::open(path).map_err(io)?;
        // all of it at once: a string that grows leaves copies
        let mut text = Secret::new(String::with_capacity(MAX_FILE as usize));
        file.take(MAX_FILE).read_to_string(text.expose_mut()).map_err(|error| {
            match error.kind() {
                ErrorKind::InvalidData => IdentityError::Form,
                _ => io(error),
            }
        })?;
        let text = text.expose().trim();
        if let Some(key) = OwnKey::from_pem(text) {
            return Ok(Self::Key(Box::new(key)));
        }
        let bytes = Secret::new(hex::decode(text).ok_or(IdentityError::Form)?);
        match bytes.expose().as_slice().try_into() {
            Ok(secret) => Ok(Self::Psk(Secret::new(secret))),
            Err(_) => Err(IdentityError::Form),
        }
    }

    /// Writes it into a new file that only its owner can read.
    ///
    /// # Errors
    /// Where there is a file already, or it can't be written.
    pub fn write(&self, path: &Path) -> Result<(), IdentityError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => IdentityError::Exists,
            _ => IdentityError::Io(error, "written"),
        })?;
        let io = |error| IdentityError::Io(error, "written");
        match self {
            // Declassified: the file is its owner's, and is how the key is kept.
            Self::Psk(secret) => {
                let text = Secret::new(hex::encode(secret.expose()));
                file.write_all(text.expose().as_bytes())
                    .and_then(|()| file.write_all(b"\n"))
                    .map_err(io)
            }
            Self::Key(key) => file.write_all(key.to_pem().as_bytes()).map_err(io),
        }
    }

    /// What the agreement says of it: the hash, and the name of its field.
    pub fn hash(&self) -> (&'static str, Sha256) {
        match self {
            Self::Psk(secret) => ("psk_sha256", sha256(secret.expose())),
            Self::Key(key) => ("tls_key_sha256", key.sha256()),
        }
    }

    /// The party of an agreement that this belongs to.
    ///
    /// # Errors
    /// [`IdentityError::Unknown`] where it is nobody's.
    pub fn party(&self, agreement: &Agreement) -> Result<u16, IdentityError> {
        let (_, hash) = self.hash();
        (0..)
            .zip(&agreement.terms().parties)
            .find(|(_, party)| match party.authentication {
                Authentication::Psk { sha256 } => matches!(self, Self::Psk(_)) && sha256 == hash,
                Authentication::Tls { key_sha256 } => {
                    matches!(self, Self::Key(_)) && key_sha256 == hash
                }
            })
            .map(|(number, _)| number)
            .ok_or(IdentityError::Unknown)
    }

    /// The pre-shared key as the channel wants it, for a party of an agreement; `None` where this is none, or not its own.
    pub fn psk(&self, agreement: &Agreement, party: u16) -> Option<Psk> {
        let (_, hash) = self.hash();
        let id = agreement.terms().parties.get(usize::from(party))?.id();
        match self {
            Self::Psk(secret) => Psk::new(*secret.expose(), &hash, &agreement.digest(), &id),
            Self::Key(_) => None,
        }
    }

    /// Connects as a party.
    ///
    /// # Errors
    /// Where the handshake fails.
    pub fn connect<S: Socket>(
        &self,
        socket: S,
        agreement: &Agreement,
        party: u16,
        deadline: Instant,
    ) -> Result<Unattested<S>, ChannelError> {
        match self {
            Self::Psk(_) => {
                let psk = self.psk(agreement, party).ok_or(ChannelError::Handshake)?;
                connect(socket, &psk, agreement.digest(), deadline)
            }
            Self::Key(key) => connect_pinned(socket, key, agreement.digest(), deadline),
        }
    }
}
