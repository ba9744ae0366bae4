//! Why a channel failed. A peer that is not known yet learns nothing but that it is closed.

use protocol::Code;
use protocol::document::{NoDocument, NotAttested};

/// Why a channel failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ChannelError {
    /// The library refused its own settings.
    #[error("the TLS library refused its settings: this is a bug, please report it")]
    Setup,
    /// The handshake failed: a wrong key, a party or agreement that the other side does not know, a
    /// side that wants certificates, or one that says nothing.
    #[error(
        "no secure connection: check address, agreement and identity file, and that the enclave serves this agreement"
    )]
    Handshake,
    /// The other side closed the connection.
    #[error("the other side closed the connection: try again with the same request id")]
    Closed,
    /// The connection broke, or took too long.
    #[error("the connection broke or took too long: try again with the same request id")]
    Broken,
    /// The other side sent what is no frame.
    #[error("the other side sent no valid frame ({0})")]
    Frame(Code),
    /// A frame that does not fit into memory.
    #[error("no memory for a frame of {0} bytes: lower limits.message_mib or add memory")]
    Memory(u64),
    /// The enclave could not attest itself.
    #[error(transparent)]
    NoDocument(#[from] NoDocument),
    /// The other side is no enclave of this agreement.
    #[error(transparent)]
    NotAttested(#[from] NotAttested),
}
