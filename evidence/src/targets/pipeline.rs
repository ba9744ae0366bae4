//! From program bytes and rows to scores, with the parameters read and checked on the way.

use super::choices;
use crate::layout::{Class, Layout};
use crate::models::{ModelClass, Recipe};
use crate::plain::{bytes_of, view};
use crate::rows::{values_f32, values_f64};
use crate::target::{Profile, Region, Target};
use engine::shape::StepShape;
use engine::{
    CompileOptions, Evaluation, LabelRule, Link, Output, Precision, Program, Purpose, RowValues,
    Rows, Scores, SumMode, TreeKernel, evaluate, tree_kernels,
};
use ops::Backend;
use std::hint::black_box;
use std::num::NonZeroUsize;

/// A small forest with every way to treat missing values.
pub(super) fn forest(precision: Precision, sum: SumMode) -> ModelClass {
    ModelClass::of(&recipe(precision, sum))
}

fn recipe(precision: Precision, sum: SumMode) -> Recipe {
    Recipe {
        trees: 2,
        splits: (1, 3),
        features: 5,
        outputs: 1,
        vector_leaves: false,
        precision,
        average: precision == Precision::F64,
        link: Link::Sigmoid { scale: 1.0 },
        label: LabelRule::Flip { flip: 0.125 },
        options: CompileOptions { sum, ..CompileOptions::default() },
    }
}

/// Makes a class of models for a profile.
type MakeClass = fn(engine::Profile) -> ModelClass;

struct Case {
    name: &'static str,
    class: MakeClass,
    output: Output,
    rows: usize,
    long: bool,
}

const CASES: [Case; 12] = [
    Case { name: "margin", class: narrow, output: Output::Margin, rows: 5, long: true },
    Case { name: "label", class: narrow, output: Output::Label, rows: 5, long: false },
    Case { name: "probability", class: wide, output: Output::Probability, rows: 5, long: false },
    Case { name: "fixed", class: fixed, output: Output::Probability, rows: 5, long: true },
    Case { name: "leaf", class: leaf_ids, output: Output::Leaf, rows: 5, long: true },
    Case { name: "linear", class: linear, output: Output::Label, rows: 3, long: false },
    Case { name: "softmax", class: softmax, output: Output::Label, rows: 70, long: true },
    Case { name: "pages", class: pages, output: Output::Margin, rows: 5, long: true },
    Case { name: "blocks", class: blocks, output: Output::Margin, rows: 5, long: true },
    Case { name: "row", class: narrow, output: Output::Label, rows: 2, long: false },
    Case { name: "row-pages", class: pages, output: Output::Margin, rows: 1, long: true },
    Case { name: "row-blocks", class: blocks, output: Output::Margin, rows: 1, long: true },
];

fn with(profile: engine::Profile, mut recipe: Recipe) -> ModelClass {
    recipe.options.profile = profile;
    ModelClass::of(&recipe)
}

fn narrow(profile: engine::Profile) -> ModelClass {
    with(profile, recipe(Precision::F32, SumMode::Source))
}

fn wide(profile: engine::Profile) -> ModelClass {
    with(profile, recipe(Precision::F64, SumMode::Source))
}

fn fixed(profile: engine::Profile) -> ModelClass {
    with(profile, recipe(Precision::F32, SumMode::Fixed))
}

fn leaf_ids(profile: engine::Profile) -> ModelClass {
    let mut recipe = recipe(Precision::F32, SumMode::Source);
    recipe.options.purpose = Purpose::LeafIds;
    with(profile, recipe)
}

fn linear(_: engine::Profile) -> ModelClass {
    ModelClass::of_linear(5, 3, Link::Softmax, LabelRule::ArgMaxProbability)
}

/// Several classes, vectors in the leaves, and more than one tile of rows.
fn softmax(profile: engine::Profile) -> ModelClass {
    let mut recipe = recipe(Precision::F32, SumMode::Source);
    recipe.trees = 9;
    recipe.splits = (2, 7);
    recipe.outputs = 3;
    recipe.vector_leaves = true;
    recipe.link = Link::Softmax;
    recipe.label = LabelRule::ArgMaxProbability;
    with(profile, recipe)
}

/// More than one page of slots, and more than one group of lanes.
fn pages(profile: engine::Profile) -> ModelClass {
    let mut recipe = recipe(Precision::F32, SumMode::Source);
    recipe.trees = 70;
    recipe.splits = (2, 3);
    recipe.features = 40;
    with(profile, recipe)
}

