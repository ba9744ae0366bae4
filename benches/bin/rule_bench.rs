//! How long the 40-comparison rule takes on rows in memory, one thread.
//!
//! `rule-bench FILE REPEATS`: FILE holds ten columns of little-endian i64, one after the other;
//! `benches/rules.py` writes it, runs this and its own peers, and prints the ratio. Prints the
//! seconds of each repeat, then the number of rows that pass.
#![forbid(unsafe_code)]

use engine::Backend;
use engine::rule::{RuleColumn, RuleInputs, evaluate_rule};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let bytes = std::fs::read(&arguments[1]).expect("the columns");
    let repeats: usize = arguments[2].parse().expect("a number");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/eligibility");
    let text = std::fs::read_to_string(folder.join("eligibility.rule")).expect("the rule");
    let parameters = std::fs::read(folder.join("trial.json")).expect("parameters");
    let parameters: BTreeMap<String, Vec<i64>> =
        serde_json::from_slice(&parameters).expect("lists of numbers");
    let texts = |values: Vec<i64>| values.iter().map(i64::to_string).collect();
    let parameters = parameters.into_iter().map(|(name, values)| (name, texts(values))).collect();
    let rule = rules::parse(&text).expect("a rule");
    let mut model = |_: &str| Err(String::new());
    let given = rules::Given { parameters: Some(&parameters), rows: None, model: &mut model };
    let program = rules::check(&rule, given).expect("a rule").program;

    let cells: Vec<i64> =
        bytes.as_chunks::<8>().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect();
    let rows = cells.len() / 10;
    let columns = cells.chunks_exact(rows).map(|column| RuleColumn::I64(column.to_vec()));
    let inputs = RuleInputs::new(rows, columns.collect());
    let backend = match arguments.get(3) {
        Some(name) => Backend::named(name).expect("a backend of this CPU"),
        None => Backend::detect(),
    };
    let mut passed = 0;
    for _ in 0..repeats {
        let start = Instant::now();
        let found = evaluate_rule(&program, &inputs, backend).expect("inputs that fit");
        println!("{}", start.elapsed().as_secs_f64());
        passed = found.once[0];
    }
    println!("{passed}");
}
