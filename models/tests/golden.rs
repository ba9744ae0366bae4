//! Every golden model imports, and a plain branchy reading of it gives the library's own leaves,
//! margins (bit for bit) and labels.

mod plain;

use engine::{LinearParts, Model, Precision};
use models::{ImportOptions, Iterations, import_file};
use std::path::{Path, PathBuf};

fn golden_files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "golden")).collect();
    files.sort();
    files
}

fn model_beside(golden: &Path) -> PathBuf {
    let json = golden.with_extension("json");
    if json.exists() { json } else { golden.with_extension("txt") }
}

fn bits(text: &str, at: Precision) -> Vec<f64> {
    let one = |hex: &str| match at {
        Precision::F32 => f64::from(f32::from_bits(u32::from_str_radix(hex, 16).unwrap())),
        Precision::F64 => f64::from_bits(u64::from_str_radix(hex, 16).unwrap()),
    };
    text.split(',').map(one).collect()
}

fn check(golden: &Path) {
    // 1.7 records a best_iteration even where nothing stopped early; it is then the last
    let options = ImportOptions { iterations: Some(Iterations::All), ..Default::default() };
    let name = golden.display();
    let imported =
        import_file(model_beside(golden), &options).unwrap_or_else(|e| panic!("{name}: {e}"));
    let ensemble = match &imported.model {
        Model::Ensemble(ensemble) => ensemble,
        Model::Linear(linear) => return check_linear(golden, linear.parts()),
    };
    let parts = ensemble.parts();
    let text = std::fs::read_to_string(golden).unwrap();
    assert!(text.lines().count() > 10);
    for (number, line) in text.lines().enumerate() {
        let fields: Vec<&str> = line.split('|').collect();
        let row = bits(fields[0], parts.compare_at);
        let leaves: Vec<u32> = fields[1].split(',').map(|n| n.parse().unwrap()).collect();
        let result = plain::evaluate(parts, &row);
        assert_eq!(result.leaves, leaves, "{name} row {number}");
        let margins = bits(fields[2], parts.sum_at);
        let same = margins.iter().zip(&result.margins).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(
            same && margins.len() == result.margins.len(),
            "{name} row {number}: {margins:?} {:?}",
            result.margins
        );
        match plain::choose(parts.schema.label, parts.link, &result.margins) {
            Some(class) => {
                assert_eq!(parts.schema.classes[class], fields[3], "{name} row {number}")
            }
            None => assert_eq!(fields[3], "-", "{name} row {number}"),
        }
    }
}

/// The library adds through BLAS in an order of its own, so scores are close, not equal.
fn check_linear(golden: &Path, parts: &LinearParts) {
    let name = golden.display();
    for (number, line) in std::fs::read_to_string(golden).unwrap().lines().enumerate() {
        let fields: Vec<&str> = line.split('|').collect();
        let row = bits(fields[0], Precision::F64);
        let margins = plain::linear(parts, &row);
        for (ours, theirs) in margins.iter().zip(bits(fields[2], Precision::F64)) {
            assert!((ours - theirs).abs() <= 1e-12 * (1.0 + theirs.abs()), "{name} row {number}");
        }
        match plain::choose(parts.schema.label, parts.link, &margins) {
            Some(class) => {
                assert_eq!(parts.schema.classes[class], fields[3], "{name} row {number}")
            }
            None => assert_eq!(fields[3], "-", "{name} row {number}"),
        }
        if fields[4] != "-" {
            let proba = plain::probabilities(parts.link, &margins);
            for (ours, theirs) in proba.iter().zip(bits(fields[4], Precision::F64)) {
                assert!((ours - theirs).abs() <= 1e-12, "{name} row {number}");
            }
        }
    }
}

#[test]
fn committed_models() {
    let files = golden_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata"));
    assert!(files.len() >= 20, "{}", files.len());
    files.iter().for_each(|file| check(file));
}

/// More files, made by the same scripts with other library versions, from a folder of the caller's.
#[test]
fn models_from_elsewhere() {
    let Some(dir) = std::env::var_os("TAUTOCHRONE_GOLDEN_DIR") else {
        eprintln!("skipped: TAUTOCHRONE_GOLDEN_DIR is not set");
        return;
    };
    golden_files(Path::new(&dir)).iter().for_each(|file| check(file));
}
