//! Program bytes: what was compiled comes back, and nothing else gets in.

use engine::{
    CompileOptions, Ensemble, Evaluation, Model, Output, Profile, ProgramError, Rows, compile,
    evaluate,
};
use model::{random_forest, rows_around};
use ops::Backend;
use proptest::prelude::*;
use protocol::program::{ProgramBytesError, decode, encode};
use std::num::NonZeroUsize;

fn options(profile: Profile) -> CompileOptions {
    CompileOptions { profile, ..CompileOptions::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_decoded_program_is_the_compiled_one(forest in random_forest(), strict: bool) {
        let parts = forest.build();
        let profile = if strict { Profile::Strict } else { Profile::DataOblivious };
        let values = rows_around(&parts, 70, forest.seed);
        let features = parts.schema.features as usize;
        let model = Model::Ensemble(Ensemble::try_new(parts).expect("valid"));
        let rows = Rows::try_new(features, values).expect("whole rows");
        let program = compile(&model, &options(profile)).expect("compiles");
        let evaluation = Evaluation {
            output: Output::Margin,
            backend: Backend::detect(),
            threads: NonZeroUsize::MIN,
            kernel: None,
        };
        let expected = evaluate(&program, &rows, &evaluation, &|_| ()).expect("fits");
        let bytes = encode(program).expect("small names");
        let again = decode(&bytes).expect("what was encoded decodes");
        prop_assert_eq!(evaluate(&again, &rows, &evaluation, &|_| ()).expect("fits"), expected);
        prop_assert!(encode(again).expect("small names") == bytes);
    }

    #[test]
    fn damaged_bytes_are_refused_or_evaluate(forest in random_forest(), at: u32, bit in 0u8..8, cut: u32) {
        let parts = forest.build();
        let values = rows_around(&parts, 3, forest.seed);
        let features = parts.schema.features as usize;
        let model = Model::Ensemble(Ensemble::try_new(parts).expect("valid"));
        let program = compile(&model, &options(Profile::Strict)).expect("compiles");
        let mut bytes = encode(program).expect("small names");
        prop_assert!(decode(&bytes[..cut as usize % bytes.len()]).is_err());
        // most damage early, where the public half is
        let at = if at % 2 == 0 { at as usize % 300 } else { at as usize } % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(program) = decode(&bytes)
            && let Ok(rows) = Rows::try_new(features, values)
        {
            let evaluation = Evaluation {
                output: Output::Margin,
                backend: Backend::detect(),
                threads: NonZeroUsize::MIN,
                kernel: None,
            };
            let _ = evaluate(&program, &rows, &evaluation, &|_| ());
        }
    }
}

// sections of a forest's parameters
const HEADS: usize = 0;
const TABLES: usize = 1;
const NODES: usize = 2;
const EXITS: usize = 4;
const BASE: usize = 5;

#[test]
fn invalid_parameters_have_one_code() {
    let forest = model::RandomForest {
        features: 3,
        outputs: 1,
        vector_leaves: false,
        splits: vec![20; 5],
        chain: 0.5,
        thresholds: 40,
        precision: engine::Precision::F32,
        average: false,
        missing_value: None,
        seed: [3; 32],
    };
    let build = || {
        let model = Model::Ensemble(Ensemble::try_new(forest.build()).expect("valid"));
        compile(&model, &options(Profile::Strict)).expect("compiles").into_parts()
    };
    // a source feature that is not there; thresholds out of order; a slot that is not there; a leaf
    // that is subnormal, infinite, or too large for its sum
    let damage: [(usize, usize, [u8; 4]); 6] = [
        (HEADS, 0, [3, 0, 0, 0]),
        (TABLES, 4 * 8, i32::MAX.to_le_bytes()),
        (NODES, 0, [63, 0, 0, 0]),
        (EXITS, 3 * 64, [0x00; 4]),
        (EXITS, 3 * 64, [0x7f; 4]),
        (BASE, 0, 1f32.to_bits().to_le_bytes().map(|b| b | 0x70)),
    ];
    for (section, at, bytes) in damage {
        let mut parts = build();
        let sections = parts.sections.expose_mut();
        sections[section][at..at + 4].copy_from_slice(&bytes);
        if section == EXITS {
            // planes: make the low bytes nonzero so that a zero top byte is a subnormal
            for plane in 0..3 {
                sections[section][plane * 64..plane * 64 + 4].fill(0x7f);
            }
        }
        let refused = engine::Program::try_from_parts(parts).err();
        assert_eq!(refused, Some(ProgramError::Parameters), "section {section}");
    }
    assert!(engine::Program::try_from_parts(build()).is_ok());
}

#[test]
fn foreign_bytes_are_named() {
    assert_eq!(decode(b"").err(), Some(ProgramBytesError::Magic));
    assert_eq!(decode(b"not a program at all").err(), Some(ProgramBytesError::Magic));
    let future = [b"TAUTOCH\n".as_slice(), &9u32.to_le_bytes()].concat();
    assert_eq!(decode(&future).err(), Some(ProgramBytesError::Version { found: 9 }));
}
