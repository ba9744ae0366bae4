//! Parties with a key of their own that the agreement pins.

mod bare;
mod enclave;

use channel::{Channel, ChannelError, OwnKey, Parties, Proof, Psk, Unattested};
use channel::{accept, connect, connect_pinned};
use enclave::{AGREEMENT, BOOT, Judge, Module, soon};
use protocol::document::NotAttested;
use protocol::frame::Kind;
use protocol::{Sha256, Sha384, sha256};
use rcgen::{CertificateParams, KeyPair};
use s2n_tls::callbacks::{ConnectionFuture, PrivateKeyCallback, PrivateKeyOperation};
use s2n_tls::config::Builder;
use s2n_tls::connection::Connection;
use s2n_tls::enums::{ClientAuthType, Mode};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

const ALICE: Sha256 = Sha256([10; 32]);

fn psk() -> Psk {
    Psk::new([1; 32], &sha256(&[1; 32]), &AGREEMENT, &ALICE).unwrap()
}

type Server = JoinHandle<Result<(Channel<UnixStream>, usize), ChannelError>>;

/// An enclave that knows Alice by a pre-shared key and then the others by theirs; and a socket to it.
fn enclave_of(module: Module, pinned: &[&OwnKey]) -> (UnixStream, Server) {
    let (near, far) = UnixStream::pair().unwrap();
    let mut keys: Vec<Proof> = vec![psk().into()];
    keys.extend(pinned.iter().map(|key| Proof::Pinned(key.sha256())));
    let parties = Parties::new(keys).unwrap();
    (near, thread::spawn(move || accept(far, &parties, &AGREEMENT, &BOOT, &module, soon())))
}

fn meet(near: UnixStream, key: &OwnKey) -> Result<Channel<UnixStream>, ChannelError> {
    connect_pinned(near, key, AGREEMENT, soon())
        .and_then(|connection: Unattested<_>| connection.attest([7; 32], &Judge))
}

#[test]
fn a_pinned_key_gets_its_party_in_beside_one_with_a_pre_shared_key() {
    let (bob, carol) = (OwnKey::generate().unwrap(), OwnKey::generate().unwrap());
    for (place, key) in [(1, &bob), (2, &carol)] {
        let (near, server) = enclave_of(Module(b"true"), &[&bob, &carol]);
        let mut client = meet(near, key).unwrap();
        let (mut server, found) = server.join().unwrap().unwrap();
        assert_eq!((found, client.boot()), (place, BOOT));
        client.send(Kind::Score, b"rows").unwrap();
        assert_eq!(server.receive(|_| 4).unwrap(), (Kind::Score, b"rows".to_vec()));
    }
    let (near, server) = enclave_of(Module(b"true"), &[&bob, &carol]);
    let connection = connect(near, &psk(), AGREEMENT, soon()).unwrap();
    connection.attest([7; 32], &Judge).unwrap();
    assert_eq!(server.join().unwrap().unwrap().1, 0);
}

#[test]
fn a_key_that_is_not_pinned_stays_outside() {
    let (bob, mallory) = (OwnKey::generate().unwrap(), OwnKey::generate().unwrap());
    let (near, server) = enclave_of(Module(b"true"), &[&bob]);
    // whether the handshake or what follows it fails is a matter of the two threads' timing
    assert!(meet(near, &mallory).is_err());
    assert_eq!(server.join().unwrap().err(), Some(ChannelError::Handshake));
    // an enclave without such parties has no key to show, and does not get as far
    let (near, server) = enclave_of(Module(b"true"), &[]);
    assert!(meet(near, &bob).is_err());
    assert_eq!(server.join().unwrap().err(), Some(ChannelError::Handshake));
}

/// A client of the bare library, with what is loaded into it; whether it saw nothing wrong.
fn shakes_hands(near: &UnixStream, load: impl FnOnce(&mut Builder)) -> bool {
    let mut builder = Builder::new();
    builder.set_security_policy(&s2n_tls::security::DEFAULT_TLS13).unwrap();
    builder.set_client_auth_type(ClientAuthType::Optional).unwrap();
    // SAFETY: this client wants to get in, whoever is on the other side.
    unsafe { builder.disable_x509_verification().unwrap() };
    load(&mut builder);
    let mut connection = Connection::new(Mode::Client);
    connection.set_config(builder.build().unwrap()).unwrap();
    bare::handshake(&mut connection, near)
}

