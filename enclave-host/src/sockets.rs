//! Where connections come from and go to: vsock in an enclave, Unix sockets and TCP where there is none.

use crate::serve::Listener;
use crate::world::Connect;
use channel::{Hangup, Socket};
use protocol::parent::{PARENT_CID, Service};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Duration;
use vsock::VMADDR_CID_ANY;

/// A vsock connection.
pub struct VsockStream(vsock::VsockStream);

impl Read for VsockStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for VsockStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Socket for VsockStream {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.0.set_read_timeout(Some(timeout))?;
        self.0.set_write_timeout(Some(timeout))
    }

    fn hangup(&self) -> io::Result<Hangup> {
        let other = self.0.try_clone()?;
        // one that is closed already needs no end
        Ok(Hangup::new(move || drop(other.shutdown(Shutdown::Both))))
    }
}

/// Listens on vsock, for the parent.
pub struct VsockListener(vsock::VsockListener);

impl VsockListener {
    /// Listens for parties.
    ///
    /// # Errors
    /// Where the system has no vsock, or the port is taken.
    pub fn bind() -> io::Result<Self> {
        let port = Service::Enclave.port();
        vsock::VsockListener::bind_with_cid_port(VMADDR_CID_ANY, port).map(Self)
    }
}

impl Listener for VsockListener {
    type Socket = VsockStream;

    fn accept(&self) -> io::Result<VsockStream> {
        self.0.accept().map(|(stream, _)| VsockStream(stream))
    }
}

impl Listener for TcpListener {
    type Socket = TcpStream;

    fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = TcpListener::accept(self)?;
        // a reply is one write, and must not wait for another
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Listener for UnixListener {
    type Socket = UnixStream;

    fn accept(&self) -> io::Result<UnixStream> {
        UnixListener::accept(self).map(|(stream, _)| stream)
    }
}

/// The parent of an enclave.
#[derive(Clone, Copy)]
pub struct OverVsock;

impl Connect for OverVsock {
    type Stream = VsockStream;

    fn connect(&self, service: Service) -> io::Result<VsockStream> {
        vsock::VsockStream::connect_with_cid_port(PARENT_CID, service.port()).map(VsockStream)
    }
}

/// A parent with Unix sockets in a folder.
#[derive(Clone)]
pub struct OverUnix(pub PathBuf);

impl Connect for OverUnix {
    type Stream = UnixStream;

    fn connect(&self, service: Service) -> io::Result<UnixStream> {
        UnixStream::connect(self.0.join(service.name()))
    }
}
