//! What every command that talks to an enclave needs: where it is, under which agreement, and who asks.

use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use protocol::Sha384;
use protocol::agreement::{Agreement, KmsRoot};
use protocol::attestation::{Judge, Root, UnixTime};

use crate::command::attest::{measurements, pcr};
use crate::command::failure::Failure;
use crate::enclave::{Session, SessionError};
use crate::identity::{Identity, IdentityError};

/// Longest wait for a connection, and for each answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the enclave is, and who asks
#[derive(Args)]
pub(crate) struct Remote {
    /// The enclave, or the parent in front of it
    #[arg(long, value_name = "HOST:PORT")]
    enclave: String,

    /// The agreement (TOML); of a prebuilt image it says which measurements to expect
    #[arg(long, value_name = "FILE")]
    agreement: PathBuf,

    /// The file that proves who asks: see `tautochrone identity new`
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: PathBuf,

    /// A further expected measurement, such as 0=HEX; may be given for each PCR
    #[arg(long = "pcr", value_name = "N=HEX", value_parser = pcr)]
    pcrs: Vec<(u8, Sha384)>,
}

/// The same for a command that also works without an enclave
#[derive(Args)]
pub(crate) struct MaybeRemote {
    /// The enclave, or the parent in front of it
    #[arg(long, value_name = "HOST:PORT", requires_all = ["agreement", "identity"])]
    enclave: Option<String>,

    /// The agreement (TOML); of a prebuilt image it says which measurements to expect
    #[arg(long, value_name = "FILE", requires = "enclave")]
    agreement: Option<PathBuf>,

    /// The file that proves who asks: see `tautochrone identity new`
    #[arg(long, value_name = "FILE", requires = "enclave")]
    identity: Option<PathBuf>,

    /// A further expected measurement, such as 0=HEX; may be given for each PCR
    #[arg(long = "pcr", value_name = "N=HEX", value_parser = pcr, requires = "enclave")]
    pcrs: Vec<(u8, Sha384)>,
}

impl MaybeRemote {
    /// Where and who, if that was said.
    pub(crate) fn given(&self) -> Option<Remote> {
        Some(Remote {
            enclave: self.enclave.clone()?,
            agreement: self.agreement.clone()?,
            identity: self.identity.clone()?,
            pcrs: self.pcrs.clone(),
        })
    }
}

/// Who asks, under what.
pub(crate) struct Party {
    pub(crate) agreement: Agreement,
    pub(crate) number: u16,
    identity: Identity,
}

impl Party {
    /// The party's name in the agreement.
    pub(crate) fn name(&self) -> &str {
        &self.agreement.terms().parties[usize::from(self.number)].name
    }
}

impl Remote {
    /// Reads agreement and identity: everything that can be refused without a connection.
    pub(crate) fn party(&self) -> Result<Party, Failure> {
        let agreement = crate::command::agreement::load(&self.agreement)?;
        let identity = Identity::read(&self.identity).map_err(|error| self.about(&error))?;
        let number = identity.party(&agreement).map_err(|error| self.about(&error))?;
        Ok(Party { agreement, number, identity })
    }

    fn about(&self, error: &IdentityError) -> Failure {
        about(&self.identity, error)
    }

    /// Connects, and goes on only with an enclave that proves itself. Nothing is sent before.
    pub(crate) fn open(&self, party: &Party, root: &Root) -> Result<Session<TcpStream>, Failure> {
        // whoever trusts another root than AWS's for documents trusts another KMS too: that is `tautochrone-dev` alone
        let other = party.agreement.terms().kms_roots.iter().any(|root| *root != KmsRoot::Amazon);
        if other && root.is_aws() {
            return Err(Failure::about(
                &self.agreement,
                "kms_roots: a root that is not Amazon's, which could release the keys to anybody: agree on \"amazon\" alone",
            ));
        }
        let expected = measurements(Some(&party.agreement), &self.pcrs)?;
        let judge = Judge::new(root.clone(), expected, UnixTime::now);
        let at = &self.enclave;
        let socket = TcpStream::connect(at).map_err(|error| {
            Failure::Io(format!("{at}: no connection ({error}): is it served?"))
        })?;
        // a request is one write, and must not wait for another
        let _ = socket.set_nodelay(true);
        let deadline = Instant::now() + PATIENCE;
        let nonce = crate::enclave::random().map_err(failure)?;
        let mut channel = party
            .identity
            .connect(socket, &party.agreement, party.number, deadline)
            .and_then(|unattested| unattested.attest(nonce, &judge))
            .map_err(|error| Failure::Verdict(format!("{at}: {error}")))?;
        let replies = party.agreement.terms().replies;
        let bound = Duration::from_millis(u64::from(replies.bound_ms));
        channel.set_deadline(Instant::now() + PATIENCE);
        Session::new(channel, &party.agreement, party.number, PATIENCE + bound).map_err(failure)
    }
}

/// What a request's failure is to whoever runs the command.
pub(crate) fn failure(error: SessionError) -> Failure {
    match error {
        SessionError::Entropy => Failure::Io(error.to_string()),
        _ => Failure::Verdict(error.to_string()),
    }
}

/// An identity file that can't be used.
pub(crate) fn about(path: &std::path::Path, error: &IdentityError) -> Failure {
    match error {
        IdentityError::Io(..) | IdentityError::Crypto => {
            Failure::Io(format!("{}: {error}: look at the path and its folder", path.display()))
        }
        _ => Failure::about(path, error),
    }
}
