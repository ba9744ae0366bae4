//! The naive engine is robbed to the last bit, ours of nothing. On traces, not on time: the outcome
//! is the same on every machine. The naive engine is the planted leak: if its tree is not stolen,
//! the attacker is blind, and that ours keeps its tree would mean nothing.

use std::path::Path;
use std::process::Command;

#[test]
fn the_naive_engine_is_robbed_and_ours_is_not() {
    if !Command::new("valgrind").arg("--version").output().is_ok_and(|o| o.status.success()) {
        assert!(
            std::env::var_os("TAUTOCHRONE_SKIP_NOTHING").is_none(),
            "valgrind is not installed, and nothing may be skipped"
        );
        eprintln!("SKIPPED: valgrind is not installed, nothing was stolen");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // the profile that ships
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--quiet", "-p", "steal"])
        .current_dir(&root)
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the release build");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    let run = Command::new(target.join("release/steal")).current_dir(&root).output();
    let run = run.expect("steal runs");
    let text = String::from_utf8_lossy(&run.stdout);
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(0), "{text}{said}");
    for part in [
        "rebuilds 7 comparisons",
        "stolen: the whole tree, each threshold to the last bit",
        "finds no left and no right",
        "10 of them are one, address by address",
        "stolen: nothing.",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    // what the thief shows is the tree, in both columns
    let (stolen, truth): (Vec<&str>, Vec<&str>) = text
        .lines()
        .filter(|line| line.contains(" <= "))
        .filter_map(|line| line.trim_start().split_once("    "))
        .map(|(left, right)| (left.trim_matches([' ', '│', '├', '└']), right))
        .map(|(left, right)| (left, right.trim_matches([' ', '│', '├', '└'])))
        .unzip();
    assert_eq!((stolen.len(), &stolen), (7, &truth), "{text}");
}

#[test]
fn what_is_no_tree_is_refused() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for file in ["none.json", "examples/demo/model.json", "examples/demo/rows.csv"] {
        let run = Command::new(env!("CARGO_BIN_EXE_steal")).arg(file).current_dir(&root).output();
        let run = run.expect("steal runs");
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{file}: {said}");
        assert_eq!(said.matches('\n').count(), 1, "{file}: {said}");
        assert!(said.starts_with("error: ") && said.contains("scikit-learn"), "{file}: {said}");
    }
}
