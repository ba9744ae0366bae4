//! `tautochrone-enclave`: the program that runs inside an AWS Nitro Enclave.
//!
//! ```text
//! tautochrone-enclave              a prebuilt image: the parent gives the agreement, PCR16 tells which
//! tautochrone-enclave AGREEMENT    a dedicated image: the agreement (canonical form) is a file of it
//! ```
//! It has no flags. Exit codes: 1 it can't serve; 2 usage; 70 a panic, of which nothing else is told.
#![forbid(unsafe_code)]

use enclave_host::keys::Keys;
use enclave_host::kms::amazon;
use enclave_host::lockdown::{Outward, close_others};
use enclave_host::nsm::{ModuleClock, NoModule, Nsm};
use enclave_host::parent::{self, AgreementUnread};
use enclave_host::sockets::{OverVsock, VsockListener};
use enclave_host::start::{Outside, Stopped, panic_silently, run};
use protocol::agreement::{Agreement, AgreementError, Image, KmsRoot, Window};
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("usage: tautochrone-enclave [AGREEMENT]")]
    Usage,
    #[error(transparent)]
    NoModule(#[from] NoModule),
    #[error("the agreement in the image can't be read ({0}): build the image again")]
    File(io::Error),
    #[error(transparent)]
    Agreement(#[from] AgreementError),
    #[error(transparent)]
    Unread(#[from] AgreementUnread),
    #[error(
        "the agreement is about the other kind of image: dedicated has it inside, prebuilt is given it"
    )]
    Image,
    #[error(
        "the agreement checks KMS against another root than Amazon's: this program trusts no other"
    )]
    Root,
    #[error("no vsock ({0}): this program runs inside an AWS Nitro Enclave alone")]
    Vsock(io::Error),
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

fn main() -> ExitCode {
    panic_silently();
    close_others(&[]);
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let failure = start(&arguments).map_or_else(|failure| failure, Failure::Stopped);
    // the console of an enclave is seen in debug mode alone
    let _ = writeln!(io::stderr(), "error: {failure}");
    ExitCode::from(if matches!(failure, Failure::Usage) { 2 } else { 1 })
}

fn start(arguments: &[OsString]) -> Result<Stopped, Failure> {
    let inside = match arguments {
        [] => None,
        [file] => Some(file),
        _ => return Err(Failure::Usage),
    };
    let module = Nsm::open()?;
    let agreement = match inside {
        Some(file) => Agreement::decode(&std::fs::read(file).map_err(Failure::File)?)?,
        None => parent::agreement(&OverVsock)?,
    };
    let terms = agreement.terms();
    if matches!(terms.image, Image::Dedicated { .. }) != inside.is_some() {
        return Err(Failure::Image);
    }
    if terms.kms_roots.iter().any(|root| *root != KmsRoot::Amazon) {
        return Err(Failure::Root);
    }
    let windows = terms.parties.iter().any(|party| party.window != Window::default());
    let outside = Outside {
        module: &module,
        listener: VsockListener::bind().map_err(Failure::Vsock)?,
        parent: OverVsock,
        clock: ModuleClock::new(&module, windows),
        outward: Outward::Vsock,
    };
    Ok(run(outside, Arc::new(agreement), Keys::Kms(&amazon())))
}
