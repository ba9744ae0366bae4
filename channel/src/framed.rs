//! Frames over TLS, and the first exchange, in which the enclave proves what it is.

use crate::error::ChannelError;
use crate::parties::Parties;
use crate::pinned::OwnKey;
use crate::psk::Psk;
use crate::socket::{Guarded, Socket};
use crate::tls::{Shown, Tls};
use protocol::document::{
    Attester, Expected, MAX_DOCUMENT, NONCE_BYTES, Purpose, Verifier, user_data,
};
use protocol::frame::{HEADER, Header, Kind};
use protocol::{Code, Sha384};
use s2n_tls::enums::Mode;
use std::time::Instant;

/// Bytes that are received at a time.
const STRETCH: usize = 64 << 10;
/// Bytes of the boot id, which stands before the document.
const BOOT: usize = 32;

/// A connection to whoever knows the key, which is not known to be an enclave yet. Nothing can be
/// sent on it but a challenge:
///
/// ```compile_fail,E0599
/// use protocol::frame::Kind;
/// fn skips_attestation(connection: channel::Unattested<std::net::TcpStream>) {
///     connection.send(Kind::Score, b"rows");
/// }
/// ```
/// ```
/// use protocol::frame::Kind;
/// fn after_attestation(mut channel: channel::Channel<std::net::TcpStream>) {
///     let _ = channel.send(Kind::Score, b"rows");
/// }
/// ```
pub struct Unattested<S: Socket> {
    tls: Tls<S>,
    agreement: Sha384,
}

/// A channel: for a client, to an enclave of the agreement; for the enclave, to one of its parties.
pub struct Channel<S: Socket> {
    tls: Tls<S>,
    boot: [u8; BOOT],
}

/// The first byte of a connection: which handshake follows.
const OVER_PSK: u8 = 1;
const OVER_KEY: u8 = 2;
/// Longest handshake, from either side.
const HANDSHAKE_BYTES: u64 = 64 << 10;

/// Connects as the party that the pre-shared key belongs to.
///
/// # Errors
/// [`ChannelError::Handshake`], whatever went wrong.
pub fn connect<S: Socket>(
    socket: S,
    key: &Psk,
    agreement: Sha384,
    deadline: Instant,
) -> Result<Unattested<S>, ChannelError> {
    let mut tls = announced(socket, OVER_PSK, &Shown::Psk(&[key]), deadline)?;
    if tls.agreed_psk()? != *key.identity() {
        return Err(ChannelError::Handshake);
    }
    tls.trust_length();
    Ok(Unattested { tls, agreement })
}

/// Connects as the party whose key the agreement pins. What is on the other side is unknown until it
/// attests itself; by then it has seen the party's public key, and nothing else.
///
/// # Errors
/// [`ChannelError::Handshake`], whatever went wrong.
pub fn connect_pinned<S: Socket>(
    socket: S,
    key: &OwnKey,
    agreement: Sha384,
    deadline: Instant,
) -> Result<Unattested<S>, ChannelError> {
    let mut tls = announced(socket, OVER_KEY, &Shown::Key(key), deadline)?;
    tls.trust_length();
    Ok(Unattested { tls, agreement })
}

fn announced<S: Socket>(
    socket: S,
    over: u8,
    shown: &Shown<'_>,
    deadline: Instant,
) -> Result<Tls<S>, ChannelError> {
    let mut socket = Guarded::new(socket, deadline, HANDSHAKE_BYTES);
    // a byte is written or not
    socket.write(&[over]).map_err(|_| ChannelError::Handshake)?;
    Tls::handshake(Mode::Client, socket, shown)
}

impl<S: Socket> Unattested<S> {
    /// Asks the other side to prove that it is an enclave of the agreement, and that it is the end
    /// of this very connection.
    ///
    /// # Errors
    /// [`ChannelError::NotAttested`] where it does not.
    pub fn attest(
        mut self,
        nonce: [u8; NONCE_BYTES],
        verifier: &impl Verifier,
    ) -> Result<Channel<S>, ChannelError> {
        send(&mut self.tls, Kind::Hello, &nonce)?;
        let (kind, body) = receive(&mut self.tls, |kind| match kind {
            Kind::Hello => (BOOT + MAX_DOCUMENT) as u64,
            _ => 0,
        })?;
        let (Kind::Hello, Some((boot, document))) = (kind, body.split_first_chunk::<BOOT>()) else {
            return Err(ChannelError::Frame(Code::Malformed));
        };
        // The exporter is what makes the document one of this connection: relaying another enclave's
        // document, or an old one, gives another value.
        let exported = self.tls.exported(&self.agreement.0)?;
        let user_data = user_data(Purpose::Channel, &self.agreement, boot, &exported);
        verifier.verify(document, &Expected { user_data, nonce })?;
        Ok(Channel { tls: self.tls, boot: *boot })
    }
}

