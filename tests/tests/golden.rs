//! What real libraries answer, this program answers: every golden case, on every backend, in both
//! profiles, with both sums, on one thread and on two.
//!
//! Leaves, labels and margins of `sum = source` are equal bit for bit (linear models: within the
//! reordering bound of the case); margins of `sum = fixed` within the bound of the shape card;
//! probabilities within 2 ulp of f32 of the true value.

use engine::{
    CompileError, CompileOptions, Evaluation, LabelRule, Link, Model, Output, Precision, Profile,
    Program, Purpose, RowValues, Rows, Scores, ShapeClass, SumMode, TreeKernel, compile, evaluate,
    fixed_error_bound,
};
use model::{Answer, Case, NpyValues, answer, backends};
use models::{ImportOptions, Iterations, import_file};
use ops::Backend;
use std::num::NonZeroUsize;

#[test]
fn xgboost_1() {
    check_all("xgboost-1");
}

#[test]
fn xgboost_2() {
    check_all("xgboost-2");
}

#[test]
fn xgboost_3() {
    check_all("xgboost-3");
}

#[test]
fn lightgbm_3() {
    check_all("lightgbm-3");
}

#[test]
fn lightgbm_4() {
    check_all("lightgbm-4");
}

#[test]
fn scikit_learn() {
    check_all("sklearn");
}

#[test]
fn a_planted_fault_is_found() {
    let faults_of = |plant: fn(&mut Case)| {
        let mut case = Case::all("xgboost-3.2.0-multi-softprob").remove(0);
        plant(&mut case);
        check(&case)
    };
    let found = |plant, word| faults_of(plant).iter().any(|fault| fault.contains(word));
    assert!(faults_of(|_| ()).is_empty());
    assert!(found(|case| case.leaves.as_mut().expect("trees")[7] += 1, "leaves"));
    assert!(found(|case| case.labels.as_mut().expect("classes")[7] ^= 1, "source labels"));
    let probability =
        |case: &mut Case| case.probabilities.as_mut().expect("a link")[7] *= 1.0 + 4e-7;
    assert!(found(probability, "source probabilities"));
    let margin = |case: &mut Case| match &mut case.margins {
        NpyValues::F32(values) => values[7] = values[7].next_up(),
        _ => panic!("XGBoost adds in f32"),
    };
    assert!(found(margin, "source margins"));
    assert!(found(|case| case.features += 1, "features"));
}

