//! How cost grows with a model's size: one size at a time, the others as in the base model. Each line of
//! standard output is one measurement in JSON; `benches/growth` plots them.
#![forbid(unsafe_code)]

use benches::{Complete, complete, uniform_rows};
use engine::{
    Backend, CompileOptions, Evaluation, Output, Profile, Rows, TreeKernel, compile, evaluate,
    tree_kernel,
};
use serde_json::json;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

const BASE: Complete = Complete { trees: 100, depth: 6, features: 32, thresholds: 200, classes: 1 };
/// Enough splits that a feature can have thousands of thresholds.
const MANY_SPLITS: Complete = Complete { trees: 1000, features: 8, ..BASE };
const ROWS: usize = 1024;
/// A measurement is the median of the runs that fit in this.
const TURN: Duration = Duration::from_millis(200);

fn main() {
    for trees in [10, 30, 100, 300, 1000, 5000] {
        measure("trees", trees, Complete { trees, ..BASE }, ROWS);
    }
    for depth in [1, 2, 4, 6, 8, 10, 12] {
        measure("depth", depth as usize, Complete { depth, ..BASE }, ROWS);
    }
    for features in [8, 32, 128, 512, 1200, 2000] {
        measure("features", features as usize, Complete { features, ..BASE }, ROWS);
    }
    for thresholds in [15, 60, 250, 1000, 4000] {
        let shape = Complete { thresholds, ..MANY_SPLITS };
        measure("thresholds a feature", thresholds as usize, shape, ROWS);
    }
    for classes in [1, 3, 10, 30, 100] {
        let trees = 10 * classes as usize;
        measure("classes", classes as usize, Complete { classes, trees, ..BASE }, ROWS);
    }
    for rows in [1, 2, 4, 8, 16, 64, 128, 512, 4096] {
        measure("rows", rows, BASE, rows);
    }
}

/// Measures a model in both profiles, on the fastest backend and on AVX2.
fn measure(axis: &str, size: usize, shape: Complete, rows: usize) {
    let model = complete(shape);
    let rows = uniform_rows(rows, shape.features);
    for profile in [Profile::DataOblivious, Profile::Strict] {
        let options = CompileOptions { profile, ..CompileOptions::default() };
        let program = compile(&model, &options).expect("compiles");
        for backend in Backend::available() {
            if backend.name() == "portable" {
                continue; // minutes
            }
            let (output, threads) = (Output::Margin, NonZeroUsize::MIN);
            let evaluation = Evaluation { output, backend, threads, kernel: None };
            let kernel = tree_kernel(&program, rows.count(), &evaluation).expect("margins");
            let seconds = median(&program, &rows, &evaluation);
            let line = json!({
                "axis": axis,
                "size": size,
                "profile": if profile == Profile::Strict { "strict" } else { "data-oblivious" },
                "backend": backend.name(),
                "kernel": kernel.map(TreeKernel::name),
                "trees": shape.trees,
                "rows": rows.count(),
                "ns_per_tree_row": seconds * 1e9 / (shape.trees * rows.count()) as f64,
            });
            println!("{line}");
        }
    }
}

fn median(program: &engine::Program, rows: &Rows, evaluation: &Evaluation) -> f64 {
    let run = || evaluate(program, rows, evaluation, &|_| ()).expect("rows fit the model");
    std::hint::black_box(run());
    let mut times = Vec::new();
    let begun = Instant::now();
    while times.len() < 3 || begun.elapsed() < TURN {
        let start = Instant::now();
        std::hint::black_box(run());
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}
