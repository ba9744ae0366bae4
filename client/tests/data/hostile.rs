//! Files made to hurt: each gives one clear line, never a panic, never much memory.

use client::data::{Fault, Limits, Selection, read};
use engine::Precision::{F32, F64};
use parquet::basic::{Compression, GzipLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

use crate::support::{Folder, load, load_with, message, named, npy, unnamed};

fn parquet_bytes(codec: Compression) -> Vec<u8> {
    let message = "message m { optional double x; required binary id (STRING); }";
    let properties = WriterProperties::builder().set_compression(codec).build();
    crate::parquet::file(message, properties, 2, |group| {
        let mut column = group.next_column().unwrap().unwrap();
        let levels = [1, 0, 1, 1, 0, 1];
        column
            .typed::<DoubleType>()
            .write_batch(&[1.0, 2.0, 2.0, 3.0], Some(&levels), None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let ids: Vec<ByteArray> = ["a", "b", "c", "a", "b", "c"].map(ByteArray::from).into();
        column.typed::<ByteArrayType>().write_batch(&ids, None, None).unwrap();
        column.close().unwrap();
    })
}

#[test]
fn names_and_first_bytes() {
    let cases: [(&str, &[u8], &str); 10] = [
        ("a.csv", b"", "the file is empty"),
        ("a.npy", b"", "the file is empty"),
        ("a.parquet", b"", "the file is empty"),
        ("a.txt", b"x\n1\n", "does not end in .csv, .parquet or .npy"),
        ("a", b"x\n1\n", "does not end in .csv, .parquet or .npy"),
        ("a.csv", b"PAR1xxxx", "the name says CSV but the first bytes are of Parquet"),
        ("a.parquet", b"\x93NUMPY\x01\x00", "the name says Parquet but the first bytes are of npy"),
        ("a.parquet", b"x,y\n1,2\n", "no known table format"),
        ("a.csv", b"PK\x03\x04....", "ZIP container"),
        ("a.csv", b"\x1f\x8b......", "gzip"),
    ];
    for (name, bytes, expected) in cases {
        let text = message(load(name, bytes, &unnamed(1), F64));
        assert!(text.contains(expected), "{name}: {text}");
    }
}

#[test]
fn missing_files_and_folders() {
    let folder = Folder::new();
    let schema = unnamed(1);
    let selection = Selection { schema: &schema, copy: &[], ignore: &[] };
    let limits = Limits::default();
    let error = read(&folder.path("none.csv"), &selection, F64, &limits).unwrap_err();
    assert!(error.is_io() && error.to_string().contains("check the path"), "{error}");
    std::fs::create_dir(folder.path("folder.csv")).unwrap();
    let error = read(&folder.path("folder.csv"), &selection, F64, &limits).unwrap_err();
    assert!(matches!(error.fault(), Fault::NotAFile), "{error}");
}

#[test]
fn caps_hold_before_anything_is_read() {
    let folder = Folder::new();
    let schema = unnamed(2);
    let selection = Selection { schema: &schema, copy: &[], ignore: &[] };
    let csv = folder.file("a.csv", "x,y\n1,2\n3,4\n");
    let array = folder
        .file("a.npy", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2)}", &[0; 4]));
    for path in [csv, array] {
        let refused = |limits| read(&path, &selection, F64, &limits).unwrap_err().to_string();
        let text = refused(Limits { file_bytes: 10, ..Limits::default() });
        assert!(text.contains("more than the cap of 10"), "{text}");
        let text = refused(Limits { values: 3, ..Limits::default() });
        assert!(text.contains("4 values, more than the cap of 3"), "{text}");
        let text = refused(Limits { columns: 1, ..Limits::default() });
        assert!(text.contains("2 columns, more than the cap of 1"), "{text}");
    }
}

#[test]
fn a_claim_of_many_rows_is_not_believed() {
    // the footer's row counts, raised to 2^40: pages still hold six values each
    let bytes = parquet_bytes(Compression::UNCOMPRESSED);
    let footer_len = u32::from_le_bytes(bytes[bytes.len() - 8..][..4].try_into().unwrap()) as usize;
    let footer = bytes.len() - 8 - footer_len;
    let mut refused = 0;
    for at in footer..bytes.len() - 8 {
        if bytes[at] == 12 {
            // zigzag 6; 2^41 as a varint
            let mut hostile = bytes[..at].to_vec();
            hostile.extend([0x80, 0x80, 0x80, 0x80, 0x80, 0x40]);
            hostile.extend(&bytes[at + 1..bytes.len() - 8]);
            hostile.extend((footer_len as u32 + 5).to_le_bytes());
            hostile.extend(b"PAR1");
            let result = load_with("a.parquet", hostile, &named(&["x"]), F64, &["id"], &[]);
            refused += usize::from(result.is_err());
        }
    }
    assert!(refused >= 2, "{refused}");
}

#[test]
fn a_deep_schema_does_not_overflow_the_stack() {
    // FileMetaData { 1: version, 2: schema of 100,000 groups of one child each }
    let depth = 100_000u32;
    let mut footer = vec![0x15, 0x02, 0x19, 0xfc];
    footer.extend(varint(depth));
    for _ in 0..depth {
        // repetition required, name "a", one child
        footer.extend([0x35, 0x00, 0x18, 0x01, b'a', 0x15, 0x02, 0x00]);
    }
    footer.extend([0x16, 0x00, 0x19, 0x0c, 0x00]);
    let mut bytes = b"PAR1".to_vec();
    bytes.extend(&footer);
    bytes.extend((footer.len() as u32).to_le_bytes());
    bytes.extend(b"PAR1");
    let text = message(load("a.parquet", bytes, &named(&["a"]), F64));
    assert!(text.contains("nested too deep"), "{text}");
}

fn varint(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 128 {
        bytes.push(value as u8 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[test]
fn truncated_at_every_length() {
    let csv = b"x,id\n1.5,a\n2,b\n".to_vec();
    let array = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1)}", &[0; 8]);
    let table = parquet_bytes(Compression::SNAPPY);
    for (name, bytes, copy) in
        [("a.csv", csv, vec!["id"]), ("a.npy", array, vec![]), ("a.parquet", table, vec!["id"])]
    {
        for len in 0..bytes.len() {
            let result = load_with(name, &bytes[..len], &named(&["x"]), F32, &copy, &[]);
            // a CSV that ends after a whole cell is a CSV
            assert!(result.is_err() || name == "a.csv", "{name} cut at {len}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn mutated_bytes_never_panic(
        which in 0usize..6,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let codecs = [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::GZIP(GzipLevel::default()),
            Compression::LZ4_RAW,
        ];
        let (name, mut bytes) = match which {
            0 => ("a.csv", b"x,id\n1.5,a\n\"2\",\"b\"\n".to_vec()),
            1 => (
                "a.npy",
                npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }", &[0; 8]),
            ),
            n => ("a.parquet", parquet_bytes(codecs[n - 2])),
        };
        for (index, byte) in edits {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let copy: &[&str] = if which == 1 { &[] } else { &["id"] };
        if let Err(error) = load_with(name, bytes, &named(&["x"]), F64, copy, &[]) {
            let text = error.to_string();
            prop_assert!(text.len() < 1000 && !text.contains('\n'), "{}", text);
        }
    }
}
