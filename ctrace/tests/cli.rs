//! What the command refuses, and how it says so.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::process::Command;

const CTRACE: &str = env!("CARGO_BIN_EXE_ctrace");

/// Exit code 2 and one line that says why.
fn refused(arguments: &[&str], because: &str) {
    let output = Command::new(CTRACE).args(arguments).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
    assert!(text.contains(because), "{arguments:?}: {text}");
    assert!(output.stdout.is_empty());
    assert!(because == "Usage" || text.lines().count() == 1, "{text}");
}

#[test]
fn refuses_what_it_cannot_judge() {
    let folder = tempfile::tempdir().expect("folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("text"), "no program").expect("written");
    std::fs::write(path("empty"), "").expect("written");
    refused(&["trace", "--", &path("missing")], "No such file");
    refused(&["trace", "--", &path("text")], "no executable");
    refused(&["trace", "--", &path("empty")], "no executable");
    refused(&["trace", "--", CTRACE], "has no region");
    refused(&["trace", "--symbol", "no such name", "--", CTRACE], "no function's name contains");
    refused(&["trace", "--symbol", "cli::run", "--", CTRACE], "at least two --input");
    refused(&["scan", CTRACE, "no such name"], "no function's name contains");
    refused(
        &["scan", CTRACE, "cli::run", "--expect", &path("text")],
        "not what ctrace --record writes",
    );
    refused(&["same-code", CTRACE, &path("missing"), "x"], "No such file");
    refused(&["trace"], "Usage");
}

#[test]
fn a_recorded_scan_is_met_and_a_changed_one_is_not() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("expected.json");
    let run = |option: &str| {
        let arguments =
            ["scan", CTRACE, "cli::run", option, &path.display().to_string()].map(str::to_owned);
        Command::new(CTRACE).args(arguments).output().expect("it runs")
    };
    assert_eq!(run("--record").status.code(), Some(0));
    assert_eq!(run("--expect").status.code(), Some(0));
    let text =
        std::fs::read_to_string(&path).expect("recorded").replace("\"call\": ", "\"call\": 1");
    std::fs::write(&path, text).expect("written");
    let changed = run("--expect");
    assert_eq!(changed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&changed.stdout).contains("DEVIATION"));
}
