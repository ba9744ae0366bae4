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
    /// It is about another key.
    #[error("KMS wrapped under another key than the agreement's: do not use this endpoint")]
    OtherKey,
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
    let context = context(&agreement.digest(), &party.id(), kms::KeyPurpose::Psk);
    let context: Vec<String> =
        context.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut tool = Command::new(aws)
        .args(["kms", "encrypt", "--region", &place.region, "--key-id", &place.arn])
        .args(["--plaintext", "fileb:///dev/stdin", "--encryption-context", &context.join(",")])
        .args(["--output", "text", "--query", "[KeyId,CiphertextBlob]"])
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
    let (key, blob) = text.trim().split_once('\t').ok_or(WrapError::Answer)?;
    if key != place.arn {
        return Err(WrapError::OtherKey);
    }
    let bytes = base64(blob).ok_or(WrapError::Answer)?;
    if bytes.is_empty() || bytes.len() > MAX_CIPHERTEXT {
        return Err(WrapError::Answer);
    }
    Ok(bytes)
}

fn base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::agreement::PartyKey;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    /// A tool that prints something, and keeps what it was told and given.
    fn tool(folder: &Path, prints: &str, code: u8) -> std::ffi::OsString {
        let path = folder.join("aws");
        let folder = folder.display();
        let script = format!(
            "#!/bin/sh\necho \"$@\" > {folder}/told\ncat > {folder}/given\nprintf '{prints}'\necho no such key >&2\nexit {code}\n"
        );
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        path.into()
    }

    #[test]
    fn the_key_goes_to_the_tool_s_input_and_its_answer_is_about_the_party_s_key() {
        let example =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/agreements/alice-bob.toml");
        let agreement = crate::agreement::read(&example).unwrap();
        let party = &agreement.terms().parties[0];
        let PartyKey::Kms(arn) = &party.key else { panic!() };
        let secret = Secret::new([0x41; 32]);
        let folder = tempfile::tempdir().unwrap();
        let wrapped = |prints: &str, code| {
            wrap(&tool(folder.path(), prints, code), &agreement, party, &secret)
        };
        assert_eq!(wrapped(&format!("{arn}\tAAEC\n"), 0).unwrap(), [0, 1, 2]);
        let told = std::fs::read_to_string(folder.path().join("told")).unwrap();
        assert!(told.contains(arn) && told.contains("tautochrone-purpose=psk"), "{told}");
        assert!(!told.contains("AAAA"), "the key is in the arguments");
        assert_eq!(std::fs::read(folder.path().join("given")).unwrap(), [0x41; 32]);

        let other = arn.replace("1234abcd-", "1234abce-");
        assert!(matches!(wrapped(&format!("{other}\tAAEC"), 0), Err(WrapError::OtherKey)));
        for prints in ["", "AAEC", "\tAAEC", &format!("{arn}\t"), &format!("{arn}\tAA!")] {
            assert!(wrapped(prints, 0).is_err(), "{prints}");
        }
        let long = "AAAA".repeat(MAX_CIPHERTEXT);
        assert!(matches!(wrapped(&format!("{arn}\t{long}"), 0), Err(WrapError::Answer)));
        let failed = wrapped("", 3).unwrap_err();
        assert_eq!(failed.to_string(), "the AWS command line tool failed: no such key");
        let none = folder.path().join("none");
        assert!(matches!(
            wrap(none.as_os_str(), &agreement, party, &secret),
            Err(WrapError::Tool(_))
        ));
    }
}
