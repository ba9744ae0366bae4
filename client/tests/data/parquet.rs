//! Parquet files, made here with the crate's low-level writer.

use std::sync::Arc;

use client::data::CopiedValues;
use engine::Precision::{F32, F64};
use parquet::basic::{Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type,
};
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use crate::support::{f32s, f64s, load, load_with, message, named};

type Group<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

/// A file of `groups` equal row groups.
pub(crate) fn file(
    message: &str,
    properties: WriterProperties,
    groups: usize,
    fill: impl Fn(&mut Group<'_>),
) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(message).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for _ in 0..groups {
        let mut group = writer.next_row_group().unwrap();
        fill(&mut group);
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

fn column<T: DataType>(group: &mut Group<'_>, values: &[T::T], levels: Option<&[i16]>) {
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<T>().write_batch(values, levels, None).unwrap();
    column.close().unwrap();
}

const MIXED: &str = "message m {
    required float f;
    optional double d;
    required int32 i;
    optional int64 l (INTEGER(64, true));
    required boolean b;
    optional binary name (STRING);
    required int32 u (INTEGER(32, false));
}";

fn mixed(group: &mut Group<'_>) {
    column::<FloatType>(group, &[0.1, f32::NAN, -0.0], None);
    column::<DoubleType>(group, &[0.1, 2.0], Some(&[1, 0, 1]));
    column::<Int32Type>(group, &[-1, 0, i32::MAX], None);
    column::<Int64Type>(group, &[1 << 53], Some(&[0, 1, 0]));
    column::<BoolType>(group, &[true, false, true], None);
    column::<ByteArrayType>(group, &[ByteArray::from("ä"), ByteArray::from("")], Some(&[1, 1, 0]));
    column::<Int32Type>(group, &[-1, 2, 3], None);
}

#[test]
fn every_type_every_codec_both_versions() {
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4_RAW,
    ];
    for codec in codecs {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            let properties = WriterProperties::builder()
                .set_compression(codec)
                .set_writer_version(version)
                .set_column_encoding("name".into(), Encoding::PLAIN)
                .build();
            let bytes = file(MIXED, properties, 2, mixed);
            let schema = named(&["b", "l", "i", "d", "f"]);
            let table = load_with("a.parquet", bytes, &schema, F64, &["name", "u"], &[]).unwrap();
            assert_eq!((table.rows(), table.features()), (6, 5));
            let values = f64s(&table);
            assert_eq!(
                values[..3].iter().map(|v| v.is_nan()).collect::<Vec<_>>(),
                [false, true, false]
            );
            assert_eq!((values[0], values[2], values[3]), (1.0, -1.0, 0.1));
            assert_eq!(values[4], f64::from(0.1f32));
            assert_eq!(values[6], 9007199254740992.0);
            assert!(values[8].is_nan() && values[9].is_nan());
            assert_eq!(values[14].to_bits(), (-0.0f64).to_bits());
            assert_eq!(format!("{:?}", &values[15..]), format!("{:?}", &values[..15]));
            let CopiedValues::Text(names) = &table.copied()[0].values else { panic!() };
            assert_eq!(names[..3], [Some("ä".into()), Some("".into()), None]);
            let CopiedValues::Int(u) = &table.copied()[1].values else { panic!() };
            assert_eq!(u[..3], [Some(4294967295), Some(2), Some(3)]);
        }
    }
}

#[test]
fn all_f32_columns_are_known_as_such() {
    let message = "message m { required float a; optional float b; }";
    let bytes = file(message, WriterProperties::new(), 1, |group| {
        column::<FloatType>(group, &[0.1, 0.2], None);
        column::<FloatType>(group, &[0.3], Some(&[0, 1]));
    });
    let table = load("a.parquet", bytes, &named(&["a", "b"]), F32).unwrap();
    assert_eq!(table.source_precision(), F32);
    assert_eq!(f32s(&table)[0], 0.1);
    assert_eq!(f32s(&table)[3], 0.3);
}

#[test]
fn a_column_of_nulls_is_missing() {
    let bytes =
        file("message m { optional int32 a (UNKNOWN); }", WriterProperties::new(), 1, |group| {
            column::<Int32Type>(group, &[], Some(&[0, 0, 0]));
        });
    let table = load("a.parquet", bytes, &named(&["a"]), F64).unwrap();
    assert_eq!(f64s(&table).iter().filter(|v| v.is_nan()).count(), 3);
}

#[test]
fn integers_must_be_exact() {
    let message_type = "message m { required int64 a; }";
    let bytes = file(message_type, WriterProperties::new(), 1, |group| {
        column::<Int64Type>(group, &[1, (1 << 53) + 1], None);
    });
    let text = message(load("a.parquet", bytes, &named(&["a"]), F64));
    assert!(text.contains("9007199254740993 has no exact"), "{text}");
    assert!(text.contains("row 2, column 1 \"a\""), "{text}");
}

#[test]
fn types_that_are_no_numbers() {
    let cases = [
        ("required int64 a (TIMESTAMP(MILLIS,true));", "TIMESTAMP"),
        ("required int32 a (DATE);", "DATE"),
        ("required int32 a (DECIMAL(5,2));", "DECIMAL"),
        ("required binary a (STRING);", "text"),
        ("required int96 a;", "INT96"),
        ("required fixed_len_byte_array (4) a;", "FIXED_LEN_BYTE_ARRAY"),
        ("required group a { required double x; }", "nested"),
        ("repeated double a;", "nested"),
    ];
    for (field, name) in cases {
        let bytes = file(&format!("message m {{ {field} }}"), WriterProperties::new(), 0, |_| {});
        let text = message(load("a.parquet", bytes, &named(&["a"]), F64));
        assert!(text.contains(name) && text.contains("column 1 \"a\""), "{field}: {text}");
    }
}

#[test]
fn an_ignored_nested_column_is_passed_over() {
    let message = "message m { required group g { required double x; required double y; } required double a; }";
    let bytes = file(message, WriterProperties::new(), 1, |group| {
        for value in [1.0, 2.0, 3.0] {
            column::<DoubleType>(group, &[value], None);
        }
    });
    let table = load_with("a.parquet", bytes, &named(&["a"]), F64, &[], &["g"]).unwrap();
    assert_eq!(f64s(&table), [3.0]);
}

#[test]
fn a_constant_column_of_many_rows() {
    let message = "message m { required double a; }";
    let bytes = file(message, WriterProperties::new(), 1, |group| {
        column::<DoubleType>(group, &vec![2.5; 300_000], None);
    });
    assert!(bytes.len() < 20_000);
    let table = load("a.parquet", bytes, &named(&["a"]), F32).unwrap();
    assert_eq!(table.rows(), 300_000);
    assert!(f32s(&table).iter().all(|&v| v == 2.5));
}

#[test]
fn text_in_a_delta_encoding_is_refused_by_name() {
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_column_encoding("a".into(), Encoding::DELTA_BYTE_ARRAY)
        .build();
    let bytes = file(
        "message m { required binary a (STRING); required double x; }",
        properties,
        1,
        |group| {
            column::<ByteArrayType>(group, &[ByteArray::from("a")], None);
            column::<DoubleType>(group, &[1.0], None);
        },
    );
    let text = message(load_with("a.parquet", bytes, &named(&["x"]), F64, &["a"], &[]));
    assert!(text.contains("DELTA"), "{text}");
}
