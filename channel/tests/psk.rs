//! The channel over real sockets: who gets in, who does not, and what a client demands first.

mod bare;
mod enclave;

use channel::{Channel, ChannelError, Parties, Psk, accept, connect};
use enclave::{AGREEMENT, BOOT, Judge, Module, soon};
use protocol::document::{Attester, Expected, NoDocument, NotAttested, Verifier};
use protocol::frame::Kind;
use protocol::{Code, Sha256, Sha384, sha256};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

const ALICE: Sha256 = Sha256([10; 32]);
const BOB: Sha256 = Sha256([11; 32]);

fn key(secret: u8, agreement: Sha384, party: Sha256) -> Psk {
    let secret = [secret; 32];
    Psk::new(secret, &sha256(&secret), &agreement, &party).unwrap()
}

/// What the enclave of these tests knows.
fn known() -> Parties {
    Parties::new(vec![key(1, AGREEMENT, ALICE).into(), key(2, AGREEMENT, BOB).into()]).unwrap()
}

type Accepted = Result<(Channel<UnixStream>, usize), ChannelError>;

/// A client with a key against the enclave.
fn meet(client: Psk, agreement: Sha384) -> (Result<Channel<UnixStream>, ChannelError>, Accepted) {
    let (near, far) = UnixStream::pair().unwrap();
    let server =
        thread::spawn(move || accept(far, &known(), &AGREEMENT, &BOOT, &Module(b"true"), soon()));
    let client = connect(near, &client, agreement, soon())
        .and_then(|connection| connection.attest([7; 32], &Judge));
    (client, server.join().unwrap())
}

#[test]
fn each_party_gets_in_by_its_own_key_and_frames_pass() {
    for (position, (secret, party)) in [(1, ALICE), (2, BOB)].into_iter().enumerate() {
        let (client, server) = meet(key(secret, AGREEMENT, party), AGREEMENT);
        let (mut client, (mut server, found)) = (client.unwrap(), server.unwrap());
        assert_eq!((found, client.boot()), (position, BOOT));
        let body: Vec<u8> = (0..3_000_000u32).map(|n| n as u8).collect();
        let echo = thread::spawn(move || {
            let (kind, body) = server.receive(|_| 4 << 20).unwrap();
            server.send(kind, &body).unwrap();
            server.close();
        });
        client.set_deadline(soon());
        client.send(Kind::Score, &body).unwrap();
        assert_eq!(client.receive(|_| 4 << 20).unwrap(), (Kind::Score, body));
        echo.join().unwrap();
        assert_eq!(client.receive(|_| 1).unwrap_err(), ChannelError::Closed);
    }
}

#[test]
fn wrong_keys_wrong_parties_and_other_agreements_stay_outside() {
    let other = Sha384([2; 48]);
    for (what, client, agreement) in [
        ("a wrong key", key(3, AGREEMENT, ALICE), AGREEMENT),
        ("a key of another party", key(2, AGREEMENT, ALICE), AGREEMENT),
        ("a party that is not in the agreement", key(1, AGREEMENT, Sha256([12; 32])), AGREEMENT),
        ("a key of another agreement", key(1, other, ALICE), other),
    ] {
        let (client, server) = meet(client, agreement);
        assert_eq!(client.err(), Some(ChannelError::Handshake), "{what}");
        assert_eq!(server.err(), Some(ChannelError::Handshake), "{what}");
    }
    // the right key for a client that has another agreement in mind: the exporter tells
    let (client, _) = meet(key(1, AGREEMENT, ALICE), other);
    assert_eq!(client.err(), Some(ChannelError::NotAttested(NotAttested)));
}

#[test]
fn a_key_that_the_agreement_does_not_know_is_none() {
    assert!(Psk::new([1; 32], &sha256(&[2; 32]), &AGREEMENT, &ALICE).is_none());
}

