//! The adapter to s2n-tls, and all unsafe code of this crate.
//!
//! s2n-tls reads and writes through two callbacks with a pointer as context. The pointer is to a
//! socket on the heap that lives as long as the connection: both are fields of one struct that is
//! never taken apart, the connection is dropped first, and every access goes through that one
//! pointer, never while s2n-tls runs.

use crate::error::ChannelError;
use crate::pinned::{OwnKey, sha256_of_chain};
use crate::psk::Psk;
use crate::socket::{Guarded, Socket};
use errno::{Errno, set_errno};
use protocol::document::EXPORTER_LABEL;
use protocol::{Sha256, Sha384};
use s2n_tls::config::{Builder, Config};
use s2n_tls::connection::Connection;
use s2n_tls::enums::{Blinding, ClientAuthType, Mode, PskHmac, Version};
use s2n_tls::security::Policy;
use std::ffi::{c_int, c_void};
use std::ptr::NonNull;
use std::task::Poll;
use std::time::Instant;

/// TLS 1.3 alone, and no parameter older than 2025.
const POLICY: &str = "CloudFront-TLS-1-3-2025";
/// `EIO`: what a callback says when its socket failed.
const EIO: i32 = 5;

/// What a side shows in the handshake. Each has a configuration of its own: none goes on as the other.
pub(crate) enum Shown<'a> {
    /// One of these keys, which the other side knows too. No certificate.
    Psk(&'a [&'a Psk]),
    /// Possession of this key. Whose key the other side shows is to be judged after the handshake.
    Key(&'a OwnKey),
    /// Nothing. The other side shows a certificate for this name, under these roots (PEM) and no others.
    Nothing { name: &'a str, roots: &'a [&'a str] },
}

/// A connection after its handshake.
pub(crate) struct Tls<S: Socket> {
    // dropped before the socket that its callbacks point to: fields drop in order
    connection: Connection,
    socket: Held<S>,
}

/// A socket on the heap, behind one pointer that callbacks may hold too.
struct Held<S>(NonNull<Guarded<S>>);

// SAFETY: `Held` owns the socket alone, like a `Box`; the callbacks run on the thread that has the
// `Tls`.
unsafe impl<S: Send> Send for Held<S> {}

impl<S> Held<S> {
    fn new(socket: Guarded<S>) -> Self {
        Self(NonNull::from(Box::leak(Box::new(socket))))
    }

    fn get(&mut self) -> &mut Guarded<S> {
        // SAFETY: the pointer came from a box and is freed on drop alone. No callback runs now: that
        // would need the `&mut Tls` that this borrow is part of.
        unsafe { self.0.as_mut() }
    }
}

impl<S> Drop for Held<S> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a box, once, and the connection that has it too is gone.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl<S: Socket> Tls<S> {
    /// Shakes hands. Who the other side is, is not known by that alone: see [`Self::agreed_psk`] and
    /// [`Self::client_key`].
    pub(crate) fn handshake(
        mode: Mode,
        socket: Guarded<S>,
        shown: &Shown<'_>,
    ) -> Result<Self, ChannelError> {
        let mut connection = Connection::new(mode);
        // The default sleeps in this thread for 10 to 30 seconds after an error. The host closes the
        // connection instead, on its own time.
        connection.set_blinding(Blinding::SelfService).map_err(setup)?;
        // full records, and a few of them to a system call: frames are long
        connection.prefer_throughput().map_err(setup)?;
        connection.set_receive_buffering(true).map_err(setup)?;
        match shown {
            Shown::Psk(keys) => {
                connection.set_config(psk_config()?).map_err(setup)?;
                for key in *keys {
                    let mut psk = s2n_tls::psk::Psk::builder().map_err(setup)?;
                    psk.set_identity(&key.identity().0).map_err(setup)?;
                    psk.set_secret(key.secret()).map_err(setup)?;
                    psk.set_hmac(PskHmac::SHA384).map_err(setup)?;
                    connection.append_psk(&psk.build().map_err(setup)?).map_err(setup)?;
                }
            }
            Shown::Key(own) => {
                connection.set_config(key_config(own)?).map_err(setup)?;
            }
            Shown::Nothing { name, roots } => {
                connection.set_config(web_config(roots)?).map_err(setup)?;
                // the name is looked for in the certificate too: that is the library's default
                connection.set_server_name(name).map_err(setup)?;
            }
        }
        let socket = Held::new(socket);
        connection.set_receive_callback(Some(receive::<S>)).map_err(setup)?;
        connection.set_send_callback(Some(send::<S>)).map_err(setup)?;
        let context = socket.0.as_ptr().cast::<c_void>();
        // SAFETY: the context is the held socket, which does not move when `Tls` does, and outlives
        // the connection, which is dropped first.
        unsafe {
            connection.set_receive_context(context).map_err(setup)?;
            connection.set_send_context(context).map_err(setup)?;
        }
        let mut tls = Self { connection, socket };
        match tls.connection.poll_negotiate() {
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(_)) | Poll::Pending => return Err(ChannelError::Handshake),
        }
        if !matches!(tls.connection.actual_protocol_version(), Ok(Version::TLS13)) {
            return Err(ChannelError::Handshake);
        }
        Ok(tls)
    }

    /// The name of the pre-shared key that was agreed on. A client that only trusts the handshake would
    /// go on with a certificate where the server passes its key over; here that is a refusal.
    pub(crate) fn agreed_psk(&self) -> Result<Sha384, ChannelError> {
        let mut identity = [0; 48];
        if !matches!(self.connection.negotiated_psk_identity_length(), Ok(48)) {
            return Err(ChannelError::Handshake);
        }
        self.connection
            .negotiated_psk_identity(&mut identity)
            .map_err(|_| ChannelError::Handshake)?;
        Ok(Sha384(identity))
    }

    /// The hash of the key that the client proved to have.
    pub(crate) fn client_key(&self) -> Result<Sha256, ChannelError> {
        match self.connection.client_cert_chain_bytes() {
            Ok(Some(chain)) => sha256_of_chain(chain).ok_or(ChannelError::Handshake),
            _ => Err(ChannelError::Handshake),
        }
    }

    /// The other side is known: from here on frames cap what is read.
    pub(crate) fn trust_length(&mut self) {
        self.socket.get().trust_length();
    }

    /// What both ends know of this connection and nobody else does.
    pub(crate) fn exported(&self, context: &[u8]) -> Result<[u8; 32], ChannelError> {
        let mut bytes = [0; 32];
        self.connection.tls_exporter(EXPORTER_LABEL, context, &mut bytes).map_err(setup)?;
        Ok(bytes)
    }

    pub(crate) fn set_deadline(&mut self, deadline: Instant) {
        self.socket.get().set_deadline(deadline);
    }

    /// Tells the other side that nothing follows. Without it a cut connection looks like an end.
    pub(crate) fn close(mut self) {
        // the other side may be gone, and nothing is owed to it
        let _ = self.connection.poll_shutdown_send();
    }

    /// Reads until the buffer is full.
    pub(crate) fn read_exact(&mut self, mut buffer: &mut [u8]) -> Result<(), ChannelError> {
        while !buffer.is_empty() {
            match self.read(buffer)? {
                0 => return Err(ChannelError::Closed),
                count => buffer = buffer.get_mut(count..).unwrap_or_default(),
            }
        }
        Ok(())
    }

    /// Reads some bytes; none where the other side told that nothing follows.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ChannelError> {
        match self.connection.poll_recv(buffer) {
            Poll::Ready(Ok(count)) => Ok(count),
            Poll::Ready(Err(_)) | Poll::Pending => Err(ChannelError::Broken),
        }
    }

    /// Writes everything.
    pub(crate) fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), ChannelError> {
        while !bytes.is_empty() {
            match self.connection.poll_send(bytes) {
                Poll::Ready(Ok(count)) => bytes = bytes.get(count..).unwrap_or_default(),
                Poll::Ready(Err(_)) | Poll::Pending => return Err(ChannelError::Broken),
            }
        }
        match self.connection.poll_flush() {
            Poll::Ready(Ok(_)) => Ok(()),
            Poll::Ready(Err(_)) | Poll::Pending => Err(ChannelError::Broken),
        }
    }
}

