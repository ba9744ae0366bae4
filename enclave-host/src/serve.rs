//! The core behind sockets: a fixed pool for strangers, and a worker for each party.
//!
//! ```text
//! listener --> greeter (one of a fixed pool) --TLS, first exchange--> the party's place --> its worker
//! ```
//! Every thread exists from the start, and no queue grows. A stranger costs a greeter until its
//! deadline at most; when all are taken, the one that was greeted first is hung up on. A party has a
//! worker and a place of its own: it can wait for itself, and for nobody else. Only the core's lock
//! is shared, for charging and storing, never for an evaluation.

use crate::boot::Boot;
use crate::core::{Core, Next};
use crate::evaluation::Response;
use crate::log::Log;
use crate::pace::Pace;
use crate::world::{Clock, Store};
use channel::{Channel, Hangup, Parties, Socket, accept};
use engine::Backend;
use protocol::agreement::Agreement;
use protocol::document::{Attester, NONCE_BYTES, Purpose, user_data};
use protocol::frame::Kind;
use protocol::message::{RawOperation, RawRequest, STATUS_BODY, SUBMIT_HEAD};
use protocol::parent::Event;
use std::io;
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Where connections come from.
pub trait Listener: Send + Sync {
    /// One connection.
    type Socket: Socket;

    /// Waits for the next one.
    ///
    /// # Errors
    /// Where the system gives none.
    fn accept(&self) -> io::Result<Self::Socket>;
}

/// What the host serves with. Each part is what its trait says, and no flag changes it.
pub struct Host<S, A, C, P> {
    /// The agreement.
    pub agreement: Arc<Agreement>,
    /// The boot.
    pub boot: Arc<Boot>,
    /// The core.
    pub core: Core<S>,
    /// How each party proves who it is, in the agreement's order.
    pub parties: Parties,
    /// The security module.
    pub attester: A,
    /// The trusted time.
    pub clock: C,
    /// When replies leave.
    pub pace: P,
    /// What the parent is told.
    pub log: Arc<Log>,
}

/// How long a stranger may take.
const GREETING: Duration = Duration::from_secs(10);
/// What the system says when it has no room: ENOMEM, ENFILE, EMFILE, ENOBUFS.
const FULL: [i32; 4] = [12, 23, 24, 105];
/// Strangers at once, at most.
const MOST_GREETERS: usize = 64;

/// Serves until the listener fails.
///
/// # Errors
/// What the listener says when it fails.
pub fn serve<L, S, A, C, P>(listener: &L, host: Host<S, A, C, P>) -> io::Error
where
    L: Listener,
    S: Store + Send,
    A: Attester + Sync,
    C: Clock + Sync,
    P: Pace,
{
    let terms = host.agreement.terms();
    let parties = terms.parties.len();
    // what the agreement leaves beside one connection for each party: at least one, by its check
    let greeters = usize::from(terms.limits.connections).saturating_sub(parties);
    let greeters = greeters.clamp(1, MOST_GREETERS);
    let serving = Serving {
        agreement: host.agreement,
        boot: host.boot,
        core: Mutex::new(host.core),
        known: host.parties,
        attester: host.attester,
        clock: host.clock,
        pace: host.pace,
        log: host.log,
        greetings: Greetings::new(greeters),
        places: (0..parties).map(|_| Place::new()).collect(),
    };
    serving.log.note(Event::Serving);
    thread::scope(|scope| {
        for _ in 0..greeters {
            scope.spawn(|| serving.greet());
        }
        for party in 0..parties {
            let serving = &serving;
            scope.spawn(move || serving.work(party));
        }
        let error = loop {
            match listener.accept() {
                Ok(socket) => serving.greetings.put(socket),
                // the stranger was gone before it was taken in
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // no memory or no descriptor for another one now: those that are here will end
                Err(error) if error.raw_os_error().is_some_and(|code| FULL.contains(&code)) => {
                    thread::sleep(Duration::from_millis(20));
                }
                Err(error) => break error,
            }
        };
        serving.greetings.close();
        serving.places.iter().for_each(Place::close);
        error
    })
}

struct Serving<S, A, C, P, K: Socket> {
    agreement: Arc<Agreement>,
    boot: Arc<Boot>,
    core: Mutex<Core<S>>,
    known: Parties,
    attester: A,
    clock: C,
    pace: P,
    log: Arc<Log>,
    greetings: Greetings<K>,
    places: Vec<Place<Channel<K>>>,
}

impl<S: Store, A: Attester, C: Clock, P: Pace, K: Socket> Serving<S, A, C, P, K> {
    /// Greets strangers until the host closes.
    fn greet(&self) {
        while let Some((number, socket)) = self.greetings.take() {
            let deadline = Instant::now() + GREETING;
            let digest = self.agreement.digest();
            let accepted =
                accept(socket, &self.known, &digest, &self.boot.id(), &self.attester, deadline);
            self.greetings.done(number);
            // a stranger who failed learns nothing, and nobody else does
            if let Ok((channel, key)) = accepted
                && let Some(place) = self.places.get(key)
            {
                // there are at most 64 parties
                self.log.note(Event::Connected { party: key as u16 });
                place.put(channel);
            }
        }
    }

    /// Serves one party, one connection after the other.
    fn work(&self, party: usize) {
        let Some(place) = self.places.get(party) else { return };
        while let Some(channel) = place.take() {
            // there are at most 64 parties
            self.converse(party as u16, channel);
        }
    }

