//! AWS's SDK for Python against the development KMS.

mod python;

use dev::kms::Kms;
use std::path::Path;
use std::process::Command;

#[test]
fn the_sdk_for_python_takes_it_for_kms() {
    let Some(tools) = python::tools() else { return };
    let kms = Kms::start("127.0.0.1:0", "111122223333", &["eu-central-1"], vec![]).unwrap();
    let credentials = kms.credentials("arn:aws:iam::111122223333:user/party").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.pem");
    std::fs::write(&root, kms.root_pem()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/talk.py");
    let ran = Command::new(tools.join("bin/python"))
        .arg(script)
        .env("AWS_ENDPOINT_URL_KMS", format!("https://{}", kms.address()))
        .env("AWS_CA_BUNDLE", root)
        .env("AWS_DEFAULT_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", credentials.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key)
        .env("HOME", folder.path())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
