//! Where the enclave is: in vsock, or behind Unix sockets in a folder where there is no vsock.

use protocol::parent::Service;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use vsock::{VMADDR_CID_ANY, VsockListener, VsockStream};

/// An enclave, and its parent's services for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Enclave {
    /// By its CID.
    Vsock(u32),
    /// By a folder.
    Unix(PathBuf),
}

/// What is no address of an enclave.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("write vsock:CID, such as vsock:16, or unix:FOLDER")]
pub struct NoAddress;

impl FromStr for Enclave {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        match text.split_once(':') {
            // 0 to 2 are the hypervisor's and the machine's own
            Some(("vsock", cid)) => match cid.parse() {
                Ok(cid) if cid > 2 => Ok(Self::Vsock(cid)),
                _ => Err(NoAddress),
            },
            Some(("unix", folder)) if !folder.is_empty() => Ok(Self::Unix(folder.into())),
            _ => Err(NoAddress),
        }
    }
}

/// A connection of either end.
pub enum Stream {
    /// A party.
    Tcp(TcpStream),
    /// An enclave.
    Vsock(VsockStream),
    /// An enclave without vsock.
    Unix(UnixStream),
}

impl Stream {
    /// Another handle of it.
    ///
    /// # Errors
    /// Where the system has none left.
    pub fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
            Self::Vsock(stream) => stream.try_clone().map(Self::Vsock),
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
        }
    }

    /// Ends it in one or both directions. One that is closed already needs no end.
    pub fn shutdown(&self, how: Shutdown) {
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Vsock(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
        };
    }

    /// How long a read or write may wait.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        let timeout = Some(timeout);
        match self {
            Self::Tcp(stream) => {
                stream.set_read_timeout(timeout)?;
                stream.set_write_timeout(timeout)
            }
            Self::Vsock(stream) => {
                stream.set_read_timeout(timeout)?;
                stream.set_write_timeout(timeout)
            }
            Self::Unix(stream) => {
                stream.set_read_timeout(timeout)?;
                stream.set_write_timeout(timeout)
            }
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Vsock(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Vsock(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Accepts a connection, and waits while there is none or the machine has no room for one.
pub(crate) fn patiently<T>(mut accept: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match accept() {
            Err(error) if transient(&error) => std::thread::sleep(Duration::from_millis(20)),
            other => return other,
        }
    }
}

/// The peer was gone again, or there is no descriptor or memory for another connection now.
pub(crate) fn transient(error: &io::Error) -> bool {
    const TABLES_FULL: [i32; 4] = [23, 24, 105, 12]; // ENFILE, EMFILE, ENOBUFS, ENOMEM
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
        || error.raw_os_error().is_some_and(|code| TABLES_FULL.contains(&code))
}

/// Waits for the enclave to connect.
pub enum Listener {
    /// In vsock.
    Vsock(VsockListener),
    /// On a Unix socket.
    Unix(UnixListener),
}

impl Listener {
    /// The next connection. A failure that passes, such as no descriptor left, is waited out.
    ///
    /// # Errors
    /// Where the listener itself failed.
    pub fn accept(&self) -> io::Result<Stream> {
        patiently(|| match self {
            Self::Vsock(listener) => listener.accept().map(|(stream, _)| Stream::Vsock(stream)),
            Self::Unix(listener) => listener.accept().map(|(stream, _)| Stream::Unix(stream)),
        })
    }
}

impl Enclave {
    /// Connects to the enclave's service for parties.
    ///
    /// # Errors
    /// Where it does not serve.
    pub fn connect(&self) -> io::Result<Stream> {
        let service = Service::Enclave;
        match self {
            Self::Vsock(cid) => {
                VsockStream::connect_with_cid_port(*cid, service.port()).map(Stream::Vsock)
            }
            Self::Unix(folder) => {
                UnixStream::connect(folder.join(service.name())).map(Stream::Unix)
            }
        }
    }

    /// Listens for the enclave at one of the parent's services.
    ///
    /// # Errors
    /// Where the system has no such socket, or it is taken.
    pub fn listen(&self, service: Service) -> io::Result<Listener> {
        match self {
            Self::Vsock(_) => VsockListener::bind_with_cid_port(VMADDR_CID_ANY, service.port())
                .map(Listener::Vsock),
            Self::Unix(folder) => {
                let path = folder.join(service.name());
                // of a parent that was there before
                if UnixStream::connect(&path).is_err() {
                    let _ = std::fs::remove_file(&path);
                }
                UnixListener::bind(path).map(Listener::Unix)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_vsock_or_a_folder() {
        assert_eq!("vsock:16".parse(), Ok(Enclave::Vsock(16)));
        assert_eq!("unix:/run/x:y".parse(), Ok(Enclave::Unix("/run/x:y".into())));
        for wrong in
            ["", "16", "vsock:", "vsock:2", "vsock:-1", "vsock:4294967296", "unix:", "tcp:a:1"]
        {
            assert_eq!(wrong.parse::<Enclave>(), Err(NoAddress), "{wrong}");
        }
    }
}
