//! `tautochrone kms`: what a party sets up in KMS.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use protocol::Sha384;
use protocol::agreement::{Agreement, Image};
use protocol::attestation::Measurements;
use serde_json::Value;

use crate::command::agreement::load;
use crate::command::failure::{Failure, print};
use crate::hex;
use crate::policy::key_policy;

/// Print what a party sets up in KMS
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Policy(Policy),
}

/// Print the policy of a party's key
///
/// With it KMS releases secrets to an enclave of the agreed image under this agreement, and to nobody else: not to the
/// account, not to the machine's role without the enclave's document, not for another agreement. Apply it with
/// `aws kms put-key-policy --key-id ARN --policy-name default --policy file://policy.json`.
#[derive(Args)]
struct Policy {
    /// The agreement (TOML)
    #[arg(long, value_name = "FILE")]
    agreement: PathBuf,

    /// The party whose key it is
    #[arg(long, value_name = "NAME")]
    party: String,

    /// The measurements of the image: what `nitro-cli describe-eif` prints
    #[arg(long, value_name = "FILE")]
    pcrs: PathBuf,

    /// The IAM role of the machine that runs the enclave
    #[arg(long, value_name = "ARN")]
    role: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Command::Policy(Policy { agreement: path, party, pcrs, role }) = &arguments.command;
    let agreement = load(path)?;
    let parties = &agreement.terms().parties;
    let Some(found) = parties.iter().find(|found| found.name == *party) else {
        let names: Vec<&str> = parties.iter().map(|party| party.name.as_str()).collect();
        let names = names.join(", ");
        return Err(Failure::about(path, format!("no party {party:?}: it names {names}")));
    };
    if !is_role(role) {
        return Err(Failure::Refused(format!(
            "--role {role:?} is no role: write arn:aws:iam::ACCOUNT:role/NAME"
        )));
    }
    let measured = measured(&agreement, pcrs)?;
    let policy = key_policy(&agreement, found, role, &measured).ok_or_else(|| {
        Failure::about(path, format!("{party} has no key in KMS: there is no policy to set"))
    })?;
    print(&format!("{policy:#}\n"))
}

/// Policies compare the role as it is written, so it can't be a pattern.
fn is_role(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [prefix, partition, service, region, account, resource] = parts[..] else { return false };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_/-".contains(&b);
    prefix == "arn"
        && matches!(partition, "aws" | "aws-cn" | "aws-us-gov")
        && (service, region) == ("iam", "")
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && resource
            .strip_prefix("role/")
            .is_some_and(|name| !name.is_empty() && name.len() <= 512 && name.bytes().all(plain))
}

/// The registers of the agreed image: those in the file, which must be the agreement's own where it names them.
fn measured(agreement: &Agreement, path: &Path) -> Result<Vec<(u8, Sha384)>, Failure> {
    let about = |what: String| Failure::about(path, what);
    let mut file = pcrs(path)?;
    let agreed: BTreeMap<u8, Sha384> = Measurements::of(agreement).into_iter().collect();
    for (number, value) in agreed {
        match file.insert(number, value) {
            Some(found) if found != value => {
                return Err(about(format!(
                    "PCR{number} is {found}, and the agreement's is {value}: is it the agreed image?"
                )));
            }
            Some(_) => {}
            // the digest of an agreement is in no file about an image
            None if number == 16 => {}
            None => return Err(about(format!("PCR{number} is missing"))),
        }
    }
    let needed = match agreement.terms().image {
        Image::Prebuilt { .. } => vec![0, 1, 2, 16],
        Image::Dedicated { .. } => vec![0, 1, 2],
    };
    let take = |number: u8| match file.get(&number) {
        Some(value) if value.0 == [0; 48] => {
            Err(about(format!("PCR{number} is zeros, as in debug mode: measure the real image")))
        }
        Some(value) => Ok((number, *value)),
        None => Err(about(format!("PCR{number} is missing"))),
    };
    needed.into_iter().map(take).collect()
}

/// Longest file of measurements.
const MAX_FILE: u64 = 64 << 10;

/// PCR0 to PCR2 in a file of nitro-cli's.
fn pcrs(path: &Path) -> Result<BTreeMap<u8, Sha384>, Failure> {
    let about = |what: String| Failure::about(path, what);
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE).read_to_string(&mut text))
        .map_err(|error| Failure::Io(format!("{}: can't be read ({error})", path.display())))?;
    let json: Value = serde_json::from_str(&text)
        .map_err(|_| about("no JSON: give what `nitro-cli describe-eif` prints".into()))?;
    let object = json.get("Measurements").unwrap_or(&json);
    let mut pcrs = BTreeMap::new();
    for number in 0..3 {
        let Some(value) = object.get(format!("PCR{number}")) else { continue };
        let bytes = value.as_str().and_then(hex::decode).and_then(|bytes| bytes.try_into().ok());
        let bytes = bytes.ok_or_else(|| about(format!("PCR{number} is no SHA-384 in hex")))?;
        pcrs.insert(number, Sha384(bytes));
    }
    Ok(pcrs)
}
