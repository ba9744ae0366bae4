//! `tautochrone-dev --local COMMAND ...`: a development enclave for as long as one command runs.

use crate::{Failure, failed, refused};
use channel::Proof;
use client::command::World;
use client::enclave::Session;
use client::identity::Identity;
use dev::enclave::{Enclave, expected, now};
use protocol::agreement::{Agreement, Authentication, Role};
use protocol::attestation::{Judge, Measurements};
use protocol::{Sha256, sha256};
use std::ffi::OsString;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest wait for the enclave.
const PATIENCE: Duration = Duration::from_secs(60);

/// Serves the agreement of the command's own `--agreement` and runs the command against it. `identities` are those of other
/// parties; with a `program`, its owner's is among them, and submits it first.
pub(crate) fn run(
    command: &[OsString],
    identities: &[PathBuf],
    program: Option<&Path>,
) -> Result<ExitCode, Failure> {
    if value(command, "--enclave").is_some() {
        return Err(refused("--enclave: --local makes its own enclave: leave one of them out"));
    }
    let path = value(command, "--agreement")
        .ok_or_else(|| refused("--local: give a command with --agreement and --identity"))?;
    let agreement = client::agreement::read(&path)
        .map_err(|error| refused(format!("{}: {error}", path.display())))?;
    let own = value(command, "--identity");
    let mut keys = Vec::new();
    for file in identities.iter().chain(&own) {
        let identity = Identity::read(file)
            .map_err(|error| refused(format!("{}: {error}", file.display())))?;
        let party = identity
            .party(&agreement)
            .map_err(|error| refused(format!("{}: {error}", file.display())))?;
        keys.push((party, identity));
    }
    let proofs = (0..).zip(&agreement.terms().parties).map(|(number, party)| {
        let psk = keys.iter().filter(|(party, _)| *party == number);
        match (party.authentication, psk.filter_map(|(_, key)| key.psk(&agreement, number)).next())
        {
            (_, Some(psk)) => psk.into(),
            (Authentication::Tls { key_sha256 }, None) => Proof::Pinned(key_sha256),
            // a party whose key is not here: nobody has a key of this hash
            (Authentication::Psk { .. }, None) => Proof::Pinned(nobody()),
        }
    });
    let proofs = proofs.collect();
    let agreement = Arc::new(agreement);
    let enclave =
        Enclave::start(Arc::clone(&agreement), proofs, "127.0.0.1:0", None).map_err(failed)?;
    if let Some(program) = program {
        submit(&enclave, &agreement, &keys, program)?;
    }
    let mut arguments = command.to_vec();
    arguments.extend(["--enclave".into(), enclave.address().to_string().into()]);
    Ok(client::command::main(&World { root: enclave.root(), arguments }))
}

/// The owner gives its program.
fn submit(
    enclave: &Enclave,
    agreement: &Agreement,
    keys: &[(u16, Identity)],
    program: &Path,
) -> Result<(), Failure> {
    let owns = |party: u16| {
        let roles = &agreement.terms().parties[usize::from(party)].roles;
        roles.contains(&Role::ModelOwner) || roles.contains(&Role::RuleOwner)
    };
    let (party, identity) = keys
        .iter()
        .find(|(party, _)| owns(*party))
        .ok_or_else(|| refused("--program: give its owner's identity by --with"))?;
    let bytes = std::fs::read(program)
        .map_err(|error| failed(format!("{}: can't be read ({error})", program.display())))?;
    let expected = Measurements::new(expected(agreement)).map_err(failed)?;
    let judge = Judge::new(enclave.root(), expected, now);
    let socket = TcpStream::connect(enclave.address()).map_err(failed)?;
    let unattested =
        identity.connect(socket, agreement, *party, Instant::now() + PATIENCE).map_err(failed)?;
    let channel = unattested.attest(sha256(&bytes).0, &judge).map_err(failed)?;
    let mut session = Session::new(channel, agreement, *party, PATIENCE).map_err(failed)?;
    let submission = session.submission(&bytes).map_err(failed)?;
    session.submit(submission).map_err(failed)?;
    session.close();
    Ok(())
}

/// The hash of no key.
fn nobody() -> Sha256 {
    Sha256([0; 32])
}

/// The value of a flag, as `--flag value` or `--flag=value`.
fn value(command: &[OsString], flag: &str) -> Option<PathBuf> {
    let mut words = command.iter();
    while let Some(word) = words.next() {
        if word == flag {
            return words.next().map(PathBuf::from);
        }
        let joined = word.to_str().and_then(|word| word.strip_prefix(flag)?.strip_prefix('='));
        if let Some(value) = joined {
            return Some(value.into());
        }
    }
    None
}
