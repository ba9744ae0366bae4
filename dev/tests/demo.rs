//! `tautochrone-dev demo`, as a person runs it.

use std::process::Command;

use serde_json::Value;

fn run(arguments: &[&str]) -> std::process::Output {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tautochrone-dev"));
    command.args(arguments).current_dir(root).output().unwrap()
}

#[test]
fn the_third_call_is_refused_and_looks_like_the_others() {
    let ran = run(&["demo", "--json"]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(report["rows"], serde_json::json!([85, 86]));
    assert!(report["third_call"].as_str().unwrap().starts_with("no calls"));
    assert_eq!((&report["calls_left"], &report["rows_left"]), (&0.into(), &229.into()));
    assert_eq!(report["receipts_verified"], 2);
    assert_eq!(report["equal_to_a_local_run"], true);
    assert_eq!(report["plaintext_seen"], false);
    // a submission, two calls and a refused one: a record of one size for each
    // a pre-shared key and a layer for each of the two
    assert_eq!(report["kms_answers"], 4);
    assert_eq!(report["kms_refuses_another_agreement"], true);
    assert_eq!(report["sealed_head"], 4096);
    let records = report["sealed_records"].as_array().unwrap();
    assert!(records.len() == 4 && records.iter().all(|size| *size == records[0]));
    let calls = report["network"]["calls"].as_array().unwrap();
    let answered = |call: &Value| call["answered_bytes"].as_u64().unwrap();
    assert!(calls.len() == 3 && calls.iter().all(|call| answered(call) == answered(&calls[0])));
    assert!(calls.iter().all(|call| call["waited_ms"].as_u64().unwrap() >= 200));
}

#[test]
fn the_text_says_what_each_saw_and_that_it_proves_nothing() {
    let ran = run(&["demo"]);
    let text = String::from_utf8(ran.stdout).unwrap();
    for said in [
        "Bob's call 3: refused",
        "  Alice         that her program was taken",
        "  One letter of the agreement is another: KMS refuses",
        "  the operator  4 sealed records of 512 bytes each",
        "no piece of 16 bytes of model or rows",
        "yes, rounded to 4 decimals",
        "they prove nothing",
    ] {
        assert!(text.contains(said), "{said}\nis not in\n{text}");
    }
}

#[test]
fn what_is_missing_is_one_line() {
    let ran = run(&["demo", "--folder", "no/such/folder"]);
    assert_eq!(ran.status.code(), Some(2));
    let line = String::from_utf8(ran.stderr).unwrap();
    assert!(line.starts_with("error: no/such/folder/model.json: "), "{line}");
    assert_eq!(line.lines().count(), 1);
}
