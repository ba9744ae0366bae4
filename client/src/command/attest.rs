//! `tautochrone attest`: whether an attestation document proves an enclave.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::hex;
use clap::{Args, Subcommand};
use protocol::Sha384;
use protocol::agreement::Agreement;
use protocol::attestation::{Claims, Document, Measurements, Refusal, Root, UnixTime};
use protocol::document::MAX_DOCUMENT;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::command::agreement;
use crate::command::failure::{Failure, print};

/// Verify attestation documents
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Verify(Verify),
}

/// Verify that a document was made by an enclave of an expected image
///
/// Checks the form, the chain of certificates up to the root of AWS Nitro Enclaves, the signature, that
/// the enclave is not in debug mode, and every measurement that is expected; PCR0, the image, must be
/// among them, from --pcr or from an agreement. Certificates live about 3 hours: for a document that was
/// kept, --at gives the time to judge it at.
///
/// Exit codes: 0 valid; 1 refused, with the reason's name; 2 not an attestation document, or wrong usage.
#[derive(Args)]
struct Verify {
    /// The document, as the enclave gave it
    #[arg(value_name = "DOC")]
    document: PathBuf,

    /// An expected measurement, such as 0=HEX; may be given for each PCR
    #[arg(long = "pcr", value_name = "N=HEX", value_parser = pcr)]
    pcrs: Vec<(u8, Sha384)>,

    /// Expect what this agreement (TOML) says of the image; of a prebuilt one, PCR16 too
    #[arg(long, value_name = "FILE")]
    agreement: Option<PathBuf>,

    /// Expect this challenge
    #[arg(long, value_name = "HEX", value_parser = bytes)]
    nonce: Option<Bytes>,

    /// Judge at this time, such as 2026-11-27T12:00:00Z [default: now]
    #[arg(long, value_name = "RFC3339", value_parser = time)]
    at: Option<OffsetDateTime>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone)]
struct Bytes(Vec<u8>);

fn bytes(text: &str) -> Result<Bytes, String> {
    hex::decode(text).map(Bytes).ok_or_else(|| "must be hex digits, two for each byte".into())
}

/// A measurement on the command line.
pub(crate) fn pcr(text: &str) -> Result<(u8, Sha384), String> {
    let (number, value) = text.split_once('=').ok_or("must be N=HEX, such as 0=89ab...")?;
    let number = number.parse().map_err(|_| format!("{number:?} is no number of a PCR"))?;
    let bytes = hex::decode(value).and_then(|bytes| bytes.try_into().ok());
    let value = bytes.ok_or_else(|| format!("PCR{number} must be 96 hex digits, a SHA-384"))?;
    Ok((number, Sha384(value)))
}

fn time(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| "must be a time such as 2026-11-27T12:00:00Z".into())
}

pub(crate) fn run(arguments: &Arguments, root: &Root) -> Result<(), Failure> {
    match &arguments.command {
        Command::Verify(arguments) => verify(arguments, root),
    }
}

fn verify(arguments: &Verify, root: &Root) -> Result<(), Failure> {
    let agreement = arguments.agreement.as_deref().map(agreement::load).transpose()?;
    let expected = measurements(agreement.as_ref(), &arguments.pcrs)?;
    let at = at(arguments.at.unwrap_or_else(OffsetDateTime::now_utc))?;
    let file = read(&arguments.document, MAX_DOCUMENT)?;
    let judged = Document::read(&file).and_then(|document| {
        let verified = document.verify(root, &expected, at)?;
        if let Some(nonce) = &arguments.nonce {
            verified.challenged_by(&nonce.0)?;
        }
        Ok(verified)
    });
    match judged {
        Ok(verified) => {
            let claims = verified.claims();
            print(&if arguments.json {
                format!("{:#}\n", object(claims))
            } else {
                text(claims, &expected)
            })
        }
        Err(refusal) => {
            if arguments.json {
                let verdict = if refusal.is_unreadable() { "unreadable" } else { "refused" };
                let object = json!({
                    "verdict": verdict, "reason": refusal.name(), "detail": refusal.to_string(),
                });
                print(&format!("{object:#}\n"))?;
            }
            Err(failure(&arguments.document, refusal))
        }
    }
}

fn failure(path: &Path, refusal: Refusal) -> Failure {
    let line = format!("{}: {}: {refusal}", path.display(), refusal.name());
    if refusal.is_unreadable() { Failure::Refused(line) } else { Failure::Verdict(line) }
}

/// What is expected, by an agreement and on the command line.
pub(crate) fn measurements(
    agreement: Option<&Agreement>,
    pcrs: &[(u8, Sha384)],
) -> Result<Measurements, Failure> {
    let agreed = agreement.map_or(Vec::new(), Measurements::of);
    Measurements::new(agreed.into_iter().chain(pcrs.iter().copied())).map_err(|error| {
        Failure::Refused(format!(
            "{error}: give each once, PCR0 among them, by --pcr or by the --agreement of a prebuilt image"
        ))
    })
}

fn at(time: OffsetDateTime) -> Result<UnixTime, Failure> {
    let seconds = u64::try_from(time.unix_timestamp())
        .map_err(|_| Failure::Refused("--at: before 1970: there were no enclaves then".into()))?;
    Ok(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
}

/// A file, up to one byte more than it may have.
pub(crate) fn read(path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
    let io = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => {
            Failure::Io(format!("{}: no such file: look at its path", path.display()))
        }
        _ => Failure::Io(format!("{}: can't be read ({error})", path.display())),
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// When the module made it, to the second.
fn made(claims: &Claims<'_>) -> String {
    let seconds = i64::try_from(claims.timestamp / 1000).ok();
    let time = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    // a time that no calendar has is shown as it came
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| claims.timestamp.to_string())
}

fn object(claims: &Claims<'_>) -> Value {
    let pcrs: serde_json::Map<_, _> = claims
        .pcrs
        .iter()
        .map(|(number, value)| (number.to_string(), value.to_string().into()))
        .collect();
    json!({
        "verdict": "valid",
        "module_id": claims.module_id,
        "time": made(claims),
        "timestamp_ms": claims.timestamp,
        "pcrs": pcrs,
        "public_key": claims.public_key.map(hex::encode),
        "user_data": claims.user_data.map(hex::encode),
        "nonce": claims.nonce.map(hex::encode),
    })
}

fn text(claims: &Claims<'_>, expected: &Measurements) -> String {
    let module: String = claims.module_id.chars().filter(|c| !c.is_control()).collect();
    let mut text = format!("valid\nmodule      {module}\ntime        {}\n", made(claims));
    for (number, value) in &claims.pcrs {
        if *value != Sha384([0; 48]) {
            let mark = if expected.names(*number) { "  as expected" } else { "" };
            text.push_str(&format!("{:<12}{value}{mark}\n", format!("PCR{number}")));
        }
    }
    let fields = [
        ("public key", claims.public_key),
        ("user data", claims.user_data),
        ("nonce", claims.nonce),
    ];
    for (name, bytes) in fields {
        let shown = bytes.map_or("-".into(), hex::encode);
        text.push_str(&format!("{name:<12}{shown}\n"));
    }
    text
}
