//! A parent in this process: its services for one enclave, on sockets of this machine, with everything kept in memory. For
//! tests it can sign what it should not.

use crate::kms::{Credentials, sign};
use enclave_host::world::Connect;
use protocol::kms::{CONTENT_TYPE, Signed, ToSign};
use protocol::parent::{Place, Service};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use time::OffsetDateTime;

/// How it signs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signing {
    /// As it should.
    Right,
    /// By credentials that KMS does not know.
    Strangers,
    /// Over another body.
    AnotherBody,
    /// Over a header more.
    MoreHeaders,
}

/// Epochs and what was stored.
pub type Stored = Vec<(u64, Vec<u8>)>;

/// The parent.
#[derive(Clone)]
pub struct Outside {
    /// Where KMS is.
    pub kms: SocketAddr,
    /// Whose signatures it makes.
    pub credentials: Credentials,
    /// How.
    pub signing: Signing,
    /// Wrapped keys by party.
    pub wrapped: Arc<Mutex<BTreeMap<[u8; 32], Vec<u8>>>>,
    /// What came to be stored.
    pub stored: Arc<Mutex<Stored>>,
}

impl Outside {
    /// One that does what it should, and has no wrapped key yet.
    pub fn new(kms: SocketAddr, credentials: Credentials) -> Self {
        let signing = Signing::Right;
        Self { kms, credentials, signing, wrapped: Arc::default(), stored: Arc::default() }
    }

    /// What was stored so far.
    pub fn stored(&self) -> Stored {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes a party's wrapped key.
    pub fn keep(&self, party: [u8; 32], wrapped: Vec<u8>) {
        self.wrapped.lock().unwrap_or_else(PoisonError::into_inner).insert(party, wrapped);
    }

    fn serve(&self, service: Service, mut stream: UnixStream) -> io::Result<()> {
        match service {
            Service::Kms => {
                let mut length = [0];
                stream.read_exact(&mut length)?;
                let mut host = vec![0; length[0].into()];
                stream.read_exact(&mut host)?;
                let server = TcpStream::connect(self.kms)?;
                let (mut inward, mut from) = (stream.try_clone()?, server.try_clone()?);
                let back = thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut inward);
                    inward.shutdown(Shutdown::Both)
                });
                let mut server = server;
                io::copy(&mut stream, &mut server)?;
                server.shutdown(Shutdown::Write)?;
                let _ = back.join();
            }
            Service::Sign => {
                let mut length = [0; 2];
                stream.read_exact(&mut length)?;
                let mut asked = vec![0; u16::from_le_bytes(length).into()];
                stream.read_exact(&mut asked)?;
                let answer = ToSign::decode(&asked).and_then(|asked| self.sign(&asked));
                let answer = answer.ok_or(ErrorKind::InvalidData)?;
                stream.write_all(&(answer.len() as u16).to_le_bytes())?;
                stream.write_all(&answer)?;
            }
            Service::Wrapped => {
                let mut party = [0; 32];
                stream.read_exact(&mut party)?;
                let wrapped = self.wrapped.lock().unwrap_or_else(PoisonError::into_inner);
                let wrapped = wrapped.get(&party).cloned().unwrap_or_default();
                stream.write_all(&(wrapped.len() as u16).to_le_bytes())?;
                stream.write_all(&wrapped)?;
            }
            Service::Store => loop {
                let mut length = [0; 4];
                stream.read_exact(&mut length)?;
                let mut record = vec![0; u32::from_le_bytes(length) as usize];
                stream.read_exact(&mut record)?;
                let place = Place::of(&record).ok_or(ErrorKind::InvalidData)?;
                self.stored
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((place.epoch, record));
                stream.write_all(&place.epoch.to_le_bytes())?;
            },
            _ => {}
        }
        Ok(())
    }

    fn sign(&self, asked: &ToSign) -> Option<Vec<u8>> {
        let format =
            time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
        let date = OffsetDateTime::now_utc().format(format).ok()?;
        let mut headers = BTreeMap::from([
            ("content-type".to_owned(), CONTENT_TYPE.to_owned()),
            ("host".to_owned(), asked.host.clone()),
            ("x-amz-date".to_owned(), date.clone()),
            ("x-amz-target".to_owned(), asked.target.clone()),
        ]);
        let mut credentials = self.credentials.clone();
        let mut body = asked.body.to_string();
        let token = credentials.session_token.clone().unwrap_or_default();
        if !token.is_empty() {
            headers.insert("x-amz-security-token".into(), token.clone());
        }
        match self.signing {
            Signing::Right => {}
            Signing::Strangers => credentials.access_key_id = "AKIAIOSFODNN7EXAMPLE".into(),
            Signing::AnotherBody => body = "00".repeat(32),
            Signing::MoreHeaders => _ = headers.insert("x-amz-zzz".into(), "1".into()),
        }
        let authorization = sign(&credentials, &asked.region, &headers, &body)?;
        if self.signing == Signing::MoreHeaders {
            // a parent does not use our types
            let text = |text: &str| [&(text.len() as u16).to_le_bytes(), text.as_bytes()].concat();
            return Some([text(&date), text(&token), text(&authorization)].concat());
        }
        Some(Signed::new(&date, &token, &authorization, asked)?.encode())
    }
}

impl Connect for Outside {
    type Stream = UnixStream;

    fn connect(&self, service: Service) -> io::Result<UnixStream> {
        let (inside, outside) = UnixStream::pair()?;
        let parent = self.clone();
        // an enclave that is gone ends it
        thread::spawn(move || parent.serve(service, outside));
        Ok(inside)
    }
}
