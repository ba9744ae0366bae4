//! Gives the enclave of a prebuilt image its agreement. Which one it was, PCR16 tells everybody.

use crate::address::Listener;
use std::io::Write;
use std::time::Duration;

/// Sends the canonical form to whoever connects, until the listener fails.
pub fn serve(listener: &Listener, canonical: &[u8]) {
    // the file was not larger than a form may be
    let length = u32::try_from(canonical.len()).unwrap_or(0);
    while let Ok(mut stream) = listener.accept() {
        // who does not read it asks again
        let _ = stream
            .set_timeout(Duration::from_secs(10))
            .and_then(|()| stream.write_all(&length.to_le_bytes()))
            .and_then(|()| stream.write_all(canonical));
    }
}
