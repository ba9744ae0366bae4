//! No bytes make the importer panic: valid small files with bytes changed, cut out and repeated.

use models::{ImportOptions, import};
use proptest::prelude::*;
use std::path::Path;

const FILES: [&str; 6] = [
    "xgboost-3.2.0-softprob.json",
    "xgboost-1.7.6-pruned.json",
    "lightgbm-4.7.0-multiclass.txt",
    "lightgbm-3.3.5-forest.txt",
    "sklearn-1.9.1-boostexp.json",
    "sklearn-1.9.1-logisticmulti.json",
];

#[derive(Debug, Clone)]
enum Edit {
    Set(usize, u8),
    Cut(usize, usize),
    Repeat(usize, usize),
    Number(usize, &'static str),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let numbers = ["-1", "0", "2147483648", "-2147483649", "1e999", "18446744073709551615", "nan"];
    let one = prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (any::<usize>(), 0..200usize).prop_map(|(at, length)| Edit::Cut(at, length)),
        (any::<usize>(), 0..200usize).prop_map(|(at, length)| Edit::Repeat(at, length)),
        (any::<usize>(), prop::sample::select(numbers.to_vec()))
            .prop_map(|(at, number)| Edit::Number(at, number)),
    ];
    prop::collection::vec(one, 1..5)
}

fn apply(bytes: &mut Vec<u8>, edit: &Edit) {
    let length = bytes.len().max(1);
    match *edit {
        Edit::Set(at, byte) => {
            if let Some(place) = bytes.get_mut(at % length) {
                *place = byte;
            }
        }
        Edit::Cut(at, count) => {
            let at = at % length;
            let end = (at + count).min(bytes.len());
            bytes.drain(at.min(end)..end);
        }
        Edit::Repeat(at, count) => {
            let at = (at % length).min(bytes.len());
            let end = (at + count).min(bytes.len());
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        // the first number after `at` becomes another
        Edit::Number(at, number) => {
            let at = (at % length).min(bytes.len());
            let digit = |b: &u8| b.is_ascii_digit() || *b == b'-';
            if let Some(skip) = bytes[at..].iter().position(digit) {
                let start = at + skip;
                let count = bytes[start..].iter().take_while(|b| digit(b)).count();
                bytes.splice(start..start + count, number.bytes());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..Default::default() })]
    #[test]
    fn changed_files_never_panic(file in 0..FILES.len(), edits in edits()) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(FILES[file]);
        let mut bytes = std::fs::read(path).unwrap();
        edits.iter().for_each(|edit| apply(&mut bytes, edit));
        if let Err(error) = import(&bytes, &ImportOptions::default()) {
            let line = error.to_string();
            prop_assert!(!line.contains('\n') && line.len() < 2000, "{line}");
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = import(&bytes, &ImportOptions::default()).is_ok();
    }
}
