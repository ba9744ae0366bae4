//! An enclave that is none: the host in this process, behind a socket, with a development module and a store in memory.

use crate::nsm::{Chain, Module};
use channel::{ChannelError, Parties, Proof};
use enclave_host::keys::{Keys, NotProvisioned, Provisioned, provision};
use enclave_host::lockdown::Outward;
use enclave_host::log::Log;
use enclave_host::measured::{self, NotMeasured};
use enclave_host::pace::{Agreed, NoTrial, Pace, Timed, Trial};
use enclave_host::parent::RemoteStore;
use enclave_host::serve::{Host, serve};
use enclave_host::sockets::OverUnix;
use enclave_host::start::{Outside, Stopped, run};
use enclave_host::world::{Clock, Connect, NoEntropy, NotStored, Store};
use enclave_host::{Boot, Core, StartError};
use protocol::Sha384;
use protocol::agreement::{Agreement, Image};
use protocol::attestation::{Root, UnixTime, pcr16};
use protocol::parent::Service;
use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;
use time::OffsetDateTime;

/// PCR0 to PCR2 of the image that the development module claims to have measured.
pub const IMAGE: Image = Image::Prebuilt {
    pcr0: Sha384([0xd0; 48]),
    pcr1: Sha384([0xd1; 48]),
    pcr2: Sha384([0xd2; 48]),
};

/// A development enclave. It serves until the process ends.
pub struct Enclave {
    address: SocketAddr,
    root: Root,
    root_pem: String,
    stored: Kept,
}

/// Why a development enclave does not start.
#[derive(Debug, thiserror::Error)]
pub enum EnclaveError {
    /// It has no socket.
    #[error("no socket for the development enclave ({0}): is the network of this machine up?")]
    Socket(#[from] std::io::Error),
    /// The cryptographic library failed.
    #[error("the cryptographic library failed: try again")]
    Crypto,
    /// The host refuses the agreement.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A party's keys are not there.
    #[error(transparent)]
    Keys(#[from] NotProvisioned),
    /// The agreement is about another image.
    #[error(
        "the agreement is about another image: under [image], write mode = \"prebuilt\" and for pcr0, pcr1 and pcr2 the digits d0, d1 and d2, 48 times each"
    )]
    Image,
}

impl From<NotMeasured> for EnclaveError {
    fn from(_: NotMeasured) -> Self {
        Self::Crypto
    }
}

impl From<ChannelError> for EnclaveError {
    fn from(_: ChannelError) -> Self {
        Self::Crypto
    }
}

impl From<NoEntropy> for EnclaveError {
    fn from(_: NoEntropy) -> Self {
        Self::Crypto
    }
}

impl Enclave {
    /// Starts one that listens at an address; at "127.0.0.1:0" on a free port. Its sealed records go into the folder,
    /// if there is one.
    ///
    /// # Errors
    /// See [`EnclaveError`].
    pub fn start(
        agreement: Arc<Agreement>,
        proofs: Vec<Proof>,
        listen: &str,
        folder: Option<PathBuf>,
    ) -> Result<Self, EnclaveError> {
        let replies = agreement.terms().replies;
        let log = Arc::new(Log::new(replies));
        let trial = Timed::new(replies);
        Self::start_at(Agreed::new(replies), trial, log, agreement, proofs, listen, folder)
    }