/// Trees that are cut, with skip counters.
fn blocks(profile: engine::Profile) -> ModelClass {
    let mut recipe = recipe(Precision::F64, SumMode::Source);
    recipe.trees = 2;
    recipe.splits = (258, 262);
    recipe.average = false;
    with(profile, recipe)
}

pub(super) fn add(targets: &mut Vec<Target>, backend: &'static str) {
    for case in CASES {
        for profile in [Profile::Strict, Profile::DataOblivious] {
            let Case { name, class, output, rows, .. } = case;
            targets.push(Target {
                kernel: format!("pipeline+{name}"),
                backend,
                profile,
                planted: None,
                // lookups of plain words are long
                long: case.long || (backend == "portable" && name != "linear"),
                make: Box::new(move || {
                    Backend::named(backend)
                        .map(|backend| region(class, profile, output, rows, backend))
                }),
            });
        }
    }
}

fn region(
    make_class: MakeClass,
    profile: Profile,
    output: Output,
    count: usize,
    backend: Backend,
) -> Region {
    let class = make_class(match profile {
        Profile::Strict => engine::Profile::Strict,
        _ => engine::Profile::DataOblivious,
    });
    let features = class.shape.features as usize;
    let narrow = class.shape.precision == Precision::F32;
    let columns = match class.shape.steps[..] {
        [_, StepShape::Forest(forest), _] if output != Output::Label => forest.outputs(),
        _ => 1,
    };
    let mut layout = Layout::default();
    for section in &class.sections[0] {
        layout = layout.with(Class::Model, section.len());
    }
    let layout = layout
        .with(Class::Rows, count * features * if narrow { 4 } else { 8 })
        .with(Class::Output, count * columns * 8);
    let secrets = choices(profile, class.sections.len())
        .into_iter()
        .map(|c| {
            let thresholds = &class.thresholds[c.model];
            let mut values = class.sections[c.model].clone();
            values.push(if narrow {
                bytes_of(&values_f32(c.rows, thresholds, count * features, c.number))
            } else {
                bytes_of(&values_f64(c.rows, thresholds, count * features, c.number))
            });
            crate::Secret { name: c.name, bytes: layout.secret(&values) }
        })
        .collect();
    let inside = layout.clone();
    let body = Box::new(move |buffer: &mut [u8]| {
        let sections = sections_of(&class, &inside, buffer);
        let (rows, scores) = rows_and_scores(&inside, sections.len(), buffer);
        let values = if narrow {
            RowValues::F32(view(rows).to_vec())
        } else {
            RowValues::F64(view(rows).to_vec())
        };
        let program = Program::allege(class.parts(sections)).and_then(|alleged| alleged.judge());
        let (Ok(program), Ok(rows)) = (program, Rows::try_new(features, values)) else {
            return;
        };
        // the kernels that only this profile has; strict targets run the other one
        let kernels = match tree_kernels(&program).as_slice() {
            [TreeKernel::IntervalMax, others @ ..] if !others.is_empty() => {
                others.iter().copied().map(Some).collect()
            }
            _ => vec![None],
        };
        for kernel in kernels {
            let evaluation = Evaluation { output, backend, threads: NonZeroUsize::MIN, kernel };
            let found = evaluate(&program, &rows, &evaluation, &|_| ()).expect("rows that fit");
            put(black_box(found), scores);
        }
    });
    Region { layout, secrets, body }
}

/// The sections of a program at the start of the buffer.
pub(super) fn sections_of(class: &ModelClass, layout: &Layout, buffer: &[u8]) -> Vec<Vec<u8>> {
    let fields = layout.ranges_of_all();
    fields.into_iter().take(class.sections[0].len()).map(|range| buffer[range].to_vec()).collect()
}

fn rows_and_scores<'a>(
    layout: &Layout,
    sections: usize,
    buffer: &'a mut [u8],
) -> (&'a [u8], &'a mut [u8]) {
    let fields = layout.ranges_of_all();
    let (rows, scores) = (fields[sections].clone(), fields[sections + 1].clone());
    let (before, after) = buffer.split_at_mut(scores.start);
    (&before[rows], &mut after[..scores.end - scores.start])
}

fn put(scores: Scores, into: &mut [u8]) {
    let bytes: Vec<u8> = match scores {
        Scores::F32 { values, .. } => bytes_of(&values),
        Scores::F64 { values, .. } => bytes_of(&values),
        Scores::Labels(labels) => bytes_of(&labels),
        Scores::LeafIds { ids, .. } => bytes_of(&ids),
    };
    into[..bytes.len()].copy_from_slice(&bytes);
}
