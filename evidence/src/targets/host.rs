//! What the enclave host does with secret values: rows against the agreement, scores to what is released.

use super::{choices, region};
use crate::layout::{Class, Layout};
use crate::plain::{bytes_of, view, view_mut};
use crate::rows::{values_f32, values_f64};
use crate::target::{Profile, Region, Target};
use enclave_host::secret_values::{allowed_f32, allowed_f64, check, once_is_constant, rule_inputs};
use engine::rule::{InputShape, Number, Per, RuleShape};
use engine::{Backend, Output, RowValues, Rows, Scores};
use protocol::agreement::{Column, ColumnValues, Digits, Missing, OutputTerms, Whom};

const ROWS: usize = 6;
/// Bounds below, numbers between, and what is no whole number.
const EDGES: [f64; 8] = [0.1, 0.3, -3.0, 7.0, 0.0, 2.0, 2.5, 4_503_599_627_370_497.5];

pub(super) fn add(targets: &mut Vec<Target>) {
    for wide in [false, true] {
        for backend in ["portable", "avx2", "avx512"] {
            let kernel = format!("allowed_f{}", if wide { 64 } else { 32 });
            add_on(targets, kernel, backend, move |backend| {
                let columns = columns();
                rows(wide, columns.len() * ROWS, 8, move |values, found| {
                    let columns: Vec<&Column> = columns.iter().collect();
                    let allowed = match values {
                        Values::F32(values) => allowed_f32(backend, &columns, values),
                        Values::F64(values) => allowed_f64(backend, &columns, values),
                    };
                    view_mut::<u64>(found)[0] = allowed.as_u64();
                })
            });
        }
        for (digits, name) in [(Digits::Full, "full"), (Digits::Decimals(3), "decimals")] {
            let name = format!("release+{name}+f{}", if wide { 64 } else { 32 });
            add_one(targets, name, move || {
                rows(wide, ROWS, 8 + 8 * ROWS, move |values, into| {
                    let columns = 1;
                    released(
                        into,
                        digits,
                        match values {
                            Values::F32(values) => Scores::F32 { columns, values: values.to_vec() },
                            Values::F64(values) => Scores::F64 { columns, values: values.to_vec() },
                        },
                    );
                })
            });
        }
    }
    rule_cells(targets);
    add_one(targets, "release+label".into(), || {
        rows(false, ROWS, 8 + 8 * ROWS, |values, into| {
            let Values::F32(values) = values else { unreachable!("narrow ones") };
            let labels = values.iter().map(|value| value.to_bits() & 15).collect();
            released(into, Digits::Full, Scores::Labels(labels));
        })
    });
}

/// Rows of an agreement as a rule reads them: whole numbers to integers, and what stands once.
fn rule_cells(targets: &mut Vec<Target>) {
    let input = |per, number| InputShape { per, number, low: i64::MIN, high: i64::MAX };
    let inputs = vec![
        input(Per::Row, Number::Integer),
        input(Per::Once, Number::Truth),
        input(Per::Row, Number::F64),
    ];
    add_one(targets, "rule_cells".into(), move || {
        let rule = RuleShape { inputs: inputs.clone(), ..RuleShape::default() };
        rows(true, rule.inputs.len() * ROWS, 8, move |values, found| {
            let Values::F64(values) = values else { unreachable!("wide ones") };
            let columns = rule.inputs.len();
            let values = RowValues::F64(values.to_vec());
            let constant = once_is_constant(&rule, columns, &values);
            let rows = Rows::try_new(columns, values).expect("whole rows");
            std::hint::black_box(&rule_inputs(&rule, &rows));
            view_mut::<u64>(found)[0] = constant.as_u64();
        })
    });
}

fn columns() -> Vec<Column> {
    let number = |min, max| ColumnValues::Number { min, max };
    let categories = ["a", "b", "c"].map(String::from).to_vec();
    [
        (number(0.1, 0.3), Missing::Refused),
        (number(-1e30, 7.0), Missing::Allowed),
        (ColumnValues::Integer { min: -3, max: 7 }, Missing::Refused),
        (ColumnValues::Integer { min: 0, max: 1 << 24 }, Missing::Allowed),
        (ColumnValues::Category { categories }, Missing::Allowed),
    ]
    .map(|(values, missing)| Column { name: "c".into(), values, missing, from: Whom::Caller })
    .to_vec()
}

fn released(into: &mut [u8], digits: Digits, scores: Scores) {
    let terms = OutputTerms { output: Output::Margin, count: 1, min: -3.0, max: 7.0 };
    let checked = check(scores, &terms, digits);
    let (inside, planes) = into.split_at_mut(8);
    inside.copy_from_slice(&checked.inside.as_u64().to_le_bytes());
    planes[..8 * ROWS].copy_from_slice(checked.planes.expose());
}

enum Values<'a> {
    F32(&'a [f32]),
    F64(&'a [f64]),
}

/// Some values of every kind, in one width or the other, and room for what comes of them.
fn rows(
    wide: bool,
    count: usize,
    output: usize,
    body: impl Fn(Values<'_>, &mut [u8]) + 'static,
) -> Region {
    let size = if wide { size_of::<f64>() } else { size_of::<f32>() };
    let layout = Layout::default().with(Class::Rows, count * size).with(Class::Output, output);
    let inside = layout.clone();
    region(
        layout,
        choices(Profile::Both, 1),
        |c| {
            vec![if wide {
                bytes_of(&values_f64(c.rows, &EDGES, count, c.number))
            } else {
                bytes_of(&values_f32(c.rows, &EDGES, count, c.number))
            }]
        },
        Box::new(move |buffer| {
            let [values, into] = inside.split(buffer);
            let values = if wide { Values::F64(view(values)) } else { Values::F32(view(values)) };
            body(values, into);
        }),
    )
}

fn add_one(targets: &mut Vec<Target>, kernel: String, make: impl Fn() -> Region + 'static) {
    targets.push(Target {
        kernel,
        backend: "scalar",
        profile: Profile::Both,
        planted: None,
        long: false,
        make: Box::new(move || Some(make())),
    });
}

/// On a backend, where the CPU has it.
fn add_on(
    targets: &mut Vec<Target>,
    kernel: String,
    name: &'static str,
    make: impl Fn(Backend) -> Region + 'static,
) {
    targets.push(Target {
        kernel,
        backend: name,
        profile: Profile::Both,
        planted: None,
        long: false,
        make: Box::new(move || {
            let mut available = Backend::available().into_iter();
            available.find(|backend| backend.name() == name).map(&make)
        }),
    });
}