/// Documents of another maker, for another boot, of another connection.
#[test]
fn a_client_goes_no_further_without_a_document_of_this_connection() {
    let (near, far) = UnixStream::pair().unwrap();
    let server = thread::spawn(move || {
        accept(far, &known(), &AGREEMENT, &BOOT, &Module(b"fake"), soon()).is_ok()
    });
    let connection = connect(near, &key(1, AGREEMENT, ALICE), AGREEMENT, soon()).unwrap();
    assert_eq!(
        connection.attest([7; 32], &Judge).err(),
        Some(ChannelError::NotAttested(NotAttested))
    );
    server.join().unwrap();

    // Someone between, who has the key, gets a true document from the enclave and passes it on.
    struct Relay(UnixStream);
    impl Attester for Relay {
        fn document_for(
            &self,
            _: &Sha384,
            nonce: &[u8; 32],
            _: Option<&[u8]>,
        ) -> Result<Vec<u8>, NoDocument> {
            struct Keep(std::cell::RefCell<Vec<u8>>);
            impl Verifier for Keep {
                fn verify(&self, document: &[u8], _: &Expected) -> Result<(), NotAttested> {
                    *self.0.borrow_mut() = document.to_vec();
                    Ok(())
                }
            }
            let keep = Keep(Vec::new().into());
            let enclave = self.0.try_clone().unwrap();
            let enclave = connect(enclave, &key(1, AGREEMENT, ALICE), AGREEMENT, soon()).unwrap();
            enclave.attest(*nonce, &keep).unwrap();
            Ok(keep.0.into_inner())
        }
    }
    let (between, enclave) = UnixStream::pair().unwrap();
    let enclave = thread::spawn(move || {
        accept(enclave, &known(), &AGREEMENT, &BOOT, &Module(b"true"), soon()).is_ok()
    });
    let (near, far) = UnixStream::pair().unwrap();
    let between = thread::spawn(move || {
        accept(far, &known(), &AGREEMENT, &BOOT, &Relay(between), soon()).is_ok()
    });
    let connection = connect(near, &key(1, AGREEMENT, ALICE), AGREEMENT, soon()).unwrap();
    assert_eq!(
        connection.attest([7; 32], &Judge).err(),
        Some(ChannelError::NotAttested(NotAttested))
    );
    assert!(between.join().unwrap() && enclave.join().unwrap());
}

/// A server that passes the key over and shows a certificate that the system trusts.
#[test]
fn no_certificate_is_ever_accepted() {
    use s2n_tls::config::Builder;
    use s2n_tls::connection::Connection;
    use s2n_tls::enums::Mode;

    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
    let read = |name: &str| std::fs::read(format!("{data}/{name}")).unwrap();
    // SAFETY: no other thread of this test reads or writes the environment at the same time; it is
    // the only test that does.
    unsafe { std::env::set_var("SSL_CERT_FILE", format!("{data}/ca.pem")) };

    let serve = |far: UnixStream| {
        let (certificate, private) = (read("server.pem"), read("server.key"));
        thread::spawn(move || {
            let mut builder = Builder::new();
            builder.load_pem(&certificate, &private).unwrap();
            builder.set_security_policy(&s2n_tls::security::DEFAULT_TLS13).unwrap();
            let mut connection = Connection::new(Mode::Server);
            connection.set_config(builder.build().unwrap()).unwrap();
            (&far).read_exact(&mut [0]).unwrap();
            bare::handshake(&mut connection, &far)
        })
    };
    // the control: a client with the library's defaults goes on, over the certificate
    let (near, far) = UnixStream::pair().unwrap();
    let server = serve(far);
    let mut builder = Builder::new();
    builder.set_security_policy(&s2n_tls::security::DEFAULT_TLS13).unwrap();
    let mut connection = Connection::new(Mode::Client);
    connection.set_config(builder.build().unwrap()).unwrap();
    connection.set_server_name("localhost").unwrap();
    let mut psk = s2n_tls::psk::Psk::builder().unwrap();
    psk.set_identity(&[1; 48]).unwrap().set_secret(&[1; 32]).unwrap();
    psk.set_hmac(s2n_tls::enums::PskHmac::SHA384).unwrap();
    connection.append_psk(&psk.build().unwrap()).unwrap();
    (&near).write_all(&[1]).unwrap();
    assert!(
        bare::handshake(&mut connection, &near),
        "the server of this test is trusted by the system"
    );
    assert_eq!(connection.negotiated_psk_identity_length().unwrap_or(0), 0);
    drop((connection, near));
    server.join().unwrap();
    // ours does not
    let (near, far) = UnixStream::pair().unwrap();
    let server = serve(far);
    let client = connect(near, &key(1, AGREEMENT, ALICE), AGREEMENT, soon());
    assert_eq!(client.err(), Some(ChannelError::Handshake));
    assert!(!server.join().unwrap());
}

