//! Predictions: what is written reads back to the same bits.

use client::data::{
    CopiedColumn, CopiedValues, Fault, Predictions, ScoreValues, check, replace_file, write,
};
use engine::Precision::{F32, F64};
use proptest::prelude::*;

use crate::support::{Folder, f32s, f64s, load, load_with, named, unnamed};

fn names(prefix: &str, n: usize) -> Vec<String> {
    (0..n).map(|k| format!("{prefix}_{k}")).collect()
}

fn text(values: &[Option<&str>]) -> CopiedValues {
    CopiedValues::Text(values.iter().map(|v| v.map(Into::into)).collect())
}

fn written(name: &str, predictions: &Predictions<'_>) -> Vec<u8> {
    let folder = Folder::new();
    write(&folder.path(name), predictions).unwrap();
    assert_eq!(folder.names(), [name], "only the finished file is left");
    std::fs::read(folder.path(name)).unwrap()
}

#[test]
fn csv_of_scores_and_copies() {
    let copied = [
        CopiedColumn { name: "id".into(), values: text(&[Some("a,b"), Some("say \"x\""), None]) },
        CopiedColumn { name: "n".into(), values: CopiedValues::Int(vec![Some(-3), None, Some(4)]) },
        CopiedColumn {
            name: "w".into(),
            values: CopiedValues::F64(vec![Some(1e300), Some(f64::NAN), None]),
        },
    ];
    let scores = [0.1f32, f32::NAN, f32::INFINITY, -0.0, 1e-45, 16777216.0];
    let predictions = Predictions {
        copied: &copied,
        names: &names("margin", 2),
        scores: ScoreValues::F32(&scores),
    };
    let expected = "id,n,w,margin_0,margin_1\n\
                    \"a,b\",-3,1e300,0.1,NaN\n\
                    \"say \"\"x\"\"\",,NaN,inf,-0.0\n\
                    ,4,,1e-45,16777216.0\n";
    assert_eq!(String::from_utf8(written("p.csv", &predictions)).unwrap(), expected);
}

#[test]
fn labels_as_text_and_as_numbers() {
    let labels = ["no".to_string(), "yes".to_string()];
    let scores = ScoreValues::Classes { indices: &[1, 0], labels: &labels };
    let name = ["label".to_string()];
    let predictions = Predictions { copied: &[], names: &name, scores };
    assert_eq!(written("p.csv", &predictions), b"label\nyes\nno\n");
    let folder = Folder::new();
    let error = write(&folder.path("p.npy"), &predictions).unwrap_err();
    assert!(error.to_string().contains("name the output .csv or .parquet"), "{error}");
    assert!(check(&folder.path("p.npy"), &predictions).is_err());
    assert!(folder.names().is_empty());

    for (labels, values) in
        [(["0", "1"], [1.0, 0.0]), (["-1", "7"], [7.0, -1.0]), (["0.5", "2"], [2.0, 0.5])]
    {
        let labels = labels.map(str::to_owned);
        let scores = ScoreValues::Classes { indices: &[1, 0], labels: &labels };
        let predictions = Predictions { copied: &[], names: &name, scores };
        let bytes = written("p.npy", &predictions);
        assert_eq!(f64s(&load("p.npy", bytes, &unnamed(1), F64).unwrap()), values);
    }
}

#[test]
fn parquet_keeps_text_labels_and_copied_types() {
    let copied = [
        CopiedColumn { name: "t".into(), values: text(&[Some("ä"), None]) },
        CopiedColumn { name: "i".into(), values: CopiedValues::Int(vec![None, Some(i64::MIN)]) },
        CopiedColumn { name: "f".into(), values: CopiedValues::F32(vec![Some(0.1), None]) },
        CopiedColumn { name: "d".into(), values: CopiedValues::F64(vec![Some(0.1), None]) },
        CopiedColumn { name: "b".into(), values: CopiedValues::Bool(vec![Some(true), None]) },
    ];
    let labels = ["no".to_string(), "yes".to_string()];
    let name = ["label".to_string()];
    let scores = ScoreValues::Classes { indices: &[1, 0], labels: &labels };
    let bytes = written("p.parquet", &Predictions { copied: &copied, names: &name, scores });
    let table =
        load_with("p.parquet", bytes, &named(&["f"]), F32, &["t", "i", "d", "b", "label"], &[])
            .unwrap();
    for (k, back) in [(0, 0), (1, 1), (3, 2), (4, 3)] {
        assert_eq!(table.copied()[back], copied[k]);
    }
    assert_eq!(table.copied()[4].values, text(&[Some("yes"), Some("no")]));
}