/// Accepts a connection of one of the parties; gives its position. The first frame must be the
/// party's challenge, which is answered.
///
/// # Errors
/// [`ChannelError::Handshake`] for a stranger, whatever went wrong.
pub fn accept<S: Socket>(
    socket: S,
    parties: &Parties,
    agreement: &Sha384,
    boot: &[u8; BOOT],
    attester: &impl Attester,
    deadline: Instant,
) -> Result<(Channel<S>, usize), ChannelError> {
    let (mut tls, party) = greet(Guarded::new(socket, deadline, HANDSHAKE_BYTES), parties)?;
    tls.trust_length();
    let (kind, body) = receive(&mut tls, |kind| match kind {
        Kind::Hello => NONCE_BYTES as u64,
        _ => 0,
    })?;
    let (Kind::Hello, Ok(nonce)) = (kind, body.as_slice().try_into()) else {
        return Err(ChannelError::Frame(Code::Malformed));
    };
    let exported = tls.exported(&agreement.0)?;
    let user_data = user_data(Purpose::Channel, agreement, boot, &exported);
    let document = attester.document(&user_data, nonce)?;
    send(&mut tls, Kind::Hello, &[boot.as_slice(), &document].concat())?;
    Ok((Channel { tls, boot: *boot }, party))
}

fn greet<S: Socket>(
    mut socket: Guarded<S>,
    parties: &Parties,
) -> Result<(Tls<S>, usize), ChannelError> {
    let mut over = [0];
    let read = socket.read(&mut over);
    let (tls, party) = match (read, over, parties.own()) {
        (Ok(1), [OVER_PSK], _) => {
            let tls = Tls::handshake(Mode::Server, socket, &Shown::Psk(&parties.psks()))?;
            let party = parties.by_psk(&tls.agreed_psk()?);
            (tls, party)
        }
        (Ok(1), [OVER_KEY], Some(own)) => {
            let tls = Tls::handshake(Mode::Server, socket, &Shown::Key(own))?;
            let party = parties.by_key(&tls.client_key()?);
            (tls, party)
        }
        _ => return Err(ChannelError::Handshake),
    };
    Ok((tls, party.ok_or(ChannelError::Handshake)?))
}

impl<S: Socket> Channel<S> {
    /// The boot at the enclave's end.
    pub fn boot(&self) -> [u8; BOOT] {
        self.boot
    }

    /// Until when later sends and receives may take.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.tls.set_deadline(deadline);
    }

    /// Ends the channel, so that the other side knows that nothing was cut off.
    pub fn close(self) {
        self.tls.close();
    }

    /// Sends one frame.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub fn send(&mut self, kind: Kind, body: &[u8]) -> Result<(), ChannelError> {
        send(&mut self.tls, kind, body)
    }

    /// Receives one frame; `cap` gives the longest body of a kind.
    ///
    /// # Errors
    /// Where the connection breaks, or what comes is no frame within the cap.
    pub fn receive(&mut self, cap: impl Fn(Kind) -> u64) -> Result<(Kind, Vec<u8>), ChannelError> {
        receive(&mut self.tls, cap)
    }
}

fn send<S: Socket>(tls: &mut Tls<S>, kind: Kind, body: &[u8]) -> Result<(), ChannelError> {
    tls.write_all(&Header::new(kind, body.len() as u64).encode())?;
    tls.write_all(body)
}

fn receive<S: Socket>(
    tls: &mut Tls<S>,
    cap: impl Fn(Kind) -> u64,
) -> Result<(Kind, Vec<u8>), ChannelError> {
    let mut header = [0; HEADER];
    tls.read_exact(&mut header)?;
    let header = Header::parse(&header, cap).map_err(ChannelError::Frame)?;
    let memory = || ChannelError::Memory(header.length());
    let length = usize::try_from(header.length()).map_err(|_| memory())?;
    let mut body = Vec::new();
    body.try_reserve_exact(length).map_err(|_| memory())?;
    // a stretch at a time: what is about to be overwritten is zeroed while it is near
    while body.len() < length {
        let start = body.len();
        body.resize(length.min(start + STRETCH), 0);
        tls.read_exact(body.get_mut(start..).unwrap_or_default())?;
    }
    Ok((header.kind(), body))
}
