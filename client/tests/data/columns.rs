//! Which column is which.

use client::data::Fault;
use engine::Precision::F64;

use crate::support::{f64s, load, load_with, message, named, npy, unnamed};

#[test]
fn by_name_the_order_does_not_matter() {
    let table = load("a.csv", "y,x\n1,2\n", &named(&["x", "y"]), F64).unwrap();
    assert_eq!(f64s(&table), [2.0, 1.0]);
}

#[test]
fn by_position_where_the_model_has_no_names() {
    let table =
        load_with("a.csv", "id,b,t,a\n7,1,0,2\n", &unnamed(2), F64, &["id"], &["t"]).unwrap();
    assert_eq!(f64s(&table), [1.0, 2.0]);
}

#[test]
fn a_missing_column_is_named() {
    let text = message(load("a.csv", "x,z\n1,2\n", &named(&["x", "y", "w"]), F64));
    assert!(
        text.contains("the model's column \"y\" is not in the file (missing: 2 of 3)"),
        "{text}"
    );
}

#[test]
fn an_extra_column_names_both_flags() {
    let text = message(load("a.csv", "x,z\n1,two\n", &named(&["x"]), F64));
    assert!(text.contains("column 2 \"z\""), "{text}");
    assert!(text.contains("--ignore") && text.contains("--id"), "{text}");
    let text = message(load("a.csv", "x,z\n1,2\n", &unnamed(1), F64));
    assert!(text.contains("2 columns for a model that reads 1"), "{text}");
    assert!(text.contains("--ignore") && text.contains("--id"), "{text}");
}

#[test]
fn duplicate_names_are_refused() {
    let error = load("a.csv", "x,y,x\n1,2,3\n", &named(&["x", "y"]), F64).unwrap_err();
    assert!(matches!(error.fault(), Fault::DuplicateColumn));
    assert!(error.to_string().contains("column 3 \"x\""), "{error}");
}

#[test]
fn flags_must_name_columns_once() {
    let schema = named(&["x"]);
    let load = |copy: &[&str], ignore: &[&str]| {
        message(load_with("a.csv", "x,y\n1,2\n", &schema, F64, copy, ignore))
    };
    assert!(load(&["z"], &["y"]).contains("--id names the column \"z\", which is not"));
    assert!(load(&[], &["y", "q"]).contains("--ignore names the column \"q\", which is not"));
    assert!(load(&["y"], &["y"]).contains("--id names a column that another"));
    assert!(load(&["y", "y"], &[]).contains("--id names a column that another"));
    assert!(load(&["x"], &["y"]).contains("--id names a column that the model reads"));
    assert!(load(&["y"], &["x"]).contains("--ignore names a column that the model reads"));
}

#[test]
fn an_array_has_no_names_to_copy_by() {
    let bytes = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }", &[0; 8]);
    let text = message(load_with("a.npy", bytes, &named(&["x"]), F64, &["id"], &[]));
    assert!(text.contains("a .npy file has no column names"), "{text}");
}

#[test]
fn long_names_are_cut() {
    let long = "n".repeat(10_000);
    let text = message(load("a.csv", format!("{long}\n1\n"), &named(&["x"]), F64));
    assert!(text.len() < 400, "{text}");
    let text = message(load("a.csv", format!("x,{long}\n1,2\n"), &named(&["x"]), F64));
    assert!(text.len() < 400, "{text}");
}