#[test]
fn a_copied_column_may_not_shadow_a_score() {
    let copied = [CopiedColumn { name: "label".into(), values: text(&[]) }];
    let name = ["label".to_string()];
    let predictions = Predictions { copied: &copied, names: &name, scores: ScoreValues::U32(&[]) };
    let error = check(&Folder::new().path("p.csv"), &predictions).unwrap_err();
    assert!(matches!(error.fault(), Fault::OutputName), "{error}");
}

#[test]
fn a_failure_leaves_no_file() {
    let folder = Folder::new();
    let predictions =
        Predictions { copied: &[], names: &names("leaf", 1), scores: ScoreValues::U32(&[1]) };
    let error = write(&folder.path("no/such/p.csv"), &predictions).unwrap_err();
    assert!(error.is_io(), "{error}");
    assert!(write(&folder.path("p.txt"), &predictions).is_err());
    check(&folder.path("p.csv"), &predictions).unwrap();
    assert!(folder.names().is_empty());
    let error = replace_file(std::path::Path::new("/dev/null"), b"x").unwrap_err();
    assert!(matches!(error.fault(), Fault::NotAFile), "{error}");
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let folder = Folder::new();
    let real = folder.file("real.csv", "old");
    let link = folder.path("link.csv");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let predictions =
        Predictions { copied: &[], names: &names("leaf", 1), scores: ScoreValues::U32(&[1]) };
    write(&link, &predictions).unwrap();
    assert!(link.is_symlink());
    assert_eq!(std::fs::read(&real).unwrap(), b"leaf_0\n1\n");
}

/// Any bits, one NaN.
fn any_f64() -> impl Strategy<Value = f64> {
    any::<u64>().prop_map(f64::from_bits).prop_map(|v| if v.is_nan() { f64::NAN } else { v })
}

fn any_f32() -> impl Strategy<Value = f32> {
    any::<u32>().prop_map(f32::from_bits).prop_map(|v| if v.is_nan() { f32::NAN } else { v })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn f64_round_trips_through_every_format(
        values in (1usize..5).prop_flat_map(|width| {
            prop::collection::vec(prop::collection::vec(any_f64(), width), 0..20)
        })
    ) {
        let width = values.first().map_or(1, Vec::len);
        let flat: Vec<f64> = values.concat();
        let names = names("probability", width);
        let predictions =
            Predictions { copied: &[], names: &names, scores: ScoreValues::F64(&flat) };
        let schema = named(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for file in ["p.csv", "p.npy", "p.parquet"] {
            let table = load(file, written(file, &predictions), &schema, F64).unwrap();
            let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&f64s(&table)), bits(&flat), "{}", file);
        }
    }

    #[test]
    fn f32_round_trips_through_every_format(flat in prop::collection::vec(any_f32(), 0..40)) {
        let names = ["margin".to_string()];
        let predictions =
            Predictions { copied: &[], names: &names, scores: ScoreValues::F32(&flat) };
        for file in ["p.csv", "p.npy", "p.parquet"] {
            let table = load(file, written(file, &predictions), &named(&["margin"]), F32).unwrap();
            let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&f32s(&table)), bits(&flat), "{}", file);
        }
    }

    #[test]
    fn copied_text_round_trips(
        cells in prop::collection::vec("[^\\x00\r\n]{0,12}", 1..20),
        leaves in any::<u32>(),
    ) {
        let values = CopiedValues::Text(cells.iter().map(|c| Some(c.as_str().into())).collect());
        let copied = [CopiedColumn { name: "id".into(), values }];
        let scores = vec![leaves; cells.len()];
        let names = ["leaf_0".to_string()];
        let predictions =
            Predictions { copied: &copied, names: &names, scores: ScoreValues::U32(&scores) };
        for file in ["p.csv", "p.parquet"] {
            let bytes = written(file, &predictions);
            let table = load_with(file, bytes, &named(&["leaf_0"]), F64, &["id"], &[]).unwrap();
            prop_assert_eq!(table.copied(), &copied[..]);
            prop_assert!(f64s(&table).iter().all(|&v| v == f64::from(leaves)));
        }
    }
}