/// Runs every case of the prefix and reports every fault at once.
fn check_all(prefix: &str) {
    let cases = Case::all(prefix);
    println!("{prefix}: {} cases", cases.len());
    let faults: Vec<String> = cases
        .iter()
        .flat_map(|case| check(case).into_iter().map(|fault| format!("{}: {fault}", case.name)))
        .collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn check(case: &Case) -> Vec<String> {
    let options = ImportOptions {
        missing: case.facts["missing"].as_f64().map(|value| value as f32),
        iterations: match case.facts["iterations"].as_str() {
            Some("best") => Some(Iterations::Best),
            Some("all") => Some(Iterations::All),
            _ => None,
        },
        ..ImportOptions::default()
    };
    let model = match import_file(&case.model, &options) {
        Ok(imported) => imported.model,
        Err(error) => return vec![format!("refused: {error}")],
    };
    let features = model.schema().features as usize;
    if features != case.features {
        return vec![format!("{features} features instead of {}", case.features)];
    }
    let mut faults = schema_faults(case, &model);
    for precision in precisions(case) {
        for profile in [Profile::Strict, Profile::DataOblivious] {
            faults.extend(check_profile(case, &model, profile, precision));
        }
    }
    faults
}

/// f32 rows of a model that compares at f64 are scored as they are, and widened.
fn precisions(case: &Case) -> Vec<Option<Precision>> {
    match (&case.rows, case.facts["compare_at"].as_str()) {
        (NpyValues::F32(_), Some("f64")) => vec![Some(Precision::F32), Some(Precision::F64)],
        _ => vec![None],
    }
}

/// The margin at which the label flips is the library's own, found there by bisection.
fn schema_faults(case: &Case, model: &Model) -> Vec<String> {
    let schema = model.schema();
    let mut faults = Vec::new();
    if let Some(expected) = case.facts["flip"].as_f64()
        && schema.label != (LabelRule::Flip { flip: expected })
    {
        faults.push(format!("label rule {:?}, the library flips at {expected:e}", schema.label));
    }
    if let Some(expected) = case.facts["classes"].as_array()
        && !expected.iter().map(|c| c.as_str()).eq(schema.classes.iter().map(|c| Some(c.as_str())))
    {
        faults.push(format!("classes {:?} instead of {expected:?}", schema.classes));
    }
    faults
}

fn check_profile(
    case: &Case,
    model: &Model,
    profile: Profile,
    precision: Option<Precision>,
) -> Vec<String> {
    let mut faults = Vec::new();
    let mut compiled = |purpose, sum| {
        let options = CompileOptions { profile, class: ShapeClass::Auto, sum, purpose, precision };
        compile(model, &options)
            .map_err(|error| faults.push(format!("{profile:?} {sum:?} {purpose:?}: {error}")))
            .ok()
    };
    let leaf_ids = case.leaves.as_ref().and_then(|_| compiled(Purpose::LeafIds, SumMode::Source));
    let source = compiled(Purpose::Scores, SumMode::Source);
    let fixed = match model {
        Model::Ensemble(_) => compiled(Purpose::Scores, SumMode::Fixed),
        Model::Linear(_) => {
            let options = CompileOptions { profile, sum: SumMode::Fixed, ..Default::default() };
            match compile(model, &options) {
                Err(CompileError::FixedLinear) => None,
                _ => return vec!["a linear model passes for a fixed-point sum".into()],
            }
        }
    };
    for &backend in backends() {
        for (threads, kernel) in
            [1, 2].into_iter().flat_map(|n| kernels(model, profile).map(move |k| (n, k)))
        {
            let how = How { precision, backend, threads, kernel };
            let mut note = |what: &str, fault: Option<String>| {
                faults.extend(fault.map(|fault| {
                    let (backend, wide) = (backend.name(), precision.map_or("own", wide_name));
                    let kernel = kernel.map_or("no kernel", TreeKernel::name);
                    format!(
                        "{what}, {profile:?}, {backend}, {kernel}, {threads} threads, {wide} rows: {fault}"
                    )
                }));
            };
            if let Some(program) = &leaf_ids {
                note("leaves", leaf_fault(case, &how.run(case, program, Output::Leaf)));
            }
            if let Some(program) = &source {
                let margins = how.run(case, program, Output::Margin);
                note("source margins", source_margin_fault(case, &margins));
                note("source probabilities", probability_fault(case, model, program, &how, None));
                note("source labels", label_fault(case, model, program, &how, None));
            }
            if let Some(program) = &fixed {
                let margins = floats(how.run(case, program, Output::Margin));
                note("fixed margins", fixed_margin_fault(case, model, program, &margins));
                let margins = Some(margins.as_slice());
                note("fixed probabilities", probability_fault(case, model, program, &how, margins));
                note("fixed labels", label_fault(case, model, program, &how, margins));
            }
        }
    }
    faults
}

/// Every kernel that can walk the model's trees.
fn kernels(model: &Model, profile: Profile) -> impl Iterator<Item = Option<TreeKernel>> {
    let kernels = match (model, profile) {
        (Model::Linear(_), _) => vec![None],
        (_, Profile::Strict) => vec![Some(TreeKernel::IntervalMax)],
        (_, Profile::DataOblivious) => TreeKernel::ALL.map(Some).to_vec(),
    };
    kernels.into_iter()
}

fn wide_name(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 => "f32",
        Precision::F64 => "f64",
    }
}

/// How a program is run.
struct How {
    precision: Option<Precision>,
    backend: Backend,
    threads: usize,
    kernel: Option<TreeKernel>,
}

/// Times that the rows are repeated on two threads, so that each thread has a block of its own.
const REPEATS: usize = 6;

