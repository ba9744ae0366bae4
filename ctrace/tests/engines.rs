//! The fast engine against stepping, over code of every kind: the start of a real program, its argument parser, the
//! allocator and the C library.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use ctrace::trace::{Choice, Options, Outcome, Plan, trace};

#[test]
fn both_engines_give_one_fingerprint_of_a_whole_program() {
    let runs = [Choice::Fast, Choice::Step].map(|engine| {
        let options = Options {
            program: env!("CARGO_BIN_EXE_ctrace").into(),
            // refused: parses arguments, looks for a file, writes a line, and returns
            arguments: ["scan", "/no/such/file", "x"].map(str::to_owned).to_vec(),
            symbol: Some("ctrace::main".into()),
            inputs: vec![],
            plan: Plan { count: None, only: vec![], same: Some(2), seed: 1 },
            max_steps: 1_000_000,
            pin: false,
            engine,
        };
        let report = trace(&options).expect("a report").remove(0);
        assert_eq!(report.outcome, Outcome::Same, "{report:#?}");
        (report.runs[0].steps, report.runs[0].fingerprint.clone())
    });
    // long enough to fill the fast engine's buffer several times
    assert!(runs[0].0 > 60_000, "{runs:?}");
    assert_eq!(runs[0], runs[1]);
}
