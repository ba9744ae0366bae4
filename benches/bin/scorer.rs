//! Scores one model again and again, on demand, and tells how long it took: our side of
//! `benches/peers`, where it takes turns with other engines.
//!
//! `scorer MODEL ROWS FEATURES`: MODEL is a model file, ROWS row-major f32 of little end. Then each
//! line of standard input asks for one thing, and one line of JSON answers:
//!
//! * `time PROFILE BACKEND ROWS THREADS SECONDS [KERNEL]`: one run that is not counted, then runs for
//!   that many seconds; the median of the runs in seconds, and what ran. `null` where the program
//!   cannot be evaluated by that kernel.
//! * `scores PROFILE BACKEND ROWS FILE`: writes the margins as f64 of little end.
#![forbid(unsafe_code)]

use engine::{
    Backend, CompileOptions, Evaluation, Output, Precision, Profile, Program, RowValues, Rows,
    Scores, TreeKernel, compile, evaluate, tree_kernel,
};
use serde_json::{Value, json};
use std::io::BufRead;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

fn main() {
    let [model, rows, features] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().expect("MODEL ROWS FEATURES");
    let imported = models::import_file(Path::new(&model), &models::ImportOptions::default())
        .expect("a model file");
    let program = |profile| {
        let options =
            CompileOptions { profile, precision: Some(Precision::F32), ..Default::default() };
        compile(&imported.model, &options).expect("compiles")
    };
    let (strict, oblivious) = (program(Profile::Strict), program(Profile::DataOblivious));
    let features: usize = features.parse().expect("a number");
    let bytes = std::fs::read(rows).expect("rows");
    let values = bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let mut bench = Bench { strict, oblivious, features, values, rows: None };
    println!("{}", json!({ "backends": backends() }));
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let words: Vec<&str> = line.split(' ').collect();
        println!("{}", bench.answer(&words));
    }
}

/// The names of this CPU's backends.
fn backends() -> Vec<&'static str> {
    Backend::available().into_iter().map(Backend::name).collect()
}

struct Bench {
    strict: Program,
    oblivious: Program,
    features: usize,
    values: Vec<f32>,
    /// The rows that were asked for last: taking them is no part of any time.
    rows: Option<Rows>,
}

impl Bench {
    fn answer(&mut self, words: &[&str]) -> Value {
        match *words {
            ["time", profile, backend, rows, threads, seconds, ref kernel @ ..] => {
                let kernel = kernel.first().map(|name| {
                    let named = TreeKernel::ALL.into_iter().find(|kernel| kernel.name() == *name);
                    named.expect("a kernel")
                });
                let evaluation = evaluation(backend, number(threads), kernel);
                self.take(number(rows));
                self.time(profile, &evaluation, seconds.parse().expect("seconds"))
            }
            ["scores", profile, backend, rows, file] => {
                self.take(number(rows));
                let scores = self.run(profile, &evaluation(backend, 1, None));
                let values: Vec<f64> = match scores {
                    Scores::F32 { values, .. } => values.into_iter().map(f64::from).collect(),
                    Scores::F64 { values, .. } => values,
                    _ => panic!("margins were asked for"),
                };
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                std::fs::write(file, bytes).expect("a file to write");
                json!({ "values": values.len() })
            }
            _ => panic!("not understood: {words:?}"),
        }
    }

    fn take(&mut self, count: usize) {
        if self.rows.as_ref().is_none_or(|rows| rows.count() != count) {
            let values = RowValues::F32(self.values[..count * self.features].to_vec());
            self.rows = Some(Rows::try_new(self.features, values).expect("whole rows"));
        }
    }

    fn time(&self, profile: &str, evaluation: &Evaluation, seconds: f64) -> Value {
        let rows = self.rows.as_ref().expect("rows were taken").count();
        let Ok(kernel) = tree_kernel(self.program(profile), rows, evaluation) else {
            return Value::Null;
        };
        std::hint::black_box(self.run(profile, evaluation));
        let mut times = Vec::new();
        let begun = Instant::now();
        while times.is_empty() || begun.elapsed().as_secs_f64() < seconds {
            let start = Instant::now();
            let scores = self.run(profile, evaluation);
            times.push(start.elapsed());
            std::hint::black_box(scores);
        }
        times.sort_unstable();
        json!({
            "seconds": times[times.len() / 2].as_secs_f64(),
            "kernel": kernel.map(TreeKernel::name),
        })
    }

    fn run(&self, profile: &str, evaluation: &Evaluation) -> Scores {
        let rows = self.rows.as_ref().expect("rows were taken");
        evaluate(self.program(profile), rows, evaluation, &|_| ()).expect("rows fit the model")
    }

    fn program(&self, profile: &str) -> &Program {
        match profile {
            "strict" => &self.strict,
            "data-oblivious" => &self.oblivious,
            _ => panic!("no such profile: {profile}"),
        }
    }
}

fn evaluation(backend: &str, threads: usize, kernel: Option<TreeKernel>) -> Evaluation {
    let backend = Backend::named(backend).expect("a backend of this CPU");
    let threads = NonZeroUsize::new(threads).expect("a thread");
    Evaluation { output: Output::Margin, backend, threads, kernel }
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}
