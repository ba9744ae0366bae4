//! TLS 1.3 between a party and the enclave, for both sides.
//!
//! ```text
//! client: socket --connect--> Unattested --attest--> Channel
//! server: socket --accept---> Channel of a party
//! ```
//! A client cannot send a byte of a request before it verified the enclave's document: only
//! [`Unattested::attest`] makes a client's [`Channel`]. Blocking; whoever calls has a thread for it.
//!
//! A party proves itself by a pre-shared key, or by a key of its own that the agreement pins.

mod error;
mod framed;
mod parties;
mod pinned;
mod psk;
mod socket;
mod tls;
mod web;

pub use error::ChannelError;
pub use framed::{Channel, Unattested, accept, connect, connect_pinned};
pub use parties::{Parties, Proof};
pub use pinned::OwnKey;
pub use psk::Psk;
pub use socket::{Hangup, Socket};
pub use tls::prepare;
pub use web::Web;
