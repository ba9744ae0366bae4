//! A network that takes notes: a relay that sees what an operator's machine sees, and when.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A relay in front of an enclave.
pub struct Network {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Packet>>>,
}

/// Bytes that passed.
#[derive(Clone)]
pub struct Packet {
    /// On which connection.
    pub connection: usize,
    /// Towards the enclave.
    pub inward: bool,
    /// When.
    pub at: Instant,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What one side sent until the other answered, and the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    /// On which connection.
    pub connection: usize,
    /// Bytes to the enclave.
    pub asked: usize,
    /// Bytes from it.
    pub answered: usize,
    /// From the last byte asked to the first byte answered.
    pub waited: Duration,
}

impl Network {
    /// Listens on a free port and relays to an enclave.
    ///
    /// # Errors
    /// Where the system gives no socket.
    pub fn before(enclave: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let seen: Arc<Mutex<Vec<Packet>>> = Arc::default();
        let notes = Arc::clone(&seen);
        thread::spawn(move || {
            for (connection, client) in listener.incoming().enumerate() {
                // a connection that fails is the client's to see
                let Ok(client) = client else { continue };
                let Ok(server) = TcpStream::connect(enclave) else { continue };
                for (inward, from, to) in [(true, &client, &server), (false, &server, &client)] {
                    let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { continue };
                    let notes = Arc::clone(&notes);
                    thread::spawn(move || relay(connection, inward, from, to, &notes));
                }
            }
        });
        Ok(Self { address, seen })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that passed so far.
    pub fn packets(&self) -> Vec<Packet> {
        guard(&self.seen).clone()
    }

    /// The same as questions and answers, in the order of the questions.
    pub fn turns(&self) -> Vec<Turn> {
        let packets = self.packets();
        let connections = packets.iter().map(|packet| packet.connection + 1).max().unwrap_or(0);
        let mut turns = Vec::new();
        for connection in 0..connections {
            let mut turn: Option<Turn> = None;
            let mut asked_at = None;
            for packet in packets.iter().filter(|packet| packet.connection == connection) {
                if packet.inward {
                    turns.extend(turn.take_if(|turn| turn.answered > 0));
                    let turn = turn.get_or_insert(Turn {
                        connection,
                        asked: 0,
                        answered: 0,
                        waited: Duration::ZERO,
                    });
                    turn.asked += packet.bytes.len();
                    asked_at = Some(packet.at);
                } else if let Some(turn) = &mut turn {
                    if turn.answered == 0 {
                        turn.waited = asked_at.map_or(Duration::ZERO, |at| packet.at - at);
                    }
                    turn.answered += packet.bytes.len();
                }
            }
            turns.extend(turn);
        }
        turns
    }

    /// Whether some bytes stood in what passed, as they are.
    pub fn saw(&self, what: &[u8]) -> bool {
        let packets = self.packets();
        let connections = packets.iter().map(|packet| packet.connection + 1).max().unwrap_or(0);
        (0..connections).any(|connection| {
            [true, false].into_iter().any(|inward| {
                let here = packets
                    .iter()
                    .filter(|packet| packet.connection == connection && packet.inward == inward);
                let stream: Vec<u8> = here.flat_map(|packet| packet.bytes.clone()).collect();
                stream.windows(what.len()).any(|window| window == what)
            })
        })
    }
}

fn relay(
    connection: usize,
    inward: bool,
    mut from: TcpStream,
    mut to: TcpStream,
    notes: &Mutex<Vec<Packet>>,
) {
    // what is relayed late would be read as the enclave's time
    let _ = to.set_nodelay(true);
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 {
            break;
        }
        let packet =
            Packet { connection, inward, at: Instant::now(), bytes: buffer[..count].to_vec() };
        guard(notes).push(packet);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // the other side may be gone already
    let _ = to.shutdown(Shutdown::Write);
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
