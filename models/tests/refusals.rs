//! What a format can say and the engine cannot do is refused by name; damaged and hostile files are
//! refused with one line. Each case edits a small model that imports.

use models::{Format, ImportError, ImportOptions, Iterations, import, import_file};
use std::path::Path;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn xgboost() -> String {
    read("xgboost-3.2.0-logistic.json")
}

fn lightgbm() -> String {
    read("lightgbm-4.7.0-binary.txt")
}

fn sklearn() -> String {
    read("sklearn-1.9.1-holes.json")
}

/// Replaces the first `from`, which must be there, and everything up to `until`.
fn edit(text: &str, from: &str, until: &str, to: &str) -> String {
    let start = text.find(from).unwrap_or_else(|| panic!("no {from}"));
    let rest = &text[start + from.len()..];
    let end = rest.find(until).unwrap_or_else(|| panic!("no {until} after {from}"));
    format!("{}{to}{}", &text[..start], &rest[end..])
}

fn error(bytes: impl AsRef<[u8]>) -> String {
    match import(bytes.as_ref(), &ImportOptions::default()) {
        Ok(_) => panic!("it was imported"),
        Err(error) => one_line(&error),
    }
}

fn one_line(error: &ImportError) -> String {
    let line = error.to_string();
    assert!(!line.contains('\n') && line.len() < 700, "{line}");
    line
}

fn check(cases: &[(String, &str)]) {
    for (file, expected) in cases {
        let result = import(file.as_bytes(), &ImportOptions::default());
        let line = one_line(&result.err().unwrap_or_else(|| panic!("imported: {expected}")));
        assert!(line.contains(expected), "{line}\n  should say: {expected}");
    }
}