    /// Answers requests until the party is gone, silent for too long, or sends what is no frame.
    fn converse(&self, party: u16, mut channel: Channel<K>) {
        let limits = self.agreement.terms().limits;
        let idle = Duration::from_secs(limits.idle_seconds.into());
        let longest = u64::from(limits.message_mib) << 20;
        let cap = |kind| match kind {
            Kind::Hello => 0,
            Kind::ReceiptKey => NONCE_BYTES as u64,
            Kind::Status | Kind::Collect => STATUS_BODY as u64,
            Kind::Submit => SUBMIT_HEAD as u64 + (u64::from(limits.program_mib) << 20),
            Kind::Supply | Kind::Score => longest,
        };
        loop {
            channel.set_deadline(Instant::now() + idle);
            let Ok((kind, body)) = channel.receive(cap) else { return };
            if kind == Kind::ReceiptKey {
                channel.set_deadline(Instant::now() + idle);
                // public, and the same for all: nothing waits for it and no pace holds it back
                let Some(answer) = self.receipt_key(&body) else { return };
                match channel.send(kind, &answer) {
                    Ok(()) => continue,
                    Err(_) => return,
                }
            }
            let start = Instant::now();
            let (response, rows) = self.answer(party, kind, body);
            if let Some(replies) = self.pace.wait(start) {
                self.log.note(Event::Late { replies });
            }
            self.log.note(Event::Answered { party, kind, rows });
            channel.set_deadline(Instant::now() + idle);
            let kind = response.kind();
            if channel.send(kind, &response.into_body()).is_err() {
                return;
            }
        }
    }

    /// The key of this boot's receipts, and a document that makes it the enclave's.
    fn receipt_key(&self, nonce: &[u8]) -> Option<Vec<u8>> {
        let key = self.boot.receipt_public_key();
        let digest = self.agreement.digest();
        let bound = user_data(Purpose::Receipt, &digest, &self.boot.id(), &key);
        let document = self.attester.document(&bound, nonce.try_into().ok()?).ok()?;
        Some([key.as_slice(), &document].concat())
    }

    /// The answer, and the rows that the request said it has.
    fn answer(&self, party: u16, kind: Kind, body: Vec<u8>) -> (Response, u32) {
        let request = RawRequest::parse(kind, body);
        let rows = match &request {
            Ok(RawRequest {
                operation: RawOperation::Score(raw) | RawOperation::Supply(raw),
                ..
            }) => raw.rows,
            _ => 0,
        };
        let now = self.clock.now();
        let next = match request {
            Ok(request) => guard(&self.core).handle(party, request, now),
            Err(code) => Next::Reply(guard(&self.core).refuse(party, kind, code)),
        };
        let response = match next {
            Next::Reply(response) => response,
            // the lock is free again: one party's rows do not keep another waiting
            Next::Evaluate(spent) => spent.evaluate(Backend::detect(), NonZeroUsize::MIN).release(),
        };
        (response, rows)
    }
}

/// A place for one connection of one party. A newer one takes the place of one that still waits.
struct Place<T> {
    waiting: Mutex<Waiting<T>>,
    changed: Condvar,
}

enum Waiting<T> {
    Empty,
    One(T),
    Closed,
}

impl<T> Place<T> {
    fn new() -> Self {
        Self { waiting: Mutex::new(Waiting::Empty), changed: Condvar::new() }
    }

    fn put(&self, new: T) {
        let mut waiting = guard(&self.waiting);
        if !matches!(*waiting, Waiting::Closed) {
            *waiting = Waiting::One(new);
            self.changed.notify_one();
        }
    }

    fn close(&self) {
        *guard(&self.waiting) = Waiting::Closed;
        self.changed.notify_one();
    }

    fn take(&self) -> Option<T> {
        let mut waiting = guard(&self.waiting);
        loop {
            match std::mem::replace(&mut *waiting, Waiting::Empty) {
                Waiting::One(one) => return Some(one),
                Waiting::Closed => {
                    *waiting = Waiting::Closed;
                    return None;
                }
                Waiting::Empty => {
                    waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

/// Strangers: at most one waits, and each greeter has one. A newcomer is never kept out: the one
/// that was greeted first is hung up on instead, since every peer has the same address.
struct Greetings<K> {
    most: usize,
    state: Mutex<Greeted<K>>,
    changed: Condvar,
}

struct Greeted<K> {
    waiting: Option<K>,
    closed: bool,
    /// The next number.
    next: u64,
    /// Those being greeted, first come first.
    current: Vec<(u64, Hangup)>,
}

impl<K: Socket> Greetings<K> {
    fn new(most: usize) -> Self {
        let current = Vec::with_capacity(most);
        let state = Greeted { waiting: None, closed: false, next: 0, current };
        Self { most, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Takes a newcomer in. Waits while the last one is not with a greeter yet, which takes no
    /// longer than it takes to hang up.
    fn put(&self, socket: K) {
        let mut state = guard(&self.state);
        while state.waiting.is_some() && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting = Some(socket);
        if state.current.len() >= self.most {
            let (_, first) = state.current.remove(0);
            first.end();
        }
        self.changed.notify_all();
    }

    fn take(&self) -> Option<(u64, K)> {
        let mut state = guard(&self.state);
        loop {
            if state.closed {
                return None;
            }
            if let Some(socket) = state.waiting.take() {
                self.changed.notify_all();
                let Ok(hangup) = socket.hangup() else { continue };
                let number = state.next;
                state.next += 1;
                state.current.push((number, hangup));
                return Some((number, socket));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, number: u64) {
        guard(&self.state).current.retain(|(other, _)| *other != number);
    }

    fn close(&self) {
        let mut state = guard(&self.state);
        state.closed = true;
        state.current.drain(..).for_each(|(_, hangup)| hangup.end());
        self.changed.notify_all();
    }
}

/// A lock whose holder panicked: the binary aborts on panic, so there is none that goes on.
fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
