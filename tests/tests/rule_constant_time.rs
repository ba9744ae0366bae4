//! A first check of constant time for rules: callgrind counts the instructions of checking and
//! evaluating each of 56 rules, on the portable and the AVX2 backend, and the counts must be equal for
//! eight secrets each; those of a planted branch must not be.

use std::path::{Path, PathBuf};
use std::process::Command;

fn valgrind_is_there() -> bool {
    let there =
        Command::new("valgrind").arg("--version").output().is_ok_and(|o| o.status.success());
    if !there {
        assert!(
            std::env::var_os("TAUTOCHRONE_SKIP_NOTHING").is_none(),
            "valgrind is not installed, and nothing may be skipped"
        );
        eprintln!("SKIPPED: valgrind is not installed, instruction counts of rules not compared");
    }
    there
}

/// The release build of the regions: the profile that ships.
fn regions() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "-p", "tests", "--bin", "ct-rule"])
        .current_dir(root)
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the release build of ct-rule");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    target.join("release/ct-rule")
}

/// Name and instructions of each region.
fn counts(regions: &Path, backend: &str, secret: u64) -> Vec<(String, u64)> {
    let folder = tempfile::tempdir().expect("a folder");
    let out = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*counted_region*"])
        .arg("--dump-after=*counted_region*")
        .arg(format!("--callgrind-out-file={}", folder.path().join("out").display()))
        .arg(regions)
        .arg(backend)
        .arg(secret.to_string())
        .output()
        .expect("valgrind runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let names = String::from_utf8(out.stdout).expect("names");
    names
        .lines()
        .enumerate()
        .map(|(number, name)| {
            let file = folder.path().join(format!("out.{}", number + 1));
            let text = std::fs::read_to_string(file).expect("a dump for each region");
            let totals = text.lines().find_map(|line| line.strip_prefix("totals: "));
            let count = totals.and_then(|totals| totals.trim().parse().ok()).expect("totals");
            (name.to_owned(), count)
        })
        .collect()
}

#[test]
fn counts_know_no_secret() {
    if !valgrind_is_there() {
        return;
    }
    let regions = regions();
    for backend in engine::Backend::available() {
        // valgrind knows no AVX-512; rules run without it in any case
        if backend.name() == "avx512" {
            continue;
        }
        let all: Vec<Vec<(String, u64)>> =
            (0..8).map(|secret| counts(&regions, backend.name(), secret)).collect();
        assert_eq!(all[0].len(), 57, "six examples, 50 random rules, a planted leak");
        for (place, (name, first)) in all[0].iter().enumerate() {
            let own: Vec<u64> = all.iter().map(|counts| counts[place].1).collect();
            let same = own.iter().all(|count| count == first);
            if name == "planted" {
                assert!(!same, "a branch on the secret went unseen: {own:?}");
            } else {
                assert!(same, "{name} on {}: counts differ: {own:?}", backend.name());
                assert!(*first > 500, "{name} on {}: nothing was counted", backend.name());
            }
        }
    }
}