    /// The same, but replies leave when they are ready: to measure what pacing hides, and what it costs.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_unpaced(
        agreement: Arc<Agreement>,
        proofs: Vec<Proof>,
    ) -> Result<Self, EnclaveError> {
        let log = Arc::new(Log::new(agreement.terms().replies));
        Self::start_at(Unpaced, NoTrial, log, agreement, proofs, "127.0.0.1:0", None)
    }

    /// Starts one whose keys come from KMS and whose records go to the parent's store, both reached as a real enclave
    /// reaches them; but not locked down, and in this process.
    ///
    /// # Errors
    /// See [`EnclaveError`].
    pub fn start_asking<C>(
        agreement: Arc<Agreement>,
        module: Arc<Module>,
        parent: C,
        kms_roots: &[&str],
        listen: &str,
    ) -> Result<Self, EnclaveError>
    where
        C: Connect + Clone + 'static,
        C::Stream: Send,
    {
        channel::prepare()?;
        measured::bind(&*module, &agreement)?;
        let root = module.root().map_err(|_| EnclaveError::Crypto)?;
        let root_pem = module.root_pem().to_owned();
        let boot = Arc::new(Boot::new(&mut &*module)?);
        let keys = Keys::Kms(kms_roots);
        let Provisioned { proofs, head } = provision(&*module, &parent, keys, &agreement, &boot)?;
        let replies = agreement.terms().replies;
        let store = RemoteStore::new(parent);
        let (agreed, trial) = (Arc::clone(&agreement), Timed::new(replies));
        let core = Core::new(agreed, Arc::clone(&boot), store, head.as_deref(), trial)?;
        let parties = Parties::new(proofs)?;
        let listener = TcpListener::bind(listen)?;
        let address = listener.local_addr()?;
        let (pace, log) = (Agreed::new(replies), Arc::new(Log::new(replies)));
        let clock = SystemClock;
        let host = Host { agreement, boot, core, parties, attester: module, clock, pace, log };
        thread::spawn(move || serve(&listener, host));
        Ok(Self { address, root, root_pem, stored: Kept::default() })
    }

    fn start_at(
        pace: impl Pace + 'static,
        trial: impl Trial + 'static,
        log: Arc<Log>,
        agreement: Arc<Agreement>,
        proofs: Vec<Proof>,
        listen: &str,
        folder: Option<PathBuf>,
    ) -> Result<Self, EnclaveError> {
        if agreement.terms().image != IMAGE {
            return Err(EnclaveError::Image);
        }
        channel::prepare()?;
        let module = module()?;
        measured::bind(&module, &agreement)?;
        let root = module.root().map_err(|_| EnclaveError::Crypto)?;
        let root_pem = module.root_pem().to_owned();
        let boot = Arc::new(Boot::new(&mut &module)?);
        let stored = Kept { folder, ..Kept::default() };
        let core =
            Core::new(Arc::clone(&agreement), Arc::clone(&boot), stored.clone(), None, trial)?;
        let parties = Parties::new(proofs)?;
        let listener = TcpListener::bind(listen)?;
        let address = listener.local_addr()?;
        let (attester, clock) = (module, SystemClock);
        let host = Host { agreement, boot, core, parties, attester, clock, pace, log };
        thread::spawn(move || serve(&listener, host));
        Ok(Self { address, root, root_pem, stored })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The root of its documents.
    pub fn root(&self) -> Root {
        self.root.clone()
    }

    /// The same as a PEM file.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// The sealed records that its store holds, as their sizes.
    pub fn records(&self) -> Vec<usize> {
        self.stored.sizes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Serves an agreement behind a parent whose Unix sockets are in a folder, as `tautochrone-enclave` does behind a real one:
/// measured, locked down, logged. `ready` is told the root as a PEM file before the process is locked down.
///
/// # Errors
/// Whatever stopped it.
pub fn serve_behind(
    parent: &Path,
    agreement: Arc<Agreement>,
    keys: Keys<'_>,
    ready: impl FnOnce(&str) -> std::io::Result<()>,
) -> Result<Stopped, EnclaveError> {
    if agreement.terms().image != IMAGE {
        return Err(EnclaveError::Image);
    }
    let module = module()?;
    let address = parent.join(Service::Enclave.name());
    // of an enclave that was there before
    let _ = std::fs::remove_file(&address);
    let outside = Outside {
        module: &module,
        listener: UnixListener::bind(address)?,
        parent: OverUnix(parent.to_path_buf()),
        clock: SystemClock,
        outward: Outward::Unix,
    };
    ready(module.root_pem())?;
    Ok(run(outside, agreement, keys))
}

/// A module that measured the development image, and no agreement yet.
///
/// # Errors
/// [`EnclaveError::Crypto`].
pub fn module() -> Result<Module, EnclaveError> {
    let Image::Prebuilt { pcr0, pcr1, pcr2 } = IMAGE else { return Err(EnclaveError::Image) };
    let pcrs = [(0, pcr0), (1, pcr1), (2, pcr2), (16, Sha384([0; 48]))];
    Module::new(Chain::Good, pcrs, OffsetDateTime::now_utc()).map_err(|_| EnclaveError::Crypto)
}

/// The measurements that a client expects of an enclave of this agreement.
pub fn expected(agreement: &Agreement) -> Vec<(u8, Sha384)> {
    let Image::Prebuilt { pcr0, pcr1, pcr2 } = IMAGE else { return Vec::new() };
    vec![(0, pcr0), (1, pcr1), (2, pcr2), (16, pcr16(&agreement.digest()))]
}

/// This machine's clock.
pub fn now() -> UnixTime {
    UnixTime::now()
}

/// Keeps how large each record was, which is all that it can tell; and, in a folder, the records.
#[derive(Clone, Default)]
struct Kept {
    sizes: Arc<Mutex<Vec<usize>>>,
    folder: Option<PathBuf>,
}

impl Store for Kept {
    fn put(&mut self, epoch: u64, record: &[u8]) -> Result<(), NotStored> {
        if let Some(folder) = &self.folder {
            write_durably(folder, epoch, record).map_err(|_| NotStored)?;
        }
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner).push(record.len());
        Ok(())
    }
}

/// Writes, and gives the word only when the record outlives a crash: write, sync, rename, sync of the folder.
fn write_durably(folder: &Path, epoch: u64, record: &[u8]) -> std::io::Result<()> {
    let half = folder.join(format!("{epoch}.half"));
    let mut file = File::create(&half)?;
    file.write_all(record)?;
    file.sync_all()?;
    std::fs::rename(&half, folder.join(format!("{epoch}.record")))?;
    File::open(folder)?.sync_all()
}

/// Holds nothing back.
struct Unpaced;

impl Pace for Unpaced {
    fn wait(&self, _: Instant) -> Option<u32> {
        None
    }
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Option<u64> {
        Some(UnixTime::now().as_secs())
    }
}
