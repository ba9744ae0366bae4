//! A first check of constant time for rules: callgrind counts the instructions that each rule kernel
//! takes for 56 rules, on the portable and the AVX2 backend, and the counts must be equal for the lowest
//! and the highest secret, with `TAUTOCHRONE_FULL` for eight; those of a planted branch must not be. It found branches where the vectoriser had left rows
//! over: see `join` in `engine/src/kernel/rule.rs`.

mod callgrind;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Instructions of each rule kernel, by name, and of the planted leak. Allocation and copies of public
/// lengths are left out: what the allocator does hangs on the random seeds of the checker's tables.
fn counts(regions: &Path, backend: &str, secret: u64) -> BTreeMap<String, u64> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out");
    let out = callgrind::command(&["counted_region"], &file)
        .arg(regions)
        .arg(backend)
        .arg(secret.to_string())
        .output()
        .expect("valgrind runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(String::from_utf8_lossy(&out.stdout).lines().count(), 57, "56 rules and a leak");
    let out = Command::new("callgrind_annotate")
        .args(["--threshold=100", "--auto=no"])
        .arg(&file)
        .output()
        .expect("callgrind_annotate comes with valgrind");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        let Some((count, rest)) = line.trim_start().split_once(' ') else { continue };
        let Ok(count) = count.replace(',', "").parse::<u64>() else { continue };
        // the closure after the one that runs rules is the planted leak
        let name = match rest.split_once("kernel::rule::") {
            Some((_, name)) => {
                name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
            }
            None if rest.contains("closure#1") && rest.contains("counted_region") => {
                "planted".into()
            }
            None => continue,
        };
        *counts.entry(name).or_insert(0) += count;
    }
    counts
}

#[test]
fn counts_know_no_secret() {
    if !callgrind::is_there() {
        return;
    }
    let regions = &callgrind::region("ct-rule");
    let secrets = if std::env::var_os("TAUTOCHRONE_FULL").is_some() { 8 } else { 2 };
    for backend in engine::Backend::available() {
        // valgrind knows no AVX-512; rules run without it in any case
        if backend.name() == "avx512" {
            continue;
        }
        let all: Vec<BTreeMap<String, u64>> = std::thread::scope(|scope| {
            let count = |secret| counts(regions, backend.name(), secret);
            let halves = [0, 1].map(|first| {
                scope.spawn(move || (first..secrets).step_by(2).map(count).collect::<Vec<_>>())
            });
            halves.into_iter().flat_map(|half| half.join().expect("counted")).collect()
        });
        let mut planted = all.clone();
        planted.iter_mut().for_each(|counts| counts.retain(|name, _| name == "planted"));
        assert!(planted.iter().any(|counts| *counts != planted[0]), "a planted branch went unseen");
        for kernel in ["BinaryKernel", "SelectKernel", "LoadKernel", "MemberKernel", "WideKernel"] {
            let count = all[0].get(kernel).copied().unwrap_or(0);
            assert!(count > 500, "{kernel} on {}: counted {count}", backend.name());
        }
        for (name, first) in all[0].iter().filter(|(name, _)| *name != "planted") {
            let own: Vec<Option<&u64>> = all.iter().map(|counts| counts.get(name)).collect();
            let same = own.iter().all(|count| *count == Some(first));
            assert!(same, "{name} on {}: counts differ: {own:?}", backend.name());
        }
    }
}
