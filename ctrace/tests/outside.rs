//! The document's example: a program outside this workspace, with the marker crate alone.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::path::Path;
use std::process::{Command, Output};

/// Runs a line of the document at the root of the repository.
fn run(line: &str) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut words = line.split_whitespace();
    let program = match words.next().expect("a command") {
        "ctrace" => env!("CARGO_BIN_EXE_ctrace"),
        "cargo" => env!("CARGO"),
        other => panic!("the document must not run {other}"),
    };
    let mut command = Command::new(program);
    command.args(words).current_dir(root).env_remove("CARGO_TARGET_DIR");
    command.output().expect("it runs")
}

#[test]
fn every_line_of_the_document_ends_as_it_says() {
    let text = include_str!("../../docs/ctrace.md");
    let mut lines = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let (line, expected) = line.split_once(" # exit ").expect("an exit code");
        let output = run(line);
        let shown =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), expected.parse().ok(), "{line}\n{shown}");
        lines += 1;
        if line.ends_with("outside early") && !line.contains("--same") {
            let leak = text
                .lines()
                .find(|line| line.starts_with("LEAK "))
                .expect("the document shows the leak");
            let (what, place) = leak.split_once(" at ").expect("a place");
            assert!(
                shown.lines().any(|line| line.starts_with(what) && line.ends_with(place)),
                "{shown}"
            );
        }
    }
    assert_eq!(lines, 8);
    a_fingerprint_is_kept_and_checked();
}

/// After the lines above, which build the program.
fn a_fingerprint_is_kept_and_checked() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("fingerprints.json").display().to_string();
    let fingerprint = |options: &str, way: &str| {
        let program = "ctrace/examples/outside/target/release/outside";
        run(&format!("ctrace fingerprint {options} {file} -- {program} {way}")).status.code()
    };
    assert_eq!(fingerprint("--name whole --record", "whole"), Some(0));
    assert_eq!(fingerprint("--name whole --check", "whole"), Some(0));
    assert_eq!(fingerprint("--name other --check", "whole"), Some(2), "not in the file");
    assert_eq!(fingerprint("--name early --record", "early"), Some(1), "a leak has no fingerprint");
    let text = std::fs::read_to_string(&file).expect("recorded");
    let changed = text.replacen("\": \"", "\": \"0", 1);
    assert_ne!(text, changed);
    std::fs::write(&file, changed).expect("written");
    assert_eq!(fingerprint("--name whole --check", "whole"), Some(1));
}
