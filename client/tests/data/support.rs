//! Schemas, scratch files, and bytes of small valid files.

use std::path::PathBuf;

use client::data::{DataError, Limits, Selection, Table, Values, read};
use engine::{LabelRule, Output, Precision, Schema};
use tempfile::TempDir;

/// A schema of so many columns without names.
pub(crate) fn unnamed(features: u32) -> Schema {
    Schema {
        features,
        feature_names: None,
        label: LabelRule::None,
        classes: Vec::new(),
        default_output: Output::Margin,
    }
}

/// A schema of columns with these names.
pub(crate) fn named(names: &[&str]) -> Schema {
    Schema {
        feature_names: Some(names.iter().map(|&n| n.to_owned()).collect()),
        ..unnamed(names.len() as u32)
    }
}

/// A folder that is removed at the end of the test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// Reads `bytes` as a file of this name.
pub(crate) fn load(
    name: &str,
    bytes: impl AsRef<[u8]>,
    schema: &Schema,
    width: Precision,
) -> Result<Table, DataError> {
    load_with(name, bytes, schema, width, &[], &[])
}

/// The same with columns to copy and to ignore.
pub(crate) fn load_with(
    name: &str,
    bytes: impl AsRef<[u8]>,
    schema: &Schema,
    width: Precision,
    copy: &[&str],
    ignore: &[&str],
) -> Result<Table, DataError> {
    let folder = Folder::new();
    let path = folder.file(name, bytes);
    let copy: Vec<String> = copy.iter().map(|&n| n.to_owned()).collect();
    let ignore: Vec<String> = ignore.iter().map(|&n| n.to_owned()).collect();
    let selection = Selection { schema, copy: &copy, ignore: &ignore };
    read(&path, &selection, width, &Limits::default())
}

pub(crate) fn f64s(table: &Table) -> Vec<f64> {
    match table.values() {
        Values::F64(values) => values.clone(),
        Values::F32(_) => panic!("f32 values"),
    }
}

pub(crate) fn f32s(table: &Table) -> Vec<f32> {
    match table.values() {
        Values::F32(values) => values.clone(),
        Values::F64(_) => panic!("f64 values"),
    }
}

/// The message of a refusal: one line of three parts.
pub(crate) fn message(result: Result<Table, DataError>) -> String {
    let message = result.expect_err("accepted").to_string();
    assert!(!message.contains('\n'), "{message:?}");
    assert!(message.contains(": "), "{message:?}");
    message
}

/// Bytes of a `.npy` file with this dictionary.
pub(crate) fn npy(dictionary: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((dictionary.len() as u16).to_le_bytes());
    bytes.extend(dictionary.as_bytes());
    bytes.extend(data);
    bytes
}
