//! Malformed model files, one table for each format: what is done to a small valid file, and what the
//! one line must say.

use std::path::Path;

/// Name of the file, its bytes, what the line says.
pub(super) type Case = (&'static str, Vec<u8>, &'static str);

pub(super) fn all() -> Vec<Case> {
    let tables = [foreign(), json(), xgboost(), lightgbm(), sklearn(), bombs()];
    tables.into_iter().flatten().collect()
}

/// Not a model, or one of a kind that is never read.
fn foreign() -> Vec<Case> {
    let python = "which is not read here; convert it in Python: import";
    vec![
        ("empty", Vec::new(), "the model file is empty; save"),
        ("blank", b" \n\t\n".to_vec(), "the model file is empty; save"),
        ("one-byte", b"\0".to_vec(), "no model format known here; give"),
        ("nul-bytes", vec![0; 4096], "no model format known here; give"),
        ("ff-bytes", vec![0xff; 4096], "no model format known here; give"),
        ("text", b"weight,height\n1,2\n".to_vec(), "no model format known here; give"),
        ("utf16", b"\xff\xfe{\0}\0".to_vec(), "no model format known here; give"),
        ("pickle-2", b"\x80\x02csklearn.tree\n".to_vec(), python),
        ("pickle-5", b"\x80\x05\x95\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(), python),
        ("pickle-0", b"ccopy_reg\n_reconstructor\n".to_vec(), python),
        ("joblib-zlib", b"\x78\x9c\xed\xbd".to_vec(), python),
        ("joblib-gzip", b"\x1f\x8b\x08\0\0\0\0\0".to_vec(), python),
        ("joblib-bz2", b"BZh91AY&SY".to_vec(), python),
        ("joblib-xz", b"\xfd7zXZ\0".to_vec(), python),
        ("joblib-lz4", b"\x04\x22\x4d\x18".to_vec(), python),
        ("skops", b"PK\x03\x04\x14\0\0\0".to_vec(), python),
        ("ubjson", b"{L\0\0\0\0\0\0\0\x07learner{".to_vec(), python),
        ("ubjson-typed", b"{$U#L\x7f\xff\xff\xff\xff\xff\xff\xff".to_vec(), python),
        ("old-binary", b"binf\0\0\0\x3f\xff\xff\xff\xff".to_vec(), python),
        ("old-binary-64", b"bs64\tYmluZg==".to_vec(), python),
        ("dump-json", b"[{\"nodeid\": 0, \"leaf\": 1}]".to_vec(), python),
        ("dump-text", b"booster[0]:\n0:leaf=1\n".to_vec(), python),
        ("catboost", b"CBM1\xff\xff\xff\xff".to_vec(), "not supported yet: train the model with"),
        ("parquet", b"PAR1PAR1".to_vec(), "no model format known here; give"),
        ("elf", b"\x7fELF\x02\x01\x01".to_vec(), "no model format known here; give"),
    ]
}

/// JSON that is none, or not strict enough.
fn json() -> Vec<Case> {
    let file = xgboost_file();
    let mut latin = file.clone().into_bytes();
    let at = file.find("binary:logistic").unwrap();
    latin[at] = 0xe9;
    let mut half_surrogate = edit(&file, "\"name\":\"binary:logistic", "\"", "\"name\":\"\\ud800");
    half_surrogate.push(' ');
    vec![
        ("brace.json", b"{".to_vec(), "EOF"),
        ("object.json", b"{}".to_vec(), "no model format known here; give"),
        ("half.json", file.as_bytes()[..file.len() / 2].to_vec(), "EOF"),
        ("last-byte.json", file.as_bytes()[..file.len() - 1].to_vec(), "EOF"),
        ("trailing.json", format!("{file}}}").into(), "trailing characters"),
        ("two.json", format!("{file}{file}").into(), "trailing characters"),
        ("comma.json", edit(&file, "\"version\":[3", ",", "\"version\":[3,").into(), "expected"),
        ("comment.json", file.replacen(':', ":/* */", 1).into(), "expected value"),
        ("single-quotes.json", file.replace('"', "'").into(), "key must be a string"),
        ("latin.json", latin, "invalid unicode"),
        ("surrogate.json", half_surrogate.into(), "hex escape"),
        ("nul.json", edit(&file, "binary:", "l", "binary:\0").into(), "control character"),
        ("bom.json", format!("\u{feff}{file}").into(), "byte order mark"),
        ("nested-lists.json", format!("{{\"x\":{}", "[".repeat(200_000)).into(), "recursion limit"),
        ("nested-objects.json", "{\"x\":".repeat(200_000).into(), "recursion limit"),
        ("twice-top.json", file.replacen('{', "{\"version\":[3,2,0],", 1).into(), "appears twice"),
        (
            "twice-ignored.json",
            edit(&file, "\"cats\":{", "\"", "\"cats\":{\"z\":1,\"\\u007a\":2,").into(),
            "\"z\" appears twice",
        ),
        (
            "twice-tree.json",
            edit(&file, "\"left_children\":", "[", "\"left_children\":[],\"left_children\":")
                .into(),
            "\"left_children\" appears twice",
        ),
        (
            "nan.json",
            edit(&file, "\"split_conditions\":[", ",", "\"split_conditions\":[NaN").into(),
            "expected",
        ),
        (
            "overflow-ignored.json",
            edit(&file, "\"base_weights\":[", ",", "\"base_weights\":[1e999").into(),
            "number out of range",
        ),
    ]
}

fn xgboost() -> Vec<Case> {
    let file = xgboost_file();
    let list = |key: &str, first: &str| {
        edit(&file, &format!("\"{key}\":["), ",", &format!("\"{key}\":[{first}")).into_bytes()
    };
    let value = |key: &str, to: &str| {
        edit(&file, &format!("\"{key}\":\""), "\"", &format!("\"{key}\":\"{to}")).into_bytes()
    };
    vec![
        ("cycle.json", list("left_children", "0"), "form a cycle"),
        (
            "long-cycle.json",
            edit(&file, "\"left_children\":[1,3", ",", "\"left_children\":[1,0").into(),
            "form a cycle",
        ),
        ("two-parents.json", list("left_children", "2"), "two parents"),
        ("child-99.json", list("left_children", "99"), "its child 99 is no node"),
        ("child-negative.json", list("left_children", "-7"), "its child -7 is no node"),
        ("child-half.json", list("left_children", "1.5"), "left_children"),
        ("child-text.json", list("left_children", "\"1\""), "left_children"),
        ("child-2-to-31.json", list("left_children", "2147483648"), "left_children"),
        ("one-child.json", list("left_children", "-1"), "child -1 is no node"),
        ("too-few.json", list("right_children", "2,4"), "entries"),
        ("no-nodes.json", list("left_children", "],\"x\":[1"), "left_children has 0"),
        ("feature-99.json", list("split_indices", "99"), "feature"),
        ("feature-negative.json", list("split_indices", "-1"), "split_indices"),
        ("threshold-1e999.json", list("split_conditions", "1e999"), "out of range"),
        ("threshold-1e39.json", list("split_conditions", "1e39"), "out of range"),
        ("threshold-null.json", list("split_conditions", "null"), "null"),
        ("threshold-list.json", list("split_conditions", "[1]"), "split_conditions"),
        ("default-2.json", list("default_left", "2"), "0, 1, true or false"),
        ("categorical.json", list("split_type", "1"), "encode the categories as numbers"),
        ("trees-2-to-31.json", value("num_trees", "2147483648"), "claims 2147483648 trees"),
        ("trees-none.json", value("num_trees", ""), "num_trees"),
        ("nodes-2-to-31.json", value("num_nodes", "2147483648"), "claims 2147483648 nodes"),
        ("classes-2-to-31.json", value("num_class", "2147483648"), "claims 2147483648 outputs"),
        (
            "features-2-to-32.json",
            edit(
                &file,
                "\"num_feature\":\"4\",\"num_t",
                "a",
                "\"num_feature\":\"4294967296\",\"num_t",
            )
            .into(),
            "num_feature",
        ),
        (
            "output-7.json",
            list("tree_info", "7"),
            "adds to an output that the model does not have; the file is damaged",
        ),
        ("rounds.json", list("iteration_indptr", "1"), "iteration_indptr"),
        ("base-nan.json", value("base_score", "nan"), "base_score"),
        ("base-1e39.json", value("base_score", "1e39"), "base_score"),
        ("base-open.json", value("base_score", "[0.5"), "base_score"),
        ("objective.json", value("objective\":{\"name", "my\\u0007own"), "my\\u{7}own"),
        ("learner-list.json", b"{\"learner\":[],\"version\":[3,2,0]}".to_vec(), "learner"),
        (
            "learner-empty.json",
            b"{\"learner\":{},\"version\":[3,2,0]}".to_vec(),
            "gradient_booster is missing",
        ),
        (
            "version-text.json",
            edit(&file, "\"version\":[", "]", "\"version\":[\"x\"").into(),
            "version",
        ),
        (
            "version-9.json",
            edit(&file, "\"version\":[", "]", "\"version\":[9,0,0").into(),
            "XGBoost 1.7 to 3.x",
        ),
    ]
}

fn lightgbm() -> Vec<Case> {
    let file = read("lightgbm-4.7.0-binary.txt");
    let first = |key: &str, to: &str| {
        edit(&file, &format!("\n{key}="), " ", &format!("\n{key}={to}")).into_bytes()
    };
    let line = |key: &str, to: &str| {
        edit(&file, &format!("\n{key}="), "\n", &format!("\n{key}={to}")).into_bytes()
    };
    let without = |key: &str| {
        let lines = file.lines().filter(|line| !line.starts_with(&format!("{key}=")));
        lines.collect::<Vec<_>>().join("\n").into_bytes()
    };
    vec![
        ("magic-only.txt", b"tree\n".to_vec(), "line"),
        ("half.txt", file.as_bytes()[..file.len() / 3].to_vec(), "line"),
        ("no-end.txt", file.replace("end of trees", "").into(), "stops before \"end of trees\""),
        ("no-version.txt", without("version"), "the key version is missing"),
        ("no-names.txt", without("feature_names"), "the key feature_names is missing"),
        ("no-outputs.txt", without("num_tree_per_iteration"), "is missing"),
        ("no-leaves.txt", without("num_leaves"), "the key num_leaves is missing"),
        ("no-thresholds.txt", without("threshold"), "the key threshold is missing"),
        ("no-children.txt", without("right_child"), "the key right_child is missing"),
        ("no-types.txt", without("decision_type"), "the key decision_type is missing"),
        ("no-values.txt", without("leaf_value"), "the key leaf_value is missing"),
        ("no-tree.txt", without("Tree"), "appears twice"),
        ("cycle.txt", first("left_child", "0"), "tree 0"),
        ("child-99.txt", first("left_child", "99"), "tree 0"),
        ("leaf-99.txt", first("left_child", "-99"), "tree 0"),
        ("child-2-to-31.txt", first("left_child", "2147483648"), "not a number that fits"),
        ("leaves-2-to-31.txt", line("num_leaves", "2147483648"), "2147483648 were due"),
        ("leaves-none.txt", line("num_leaves", "0"), "num_leaves"),
        ("leaves-negative.txt", line("num_leaves", "-5"), "num_leaves"),
        ("threshold-nan.txt", first("threshold", "nan"), "threshold: a value is NaN"),
        ("threshold-1e999.txt", first("threshold", "1e999"), "\"1e999\" is not a number"),
        ("threshold-hex.txt", first("threshold", "0x1p3"), "\"0x1p3\" is not a number"),
        ("value-inf.txt", first("leaf_value", "inf"), "leaf_value: a value is infinite"),
        ("value-word.txt", first("leaf_value", "much"), "\"much\" is not a number"),
        ("feature-99.txt", first("split_feature", "99"), "tree 0"),
        ("type-64.txt", first("decision_type", "64"), "no decision type"),
        ("features-2-to-32.txt", line("max_feature_idx", "4294967295"), "max_feature_idx"),
        (
            "outputs-2-to-31.txt",
            line("num_tree_per_iteration", "2147483648"),
            "no count of outputs",
        ),
        ("sizes.txt", line("tree_sizes", "1 2"), "lists 2 trees"),
        ("tree-number.txt", line("Tree", "7"), "tree 0 was due"),
        ("twice.txt", line("num_class", "1\nnum_class=1"), "appears twice"),
        ("objective.txt", line("objective", "my\u{7}own"), "train with"),
        ("latin.txt", [file.as_bytes(), b"\xe9"].concat(), "not UTF-8"),
        ("nul.txt", first("threshold", "\0"), "not a number"),
    ]
}

fn sklearn() -> Vec<Case> {
    let file = read("sklearn-1.9.1-holes.json");
    let put = |from: &str, until: &str, to: &str| edit(&file, from, until, to).into_bytes();
    let linear = read("sklearn-1.9.1-linear.json");
    vec![
        ("format.json", put("\"format_version\": ", ",", "\"format_version\": 9"), "export-script sklearn"),
        ("format-name.json", put("\"tautochrone-sk", "\"", "\"other"), "no model format known"),
        ("estimator.json", put("\"DecisionTreeC", "\"", "\"SVC"), "SVC"),
        ("estimator-none.json", put("\"estimator\": ", ",", "\"estimator\": null"), "model.estimator"),
        ("model-none.json", b"{\"format\":\"tautochrone-sklearn\",\"format_version\":1}".to_vec(), "model"),
        ("one-class.json", put("\"classes\": [", "]", "\"classes\": [\"0\""), "two classes or more"),
        ("class-number.json", put("\"classes\": [", "]", "\"classes\": [0, 1, 2"), "string"),
        ("no-trees.json", b"{\"format\":\"tautochrone-sklearn\",\"format_version\":1,\"model\":{\"estimator\":\"DecisionTreeRegressor\",\"n_features\":1,\"trees\":[]}}".to_vec(), "0 trees"),
        ("type-lie.json", put("\"dtype\": \"<i4\"", ",", "\"dtype\": \"<f8\""), "its type is"),
        ("shape-2-to-64.json", put("\"shape\": [", "]", "\"shape\": [18446744073709551616"), "shape"),
        ("shape-2-to-63.json", put("\"shape\": [", "]", "\"shape\": [9223372036854775808"), "left"),
        ("shape-2-to-61.json", put("\"shape\": [", "]", "\"shape\": [2305843009213693952"), "left"),
        ("shape-none.json", put("\"shape\": [", "]", "\"shape\": ["), "no nodes"),
        ("shape-short.json", put("\"shape\": [", "]", "\"shape\": [14"), "bytes"),
        ("base64.json", put("\"data\": \"", "\"", "\"data\": \"A*=="), "base64"),
        ("base64-short.json", put("\"data\": \"", "\"", "\"data\": \"AAAA"), "bytes"),
        ("cycle.json", put("\"data\": \"AQAA", "\"", "\"data\": \"AAAAAAIAAAADAAAA//////////8GAAAA//////////8JAAAACgAAAP//////////DQAAAP//////////"), "form a cycle"),
        ("child-out.json", put("\"data\": \"AQAA", "\"", "\"data\": \"/wAAAAIAAAADAAAA//////////8GAAAA//////////8JAAAACgAAAP//////////DQAAAP//////////"), "its child 255"),
        ("features-none.json", put("\"n_features\": ", ",", "\"n_features\": 0"), "features"),
        ("features-few.json", put("\"n_features\": ", ",", "\"n_features\": 1"), "reads feature"),
        ("coef-shape.json", edit(&linear, "\"n_features\": ", ",", "\"n_features\": 9").into(), "model.coef"),
        ("coef-nan.json", edit(&linear, "\"data\": \"", "\"", "\"data\": \"AAAAAAAA+H8vFdANJzrwP9Ae57mBTPE/OcUZ4fi17z8=").into(), "coefficient"),
        ("intercept-none.json", linear.replace("\"intercept\"", "\"x\"").into(), "model.intercept"),
    ]
}

/// Megabytes that want to become many more, or to take for ever.
fn bombs() -> Vec<Case> {
    const SIZE: usize = 6 << 20;
    let fill = |start: &str, unit: &str, end: &str| {
        let mut text = String::from(start);
        while text.len() < SIZE {
            text.push_str(unit);
        }
        text.push_str(end);
        text.into_bytes()
    };
    let keys = |start: &str, line: &dyn Fn(usize) -> String| {
        let mut text = String::from(start);
        for number in 0.. {
            if text.len() >= SIZE {
                return text.into_bytes();
            }
            text.push_str(&line(number));
        }
        unreachable!()
    };
    let tree = "{\"learner\":{\"gradient_booster\":{\"model\":{";
    vec![
        ("many-keys.json", keys("{\"x\":{", &|n| format!("\"{n:x}\":0,")), "keys"),
        ("many-versions.json", fill("{\"version\":[", "1,", "1]}"), "more than"),
        (
            "many-names.json",
            fill("{\"learner\":{\"feature_names\":[", "\"\",", "\"\"]}}"),
            "more than",
        ),
        ("many-trees.json", fill(&format!("{tree}\"trees\":["), "{},", "{}]}}}}"), "missing field"),
        ("many-outputs.json", fill(&format!("{tree}\"tree_info\":["), "0,", "0]}}}}"), "more than"),
        (
            "many-rounds.json",
            fill(&format!("{tree}\"iteration_indptr\":["), "0,", "0]}}}}"),
            "more than",
        ),
        (
            "many-scores.json",
            fill("{\"learner\":{\"learner_model_param\":{\"base_score\":[", "0,", "0]}}}"),
            "more than",
        ),
        ("many-lists.json", fill("{\"x\":[", "[],", "[]}"), "expected"),
        (
            "long-text.json",
            fill("{\"learner\":{\"objective\":{\"name\":\"", "\\u0000", "\"}}}"),
            "version",
        ),
        ("many-shapes.json", fill("{\"model\":{\"coef\":{\"shape\":[", "1,", "1]}}}"), "more than"),
        ("many-spaces.json", fill("{", " ", ""), "EOF"),
        ("many-keys.txt", keys("tree\nversion=v4\n", &|n| format!("{n:x}\n")), "keys"),
        ("many-lines.txt", fill("tree\nversion=v4\n", "\n", ""), "is missing"),
        (
            "many-numbers.txt",
            fill(
                "tree\nversion=v4\nnum_tree_per_iteration=1\nmax_feature_idx=0\nfeature_names=a\n\nTree=0\nnum_leaves=2\nleaf_value=",
                "0 ",
                "\nend of trees\n",
            ),
            "entries where 2 were due",
        ),
        (
            "many-features.txt",
            fill(
                "tree\nversion=v4\nnum_tree_per_iteration=1\nmax_feature_idx=0\nfeature_names=",
                "a ",
                "\n",
            ),
            "feature_names",
        ),
        (
            "long-objective.txt",
            fill(
                "tree\nversion=v4\nnum_tree_per_iteration=1\nmax_feature_idx=0\nfeature_names=a\nobjective=",
                "x",
                "\n",
            ),
            "the objective",
        ),
    ]
}

fn xgboost_file() -> String {
    read("xgboost-3.2.0-logistic.json")
}

fn read(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/testdata");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// Replaces the first `from`, which must be there, and everything up to `until`.
fn edit(text: &str, from: &str, until: &str, to: &str) -> String {
    let start = text.find(from).unwrap_or_else(|| panic!("no {from}"));
    let rest = &text[start + from.len()..];
    let end = rest.find(until).unwrap_or_else(|| panic!("no {until} after {from}"));
    format!("{}{to}{}", &text[..start], &rest[end..])
}
