//! The tracer against programs whose verdict is known.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use ctrace::trace::{Choice, Options, Outcome, Plan, RegionReport, exit_code, trace};
use ctrace_toys::{TOYS, Verdict};
use std::collections::BTreeSet;

const TOYS_BINARY: &str = env!("CARGO_BIN_EXE_ctrace-toys");
const PLAIN_BINARY: &str = env!("CARGO_BIN_EXE_ctrace-toys-plain");

fn options(arguments: &[&str]) -> Options {
    Options {
        program: TOYS_BINARY.into(),
        arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        symbol: None,
        inputs: vec![],
        plan: Plan { count: None, only: vec![], same: None, seed: 1 },
        max_steps: 1_000_000,
        pin: false,
        engine: Choice::Fast,
    }
}

fn one(options: &Options) -> RegionReport {
    let mut regions = trace(options).expect("a report");
    assert_eq!(regions.len(), 1);
    regions.remove(0)
}

/// `file:line` of every line that is marked as a leak: by a comment at its end, or on the line below it.
fn marked() -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for file in ["leaks.rs", "vector.rs"] {
        let text = std::fs::read_to_string(format!("{}/src/{file}", env!("CARGO_MANIFEST_DIR")))
            .expect("source");
        for (before, line) in text.lines().enumerate().filter(|(_, line)| line.contains("// LEAK"))
        {
            let number = if line.trim_start().starts_with("//") { before } else { before + 1 };
            out.insert(format!("{file}:{number}"));
        }
    }
    out
}

