//! AWS's SDK for Python and its command line tool against the development KMS.

mod python;

use dev::kms::{Credentials, Fault, Kms};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const PARTY: &str = "arn:aws:iam::111122223333:user/party";

fn kms() -> Kms {
    Kms::start("127.0.0.1:0", "111122223333", &["eu-central-1"], vec![]).unwrap()
}

/// A program with all in its environment that leads it to a KMS.
fn told(program: &Path, kms: &Kms, credentials: &Credentials, folder: &TempDir) -> Command {
    let root = folder.path().join("root.pem");
    std::fs::write(&root, kms.root_pem()).unwrap();
    let mut command = Command::new(program);
    command
        .env("AWS_ENDPOINT_URL_KMS", format!("https://{}", kms.address()))
        .env("AWS_CA_BUNDLE", root)
        .env("AWS_DEFAULT_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", &credentials.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key)
        .env_remove("AWS_SESSION_TOKEN")
        .env_remove("AWS_PROFILE")
        .env("HOME", folder.path())
        .current_dir(folder.path());
    if let Some(token) = &credentials.session_token {
        command.env("AWS_SESSION_TOKEN", token);
    }
    command
}

#[test]
fn the_sdk_for_python_takes_it_for_kms() {
    let Some(tools) = python::tools() else { return };
    let kms = kms();
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/talk.py");
    // a user, a session, and replies as a proxy might pass them on
    let user = kms.credentials(PARTY).unwrap();
    let session = kms.session(PARTY).unwrap();
    for (credentials, fault) in [(&user, None), (&session, None), (&user, Some(Fault::Pieces))] {
        kms.set_fault(fault);
        let python = tools.join("bin/python");
        let ran = told(&python, &kms, credentials, &folder).arg(&script).output().unwrap();
        assert!(ran.status.success(), "{fault:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

/// Every operation, as a person would ask for it.
const COMMANDS: &str = r#"
set -euo pipefail
aws() { "$aws" kms "$@" --output text; }
key=$(aws create-key --query KeyMetadata.Arn)
printf secret > plain
aws encrypt --key-id "$key" --plaintext fileb://plain --encryption-context a=b,c=d --query CiphertextBlob | base64 -d > blob
aws decrypt --ciphertext-blob fileb://blob --encryption-context c=d,a=b --query Plaintext | base64 -d | cmp - plain
! aws decrypt --ciphertext-blob fileb://blob --encryption-context a=b 2> said
grep -q InvalidCiphertextException said
aws generate-data-key --key-id "$key" --key-spec AES_256 --query Plaintext | base64 -d > data-key
[ "$(wc -c < data-key)" = 32 ]
[ "$(aws generate-random --number-of-bytes 100 --query Plaintext | base64 -d | wc -c)" = 100 ]
aws get-key-policy --key-id "$key" --policy-name default --query Policy > policy
sed 's/"kms:\*"/["kms:PutKeyPolicy","kms:Encrypt"]/' policy > narrow
if cmp -s policy narrow; then exit 1; fi
aws put-key-policy --key-id "$key" --policy-name default --policy file://narrow
! aws decrypt --ciphertext-blob fileb://blob --encryption-context a=b,c=d 2> said
grep -q AccessDeniedException said
! aws put-key-policy --key-id "$key" --policy-name default --policy '{}' 2> said
grep -q MalformedPolicyDocumentException said
aws put-key-policy --key-id "$key" --policy-name default --policy file://policy
aws decrypt --ciphertext-blob fileb://blob --encryption-context a=b,c=d --query Plaintext | base64 -d | cmp - plain
"#;

#[test]
fn the_command_line_tool_takes_it_for_kms() {
    let Some(tools) = python::tools() else { return };
    let kms = kms();
    let folder = tempfile::tempdir().unwrap();
    let session = kms.session(PARTY).unwrap();
    let ran = told(Path::new("bash"), &kms, &session, &folder)
        .args(["-xc", COMMANDS])
        .env("aws", tools.join("bin/aws"))
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let found = kms.calls();
    for operation in [
        "CreateKey",
        "Encrypt",
        "Decrypt",
        "GenerateDataKey",
        "GenerateRandom",
        "GetKeyPolicy",
        "PutKeyPolicy",
    ] {
        assert!(found.iter().any(|call| call.operation == operation), "{operation}");
    }
}
