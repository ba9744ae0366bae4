//! A KMS for development: AWS's JSON protocol over TLS on this machine, with keys in memory.
//!
//! What it shares with the real one: requests are signed or refused; key policies are enforced, and one with a part that this
//! does not know is refused; `Recipient` is answered in KMS's own form, for documents that verify under the roots it was
//! given, and without a `Plaintext`. What it does not: durability, other kinds of keys, grants, aliases.

mod ciphertext;
mod fields;
mod json;
mod operations;
mod policy;
mod recipient;
mod signature;
mod wire;

use aws_lc_rs::rand::fill;
use operations::{Question, State};
use protocol::attestation::Root;
use protocol::{Sha256, sha256};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Signs requests as AWS's tools do; for tests, and for whoever stands in for a parent.
pub use signature::{Credentials, sign};

/// What this KMS does wrong, on demand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Each reply comes this much later.
    Slow(Duration),
    /// So many requests are throttled.
    Throttled(u32),
    /// Replies name another key.
    WrongKeyId,
    /// What is sealed for a recipient is another secret.
    SwappedSecret,
    /// What is sealed for a recipient comes in chunks of 16 bytes.
    Chunks,
    /// Replies come in HTTP's chunked encoding: no header tells how long they are.
    Pieces,
    /// Documents are judged four hours later.
    Expired,
}

/// An answered question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// The operation.
    pub operation: String,
    /// Who asked.
    pub principal: String,
    /// The key that it was about, by its ARN, if it is one of here.
    pub key: Option<String>,
    /// The type of the error, if it was refused.
    pub error: Option<String>,
}

/// A running KMS. It serves until the process ends.
pub struct Kms {
    address: SocketAddr,
    root_pem: String,
    root_sha256: Sha256,
    state: Arc<Mutex<State>>,
}

/// The KMS does not start.
#[derive(Debug, thiserror::Error)]
pub enum KmsError {
    /// It has no socket.
    #[error("no socket for the development KMS ({0}): is the address free?")]
    Socket(#[from] std::io::Error),
    /// The cryptographic library failed.
    #[error("the cryptographic library failed: try again")]
    Crypto,
}

impl From<rcgen::Error> for KmsError {
    fn from(_: rcgen::Error) -> Self {
        Self::Crypto
    }
}

impl Kms {
    /// Starts one that listens at an address, as the KMS of an account in some regions, of which [`ask`](Self::ask) means the
    /// first. Documents are verified under these roots.
    ///
    /// # Errors
    /// See [`KmsError`].
    pub fn start(
        listen: &str,
        account: &str,
        regions: &[&str],
        roots: Vec<Root>,
    ) -> Result<Self, KmsError> {
        let root_key = KeyPair::generate()?;
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.distinguished_name.push(DnType::CommonName, "development root, proves nothing");
        let root_certificate = root.self_signed(&root_key)?;
        let root = Issuer::new(root, root_key);
        let hosts = regions.iter().map(|region| format!("kms.{region}.amazonaws.com"));
        let names: Vec<String> =
            hosts.chain(["localhost".to_owned(), "127.0.0.1".to_owned()]).collect();
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(names)?.signed_by(&key, &root)?;
        let listener = TcpListener::bind(listen)?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State::new(account, regions, roots)));
        let tls =
            wire::tls(certificate.der().to_vec(), key.serialize_der()).ok_or(KmsError::Crypto)?;
        wire::serve(listener, tls, Arc::clone(&state));
        Ok(Self {
            address,
            root_pem: root_certificate.pem(),
            root_sha256: sha256(root_certificate.der()),
            state,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The root of its certificate, as a PEM file.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// The same as agreements name it.
    pub fn root_sha256(&self) -> Sha256 {
        self.root_sha256
    }

    /// Credentials of a principal.
    ///
    /// # Errors
    /// [`KmsError::Crypto`] where this machine has no random bytes.
    pub fn credentials(&self, principal: &str) -> Result<Credentials, KmsError> {
        let [id, secret] = [hex(8)?, hex(20)?];
        self.known(principal, format!("AKIA{id}"), secret, None)
    }

    /// Credentials of a session, as the machine of a role has them: their token must be in every request.
    ///
    /// # Errors
    /// [`KmsError::Crypto`] where this machine has no random bytes.
    pub fn session(&self, principal: &str) -> Result<Credentials, KmsError> {
        let [id, secret, token] = [hex(8)?, hex(20)?, hex(64)?];
        self.known(principal, format!("ASIA{id}"), secret, Some(token))
    }

    fn known(
        &self,
        principal: &str,
        access_key_id: String,
        secret_access_key: String,
        session_token: Option<String>,
    ) -> Result<Credentials, KmsError> {
        let credentials = Credentials { access_key_id, secret_access_key, session_token };
        self.state().add(credentials.clone(), principal);
        Ok(credentials)
    }

    /// Makes it misbehave, or behave again.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.state().set_fault(fault);
    }

    /// Trusts the documents of one more root.
    pub fn trust(&self, root: Root) {
        self.state().trust(root);
    }

    /// Trusts the documents of the root in a file (PEM), which is read with each document.
    pub fn trust_file(&self, path: &Path) {
        self.state().trust_file(path);
    }

    /// What was asked so far.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls().to_vec()
    }

    /// Answers a request as over the wire, but from a principal who needs no signature: status and body.
    pub fn ask(
        &self,
        principal: &str,
        operation: &str,
        body: &serde_json::Value,
    ) -> (u16, serde_json::Value) {
        let mut state = self.state();
        let region = state.home();
        state.answer(&Question { principal, region: &region, operation, body })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many random bytes, as text.
fn hex(length: usize) -> Result<String, KmsError> {
    let mut bytes = vec![0; length];
    fill(&mut bytes).map_err(|_| KmsError::Crypto)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02X}")).collect())
}
