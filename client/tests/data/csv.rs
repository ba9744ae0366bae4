//! CSV files.

use engine::Precision::{F32, F64};

use crate::support::{f32s, f64s, load, load_with, message, named, unnamed};

#[test]
fn reads_values_in_order() {
    let table = load("a.csv", "x,y\n1,2\r\n-0.5,1e-3\n", &unnamed(2), F64).unwrap();
    assert_eq!((table.rows(), table.features()), (2, 2));
    assert_eq!(f64s(&table), [1.0, 2.0, -0.5, 1e-3]);
    assert_eq!(table.source_precision(), F64);
}

#[test]
fn missing_cells_are_nan() {
    let table = load("a.csv", "x,y\n,NA\nNaN,nan\n\"\",5", &unnamed(2), F64).unwrap();
    let nan: Vec<bool> = f64s(&table).iter().map(|v| v.is_nan()).collect();
    assert_eq!(nan, [true, true, true, true, true, false]);
}

#[test]
fn rounds_to_f32_through_f64() {
    // halfway between two f32, plus a little that only f64 holds
    let text = "x\n0.1\n16777217\n1e300\n16777217.0000001\n";
    let table = load("a.csv", text, &unnamed(1), F32).unwrap();
    assert_eq!(f32s(&table), [0.1, 16777216.0, f32::INFINITY, 16777218.0]);
}

#[test]
fn byte_order_mark_and_quotes() {
    let text = "\u{feff}\"a,b\",\"say \"\"hi\"\"\"\n\"1\",2\n";
    let table = load("a.csv", text, &named(&["say \"hi\"", "a,b"]), F64).unwrap();
    assert_eq!(f64s(&table), [2.0, 1.0]);
}

#[test]
fn a_header_alone_is_a_table_without_rows() {
    assert_eq!(load("a.csv", "x,y\n", &unnamed(2), F64).unwrap().rows(), 0);
}

#[test]
fn faults_name_row_and_column() {
    let text = message(load("a.csv", "x,y\n1,2\n\n3,four\n", &named(&["x", "y"]), F64));
    assert!(text.contains("\"four\" is not a number"), "{text}");
    assert!(text.contains("row 2, column 2 \"y\""), "{text}");
    let text = message(load("a.csv", "x,y\r\n1,2\r\n3,1e999\r\n", &named(&["x", "y"]), F64));
    assert!(text.contains("\"1e999\" is too large for a 64-bit float"), "{text}");
    assert!(text.contains("row 2, column 2 \"y\""), "{text}");
}

#[test]
fn ragged_rows() {
    let text = message(load("a.csv", "x,y\n1,2\n3\n", &unnamed(2), F64));
    assert!(text.contains("the row has 1 cells, the header 2"), "{text}");
    let text = message(load("a.csv", "x,y\n1,2,3\n", &unnamed(2), F64));
    assert!(text.contains("the row has 3 cells, the header 2"), "{text}");
}

#[test]
fn a_blank_line_in_one_column_is_not_passed_over() {
    let text = message(load("a.csv", "x\n1\n\n3\n", &unnamed(1), F64));
    assert!(text.contains("a blank line in a file of one column"), "{text}");
    for text in ["x\n1\n2\n3\n\n\n", "x\r\n1\r\n2\r\n3\r\n", "x\n1\n2\n3"] {
        assert_eq!(load("a.csv", text, &unnamed(1), F64).unwrap().rows(), 3, "{text:?}");
    }
}

#[test]
fn a_headerless_file_is_noticed() {
    let text = message(load("a.csv", "1.5,2\n3,4\n", &unnamed(2), F64));
    assert!(text.contains("the first line holds numbers"), "{text}");
    assert_eq!(load("a.csv", "0,1\n3,4\n", &unnamed(2), F64).unwrap().rows(), 1);
}

#[test]
fn other_separators_are_named() {
    let text = message(load("a.csv", "x;y\n1;2\n", &unnamed(2), F64));
    assert!(text.contains("the header has no comma but has ';'"), "{text}");
}

#[test]
fn bytes_that_are_no_text() {
    let text = message(load("a.csv", b"x,y\n1,\xff\xfe\n", &unnamed(2), F64));
    assert!(text.contains("not valid UTF-8"), "{text}");
    let text = message(load("a.csv", b"x,\xff\n1,2\n", &unnamed(2), F64));
    assert!(text.contains("not valid UTF-8") && text.contains("line 1"), "{text}");
    let text = message(load("a.csv", b"x,y\n1,2\0\n", &unnamed(2), F64));
    assert!(text.contains("a zero byte"), "{text}");
    let text = message(load("a.csv", b"\xff\xfex\0", &unnamed(2), F64));
    assert!(text.contains("UTF-16"), "{text}");
}

#[test]
fn copied_cells_are_text_and_ignored_cells_are_not_read() {
    let bytes = b"id,note,x\n007,\xff\xff,1\n\"a,b\",NaN,2\n";
    let table = load_with("a.csv", bytes, &named(&["x"]), F64, &["id"], &["note"]).unwrap();
    assert_eq!(f64s(&table), [1.0, 2.0]);
    let client::data::CopiedValues::Text(ids) = &table.copied()[0].values else { panic!() };
    let ids: Vec<_> = ids.iter().map(|id| id.as_deref().unwrap()).collect();
    assert_eq!(ids, ["007", "a,b"]);
}

#[test]
fn an_open_quote_does_not_swallow_rows() {
    let text = "x,id\n1,\"a\n2,b\n3,c\n";
    let text = message(load_with("a.csv", text, &named(&["x"]), F64, &["id"], &[]));
    assert!(text.contains("a line break inside a quoted cell"), "{text}");
}
