//! TLS by s2n-tls as it comes, without this crate.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// A handshake of the bare library over a socket; whether it succeeded.
pub(crate) fn handshake(
    connection: &mut s2n_tls::connection::Connection,
    socket: &UnixStream,
) -> bool {
    use std::ffi::{c_int, c_void};
    unsafe extern "C" fn receive(context: *mut c_void, buffer: *mut u8, length: u32) -> c_int {
        // SAFETY: the context is the socket of this call of `handshake`, the buffer s2n-tls's own.
        let (mut socket, buffer) = unsafe {
            (
                &*context.cast::<UnixStream>(),
                std::slice::from_raw_parts_mut(buffer, length as usize),
            )
        };
        socket.read(buffer).map_or(-1, |count| count as c_int)
    }
    unsafe extern "C" fn send(context: *mut c_void, bytes: *const u8, length: u32) -> c_int {
        // SAFETY: as above.
        let (mut socket, bytes) = unsafe {
            (&*context.cast::<UnixStream>(), std::slice::from_raw_parts(bytes, length as usize))
        };
        socket.write(bytes).map_or(-1, |count| count as c_int)
    }
    connection.set_blinding(s2n_tls::enums::Blinding::SelfService).unwrap();
    connection.set_receive_callback(Some(receive)).unwrap();
    connection.set_send_callback(Some(send)).unwrap();
    let context = std::ptr::from_ref(socket).cast_mut().cast::<c_void>();
    // SAFETY: the socket outlives every handshake that this function runs on the connection.
    unsafe {
        connection.set_receive_context(context).unwrap();
        connection.set_send_context(context).unwrap();
    }
    matches!(connection.poll_negotiate(), std::task::Poll::Ready(Ok(_)))
}
