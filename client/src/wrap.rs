//! Wraps a pre-shared key under its party's key in KMS, by the party's own AWS command line tool: it knows the party's
//! credentials, single sign-on and endpoints, and this program need not.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Stdio};

use engine::Secret;
use protocol::agreement::{Agreement, Party};
use protocol::kms::{self, KeyPlace, MAX_CIPHERTEXT, context};

/// Why a key is not wrapped.
#[derive(Debug, thiserror::Error)]
pub enum WrapError {
    /// The party has no key.
    #[error("the party has no key in KMS: there is nothing to wrap with")]
    NoKey,
    /// The tool is not there.
    #[error("the AWS command line tool can't be run ({0}): install it, or name it with --aws")]
    Tool(std::io::Error),
    /// The tool failed.
    #[error("the AWS command line tool failed: {0}")]
    Failed(String),
    /// What it said is no ciphertext.
    #[error("the AWS command line tool printed no ciphertext of 1 to {MAX_CIPHERTEXT} bytes")]
    Answer,
}

/// Wraps a party's key. The secret goes to the tool by its standard input, never by its arguments.
///
/// # Errors
/// See [`WrapError`].
pub fn wrap(
    aws: &OsStr,
    agreement: &Agreement,
    party: &Party,
    secret: &Secret<[u8; 32]>,
) -> Result<Vec<u8>, WrapError> {
    let place = KeyPlace::of(party).ok_or(WrapError::NoKey)?;
    let context = context(&agreement.digest(), &party.id(), kms::Secret::Psk);
    let context: Vec<String> =
        context.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut tool = Command::new(aws)
        .args(["kms", "encrypt", "--region", &place.region, "--key-id", &place.arn])
        .args(["--plaintext", "fileb:///dev/stdin", "--encryption-context", &context.join(",")])
        .args(["--output", "text", "--query", "CiphertextBlob"])
        // version 2 would show it in a pager
        .env("AWS_PAGER", "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(WrapError::Tool)?;
    if let Some(mut input) = tool.stdin.take() {
        // a tool that ended says why
        let _ = input.write_all(secret.expose());
    }
    let ran = tool.wait_with_output().map_err(WrapError::Tool)?;
    if !ran.status.success() {
        let text = String::from_utf8_lossy(&ran.stderr);
        return Err(WrapError::Failed(text.split_whitespace().collect::<Vec<_>>().join(" ")));
    }
    let text = String::from_utf8(ran.stdout).map_err(|_| WrapError::Answer)?;
    let bytes = base64(text.trim()).ok_or(WrapError::Answer)?;
    if bytes.is_empty() || bytes.len() > MAX_CIPHERTEXT {
        return Err(WrapError::Answer);
    }
    Ok(bytes)
}

fn base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}
