//! Inputs that a fuzz target once broke on, and a few seeds of each, through the same bodies, on the
//! stable compiler. A finding is minimised and put into `fuzz/regressions/TARGET/`.

#[path = "../../fuzz/bodies.rs"]
mod bodies;

use std::path::{Path, PathBuf};

const TARGETS: [&str; 16] = [
    "xgboost",
    "lightgbm",
    "sklearn",
    "csv",
    "npy",
    "parquet",
    "program",
    "rule",
    "agreement",
    "frame",
    "message",
    "connection",
    "attestation",
    "envelope",
    "kms",
    "stored",
];

#[test]
fn what_once_broke_does_not() {
    for target in TARGETS {
        for file in files(&root().join("fuzz/regressions").join(target)) {
            println!("{}", file.display());
            bodies::run(target, &std::fs::read(file).unwrap());
        }
    }
}

/// What the fuzzer found worth keeping: see `fuzz/pack.py`.
#[test]
fn the_corpora_that_are_kept_replay() {
    let mut inputs = 0;
    for pack in files(&root().join("fuzz/corpora")) {
        let target = pack.file_stem().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&pack).unwrap();
        let mut rest = bytes.as_slice();
        while let Some((length, after)) = rest.split_first_chunk() {
            let (input, after) = after.split_at(u32::from_le_bytes(*length) as usize);
            bodies::run(&target, input);
            inputs += 1;
            rest = after;
        }
        assert!(rest.is_empty(), "{target}");
    }
    println!("{inputs} inputs");
    assert!(inputs > 1000, "{inputs} inputs");
}

#[test]
fn every_target_is_known_here() {
    let found: Vec<String> = files(&root().join("fuzz/fuzz_targets"))
        .iter()
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let mut known = TARGETS;
    known.sort_unstable();
    assert_eq!(found, known);
    for folder in files(&root().join("fuzz/regressions")) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        assert!(known.contains(&name.as_str()) || name == "README.md", "{name}");
    }
}

#[test]
fn the_bodies_take_whole_files() {
    for (target, file) in [
        ("xgboost", "models/testdata/xgboost-3.2.0-softprob.json"),
        ("lightgbm", "models/testdata/lightgbm-4.7.0-multiclass.txt"),
        ("sklearn", "models/testdata/sklearn-1.9.1-logisticmulti.json"),
        ("agreement", "examples/agreements/alice-bob.toml"),
    ] {
        bodies::run(target, &std::fs::read(root().join(file)).unwrap());
    }
    bodies::run("csv", b"a,b,id,note\n1,NA,x,y\n");
    bodies::run("frame", &[1, 0, 5, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0]);
    bodies::run("message", &[0; 552]);
    bodies::run("connection", bodies::connection::SEED);
    bodies::run("kms", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    bodies::run("stored", b"TAUKEYS\n");
    bodies::run("envelope", &[0x30, 0x80, 0x06, 0x09]);
    bodies::run("attestation", &[0x84, 0x44, 0xa1, 0x01, 0x38, 0x22, 0xa0, 0x40, 0x40]);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The entries of a folder, in order; none where there is no folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
