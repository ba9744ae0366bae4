//! TLS 1.3 between a party and the enclave, for both sides.
//!
//! ```text
//! client: socket --connect--> Unattested --attest--> Channel
//! server: socket --accept---> Channel of a party
//! ```
//! A client cannot send a byte of a request before it verified the enclave's document: only
//! [`Unattested::attest`] makes a client's [`Channel`]. Blocking; whoever calls has a thread for it.
//!
//! Parties with a pre-shared key only: pinned keys are not built yet.

mod error;
mod framed;
mod psk;
mod socket;
mod tls;

pub use error::ChannelError;
pub use framed::{Channel, Unattested, accept, connect};
pub use psk::Psk;
pub use socket::{Hangup, Socket};