impl How {
    /// Scores of the case's rows. On several threads the rows are repeated, and every repetition
    /// must score the same.
    fn run(&self, case: &Case, program: &Program, output: Output) -> Scores {
        let repeats = if self.threads == 1 { 1 } else { REPEATS };
        let values = match (&case.rows, self.precision) {
            (NpyValues::F32(values), Some(Precision::F64)) => {
                let wide: Vec<f64> = values.iter().map(|&x| f64::from(x)).collect();
                RowValues::F64(wide.repeat(repeats))
            }
            (NpyValues::F32(values), _) => RowValues::F32(values.repeat(repeats)),
            (NpyValues::F64(values), _) => RowValues::F64(values.repeat(repeats)),
            (NpyValues::U32(_), _) => panic!("{}: rows are floats", case.name),
        };
        let rows = Rows::try_new(case.features, values).expect("whole rows");
        let threads = NonZeroUsize::new(self.threads).expect("not zero");
        let evaluation = Evaluation { output, backend: self.backend, threads, kernel: self.kernel };
        let scores = evaluate(program, &rows, &evaluation, &|_| ()).expect("the rows fit");
        first_of_equal(scores, repeats, &case.name)
    }
}

/// The first of `repeats` equal parts.
fn first_of_equal(scores: Scores, repeats: usize, name: &str) -> Scores {
    fn first<T: Clone, B: PartialEq>(
        all: &[T],
        repeats: usize,
        bits: fn(&T) -> B,
        name: &str,
    ) -> Vec<T> {
        let part = &all[..all.len() / repeats];
        let same =
            all.chunks(part.len()).all(|other| other.iter().map(bits).eq(part.iter().map(bits)));
        assert!(same, "{name}: equal rows do not score equal");
        part.to_vec()
    }
    match scores {
        Scores::F32 { columns, values } => {
            Scores::F32 { columns, values: first(&values, repeats, |v| v.to_bits(), name) }
        }
        Scores::F64 { columns, values } => {
            Scores::F64 { columns, values: first(&values, repeats, |v| v.to_bits(), name) }
        }
        Scores::Labels(values) => Scores::Labels(first(&values, repeats, |v| *v, name)),
        Scores::LeafIds { trees, ids } => {
            Scores::LeafIds { trees, ids: first(&ids, repeats, |v| *v, name) }
        }
    }
}

fn floats(scores: Scores) -> Vec<f64> {
    match scores {
        Scores::F32 { values, .. } => values.into_iter().map(f64::from).collect(),
        Scores::F64 { values, .. } => values,
        _ => Vec::new(),
    }
}

fn wide(values: &NpyValues) -> Vec<f64> {
    match values {
        NpyValues::F32(values) => values.iter().map(|&v| f64::from(v)).collect(),
        NpyValues::F64(values) => values.clone(),
        NpyValues::U32(_) => Vec::new(),
    }
}

fn leaf_fault(case: &Case, scores: &Scores) -> Option<String> {
    let Scores::LeafIds { ids, .. } = scores else { return Some("no leaf numbers".into()) };
    let expected = case.leaves.as_ref()?;
    differing(ids, expected, |found, expected| found == expected)
}

fn source_margin_fault(case: &Case, scores: &Scores) -> Option<String> {
    match (scores, &case.margins, &case.tolerance) {
        (Scores::F32 { values, .. }, NpyValues::F32(expected), None) => {
            differing(values, expected, |a, b| a.to_bits() == b.to_bits())
        }
        (Scores::F64 { values, .. }, NpyValues::F64(expected), None) => {
            differing(values, expected, |a, b| a.to_bits() == b.to_bits())
        }
        (Scores::F64 { values, .. }, NpyValues::F64(expected), Some(tolerance)) => {
            let bounded: Vec<(f64, f64)> =
                expected.iter().copied().zip(tolerance.iter().copied()).collect();
            differing(values, &bounded, |found, (expected, bound)| {
                (found - expected).abs() <= *bound
            })
        }
        _ => Some("the sum is not in the library's precision".into()),
    }
}

/// Against the exact sum of the leaves: the bound of the shape card, and the rounding of the result
/// to f64.
fn fixed_margin_fault(
    case: &Case,
    model: &Model,
    program: &Program,
    margins: &[f64],
) -> Option<String> {
    let Model::Ensemble(ensemble) = model else {
        return Some("a linear model has no leaves to add up in fixed point".into());
    };
    let rows = match &case.rows {
        NpyValues::F32(values) => RowValues::F32(values.clone()),
        NpyValues::F64(values) => RowValues::F64(values.clone()),
        NpyValues::U32(_) => return Some("rows are floats".into()),
    };
    let Answer { exact, .. } = answer(ensemble.parts(), &rows);
    let Some(bound) = fixed_error_bound(program.shape()) else {
        return Some("the shape card states no bound".into());
    };
    differing(margins, &exact, |found, exact| (found - exact).abs() <= bound)
}