/// Lines of the toys' own code that a report names.
fn lines(report: &RegionReport) -> BTreeSet<String> {
    let places = report
        .leaks
        .iter()
        .map(|leak| leak.called_from.as_ref().map_or(&leak.place, |caller| &caller.place));
    places.map(|place| place.line().rsplit('/').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_toy_gets_its_verdict_at_its_line() {
    let marked = marked();
    for toy in TOYS {
        let report = one(&options(&[toy.name]));
        let expected = match toy.verdict {
            Verdict::Same => 0,
            Verdict::Leak => 1,
            Verdict::None => 2,
        };
        assert_eq!(exit_code(std::slice::from_ref(&report)), expected, "{}: {report:#?}", toy.name);
        let lines = lines(&report);
        match toy.verdict {
            Verdict::Leak => {
                assert!(!lines.is_disjoint(&marked), "{} leaks at {lines:?}", toy.name)
            }
            Verdict::Same => assert!(lines.is_empty(), "{} leaks at {lines:?}", toy.name),
            Verdict::None => {}
        }
    }
}

#[test]
fn both_engines_see_the_same() {
    // the long one is for speed, the clock differs from run to run
    for toy in TOYS.iter().filter(|toy| !["clean_long", "clock"].contains(&toy.name)) {
        let mut options = options(&[toy.name]);
        options.plan.count = Some(4);
        let fast = one(&options);
        options.engine = Choice::Step;
        let step = one(&options);
        let text = |report: &RegionReport| serde_json::to_string_pretty(report).expect("json");
        assert_eq!(text(&fast), text(&step), "{}", toy.name);
    }
}

#[test]
fn says_what_it_refuses() {
    let thread = one(&options(&["thread"]));
    assert_eq!(thread.outcome, Outcome::Incomplete);
    assert!(
        thread.problems.iter().any(|problem| problem.contains("starts a thread")),
        "{:?}",
        thread.problems
    );
    let panic = one(&options(&["panic"]));
    assert!(
        panic.problems.iter().any(|problem| problem.contains("panics")),
        "{:?}",
        panic.problems
    );
    assert_eq!(one(&options(&["clock"])).outcome, Outcome::NotDeterministic);
}

#[test]
fn a_trace_that_is_cut_short_is_no_verdict() {
    let whole = one(&options(&["clean_select"])).runs[0].steps;
    let mut options = options(&["clean_select"]);
    for engine in [Choice::Fast, Choice::Step] {
        options.engine = engine;
        options.max_steps = whole - 1;
        assert_eq!(one(&options).outcome, Outcome::Incomplete);
        options.max_steps = whole;
        assert_eq!(one(&options).outcome, Outcome::Same);
    }
}

#[test]
fn one_secret_alone_is_no_verdict() {
    let mut options = options(&["clean_select"]);
    options.plan.count = Some(1);
    assert_eq!(one(&options).outcome, Outcome::Incomplete);
    options.plan = Plan { count: None, only: vec![3], same: None, seed: 1 };
    assert_eq!(one(&options).outcome, Outcome::Incomplete);
    options.plan.only = vec![6, 99];
    assert!(trace(&options).is_err(), "there is no such secret");
    options.plan.only = vec![6, 2];
    let secrets: Vec<String> = one(&options).runs.into_iter().map(|run| run.secret).collect();
    assert_eq!(secrets, ["secret 6", "secret 6, again", "secret 2"]);
    // the control alone is about determinism, and says so
    options.plan = Plan { count: None, only: vec![], same: Some(3), seed: 1 };
    let report = one(&options);
    assert_eq!((report.outcome, report.runs.len()), (Outcome::Same, 3));
    assert!(report.runs[1..].iter().all(|run| run.control));
}

#[test]
fn the_tracer_can_make_the_secrets() {
    assert_eq!(one(&options(&["branch", "64", "random"])).outcome, Outcome::Leak);
    assert_eq!(one(&options(&["clean_select", "64", "random"])).outcome, Outcome::Same);
}

#[test]
fn traces_only_calls_of_a_symbol() {
    let whole = one(&options(&["branch"]));
    for engine in [Choice::Fast, Choice::Step] {
        let mut options = options(&["branch"]);
        options.engine = engine;
        options.symbol = Some("leaks::branch".into());
        let part = one(&options);
        assert_eq!(part.outcome, Outcome::Leak);
        assert!(0 < part.runs[0].steps && part.runs[0].steps < whole.runs[0].steps);
        options.arguments = vec!["clean_long".into()];
        options.symbol = Some("clean::select".into());
        options.plan.count = Some(2);
        let many = one(&options);
        assert_eq!(many.outcome, Outcome::Same);
        options.symbol = Some("leaks::divide".into());
        assert_eq!(one(&options).outcome, Outcome::Incomplete, "never called");
    }
}

#[test]
fn traces_a_program_without_markers_by_symbol_and_input() {
    let folder = tempfile::tempdir().expect("folder");
    let inputs: Vec<_> = [[0_u8; 40], [255; 40], [0x55; 40]]
        .iter()
        .enumerate()
        .map(|(number, bytes)| {
            let path = folder.path().join(format!("secret-{}", "x".repeat(number)));
            std::fs::write(&path, bytes).expect("written");
            path
        })
        .collect();
    for (toy, symbol, expected) in [
        ("branch", "leaks::branch", Outcome::Leak),
        ("early_exit", "leaks::early_exit", Outcome::Leak),
        ("clean_select", "clean::select", Outcome::Same),
    ] {
        for by_name in [false, true] {
            let mut arguments = vec![toy];
            arguments.extend(by_name.then_some("{}"));
            let mut options = options(&arguments);
            options.program = PLAIN_BINARY.into();
            options.symbol = Some(symbol.into());
            options.inputs = inputs.clone();
            assert_eq!(one(&options).outcome, expected, "{toy}");
            options.inputs.truncate(1);
            assert!(trace(&options).is_err());
        }
    }
}

#[test]
fn fingerprints_are_of_the_shape_and_not_of_the_secret_or_the_place() {
    let fingerprint = |arguments: &[&str], seed| {
        let mut options = options(arguments);
        options.plan.seed = seed;
        let report = one(&options);
        let first = report.runs[0].fingerprint.clone();
        assert!(report.runs.iter().all(|run| run.fingerprint == first));
        first
    };
    for toy in ["clean_select", "clean_allocation"] {
        let of = fingerprint(&[toy, "64", "random"], 1);
        assert_eq!(of, fingerprint(&[toy, "64", "random"], 2));
        assert_ne!(of, fingerprint(&[toy, "72", "random"], 1));
    }
    // one more argument moves the stack
    let of = fingerprint(&["clean_select", "64", "random"], 1);
    assert_eq!(of, fingerprint(&["clean_select", "64", "random", "one more argument"], 1));
    let leak = one(&options(&["table"]));
    assert!(leak.runs.iter().any(|run| run.fingerprint != leak.runs[0].fingerprint));
}
