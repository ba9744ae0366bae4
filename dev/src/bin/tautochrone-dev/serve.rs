//! `tautochrone-dev enclave`: a development enclave that serves until it is stopped.

use crate::{Failure, failed, refused, say};
use channel::Proof;
use clap::Args;
use client::identity::Identity;
use dev::enclave::{Enclave, serve_behind};
use enclave_host::keys::Keys;
use protocol::agreement::{Agreement, Authentication, KmsRoot};
use protocol::sha256;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Serve an agreement from a development enclave
///
/// Prints the address when it listens, and serves until it is stopped. What it does is what an enclave does; what it
/// proves is nothing: its root is made at the start, and the keys that KMS would release to an enclave alone are given to
/// it here.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The agreement (TOML), about the development image
    #[arg(long, value_name = "FILE")]
    agreement: PathBuf,

    /// The identity of a party with a pre-shared key; one for each of them
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,

    /// Where to write the root that clients are given with `tautochrone-dev --root`
    #[arg(long, value_name = "PEM")]
    root: PathBuf,

    /// Keep the sealed records in this folder, which must exist [default: in memory]
    #[arg(long, value_name = "FOLDER")]
    store: Option<PathBuf>,

    /// Where to listen
    #[arg(
        long,
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:0",
        conflicts_with = "parent"
    )]
    listen: String,

    /// Ask KMS for the parties' keys, behind a parent: the root (PEM) of its certificate, as `tautochrone-dev kms` writes it
    #[arg(long, value_name = "PEM", requires = "parent", conflicts_with = "identity")]
    kms_root: Option<PathBuf>,

    /// Serve behind `tautochrone parent`, over Unix sockets in its folder, locked down as a real enclave is
    #[arg(long, value_name = "FOLDER", conflicts_with = "store")]
    parent: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let path = &arguments.agreement;
    let agreement = client::agreement::read(path)
        .map_err(|error| refused(format!("{}: {error}", path.display())))?;
    let root = match &arguments.kms_root {
        Some(path) => Some(kms_root(path, &agreement)?),
        None => None,
    };
    if let Some(parent) = &arguments.parent {
        let ready = |root: &str| {
            std::fs::write(&arguments.root, root)?;
            // the reader may be gone: whoever waits for the word reads it
            let _ = say(&format!("{}\n", parent.display()));
            Ok(())
        };
        let roots = root.as_deref().map(|root| [root]);
        let keys = match &roots {
            Some(roots) => Keys::Kms(roots),
            None => Keys::Given(given(&agreement, &arguments.identity)?),
        };
        let stopped = serve_behind(parent, Arc::new(agreement), keys, ready);
        return Err(stopped.map_or_else(failed, failed));
    }
    let proofs = given(&agreement, &arguments.identity)?;
    let store = arguments.store.clone();
    let enclave =
        Enclave::start(Arc::new(agreement), proofs, &arguments.listen, store).map_err(failed)?;
    std::fs::write(&arguments.root, enclave.root_pem()).map_err(|error| {
        failed(format!("{}: can't be written ({error})", arguments.root.display()))
    })?;
    say(&format!("{}\n", enclave.address()))?;
    loop {
        std::thread::park();
    }
}

/// How each party proves itself, from the identities of those with pre-shared keys.
fn given(agreement: &Agreement, identities: &[PathBuf]) -> Result<Vec<Proof>, Failure> {
    let mut keys: Vec<Option<Proof>> = agreement
        .terms()
        .parties
        .iter()
        .map(|party| match party.authentication {
            Authentication::Psk { .. } => None,
            Authentication::Tls { key_sha256 } => Some(Proof::Pinned(key_sha256)),
        })
        .collect();
    for file in identities {
        let about = |what: &dyn std::fmt::Display| refused(format!("{}: {what}", file.display()));
        let identity = Identity::read(file).map_err(|error| about(&error))?;
        let party = identity.party(agreement).map_err(|error| about(&error))?;
        if let Some(psk) = identity.psk(agreement, party) {
            keys[usize::from(party)] = Some(psk.into());
        }
    }
    let missing = keys.iter().position(Option::is_none);
    if let Some(party) = missing {
        return Err(refused(format!(
            "{}: give --identity of every party with a pre-shared key",
            agreement.terms().parties[party].name
        )));
    }
    Ok(keys.into_iter().flatten().collect())
}

/// The root in a file, which the agreement must name.
fn kms_root(path: &Path, agreement: &Agreement) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| failed(format!("{}: can't be read ({error})", path.display())))?;
    let certificate = CertificateDer::from_pem_slice(text.as_bytes())
        .map_err(|_| refused(format!("{}: no certificate in PEM", path.display())))?;
    let digest = sha256(&certificate);
    if !agreement.terms().kms_roots.contains(&KmsRoot::Certificate(digest)) {
        return Err(refused(format!(
            "{}: the agreement does not name this root: write kms_roots = [\"sha256:{digest}\"]",
            path.display()
        )));
    }
    Ok(text)
}
