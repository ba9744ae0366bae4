//! `tautochrone agreement`: files, exit codes, what is printed where.

use std::path::Path;

use serde_json::Value;

use crate::support::Folder;

fn example(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/agreements");
    folder.join(name).display().to_string()
}

#[test]
fn check_prints_digest_rights_and_bits() {
    let folder = Folder::new();
    let bob = example("alice-bob.toml");
    let digest = folder.run(&format!("agreement digest {bob}")).succeeded().trim().to_owned();
    let run = folder.run(&format!("agreement check {bob}"));
    let text = run.succeeded();
    for said in [
        &digest,
        "alice: model-owner, data-owner, reader; submits the program up to 1 time; scores up to 3 times, 600 rows in all",
        "bob: data-owner, reader; scores up to 2 times, 400 rows in all",
        "bob: probability of its own rows: 1 x 14 bits = 14 bits per row; 2 calls, 400 rows: 5,600 bits in total",
        "extraction: answers tell about the model; bob gets up to 5,600 bits",
    ] {
        assert!(text.contains(said), "{said}\nis not in\n{text}");
    }
    assert!(!text.contains("alice gets"), "the owner has nothing to extract");
    let run = folder.run(&format!("agreement check {bob} --json"));
    let object: Value = serde_json::from_str(run.succeeded()).unwrap();
    assert_eq!(object["digest"], digest);
    assert_eq!(object["disclosure"][1]["bits_in_total"], 5_600);
    assert_eq!(object["terms"]["instances"], "1", "defaults are listed");
}

#[test]
fn a_new_agreement_has_blanks_and_is_never_written_over_another() {
    let folder = Folder::new();
    let run = folder.run("agreement new a.toml");
    run.succeeded();
    assert!(run.stderr.contains("fill in 11 blanks"), "{}", run.stderr);
    let text = folder.read("a.toml");
    assert!(folder.run("agreement new a.toml").failed(2).contains("exists already"));
    assert_eq!(folder.read("a.toml"), text);
    let run = folder.run("agreement check a.toml");
    let line = run.failed(2);
    assert!(line.contains("a.toml: line 6, name: is still blank"), "{line}");
}

#[test]
fn the_canonical_form_is_written_and_reads_back() {
    let folder = Folder::new();
    let bob = example("alice-bob.toml");
    let run = folder.run(&format!("agreement digest {bob} --canonical form --json"));
    let object: Value = serde_json::from_str(run.succeeded()).unwrap();
    let form = std::fs::read(folder.path("form")).unwrap();
    let agreement = protocol::agreement::Agreement::decode(&form).unwrap();
    assert_eq!(object["digest"], agreement.digest().to_string());
}

#[test]
fn diff_is_a_verdict() {
    let folder = Folder::new();
    let (bob, charlie) = (example("alice-bob.toml"), example("alice-charlie.toml"));
    let run = folder.run(&format!("agreement diff {bob} {bob}"));
    assert_eq!(run.succeeded(), "");
    let run = folder.run(&format!("agreement diff {bob} {charlie}"));
    assert_eq!(run.code, Some(1));
    assert!(run.stdout.contains("party.alice.score_calls\n  - 3\n  + 2\n"), "{}", run.stdout);
    assert!(
        run.stderr.starts_with("error: ") && run.stderr.contains("differ in"),
        "{}",
        run.stderr
    );
    let run = folder.run(&format!("agreement diff {bob} {charlie} --json"));
    let object: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(run.code, Some(1));
    assert!(object["changes"].as_array().unwrap().len() > 10);
}

#[test]
fn failures_have_their_codes() {
    let folder = Folder::new();
    folder.file("binary.toml", [0xff, 0xfe]);
    folder.file("model.tau", "no program");
    let bob = example("alice-bob.toml");
    for (arguments, code) in [
        ("agreement".to_owned(), 2),
        ("agreement check".to_owned(), 2),
        ("agreement check none.toml".to_owned(), 1),
        ("agreement check binary.toml".to_owned(), 2),
        (format!("agreement check {bob} --program none.tau"), 1),
        (format!("agreement check {bob} --program model.tau"), 2),
        (format!("agreement digest {bob} --canonical no/such/folder/form"), 1),
        ("agreement new no/such/folder/a.toml".to_owned(), 1),
        (format!("agreement diff {bob} none.toml"), 1),
    ] {
        folder.run(&arguments).failed(code);
    }
}
