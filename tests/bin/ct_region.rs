//! One region for an instruction count: checks and evaluates a program on rows.
//!
//! `ct-region PROGRAM.tau ROWS OUTPUT [--plant]`: `ROWS` are raw little-endian values at the
//! program's precision. `--plant` adds a branch on a row's value, for the check to catch.
#![forbid(unsafe_code)]

use engine::{
    Evaluation, Output, Precision, Program, ProgramParts, RowValues, Rows, evaluate, tree_kernels,
};
use ops::Backend;
use std::hint::black_box;
use std::num::NonZeroUsize;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let program = std::fs::read(&arguments[1]).expect("a program file");
    let bytes = std::fs::read(&arguments[2]).expect("a row file");
    let output = match arguments[3].as_str() {
        "margin" => Output::Margin,
        "probability" => Output::Probability,
        "label" => Output::Label,
        "leaf" => Output::Leaf,
        other => panic!("no output {other}"),
    };
    let planted = arguments.get(4).is_some_and(|flag| flag == "--plant");
    let parts = protocol::program::decode(&program).expect("a valid program").into_parts();
    let values = match parts.shape.precision {
        Precision::F32 => RowValues::F32(
            bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
        ),
        Precision::F64 => RowValues::F64(
            bytes.as_chunks::<8>().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect(),
        ),
    };
    let sample = match &values {
        RowValues::F32(values) => values.iter().map(|&value| f64::from(value)).collect(),
        RowValues::F64(values) => values.clone(),
    };
    let rows = Rows::try_new(parts.shape.features as usize, values).expect("whole rows");
    let backend = Backend::named("portable").expect("always there");
    black_box(counted_region(parts, &rows, output, backend));
    if planted {
        black_box(planted_region(&sample));
    }
}

/// What the check counts: the engine's checks of the parameters, and the evaluation by each kernel.
#[inline(never)]
fn counted_region(parts: ProgramParts, rows: &Rows, output: Output, backend: Backend) -> usize {
    let program = Program::try_from_parts(parts).expect("a valid program");
    for kernel in tree_kernels(&program) {
        let threads = NonZeroUsize::MIN;
        let evaluation = Evaluation { output, backend, threads, kernel: Some(kernel) };
        let scores = evaluate(&program, rows, &evaluation, &|_| ()).expect("rows that fit");
        black_box(&scores);
    }
    rows.count()
}

/// A branch on a secret, of the kind that the check must see.
#[inline(never)]
fn planted_region(values: &[f64]) -> u64 {
    let mut found = 0;
    for &value in values {
        if black_box(value) > 0.5 {
            found += black_box(3u64).wrapping_mul(black_box(5));
        }
    }
    found
}
