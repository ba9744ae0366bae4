//! TLS to a server of the web's kind: it shows a certificate for its name under roots that are given; this side shows nothing.

use crate::error::ChannelError;
use crate::socket::{Guarded, Socket};
use crate::tls::{Shown, Tls};
use s2n_tls::enums::Mode;
use std::time::Instant;

/// A connection to a server that has proved its name.
pub struct Web<S: Socket>(Tls<S>);

impl<S: Socket> Web<S> {
    /// Connects to the server of a name. `roots` are certificates in PEM, and all that is trusted: none of the system's is.
    /// At most `most` bytes are read from the socket in all.
    ///
    /// # Errors
    /// [`ChannelError::Handshake`] where the server does not prove its name, [`ChannelError::Setup`] where a root is none.
    pub fn connect(
        socket: S,
        name: &str,
        roots: &[&str],
        deadline: Instant,
        most: u64,
    ) -> Result<Self, ChannelError> {
        let socket = Guarded::new(socket, deadline, most);
        Tls::handshake(Mode::Client, socket, &Shown::Nothing { name, roots }).map(Self)
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// Where the connection broke.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), ChannelError> {
        self.0.write_all(bytes)
    }

    /// Reads some bytes; none at the end.
    ///
    /// # Errors
    /// Where the connection broke, was cut without an end, or its bytes are more than were allowed.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ChannelError> {
        self.0.read(buffer)
    }

    /// Tells the server that nothing follows.
    pub fn close(self) {
        self.0.close();
    }
}
