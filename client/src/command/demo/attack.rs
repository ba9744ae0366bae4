//! The attack: the same tree on a naive engine and on ours, the same clock, the same observer.

use std::fmt::Write;
use std::path::Path;

use crate::data::{self, Limits, Selection, Values};
use engine::{Backend, CompileOptions, EvaluateError, Model, Program, RowValues, Rows};
use models::ImportOptions;
use serde_json::{Value, json};

use super::clock::{self, Clocked, Numbers, ROUNDS};
use super::naive::Naive;
use super::observer::{self, Report, Rule, Timed};
use crate::command::failure::Failure;

/// For one reading: of the naive engine, of ours. A walk takes nanoseconds, and the clock is no
/// finer; one evaluation of ours is a reading by itself.
const REPEATS: [u32; 2] = [2000, 1];

/// One engine, its times, and what the observer made of them.
pub(crate) struct Watched {
    pub(crate) name: &'static str,
    /// Nanoseconds of each query.
    pub(crate) nanos: Vec<f64>,
    pub(crate) report: Report,
}

/// What the clock saw.
pub(crate) struct Attack {
    pub(crate) engines: [Watched; 2],
    /// The two answers that the tree can give.
    pub(crate) classes: [String; 2],
    /// Whether the answer to each query is the second one.
    pub(crate) second: Vec<bool>,
    /// Whether the observer knew the answer to each query.
    known: Vec<bool>,
    backend: Backend,
}

/// Times both engines on the tree and the rows of a folder, and lets the observer guess.
pub(crate) fn run(folder: &Path) -> Result<Attack, Failure> {
    let path = folder.join("tree.json");
    let refused = |what: &dyn std::fmt::Display| Failure::about(&path, what);
    let model =
        models::import_file(&path, &ImportOptions::default()).map_err(super::unreadable)?.model;
    let program = engine::compile(&model, &CompileOptions::default()).map_err(|e| refused(&e))?;
    let schema = program.schema().clone();
    let naive = match &model {
        Model::Ensemble(ensemble) => Naive::new(ensemble),
        Model::Linear(_) => None,
    };
    let (Some(naive), Ok(classes)) = (naive, <[String; 2]>::try_from(schema.classes.clone()))
    else {
        return Err(refused(&"not one scikit-learn tree of two classes: give such a tree"));
    };

    let data = folder.join("rows.csv");
    let selection = Selection { schema: &schema, copy: &[], ignore: &[] };
    let table = data::read(&data, &selection, program.shape().precision, &Limits::default())?;
    let Values::F32(values) = table.values() else {
        return Err(refused(&"a tree that compares in f64: give one of scikit-learn"));
    };
    if table.rows() < 50 || values.iter().any(|value| value.is_nan()) {
        let what =
            "fewer than 50 rows, or a missing value: an observer needs more, the naive tree can't";
        return Err(Failure::about(&data, what));
    }
    let plain: Vec<&[f32]> = values.chunks_exact(table.features()).collect();
    let alone = |row: &&[f32]| Rows::try_new(row.len(), RowValues::F32(row.to_vec()));
    let rows: Vec<Rows> =
        plain.iter().map(alone).collect::<Result<_, _>>().map_err(|e| Failure::about(&data, e))?;

    let backend = Backend::detect();
    let mut answers = Vec::with_capacity(rows.len());
    for row in &rows {
        answers.push(label(&program, row, backend).map_err(|e| Failure::about(&data, e))?);
    }
    if plain.iter().zip(&answers).any(|(row, answer)| naive.class_vartime(row) != *answer) {
        return Err(refused(&"the engines disagree: please report this, with the model"));
    }

    let mut numbers = Numbers(1696);
    let mut known: Vec<bool> = (0..rows.len()).map(|row| row % 2 == 0).collect();
    numbers.shuffle(&mut known);
    let second: Vec<bool> = answers.iter().map(|answer| *answer == 1).collect();
    let mut walk = |row: usize| naive.class_vartime(plain[row]);
    let mut ours = |row: usize| label(&program, &rows[row], backend).unwrap_or(u32::MAX);
    let clocked = [
        Clocked { query: &mut walk, repeats: REPEATS[0] },
        Clocked { query: &mut ours, repeats: REPEATS[1] },
    ];
    let [walked, scored] = clock::time(rows.len(), clocked, &mut numbers);
    let watch = |name, nanos| Watched::new(name, nanos, &second, &known);
    let engines = [watch("naive tree walk", walked), watch("Tautochrone, strict", scored)];
    Ok(Attack { engines, classes, second, known, backend })
}

/// One query: one row, the class that the model gives it.
fn label(program: &Program, row: &Rows, backend: Backend) -> Result<u32, EvaluateError> {
    match super::labels(program, row, backend)?.as_slice() {
        [label] => Ok(*label),
        _ => Err(EvaluateError::Output),
    }
}