/// No certificate of its own and none that it trusts: not the system's either, which the bindings
/// would load by default. Session tickets and early data are off unless they are turned on.
fn psk_config() -> Result<Config, ChannelError> {
    builder()?.build().map_err(setup)
}

/// One certificate of its own; none that it trusts, and one that it asks for.
fn key_config(own: &OwnKey) -> Result<Config, ChannelError> {
    let mut builder = builder()?;
    builder.load_pem(own.certificate(), own.private()).map_err(setup)?;
    builder.set_client_auth_type(ClientAuthType::Required).map_err(setup)?;
    // SAFETY: unsafe for what it turns off, the judgement of names, dates and issuers, and not for memory. The other
    // side still proves that it has the key. An enclave then judges that key by the hash in the agreement; a client
    // judges an enclave's by the document, which is bound to this handshake, and can send nothing before.
    unsafe { builder.disable_x509_verification().map_err(setup)? };
    builder.build().map_err(setup)
}

/// No certificate of its own, and these that it trusts.
fn web_config(roots: &[&str]) -> Result<Config, ChannelError> {
    let mut builder = builder()?;
    for root in roots {
        builder.trust_pem(root.as_bytes()).map_err(setup)?;
    }
    builder.build().map_err(setup)
}

/// Bytes of records that are sent at a time.
const SEND_BUFFER: u32 = 64 << 10;

