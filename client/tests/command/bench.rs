//! `bench`: the keys that scripts read, and what cannot be timed.

use crate::support::{Folder, Golden};

#[test]
fn tells_what_it_measured() {
    let golden = Golden::load("xgboost-3.2.0-logistic");
    let folder = Folder::new();
    golden.write_rows(&folder.path("rows.csv"));
    let model = golden.model();
    let ran = folder.run(&format!(
        "bench --model {model} --data rows.csv --rows 1000 --runs 3 --threads 1 --backend portable --profile data-oblivious --json"
    ));
    let told: serde_json::Value = serde_json::from_str(ran.succeeded()).unwrap();
    let nanoseconds = told["ns_per_tree_row"].as_f64().unwrap();
    let trees = told["trees"].as_u64().unwrap();
    let rate = told["rows_per_s"].as_f64().unwrap();
    assert!((nanoseconds * trees as f64 * rate / 1e9 - 1.0).abs() < 1e-6, "{told}");
    assert!(told["peak_bytes"].as_u64().is_none_or(|bytes| bytes > 1 << 20), "{told}");
    for (key, expected) in [
        ("kernel", "bit-sliced".into()),
        ("backend", "portable".into()),
        ("profile", "data-oblivious".into()),
        ("precision", "f32".into()),
        ("threads", serde_json::json!(1)),
        ("rows", 1000.into()),
    ] {
        assert_eq!(told[key], expected, "{key}");
    }
}

#[test]
fn refuses_what_cannot_be_timed() {
    let golden = Golden::load("xgboost-3.2.0-logistic");
    let folder = Folder::new();
    golden.write_rows(&folder.path("rows.csv"));
    let model = golden.model();
    folder.run(&format!("compile {model} -o leaf.tau --output leaf")).succeeded();
    folder.run("bench --model leaf.tau --data rows.csv").failed(2);
    folder.run(&format!("bench --model {model} --data rows.csv --rows 0")).failed(2);
    folder.run(&format!("bench --model {model} --data rows.csv --rows 4000000000")).failed(2);
    folder.run(&format!("bench --model {model} --data nothing.csv")).failed(1);
    // a strict program's trees are walked by one kernel only
    folder.run(&format!("bench --model {model} --data rows.csv --kernel bit-sliced")).failed(2);
}
