//! `tautochrone-dev kms`: a KMS that serves until it is stopped.

use crate::{Failure, failed, say};
use clap::{Args, ValueEnum};
use dev::kms::{Fault, Kms};
use std::path::PathBuf;
use std::time::Duration;

/// Serve a development KMS
///
/// Speaks AWS's JSON protocol over TLS: CreateKey, Encrypt, Decrypt, GenerateDataKey, GenerateRandom, PutKeyPolicy,
/// GetKeyPolicy. Key policies are enforced, also on what an enclave's document measures, and Recipient is answered as AWS
/// answers it. AWS's own tools talk to it with AWS_ENDPOINT_URL_KMS and AWS_CA_BUNDLE. Keys are in memory, and gone when it
/// stops. Prints the address, and its root as agreements name it, when it listens.
///
/// `tautochrone-dev kms policy` is the command of `tautochrone`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Where to write root.pem, and credentials with the profiles account, party and enclave; it must exist
    #[arg(long, value_name = "FOLDER")]
    folder: PathBuf,

    /// Roots (PEM) that documents may lead to, read with each document: `tautochrone-dev enclave --root` writes one
    #[arg(long, value_name = "PEM")]
    trust: Vec<PathBuf>,

    /// Where to listen
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    listen: String,

    /// The account
    #[arg(long, value_name = "12 DIGITS", default_value = "111122223333")]
    account: String,

    /// The regions; several: write it several times
    #[arg(long, value_name = "REGION", default_value = "eu-central-1")]
    region: Vec<String>,

    /// Do something wrong
    #[arg(long, value_enum)]
    fault: Option<Misdeed>,
}

/// What it does wrong
#[derive(Clone, Copy, ValueEnum)]
enum Misdeed {
    /// Replies come 3 seconds late
    Slow,
    /// Every request is throttled
    Throttled,
    /// Replies name another key
    WrongKeyId,
    /// What is sealed for an enclave is another secret
    SwappedSecret,
    /// What is sealed comes in chunks of 16 bytes
    Chunks,
    /// Replies come in HTTP's chunked encoding
    Pieces,
    /// Documents are judged four hours later
    Expired,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { folder, trust, listen, account, region, fault } = arguments;
    let regions: Vec<&str> = region.iter().map(String::as_str).collect();
    let kms = Kms::start(listen, account, &regions, Vec::new()).map_err(failed)?;
    for path in trust {
        kms.trust_file(path);
    }
    kms.set_fault(fault.map(|misdeed| match misdeed {
        Misdeed::Slow => Fault::Slow(Duration::from_secs(3)),
        Misdeed::Throttled => Fault::Throttled(u32::MAX),
        Misdeed::WrongKeyId => Fault::WrongKeyId,
        Misdeed::SwappedSecret => Fault::SwappedSecret,
        Misdeed::Chunks => Fault::Chunks,
        Misdeed::Pieces => Fault::Pieces,
        Misdeed::Expired => Fault::Expired,
    }));
    let mut credentials = String::new();
    let profiles = [("account", "root"), ("party", "user/party"), ("enclave", "role/enclave")];
    for (profile, principal) in profiles {
        let principal = format!("arn:aws:iam::{account}:{principal}");
        let made = kms.credentials(&principal).map_err(failed)?;
        credentials += &format!(
            "# {principal}\n[{profile}]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            made.access_key_id, made.secret_access_key
        );
    }
    for (name, text) in [("root.pem", kms.root_pem()), ("credentials", &credentials)] {
        let path = folder.join(name);
        std::fs::write(&path, text)
            .map_err(|error| failed(format!("{}: can't be written ({error})", path.display())))?;
    }
    say(&format!("{} sha256:{}\n", kms.address(), kms.root_sha256()))?;
    loop {
        std::thread::park();
    }
}