impl Watched {
    fn new(name: &'static str, nanos: Vec<f64>, second: &[bool], known: &[bool]) -> Self {
        let half = |wanted: bool| -> Vec<Timed> {
            let queries = nanos.iter().zip(second).zip(known);
            let queries = queries.filter(|&(_, &known)| known == wanted);
            queries.map(|((&nanos, &second), _)| Timed { nanos, second }).collect()
        };
        let report = observer::observe(&half(true), &half(false));
        Self { name, nanos, report }
    }

    /// The middle of the times of one class.
    fn median(&self, second: &[bool], wanted: bool) -> f64 {
        let times = self.nanos.iter().zip(second).filter(|(_, second)| **second == wanted);
        let mut times: Vec<f64> = times.map(|(&nanos, _)| nanos).collect();
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

impl Attack {
    /// The table, and what it says.
    pub(crate) fn text(&self) -> String {
        let [first, second] = &self.classes;
        let [known, guessed] =
            [true, false].map(|w| self.known.iter().filter(|k| **k == w).count());
        let mut text = format!(
            "What a clock tells. An observer sees how long each of Bob's rows takes, alone, on one decision tree.\n\
             It learns from {known} rows whose answers it knows, and guesses the answers to the other {guessed}.\n\n"
        );
        let mut table = vec![[
            "engine".to_owned(),
            format!("{first}, median"),
            format!("{second}, median"),
            "guesses right".to_owned(),
            "99% interval".to_owned(),
            "base rate".to_owned(),
        ]];
        for engine in &self.engines {
            let report = &engine.report;
            table.push([
                engine.name.to_owned(),
                duration(engine.median(&self.second, false)),
                duration(engine.median(&self.second, true)),
                format!("{} of {}, {}", report.right, report.of, percent(report.accuracy())),
                format!("{} to {}", percent(report.interval.0), percent(report.interval.1)),
                percent(report.base_rate()),
            ]);
        }
        let widths: [usize; 6] = std::array::from_fn(|column| {
            table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
        });
        for row in &table {
            let mut line = format!("  {:w$}", row[0], w = widths[0]);
            for (cell, width) in row.iter().zip(widths).skip(1) {
                let _ = write!(line, "  {cell:>width$}");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text.push('\n');
        for engine in &self.engines {
            let _ = writeln!(text, "  {}: {}", engine.name, self.finding(&engine.report));
        }
        text
    }

    /// What the observer made of one engine, in words.
    pub(crate) fn finding(&self, report: &Report) -> String {
        let class = |second: bool| &self.classes[usize::from(second)];
        match report.rule {
            Rule::Slower { cut, second } if report.interval.0 > report.base_rate() => {
                format!("slower than {} means {}", duration(cut), class(second))
            }
            Rule::Slower { cut, second } => format!(
                "slower than {} meant {} in one half, and was no use in the other",
                duration(cut),
                class(second)
            ),
            Rule::Always { second } => {
                format!("the clock tells nothing, so the observer always says {}", class(second))
            }
        }
    }

    /// All figures, and every time that was taken.
    pub(crate) fn json(&self) -> Value {
        let engines = self.engines.iter().map(|engine| {
            let report = &engine.report;
            let rule = match report.rule {
                Rule::Always { second } => json!({"always": self.classes[usize::from(second)]}),
                Rule::Slower { cut, second } => {
                    json!({"slower_than_ns": cut, "means": self.classes[usize::from(second)]})
                }
            };
            json!({
                "engine": engine.name,
                "rule": rule,
                "right": report.right,
                "guesses": report.of,
                "accuracy": report.accuracy(),
                "interval_99": [report.interval.0, report.interval.1],
                "base_rate": report.base_rate(),
                "interval_holds_base_rate": report.holds_base_rate(),
                "nanoseconds": engine.nanos,
            })
        });
        json!({
            "backend": self.backend.name(),
            "queries": self.second.len(),
            "rounds": ROUNDS,
            "repeats": REPEATS,
            "answers": self.second.iter().map(|s| &self.classes[usize::from(*s)]).collect::<Vec<_>>(),
            "known_to_observer": self.known,
            "engines": engines.collect::<Vec<_>>(),
        })
    }
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.0}%", 100.0 * share)
}

/// Nanoseconds with four digits.
pub(crate) fn duration(nanos: f64) -> String {
    match nanos {
        _ if nanos < 100.0 => format!("{nanos:.2} ns"),
        _ if nanos < 10_000.0 => format!("{nanos:.0} ns"),
        _ => format!("{:.2} us", nanos / 1000.0),
    }
}