/// Lets the TLS library do what it does at its first use, such as to open devices, for a process that soon can't; and keeps
/// the process's memory, see [`keep_memory`].
///
/// # Errors
/// [`ChannelError::Setup`] where the library fails.
pub fn prepare() -> Result<(), ChannelError> {
    keep_memory();
    psk_config().map(drop)
}

/// Memory that was freed stays with the process and is used again. The C library would give the pages of each message back to
/// the kernel, and get them anew and zeroed for the next one: a tenth of the time of a large call.
#[cfg(target_env = "gnu")]
fn keep_memory() {
    // no pages of its own for a large block; never give back; one heap for all threads, since each would keep its own
    for (option, value) in
        [(libc::M_MMAP_MAX, 0), (libc::M_TRIM_THRESHOLD, libc::c_int::MAX), (libc::M_ARENA_MAX, 1)]
    {
        // SAFETY: sets a number of the C library's allocator, under its lock.
        unsafe { libc::mallopt(option, value) };
    }
}

#[cfg(not(target_env = "gnu"))]
fn keep_memory() {}

fn builder() -> Result<Builder, ChannelError> {
    let mut builder = Builder::new();
    builder.with_system_certs(false).map_err(setup)?;
    builder.set_send_buffer_size(SEND_BUFFER).map_err(setup)?;
    builder.set_security_policy(&Policy::from_version(POLICY).map_err(setup)?).map_err(setup)?;
    Ok(builder)
}

fn setup(_: s2n_tls::error::Error) -> ChannelError {
    ChannelError::Setup
}

unsafe extern "C" fn receive<S: Socket>(
    context: *mut c_void,
    buffer: *mut u8,
    length: u32,
) -> c_int {
    // SAFETY: `context` is the held socket of the `Tls` whose connection s2n-tls is running, and
    // s2n-tls runs only under `&mut Tls`, which has no other reference to the socket then.
    let socket = unsafe { &mut *context.cast::<Guarded<S>>() };
    // SAFETY: s2n-tls owns `length` bytes at `buffer` and wants them written.
    let buffer = unsafe { std::slice::from_raw_parts_mut(buffer, length as usize) };
    answer(socket.read(buffer))
}

unsafe extern "C" fn send<S: Socket>(context: *mut c_void, bytes: *const u8, length: u32) -> c_int {
    // SAFETY: as in `receive`.
    let socket = unsafe { &mut *context.cast::<Guarded<S>>() };
    // SAFETY: s2n-tls has `length` bytes at `bytes`.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, length as usize) };
    answer(socket.write(bytes))
}

/// Never "would block": the sockets block, and one that gave up has failed.
fn answer(result: std::io::Result<usize>) -> c_int {
    match result.map(c_int::try_from) {
        Ok(Ok(count)) => count,
        _ => {
            set_errno(Errno(EIO));
            -1
        }
    }
}
