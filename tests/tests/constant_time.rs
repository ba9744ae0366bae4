//! A first check of constant time: callgrind counts every executed instruction of the release
//! binary on the portable backend, and the count may depend on the shape and the row count alone.
//!
//! Different rows in both profiles, and in `strict` different models of one shape class, must give
//! equal counts; a planted branch on the rows must give different ones. Reports itself as skipped
//! where valgrind is not installed, unless `TAUTOCHRONE_SKIP_NOTHING` is set.

mod callgrind;

use engine::{
    CompileOptions, Ensemble, EnsembleParts, LabelRule, Link, Model, Output, Profile, Program,
    Purpose, RowValues, SumMode, compile,
};
use model::{RandomForest, rows_around};
use std::path::Path;

const ROWS: usize = 70;

/// Instructions inside the regions.
fn count(region: &Path, program: &Path, rows: &Path, output: &str, planted: bool) -> u64 {
    let folder = program.parent().expect("a folder");
    let functions = ["counted_region", "planted_region"];
    let out = callgrind::command(&functions, &folder.join("callgrind.out"))
        .arg(region)
        .args([program, rows])
        .arg(output)
        .args(planted.then_some("--plant"))
        .output()
        .expect("valgrind runs");
    let log = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{log}");
    let line = log.lines().find(|line| line.contains("Collected")).expect("a count");
    line.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a number")
}

fn forest(seed: u8) -> RandomForest {
    RandomForest {
        features: 6,
        outputs: 3,
        vector_leaves: false,
        splits: (0..9).map(|tree| 16 + usize::from(seed).wrapping_mul(7 + tree) % 15).collect(),
        chain: f64::from(seed % 10) / 10.0,
        thresholds: 2000,
        precision: engine::Precision::F32,
        average: false,
        missing_value: None,
        seed: [seed; 32],
    }
}

fn classified(forest: &RandomForest) -> EnsembleParts {
    let mut parts = forest.build();
    parts.link = Link::Softmax;
    parts.schema.label = LabelRule::ArgMaxProbability;
    parts.schema.classes = ["a", "b", "c"].map(String::from).to_vec();
    parts.schema.default_output = Output::Label;
    parts
}

fn program(forest: &RandomForest, options: &CompileOptions) -> Program {
    let model = Ensemble::try_new(classified(forest)).expect("valid");
    compile(&Model::Ensemble(model), options).expect("compiles")
}

fn write_rows(path: &Path, values: &RowValues) {
    let bytes: Vec<u8> = match values {
        RowValues::F32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        RowValues::F64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    };
    std::fs::write(path, bytes).expect("writes");
}

/// Counts for some programs of one shape, each on some rows.
fn counts(options: &CompileOptions, output: &str, models: usize) -> Vec<u64> {
    let region = callgrind::region("ct-region");
    let folder = tempfile::tempdir().expect("a folder");
    let first = program(&forest(1), options);
    let shape = first.shape().clone();
    let same_shape = (1..=200u8)
        .map(forest)
        .filter(|forest| *program(forest, options).shape() == shape)
        .take(models);
    let mut counts = Vec::new();
    for forest in same_shape {
        let file = folder.path().join("program.tau");
        let bytes = protocol::program::encode(program(&forest, options)).expect("encodes");
        std::fs::write(&file, bytes).expect("writes");
        let rows = folder.path().join("rows.bin");
        let length = ROWS * forest.features as usize;
        for values in [
            rows_around(&classified(&forest), ROWS, [9; 32]),
            rows_around(&classified(&forest), ROWS, [10; 32]),
            RowValues::F32(vec![0.0; length]),
            RowValues::F32(vec![f32::NAN; length]),
            RowValues::F32(vec![f32::from_bits(1); length]),
        ] {
            write_rows(&rows, &values);
            counts.push(count(&region, &file, &rows, output, false));
        }
    }
    assert!(counts.len() >= 5 * models, "too few models of one shape");
    counts
}

fn assert_one_count(name: &str, counts: &[u64]) {
    assert!(counts.iter().all(|count| *count == counts[0]), "{name}: counts differ: {counts:?}");
    assert!(counts[0] > 100_000, "{name}: the region was not counted");
}

#[test]
fn strict_counts_know_neither_rows_nor_model() {
    if !callgrind::is_there() {
        return;
    }
    let strict = CompileOptions::default();
    for output in ["margin", "probability", "label"] {
        assert_one_count(output, &counts(&strict, output, 3));
    }
    let fixed = CompileOptions { sum: SumMode::Fixed, ..strict };
    assert_one_count("fixed", &counts(&fixed, "margin", 3));
    let leaves = CompileOptions { purpose: Purpose::LeafIds, ..strict };
    assert_one_count("leaf", &counts(&leaves, "leaf", 3));
}

/// The first leak of this project was found here: the portable lanes worked byte by byte, and where
/// the vectoriser left two of 64 lanes over, rustc 1.95 made `max` a compare and a jump on the
/// rows' ranks. Counts differed in the fourth digit. Since then the portable lanes work on words.
#[test]
fn data_oblivious_counts_do_not_know_the_rows() {
    if !callgrind::is_there() {
        return;
    }
    let options = CompileOptions { profile: Profile::DataOblivious, ..CompileOptions::default() };
    assert_one_count("data-oblivious", &counts(&options, "label", 1));
}

#[test]
fn a_planted_branch_is_caught() {
    if !callgrind::is_there() {
        return;
    }
    let region = callgrind::region("ct-region");
    let folder = tempfile::tempdir().expect("a folder");
    let forest = forest(1);
    let file = folder.path().join("program.tau");
    let bytes = protocol::program::encode(program(&forest, &CompileOptions::default()));
    std::fs::write(&file, bytes.expect("encodes")).expect("writes");
    let rows = folder.path().join("rows.bin");
    let planted = [0.25f32, 0.75].map(|value| {
        write_rows(&rows, &RowValues::F32(vec![value; ROWS * forest.features as usize]));
        count(&region, &file, &rows, "margin", true)
    });
    assert_ne!(planted[0], planted[1], "a branch on the rows went unseen");
}
