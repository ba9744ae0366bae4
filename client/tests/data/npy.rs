//! NumPy arrays.

use engine::Precision::{F32, F64};

use crate::support::{f32s, f64s, load, message, npy, unnamed};

fn header(descr: &str, fortran: bool, shape: &str) -> String {
    let order = if fortran { "True" } else { "False" };
    format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}   \n")
}

#[test]
fn both_orders_of_items_and_bytes() {
    let values = [1.5f64, -2.0, f64::NAN, 4.0, 5.0, f64::INFINITY];
    let le: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let be: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
    for (descr, data) in [("<f8", &le), (">f8", &be)] {
        let table =
            load("a.npy", npy(&header(descr, false, "(2, 3)"), data), &unnamed(3), F64).unwrap();
        assert_eq!(format!("{:?}", f64s(&table)), format!("{values:?}"));
        let table =
            load("a.npy", npy(&header(descr, true, "(3, 2)"), data), &unnamed(2), F64).unwrap();
        assert_eq!(f64s(&table)[..2], [1.5, 4.0]);
        assert_eq!(f64s(&table)[4..].iter().filter(|v| v.is_nan()).count(), 1);
    }
}

#[test]
fn f32_stays_f32_and_widens_exactly() {
    let data: Vec<u8> =
        [0.1f32, f32::MIN_POSITIVE / 8.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let bytes = npy(&header("<f4", false, "(2, 1)"), &data);
    let table = load("a.npy", &bytes, &unnamed(1), F32).unwrap();
    assert_eq!(table.source_precision(), F32);
    assert_eq!(f32s(&table), [0.1f32, f32::MIN_POSITIVE / 8.0]);
    let table = load("a.npy", &bytes, &unnamed(1), F64).unwrap();
    assert_eq!(f64s(&table)[0], f64::from(0.1f32));
}

#[test]
fn integers_and_booleans() {
    let cases: [(&str, &[u8], f64); 8] = [
        ("<i4", &(-7i32).to_le_bytes(), -7.0),
        (">i2", &(-2i16).to_be_bytes(), -2.0),
        ("|i1", &[0x80], -128.0),
        ("|u1", &[0x80], 128.0),
        ("<u8", &(1u64 << 63).to_le_bytes(), 9223372036854775808.0),
        ("<i8", &(-(1i64 << 53)).to_le_bytes(), -9007199254740992.0),
        ("|b1", &[1], 1.0),
        ("<u2", &[1, 2], 513.0),
    ];
    for (descr, data, value) in cases {
        let bytes = npy(&header(descr, false, "(1,)"), data);
        assert_eq!(f64s(&load("a.npy", bytes, &unnamed(1), F64).unwrap()), [value], "{descr}");
    }
    let bytes = npy(&header("<i8", false, "(1, 1)"), &((1i64 << 53) + 1).to_le_bytes());
    let text = message(load("a.npy", bytes, &unnamed(1), F64));
    assert!(text.contains("9007199254740993 has no exact 64-bit float"), "{text}");
    assert!(text.contains("row 1, column 1"), "{text}");
}

#[test]
fn versions_two_and_three() {
    for version in [2u8, 3] {
        let dictionary = header("<f4", false, "(1, 1)");
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        bytes.extend((dictionary.len() as u32).to_le_bytes());
        bytes.extend(dictionary.as_bytes());
        bytes.extend(2.5f32.to_le_bytes());
        assert_eq!(f32s(&load("a.npy", bytes, &unnamed(1), F32).unwrap()), [2.5]);
    }
}

#[test]
fn a_shape_must_fit_the_file() {
    for shape in [
        "(2, 1)",
        "(0, 1)",
        "(18446744073709551615, 2)",
        "(4611686018427387904, 4)",
        "(99999999999999999999, 1)",
        "()",
        "(1, 1, 1)",
        "(1, -1)",
        "(1 1)",
    ] {
        message(load("a.npy", npy(&header("<f8", false, shape), &[0; 8]), &unnamed(1), F64));
    }
    let text =
        message(load("a.npy", npy(&header("<f8", false, "(1, 1)"), &[0; 7]), &unnamed(1), F64));
    assert!(text.contains("does not fit the 7 bytes that follow"), "{text}");
}

#[test]
fn broken_headers() {
    for dictionary in [
        "",
        "{}",
        "{'descr': '<f8'}",
        "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1, 1)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), 'x': 1}",
        "{'descr': '<f8', 'fortran_order': 0, 'shape': (1, 1)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1)} x",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1)",
        "{'descr': '<f8, 'fortran_order': False, 'shape': (1, 1)}",
    ] {
        let text = message(load("a.npy", npy(dictionary, &[0; 8]), &unnamed(1), F64));
        assert!(text.contains("npy"), "{text}");
    }
    for descr in ["|O", "<c16", "<U4", "=f8", "f8", "", "<f2", "<M8[ns]", "é"] {
        let bytes = npy(&header(descr, false, "(1, 1)"), &[0; 8]);
        let text = message(load("a.npy", bytes, &unnamed(1), F64));
        assert!(text.contains("is not a plain number"), "{descr}: {text}");
    }
    let structured = "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}";
    let text = message(load("a.npy", npy(structured, &[0; 8]), &unnamed(1), F64));
    assert!(text.contains("structured array"), "{text}");
}
