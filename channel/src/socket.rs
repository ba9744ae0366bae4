//! A blocking socket that gives up: at a deadline, and after too many bytes of a stranger.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A connected stream whose waits can be bounded.
pub trait Socket: Read + Write + Send {
    /// Bounds every later read and write.
    ///
    /// # Errors
    /// Where the system refuses.
    fn set_timeout(&self, timeout: Duration) -> io::Result<()>;

    /// A way to end the connection from another thread: what waits on it fails at once.
    ///
    /// # Errors
    /// Where the system refuses.
    fn hangup(&self) -> io::Result<Hangup>;
}

/// Ends a connection, whoever waits on it.
pub struct Hangup(Box<dyn FnOnce() + Send>);

impl Hangup {
    /// From what ends it.
    pub fn new(end: impl FnOnce() + Send + 'static) -> Self {
        Self(Box::new(end))
    }

    /// Ends it.
    pub fn end(self) {
        (self.0)();
    }
}

impl Socket for TcpStream {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout))?;
        self.set_write_timeout(Some(timeout))
    }

    fn hangup(&self) -> io::Result<Hangup> {
        let other = self.try_clone()?;
        // one that is closed already needs no end
        Ok(Hangup::new(move || drop(other.shutdown(Shutdown::Both))))
    }
}

impl Socket for UnixStream {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout))?;
        self.set_write_timeout(Some(timeout))
    }

    fn hangup(&self) -> io::Result<Hangup> {
        let other = self.try_clone()?;
        // one that is closed already needs no end
        Ok(Hangup::new(move || drop(other.shutdown(Shutdown::Both))))
    }
}

/// A socket with a deadline. A peer that sends a byte now and then does not move it.
pub(crate) struct Guarded<S> {
    socket: S,
    deadline: Instant,
    /// Bytes that may still be read; unbounded once the peer is known.
    allowance: u64,
}

impl<S: Socket> Guarded<S> {
    pub(crate) fn new(socket: S, deadline: Instant, allowance: u64) -> Self {
        Self { socket, deadline, allowance }
    }

    /// The peer is known: from here on frames cap what is read.
    pub(crate) fn trust_length(&mut self) {
        self.allowance = u64::MAX;
    }

    pub(crate) fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    fn wait(&self) -> io::Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        // a timeout of zero would mean none
        if left < Duration::from_millis(1) {
            return Err(ErrorKind::TimedOut.into());
        }
        self.socket.set_timeout(left)
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.allowance).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 && !buffer.is_empty() {
            return Err(ErrorKind::InvalidData.into());
        }
        loop {
            self.wait()?;
            match self.socket.read(&mut buffer[..most]) {
                Ok(count) => {
                    self.allowance -= (count as u64).min(self.allowance);
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.wait()?;
            match self.socket.write(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}