/// Within 2 ulp of f32 of the true value. Where the margins are not the library's (`fixed`), the
/// true value may move by what the margin is off by.
fn probability_fault(
    case: &Case,
    model: &Model,
    program: &Program,
    how: &How,
    fixed: Option<&[f64]>,
) -> Option<String> {
    let expected = case.probabilities.as_ref()?;
    let (output, slope) = match link_of(model) {
        Link::Identity => return Some("the library has a link, the model has none".into()),
        Link::Exp => (Output::Prediction, 2.0),
        Link::Sigmoid { scale } => (Output::Probability, 2.0 * scale),
        Link::Proportion | Link::OneVersusRest | Link::Softmax => (Output::Probability, 2.0),
    };
    let values = floats(how.run(case, program, output));
    let proportion = link_of(model) == Link::Proportion;
    let off = margin_errors(case, fixed);
    let columns = expected.len() / case.count;
    let bounded: Vec<(f64, f64)> = expected
        .iter()
        .enumerate()
        .map(|(i, &p)| {
            let moved = if proportion { 1.0 } else { slope * p } * off[i / columns];
            (p, 2.0 * ulp_f32(p) + moved)
        })
        .collect();
    differing(&values, &bounded, |found, (expected, bound)| (found - expected).abs() <= *bound)
}

/// Equal; where the margins are not the library's, on rows that such a difference cannot decide.
fn label_fault(
    case: &Case,
    model: &Model,
    program: &Program,
    how: &How,
    fixed: Option<&[f64]>,
) -> Option<String> {
    let expected = case.labels.as_ref()?;
    let Scores::Labels(labels) = how.run(case, program, Output::Label) else {
        return Some("no labels".into());
    };
    let margins = wide(&case.margins);
    let off = margin_errors(case, fixed);
    let clear = |row: usize| {
        let columns = margins.len() / case.count;
        let mut of_row = margins[row * columns..][..columns].to_vec();
        of_row.sort_by(|a, b| b.total_cmp(a));
        let gap = match model.schema().label {
            LabelRule::Flip { flip } => (of_row[0] - flip).abs(),
            _ => of_row[0] - of_row[1],
        };
        fixed.is_none() || gap > 2.0 * off[row] + 2e-6
    };
    let kept: Vec<usize> = (0..case.count).filter(|&row| clear(row)).collect();
    let found: Vec<u32> = kept.iter().map(|&row| labels[row]).collect();
    let expected: Vec<u32> = kept.iter().map(|&row| expected[row]).collect();
    differing(&found, &expected, |a, b| a == b)
}

/// For each row: how far margins of `fixed` are from the library's; zero for the library's own.
fn margin_errors(case: &Case, fixed: Option<&[f64]>) -> Vec<f64> {
    let Some(fixed) = fixed else { return vec![0.0; case.count] };
    let margins = wide(&case.margins);
    let columns = margins.len() / case.count;
    let rows = fixed.chunks(columns).zip(margins.chunks(columns));
    rows.map(|(a, b)| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)).collect()
}

fn link_of(model: &Model) -> Link {
    match model {
        Model::Ensemble(ensemble) => ensemble.parts().link,
        Model::Linear(linear) => linear.parts().link,
    }
}

/// A unit in the last place of f32, at least that of the smallest normal number.
fn ulp_f32(x: f64) -> f64 {
    (x.abs().max(f64::from(f32::MIN_POSITIVE)).log2().floor() - 23.0).exp2()
}

/// How many differ, and the first of them.
fn differing<A: std::fmt::Debug, B: std::fmt::Debug>(
    found: &[A],
    expected: &[B],
    same: impl Fn(&A, &B) -> bool,
) -> Option<String> {
    if found.len() != expected.len() {
        return Some(format!("{} values instead of {}", found.len(), expected.len()));
    }
    let wrong: Vec<usize> = (0..found.len()).filter(|&i| !same(&found[i], &expected[i])).collect();
    let first = *wrong.first()?;
    let (found, expected) = (&found[first], &expected[first]);
    Some(format!("{} differ, first value {first}: {found:?} instead of {expected:?}", wrong.len()))
}