/// Everything that a client sent, sent again.
#[test]
fn a_recorded_connection_opens_nothing() {
    let (near, tap) = UnixStream::pair().unwrap();
    let (out, far) = UnixStream::pair().unwrap();
    let server = thread::spawn(move || {
        let accepted = accept(far, &known(), &AGREEMENT, &BOOT, &Module(b"true"), soon());
        let (mut channel, _) = accepted.unwrap();
        channel.receive(|_| 100).unwrap();
    });
    let (mut from, mut to) = (tap.try_clone().unwrap(), out.try_clone().unwrap());
    let record = thread::spawn(move || {
        let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            all.extend_from_slice(&buffer[..count]);
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        all
    });
    let (mut from, mut to) = (out, tap);
    let back = thread::spawn(move || std::io::copy(&mut from, &mut to));
    let client = connect(near, &key(1, AGREEMENT, ALICE), AGREEMENT, soon()).unwrap();
    let mut client = client.attest([7; 32], &Judge).unwrap();
    client.send(Kind::Score, b"rows").unwrap();
    server.join().unwrap();
    drop(client);
    let recorded = record.join().unwrap();
    back.join().unwrap().ok();
    assert!(recorded.len() > 300);

    let (mut replayer, far) = UnixStream::pair().unwrap();
    let server = thread::spawn(move || {
        accept(far, &known(), &AGREEMENT, &BOOT, &Module(b"true"), soon()).err()
    });
    replayer.write_all(&recorded).unwrap();
    replayer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.join().unwrap(), Some(ChannelError::Handshake));
}

#[test]
fn silent_slow_and_noisy_strangers_are_dropped_at_the_deadline() {
    let short = || Instant::now() + Duration::from_millis(200);
    let serve = |far: UnixStream, deadline| {
        thread::spawn(move || {
            accept(far, &known(), &AGREEMENT, &BOOT, &Module(b"true"), deadline).err()
        })
    };
    // says nothing, and stays
    let (_near, far) = UnixStream::pair().unwrap();
    assert_eq!(serve(far, short()).join().unwrap(), Some(ChannelError::Handshake));
    // a byte now and then of what would be a record
    let (mut near, far) = UnixStream::pair().unwrap();
    let server = serve(far, short());
    let mut record = vec![1, 22, 3, 1, 1, 0];
    record.resize(262, 0);
    for byte in record {
        if server.is_finished() || near.write_all(&[byte]).is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(server.join().unwrap(), Some(ChannelError::Handshake));
    // noise without end ends long before the deadline
    let (mut near, far) = UnixStream::pair().unwrap();
    let server = serve(far, soon());
    near.write_all(&[1]).unwrap();
    while near.write_all(&[22, 3, 1, 0, 1, 0]).is_ok() {}
    assert_eq!(server.join().unwrap(), Some(ChannelError::Handshake));
    // a party that shook hands and then says nothing
    let (near, far) = UnixStream::pair().unwrap();
    let server = serve(far, Instant::now() + Duration::from_secs(2));
    let _silent = connect(near, &key(1, AGREEMENT, ALICE), AGREEMENT, soon()).unwrap();
    assert_eq!(server.join().unwrap(), Some(ChannelError::Broken));
}

#[test]
fn frames_over_their_cap_are_refused_before_they_are_read() {
    let (client, server) = meet(key(1, AGREEMENT, ALICE), AGREEMENT);
    let (mut client, (mut server, _)) = (client.unwrap(), server.unwrap());
    let sender = thread::spawn(move || client.send(Kind::Score, &[0; 101]));
    assert_eq!(server.receive(|_| 100).unwrap_err(), ChannelError::Frame(Code::Malformed));
    drop(server);
    // and a connection that is cut is no end
    let (client, server) = meet(key(1, AGREEMENT, ALICE), AGREEMENT);
    drop(server.unwrap());
    assert_eq!(client.unwrap().receive(|_| 1).unwrap_err(), ChannelError::Broken);
    let _ = sender.join().unwrap();
}