#[test]
fn formats_by_their_first_bytes() {
    let cases: [(&[u8], &str); 14] = [
        (b"", "empty"),
        (b"  \n ", "empty"),
        (b"\x80\x04\x95\x10\x00", "pickle"),
        (b"ccopy_reg\n_reconstructor", "pickle"),
        (b"\x78\x9c\x01", "joblib"),
        (b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner", "save_model('model.json')"),
        (b"binf\x00\x00\x00?", "old binary"),
        (b"PK\x03\x04", "skops"),
        (b"CBM1", "CatBoost"),
        (b"[{\"nodeid\":0}]", "dump_model"),
        (b"{\"name\":\"tree\",\"tree_info\":[]}", "LightGBM's JSON dump"),
        (b"{\"oblivious_trees\":[]}", "CatBoost"),
        (b"{}", "no model format"),
        (b"\x08\x07\x12", "no model format"),
    ];
    for (bytes, expected) in cases {
        let line = error(bytes);
        assert!(line.contains(expected), "{line}\n  should say: {expected}");
    }
}

#[test]
fn xgboost_constructs() {
    let file = xgboost();
    check(&[
        (edit(&file, "\"name\":\"gbtree\"", "}", "\"name\":\"dart\""), "dart"),
        (edit(&file, "\"name\":\"gbtree\"", "}", "\"name\":\"gblinear\""), "gblinear"),
        (edit(&file, "\"name\":\"binary:logistic\"", ",", "\"name\":\"my\\nown\""), "my\\nown"),
        (
            edit(&file, "\"split_type\":[0", ",", "\"split_type\":[1"),
            "tree 0, node 0: a categorical",
        ),
        (edit(&file, "\"categories_nodes\":[", "]", "\"categories_nodes\":[0"), "categorical"),
        (
            edit(&file, "\"size_leaf_vector\":\"1\"", "}", "\"size_leaf_vector\":\"3\""),
            "vector leaves",
        ),
        (edit(&file, "\"version\":[3,2,0", "]", "\"version\":[1,5,0"), "XGBoost 1.5.0"),
        (edit(&file, "\"version\":[3,2,0", "]", "\"version\":[4,0,0"), "XGBoost 4.0.0"),
        (
            edit(&file, "\"num_target\":\"1\"", "}", "\"num_class\":\"2\",\"num_target\":\"2\""),
            "twice",
        ),
    ]);
}

#[test]
fn xgboost_damage() {
    let file = xgboost();
    check(&[
        (file[..file.len() / 2].to_owned(), "EOF"),
        (format!("{file}x"), "trailing"),
        (edit(&file, "\"num_trees\":\"3\"", "}", "\"num_trees\":\"2147483648\""), "2147483648"),
        (edit(&file, "\"num_nodes\":\"7\"", ",", "\"num_nodes\":\"2147483648\""), "num_nodes"),
        (edit(&file, "\"left_children\":[1", ",", "\"left_children\":[0"), "cycle"),
        (edit(&file, "\"left_children\":[1", ",", "\"left_children\":[2"), "two parents"),
        (edit(&file, "\"left_children\":[1", ",", "\"left_children\":[99"), "child 99"),
        (edit(&file, "\"left_children\":[1", ",", "\"left_children\":[-7"), "child -7"),
        (edit(&file, "\"left_children\":[1", ",", "\"left_children\":[-1"), "child -1"),
        (edit(&file, "\"left_children\":[1", ",", "\"left_children\":[1.5"), "left_children"),
        (edit(&file, "\"left_children\":[1,", ",", "\"left_children\":[1"), "entries"),
        (edit(&file, "\"split_indices\":[", ",", "\"split_indices\":[9"), "feature"),
        (edit(&file, "\"split_conditions\":[", ",", "\"split_conditions\":[1e999"), "out of range"),
        (edit(&file, "\"split_conditions\":[", ",", "\"split_conditions\":[1e39"), "out of range"),
        (edit(&file, "\"split_conditions\":[", ",", "\"split_conditions\":[NaN"), "expected"),
        (edit(&file, "\"split_conditions\":[", ",", "\"split_conditions\":[null"), "null"),
        (edit(&file, "\"default_left\":[", ",", "\"default_left\":[2"), "0, 1, true or false"),
        (edit(&file, "\"tree_info\":[0", ",", "\"tree_info\":[7"), "output"),
        (edit(&file, "\"tree_info\":[0,", ",", "\"tree_info\":[0"), "tree_info"),
        (
            edit(&file, "\"iteration_indptr\":[0", ",", "\"iteration_indptr\":[1"),
            "iteration_indptr",
        ),
        (edit(&file, "\"base_score\":", ",", "\"base_score\":\"nan\""), "base_score"),
        (edit(&file, "\"base_score\":", ",", "\"base_score\":\"[0.5,0.5]\""), "2 values"),
        (edit(&file, "\"base_score\":", ",", "\"base_score\":\"1.5\""), "between 0 and 1"),
        (edit(&file, "\"base_score\":", ",", "\"base_score\":{}"), "base_score"),
        (edit(&file, "\"base_score\":", ",", "\"base_score\":1e999"), "out of range"),
        (edit(&file, "\"base_score\":", ",", "\"base_score\":\"1E39\""), "no finite number"),
        (edit(&file, "\"base_score\":", ",", "\"base_score\":\"inf\""), "no finite number"),
        (edit(&file, "\"split_conditions\":[", ",", "\"split_conditions\":[Infinity"), "expected"),
        (
            edit(
                &file,
                "\"num_feature\":\"4\",\"num_t",
                "a",
                "\"num_feature\":\"4294967296\",\"num_t",
            ),
            "num_feature",
        ),
        (
            edit(&file, "\"num_feature\":\"4\",\"num_t", "a", "\"num_feature\":\"0\",\"num_t"),
            "no features",
        ),
        (edit(&file, "\"num_class\":\"0\"", ",", "\"num_class\":\"99999999999\""), "outputs"),
        (edit(&file, "\"feature_names\":[", "]", "\"feature_names\":[\"a\""), "feature names"),
        (edit(&file, "\"trees\":[", "]", "\"trees\":[],\"x\":[["), "JSON"),
        (edit(&file, "\"objective\":{", "\"reg_loss", "\"objective\":{"), "objective.name"),
    ]);
}

#[test]
fn duplicate_keys_at_every_level() {
    let file = xgboost();
    check(&[
        (edit(&file, "{\"learner\":", "{", "{\"version\":[3,2,0],\"learner\":"), "twice"),
        (edit(&file, "\"num_class\":", ",", "\"num_class\":\"0\",\"num_class\":\"0\""), "twice"),
        (
            edit(&file, "\"cats\":{", "\"", "\"cats\":{\"z\":{\"a\":1,\"a\":1},"),
            "\"a\" appears twice",
        ),
        (
            edit(&file, "{\"learner\":", "{", "{\"x\":[{\"b\":1,\"\\u0062\":2}],\"learner\":"),
            "twice",
        ),
    ]);
}

#[test]
fn nesting_is_limited() {
    check(&[
        ("{\"x\":".to_owned() + &"[".repeat(1_000_000), "recursion limit"),
        ("{\"x\":".repeat(1_000_000), "recursion limit"),
    ]);
}

#[test]
fn early_stopping_needs_a_choice() {
    let file =
        edit(&xgboost(), "\"attributes\":{", "}", "\"attributes\":{\"best_iteration\":\"0\"");
    assert!(error(&file).contains("--iterations best or --iterations all"));
    let rounds = |iterations| {
        let options = ImportOptions { iterations: Some(iterations), ..Default::default() };
        let imported = import(file.as_bytes(), &options).unwrap();
        let engine::Model::Ensemble(ensemble) = imported.model else { panic!() };
        (imported.source.rounds.unwrap().used, ensemble.parts().trees.len())
    };
    assert_eq!(rounds(Iterations::Best), (1, 1));
    assert_eq!(rounds(Iterations::All), (3, 3));
    let last =
        edit(&xgboost(), "\"attributes\":{", "}", "\"attributes\":{\"best_iteration\":\"2\"");
    assert!(import(last.as_bytes(), &ImportOptions::default()).is_ok());
    let beyond =
        edit(&xgboost(), "\"attributes\":{", "}", "\"attributes\":{\"best_iteration\":\"3\"");
    assert!(error(&beyond).contains("3 rounds"));
    let best = ImportOptions { iterations: Some(Iterations::Best), ..Default::default() };
    for file in [xgboost(), lightgbm(), sklearn()] {
        assert!(matches!(import(file.as_bytes(), &best), Err(ImportError::NoBestIteration)));
    }
}

#[test]
fn lightgbm_constructs() {
    let file = lightgbm();
    let objective = "objective=binary sigmoid:1.7";
    check(&[
        (edit(&file, "decision_type=8", " ", "decision_type=1"), "a categorical split"),
        (edit(&file, "is_linear=0", "\n", "is_linear=1"), "linear_tree=false"),
        (edit(&file, objective, "\n", "objective=regression sqrt"), "reg_sqrt"),
        (edit(&file, objective, "\n", "objective=cross_entropy_lambda"), "cross_entropy_lambda"),
        (edit(&file, "version=v4", "\n", "version=v2"), "v2"),
    ]);
}

#[test]
fn lightgbm_damage() {
    let file = lightgbm();
    check(&[
        (file[..file.len() / 2].to_owned(), "line"),
        (edit(&file, "num_leaves=5", "\n", "num_leaves=2147483648"), "line"),
        (edit(&file, "num_leaves=5", "\n", "num_leaves=0"), "num_leaves"),
        (edit(&file, "left_child=", " ", "left_child=0"), "tree 0"),
        (edit(&file, "left_child=", " ", "left_child=99"), "tree 0"),
        (edit(&file, "left_child=", " ", "left_child=-2147483648"), "tree 0"),
        (edit(&file, "threshold=", " ", "threshold=nan"), "threshold: a value is NaN"),
        (edit(&file, "threshold=", " ", "threshold=1e999"), "\"1e999\" is not a number that fits"),
        (
            edit(&file, "threshold=", " ", "threshold=-1e309"),
            "\"-1e309\" is not a number that fits",
        ),
        (edit(&file, "threshold=", " ", "threshold=Infinity"), "\"Infinity\" is not a number"),
        (edit(&file, "leaf_value=", " ", "leaf_value=inf"), "leaf_value"),
        (
            edit(&file, "leaf_value=", " ", "leaf_value=1e999"),
            "\"1e999\" is not a number that fits",
        ),
        (edit(&file, "leaf_value=", " ", "leaf_value="), "4 entries where 5 were due"),
        (edit(&file, "decision_type=8", " ", "decision_type=12"), "no decision type"),
        (edit(&file, "decision_type=8", " ", "decision_type=64"), "no decision type"),
        (edit(&file, "split_feature=", " ", "split_feature=7"), "tree 0"),
        (edit(&file, "split_feature=", " ", "split_feature=-1"), "split_feature"),
        (edit(&file, "Tree=1", "\n", "Tree=5"), "tree 1 was due"),
        (edit(&file, "tree_sizes=", "\n", "tree_sizes=1 2"), "tree_sizes"),
        (edit(&file, "num_tree_per_iteration=1", "\n", "num_tree_per_iteration=0"), "outputs"),
        (edit(&file, "max_feature_idx=3", "\n", "max_feature_idx=4294967295"), "max_feature_idx"),
        (edit(&file, "max_feature_idx=3", "\n", "max_feature_idx=9"), "feature_names"),
        (edit(&file, "num_class=1", "\n", "num_class=1\nnum_class=1"), "line 4"),
        (edit(&file, "sigmoid:1.7", "\n", "sigmoid:0"), "sigmoid"),
        (edit(&file, "sigmoid:1.7", "\n", "sigmoid:1e999"), "sigmoid"),
        (edit(&file, "end of trees", "\n", ""), "end of trees"),
        ("tree\n".to_owned(), "line"),
    ]);
    assert!(error([b"tree\nversion=v4\n".as_slice(), b"\xff\xfe\n"].concat()).contains("line 3"));
}

#[test]
fn lightgbm_writes_infinite_thresholds() {
    for threshold in ["inf", "-inf"] {
        let file = edit(&lightgbm(), "threshold=", " ", &format!("threshold={threshold}"));
        let imported = import(file.as_bytes(), &ImportOptions::default()).unwrap();
        let engine::Model::Ensemble(ensemble) = imported.model else { panic!() };
        let first = ensemble.parts().trees[0].splits[0].threshold;
        assert_eq!(first, threshold.parse::<f64>().unwrap());
    }
}

#[test]
fn sklearn_damage() {
    let file = sklearn();
    check(&[
        (edit(&file, "\"format_version\": 1", ",", "\"format_version\": 2"), "format_version"),
        (edit(&file, "\"DecisionTreeClassifier\"", ",", "\"SVC\""), "SVC"),
        (edit(&file, "\"classes\": [", "]", "\"classes\": [\"0\""), "fewer than two classes"),
        (edit(&file, "\"classes\": [", "]", "\"classes\": [\"0\", \"1\""), "shape"),
        (edit(&file, "\"dtype\": \"<i4\"", ",", "\"dtype\": \"<i8\""), "type"),
        (edit(&file, "\"shape\": [", "]", "\"shape\": [18446744073709551615"), "left"),
        (edit(&file, "\"shape\": [", "]", "\"shape\": [0"), "no nodes"),
        (edit(&file, "\"data\": \"", "\"", "\"data\": \"!!"), "base64"),
        (edit(&file, "\"data\": \"", "\"", "\"data\": \"AAAA"), "bytes"),
        (edit(&file, "\"output\": 0", ",", "\"output\": 1"), "output"),
        (edit(&file, "\"n_features\": 4", ",", "\"n_features\": 1"), "reads feature"),
        (edit(&file, "\"n_features\": 4", ",", "\"n_features\": 0"), "feature"),
    ]);
}

#[test]
fn missing_belongs_to_xgboost() {
    let options = ImportOptions { missing: Some(-999.0), ..Default::default() };
    let imported = import(xgboost().as_bytes(), &options).unwrap();
    assert_eq!(imported.source.format, Format::XgboostJson);
    assert_eq!(imported.source.missing, Some(-999.0));
    for file in [lightgbm(), sklearn()] {
        assert!(one_line(&import(file.as_bytes(), &options).err().unwrap()).contains("--missing"));
    }
    let infinite = ImportOptions { missing: Some(f32::INFINITY), ..Default::default() };
    assert!(import(xgboost().as_bytes(), &infinite).is_err());
}

#[test]
fn files_are_capped() {
    let small = ImportOptions { max_bytes: 100, ..Default::default() };
    assert!(matches!(import(&[b'{'; 101], &small), Err(ImportError::TooLarge { cap: 100 })));
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(1 << 40).unwrap();
    let capped = import_file(file.path(), &ImportOptions::default());
    assert!(matches!(capped, Err(ImportError::TooLarge { .. })));
    let gone = import_file("/no/such/model", &ImportOptions::default());
    assert!(matches!(gone, Err(ImportError::Read { .. })));
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_without_a_length_is_capped_too() {
    let small = ImportOptions { max_bytes: 1000, ..Default::default() };
    let endless = import_file("/dev/zero", &small);
    assert!(matches!(endless, Err(ImportError::TooLarge { cap: 1000 })));
}
