//! `tautochrone attest`: real documents, read where they lie, and what is none.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::Folder;

/// A real document and its PCR0 in hex, or `None` and a word where the folder is missing.
fn real(name: &str, pcr0: &str) -> Option<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors/attestation");
    if !folder.exists() {
        assert!(
            std::env::var_os("TAUTOCHRONE_SKIP_NOTHING").is_none(),
            "{} is missing, and nothing may be skipped",
            folder.display()
        );
        eprintln!("SKIPPED: {} is missing", folder.display());
        return None;
    }
    let path = folder.join(name);
    let hex = client::hex::encode(&std::fs::read(&path).unwrap());
    let at = hex.find(pcr0).expect("PCR0 is in the document");
    Some((path.display().to_string(), hex[at..at + 96].to_owned()))
}

#[test]
fn a_real_document_is_valid_at_its_time_for_its_image() {
    let Some((document, pcr0)) = real("production_2022-10-13.cbor", "f4d48b81a460c991") else {
        return;
    };
    let folder = Folder::new();
    let verify = |rest: &str| folder.run(&format!("attest verify {document} {rest}"));
    let now = "--at 2022-10-13T10:58:02+02:00";
    let run = verify(&format!("--pcr 0={pcr0} {now}"));
    let text = run.succeeded();
    for said in ["valid\n", "2022-10-13T08:58:02Z", &format!("PCR0        {pcr0}  as expected\n")] {
        assert!(text.contains(said), "{said}\nis not in\n{text}");
    }
    let run = verify(&format!("--pcr 0={pcr0} {now} --json"));
    let object: Value = serde_json::from_str(run.succeeded()).unwrap();
    assert_eq!(object["verdict"], "valid");
    assert_eq!(object["timestamp_ms"], 1_665_651_482_136_u64);
    assert_eq!(object["pcrs"]["0"], pcr0);
    let nonce = object["nonce"].as_str().unwrap().to_owned();
    verify(&format!("--pcr 0={pcr0} {now} --nonce {nonce}")).succeeded();

    let other = "1".repeat(96);
    for (reason, arguments) in [
        ("pcr", format!("--pcr 0={other} {now}")),
        ("missing-pcr", format!("--pcr 0={pcr0} --pcr 31={other} {now}")),
        ("nonce", format!("--pcr 0={pcr0} {now} --nonce 00")),
        ("expired", format!("--pcr 0={pcr0} --at 2022-10-13T13:00:00Z")),
        ("expired", format!("--pcr 0={pcr0}")),
        ("not-yet-valid", format!("--pcr 0={pcr0} --at 2022-10-12T00:00:00Z")),
    ] {
        let run = verify(&arguments);
        assert!(run.failed(1).contains(&format!(": {reason}: ")), "{}", run.stderr);
        let run = verify(&format!("{arguments} --json"));
        assert_eq!(run.code, Some(1));
        let object: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(object["verdict"], "refused");
        assert_eq!(object["reason"], reason);
    }
}

/// An agreement brings the measurements of its image, and PCR16 for itself.
#[test]
fn an_agreement_says_what_to_expect() {
    let Some((document, _)) = real("production_2022-10-13.cbor", "f4d48b81a460c991") else {
        return;
    };
    let folder = Folder::new();
    let agreement = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../examples/agreements/alice-bob.toml")
        .display()
        .to_string();
    let now = "--at 2022-10-13T08:58:02Z";
    let run = folder.run(&format!("attest verify {document} --agreement {agreement} {now}"));
    assert!(run.failed(1).contains(": pcr: PCR0 is not the expected one"), "{}", run.stderr);
    let twice = format!("--agreement {agreement} --pcr 0={}", "1".repeat(96));
    let run = folder.run(&format!("attest verify {document} {twice} {now}"));
    assert!(run.failed(2).contains("PCR0 stands twice"), "{}", run.stderr);
}

#[test]
fn what_is_no_document_and_what_nothing_is_expected_of_is_code_two() {
    let folder = Folder::new();
    folder.file("document", "not CBOR");
    let pcr0 = format!("--pcr 0={}", "1".repeat(96));
    let run = folder.run(&format!("attest verify document {pcr0}"));
    assert!(run.failed(2).contains("document: field: "), "{}", run.stderr);
    for arguments in [
        "attest verify document".to_owned(),
        format!("attest verify document --pcr 1={}", "1".repeat(96)),
        format!("attest verify document --pcr 0={}", "0".repeat(96)),
        format!("attest verify document --pcr 0={}", "1".repeat(95)),
        format!("attest verify document --pcr 32={}", "1".repeat(96)),
        format!("attest verify document {pcr0} {pcr0}"),
        format!("attest verify document {pcr0} --nonce 0"),
        format!("attest verify document {pcr0} --at yesterday"),
        format!("attest verify document {pcr0} --at 1969-12-31T23:59:59Z"),
    ] {
        folder.run(&arguments).failed(2);
    }
    folder.run(&format!("attest verify none {pcr0}")).failed(1);
}
