//! The engine gives what the plain model gives: every backend, both profiles, both sums, whole
//! trees and blocks, one thread and several.

use engine::{
    CompileOptions, Ensemble, EvaluateError, Evaluation, Model, Output, Profile, Purpose,
    RowValues, Rows, Scores, ShapeClass, SumMode, TreeKernel, compile, evaluate, fixed_error_bound,
    tree_kernel, tree_kernels,
};
use model::{RandomForest, answer, backends, cases, random_forest, rows_around};
use proptest::prelude::*;
use std::num::NonZeroUsize;

fn copy(values: &RowValues) -> RowValues {
    match values {
        RowValues::F32(values) => RowValues::F32(values.clone()),
        RowValues::F64(values) => RowValues::F64(values.clone()),
    }
}

fn check(forest: &RandomForest, rows: usize) -> Result<(), TestCaseError> {
    let parts = forest.build();
    let values = rows_around(&parts, rows, forest.seed);
    let expected = answer(&parts, &values);
    let features = parts.schema.features as usize;
    let model = Model::Ensemble(Ensemble::try_new(parts).expect("a random forest is valid"));
    let rows = Rows::try_new(features, copy(&values)).expect("whole rows");

    let profiles = [Profile::Strict, Profile::DataOblivious];
    let classes = [ShapeClass::Auto, ShapeClass::Exact];
    let kinds = profiles.into_iter().flat_map(|p| classes.map(|c| (p, c)));
    for (first, (profile, class)) in kinds.enumerate() {
        for (second, (purpose, sum)) in [
            (Purpose::LeafIds, SumMode::Source),
            (Purpose::Scores, SumMode::Source),
            (Purpose::Scores, SumMode::Fixed),
        ]
        .into_iter()
        .enumerate()
        {
            let options = CompileOptions { profile, class, sum, purpose, precision: None };
            let program = compile(&model, &options).expect("a random forest compiles");
            let bound = fixed_error_bound(program.shape());
            let kernels: &[TreeKernel] = match profile {
                Profile::Strict => &[TreeKernel::IntervalMax],
                Profile::DataOblivious => &TreeKernel::ALL,
            };
            let ways = backends().iter().flat_map(|&b| kernels.iter().map(move |&k| (b, k)));
            for (third, (backend, kernel)) in ways.enumerate() {
                let evaluation = Evaluation {
                    output: if purpose == Purpose::LeafIds { Output::Leaf } else { Output::Margin },
                    backend,
                    // so that every backend and kernel runs on one thread and on two
                    threads: NonZeroUsize::new(1 + (first + second + third) % 2).expect("not zero"),
                    kernel: Some(kernel),
                };
                let scores = evaluate(&program, &rows, &evaluation, &|_| ()).expect("rows fit");
                let name =
                    format!("{profile:?} {class:?} {sum:?} {} {}", backend.name(), kernel.name());
                match scores {
                    Scores::LeafIds { ids, .. } => {
                        prop_assert_eq!(&ids, &expected.leaves, "{}", name)
                    }
                    Scores::F32 { values, .. } => {
                        let found: Vec<u32> = values.iter().map(|v| v.to_bits()).collect();
                        let want: Vec<u32> =
                            expected.margins.iter().map(|&v| (v as f32).to_bits()).collect();
                        prop_assert_eq!(found, want, "{}", name);
                    }
                    Scores::F64 { values, .. } => match bound {
                        None => {
                            let found: Vec<u64> = values.iter().map(|v| v.to_bits()).collect();
                            let want: Vec<u64> =
                                expected.margins.iter().map(|v| v.to_bits()).collect();
                            prop_assert_eq!(found, want, "{}", name);
                        }
                        Some(bound) => {
                            for (found, exact) in values.iter().zip(&expected.exact) {
                                prop_assert!((found - exact).abs() <= bound, "{}", name);
                            }
                        }
                    },
                    Scores::Labels(_) => prop_assert!(false, "no labels were asked for"),
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(60), ..ProptestConfig::default() })]
    #[test]
    fn random_forests(forest in random_forest(), rows in 1usize..200) {
        check(&forest, rows)?;
    }

    /// A few rows go one after the other.
    #[test]
    fn few_rows(forest in random_forest(), rows in 1usize..6) {
        check(&forest, rows)?;
    }
}

#[test]
fn many_rows_and_threads() {
    let forest = RandomForest {
        features: 9,
        outputs: 2,
        vector_leaves: false,
        splits: vec![31, 0, 200, 63, 1, 255],
        chain: 0.3,
        thresholds: 500,
        precision: engine::Precision::F32,
        average: false,
        missing_value: None,
        seed: [7; 32],
    };
    check(&forest, 1300).expect("equal to the plain model");
}

fn large_forest(features: u32, thresholds: u32, splits: Vec<usize>) -> RandomForest {
    RandomForest {
        features,
        outputs: 1,
        vector_leaves: false,
        splits,
        chain: 0.2,
        thresholds,
        precision: engine::Precision::F32,
        average: false,
        missing_value: None,
        seed: [9; 32],
    }
}

/// More than a thousand features in use, a hundred classes, five thousand trees.
#[test]
fn large_sizes() {
    let classes = RandomForest { outputs: 100, ..large_forest(20, 40, vec![12; 200]) };
    for forest in
        [large_forest(1200, 40, vec![60; 80]), classes, large_forest(20, 300, vec![3; 5000])]
    {
        for rows in [1, 70] {
            check(&forest, rows).expect("equal to the plain model");
        }
    }
}

/// A bit-sliced tree of more lines of leaves than a byte numbers.
#[test]
fn a_tree_of_many_lines() {
    check(&large_forest(9, 1000, vec![18_000, 3]), 70).expect("equal to the plain model");
}

/// More thresholds than trees may share planes of: they are filled anew for each group of trees.
#[test]
fn trees_that_do_not_share_planes() {
    check(&large_forest(60, 5000, vec![7000; 4]), 70).expect("equal to the plain model");
}

/// A tree with more thresholds than there are planes is not bit-sliced, and scores all the same.
#[test]
fn a_tree_of_too_many_thresholds() {
    let forest = large_forest(60, 100_000, vec![20_000]);
    let parts = forest.build();
    let values = rows_around(&parts, 70, forest.seed);
    let expected = answer(&parts, &values);
    let rows = Rows::try_new(parts.schema.features as usize, values).expect("whole rows");
    let model = Model::Ensemble(Ensemble::try_new(parts).expect("valid"));
    let options = CompileOptions { profile: Profile::DataOblivious, ..Default::default() };
    let program = compile(&model, &options).expect("compiles");
    let kernels = [TreeKernel::IntervalMax, TreeKernel::IntervalMaxRows];
    assert_eq!(tree_kernels(&program), kernels);
    let mut evaluation = Evaluation {
        output: Output::Margin,
        backend: backends()[0],
        threads: NonZeroUsize::MIN,
        kernel: Some(TreeKernel::BitSliced),
    };
    let refused = evaluate(&program, &rows, &evaluation, &|_| ());
    assert_eq!(refused, Err(EvaluateError::Kernel));
    evaluation.kernel = None;
    let Ok(Scores::F32 { values, .. }) = evaluate(&program, &rows, &evaluation, &|_| ()) else {
        panic!("f32 sums")
    };
    assert!(values.iter().zip(&expected.margins).all(|(&found, &want)| found == want as f32));
}

/// The kernel is chosen by the profile and the number of rows; a strict program has no choice.
#[test]
fn the_kernel_follows_the_rows() {
    let model = Ensemble::try_new(large_forest(9, 50, vec![60; 100]).build()).expect("valid");
    let model = Model::Ensemble(model);
    for profile in [Profile::Strict, Profile::DataOblivious] {
        let options = CompileOptions { profile, ..Default::default() };
        let program = compile(&model, &options).expect("compiles");
        for &backend in backends() {
            let threads = NonZeroUsize::MIN;
            let evaluation = Evaluation { output: Output::Margin, backend, threads, kernel: None };
            let chosen = |rows| tree_kernel(&program, rows, &evaluation).expect("a forest");
            let many = match profile {
                Profile::Strict => TreeKernel::IntervalMax,
                Profile::DataOblivious => TreeKernel::BitSliced,
            };
            assert_eq!(chosen(1), Some(TreeKernel::IntervalMax), "{}", backend.name());
            assert_eq!(chosen(512), Some(many), "{}", backend.name());
            assert_eq!(chosen(100_000), Some(many), "{}", backend.name());
        }
    }
}