fn certificate(key: &OwnKey) -> String {
    let key = KeyPair::from_pem(&key.to_pem()).unwrap();
    CertificateParams::default().self_signed(&key).unwrap().pem()
}

fn load(builder: &mut Builder, key: &OwnKey) {
    builder.load_pem(certificate(key).as_bytes(), key.to_pem().as_bytes()).unwrap();
}

/// Signs with nothing: a signature in form, of nobody.
struct Forger(Arc<AtomicBool>);

impl PrivateKeyCallback for Forger {
    fn handle_operation(
        &self,
        connection: &mut Connection,
        operation: PrivateKeyOperation,
    ) -> Result<Option<Pin<Box<dyn ConnectionFuture>>>, s2n_tls::error::Error> {
        operation.set_output(connection, &[0x30, 6, 2, 1, 1, 2, 1, 1])?;
        self.0.store(true, Ordering::Relaxed);
        Ok(None)
    }
}

/// The other first byte, and those that are none.
#[test]
fn nobody_comes_in_by_the_other_mode() {
    let bob = OwnKey::generate().unwrap();
    for first in [1, 0, 3, 22] {
        let (near, server) = enclave_of(Module(b"true"), &[&bob]);
        (&near).write_all(&[first]).unwrap();
        assert!(!shakes_hands(&near, |builder| load(builder, &bob)));
        drop(near);
        assert_eq!(server.join().unwrap().err(), Some(ChannelError::Handshake), "byte {first}");
    }
}

#[test]
fn a_client_without_a_certificate_or_without_its_key_stays_outside() {
    let bob = OwnKey::generate().unwrap();
    let (near, server) = enclave_of(Module(b"true"), &[&bob]);
    (&near).write_all(&[2]).unwrap();
    shakes_hands(&near, |_| {});
    drop(near);
    assert_eq!(server.join().unwrap().err(), Some(ChannelError::Handshake), "no certificate");

    // the control: the same client, with the key
    let (near, server) = enclave_of(Module(b"true"), &[&bob]);
    (&near).write_all(&[2]).unwrap();
    assert!(shakes_hands(&near, |builder| load(builder, &bob)));
    drop(near);
    // it came in, and was gone before it said hello
    assert_eq!(server.join().unwrap().err(), Some(ChannelError::Broken));

    let (near, server) = enclave_of(Module(b"true"), &[&bob]);
    (&near).write_all(&[2]).unwrap();
    let signed = Arc::new(AtomicBool::new(false));
    shakes_hands(&near, |builder| {
        builder.load_public_pem(certificate(&bob).as_bytes()).unwrap();
        builder.set_private_key_callback(Forger(Arc::clone(&signed))).unwrap();
    });
    assert!(signed.load(Ordering::Relaxed), "the forgery was sent");
    drop(near);
    assert_eq!(server.join().unwrap().err(), Some(ChannelError::Handshake), "another's key");
}

#[test]
fn an_enclave_that_does_not_attest_this_connection_gets_nothing() {
    let bob = OwnKey::generate().unwrap();
    let (near, server) = enclave_of(Module(b"fake"), &[&bob]);
    assert_eq!(meet(near, &bob).err(), Some(ChannelError::NotAttested(NotAttested)));
    server.join().unwrap().unwrap();
    // an honest enclave of another agreement: the exporter tells
    let (near, server) = enclave_of(Module(b"true"), &[&bob]);
    let other = Sha384([2; 48]);
    let connection = connect_pinned(near, &bob, other, soon()).unwrap();
    assert_eq!(
        connection.attest([7; 32], &Judge).err(),
        Some(ChannelError::NotAttested(NotAttested))
    );
    server.join().unwrap().unwrap();
}
