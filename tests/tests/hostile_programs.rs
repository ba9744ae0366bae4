//! Programs that no compiler makes: whatever the decoder takes evaluates on every backend without a
//! panic, and every margin and probability is zero or a normal number.

use engine::shape::{ForestShape, RankShape, Shape, StepShape, Sum};
use engine::{
    CompileOptions, Ensemble, Evaluation, LabelRule, Link, Model, Profile, Program, ProgramError,
    ProgramParts, Purpose, RowValues, Rows, Scores, SumMode, compile, evaluate, outputs,
    tree_kernels,
};
use model::{RandomForest, random_forest, rows_around};
use ops::Backend;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::num::NonZeroUsize;

const LANES: usize = 64;

// sections of a forest's parameters
const TABLES: usize = 1;
const NODES: usize = 2;
const ENDS: usize = 3;
const EXITS: usize = 4;
const BASE: usize = 5;

fn steps(shape: &mut Shape) -> (RankShape, &mut ForestShape) {
    match shape.steps.as_mut_slice() {
        [StepShape::Rank(rank), StepShape::Forest(forest), _] => (*rank, forest),
        _ => panic!("a forest"),
    }
}

/// Writes the value `bits(exit)` into every exit of every block, for every output.
fn fill_exits(parts: &mut ProgramParts, mut bits: impl FnMut() -> u64) {
    let (_, &mut forest) = steps(&mut parts.shape);
    let (lines, bytes) = (forest.exit_lines(), forest.sum.value_bytes());
    let plane = lines * LANES;
    let sections = parts.sections.expose_mut();
    for block in sections[EXITS].chunks_exact_mut(forest.exit_planes() * plane) {
        let values = &mut block[forest.skip_bytes as usize * plane..];
        for value in values.chunks_exact_mut(bytes * plane) {
            for exit in 0..plane {
                let bits = bits();
                for byte in 0..bytes {
                    value[byte * plane + exit] = (bits >> (8 * byte)) as u8;
                }
            }
        }
    }
    for base in sections[BASE].chunks_exact_mut(8) {
        base.copy_from_slice(&bits().to_le_bytes());
    }
}

/// Every exit leads to the next block: all blocks of a sequence count for every row.
fn skip_nothing(parts: &mut ProgramParts) {
    let (_, &mut forest) = steps(&mut parts.shape);
    let plane = forest.exit_lines() * LANES;
    for block in parts.sections.expose_mut()[EXITS].chunks_exact_mut(forest.exit_planes() * plane) {
        block[..forest.skip_bytes as usize * plane].fill(0);
    }
}

/// Nodes that point anywhere, with any threshold, shift and reach; exits beyond the last one; any
/// skip; and leaves of any size that this sum allows.
fn scramble(parts: &mut ProgramParts, rng: &mut TestRng) {
    let (rank, &mut forest) = steps(&mut parts.shape);
    let planes = if rank.slots > 64 { 5 } else { 4 };
    let mut fill = |bytes: &mut [u8]| rng.fill_bytes(bytes);
    let sections = parts.sections.expose_mut();
    fill(&mut sections[NODES]);
    fill(&mut sections[ENDS]);
    fill(&mut sections[EXITS]);
    for node in sections[NODES].chunks_exact_mut(planes * LANES) {
        for lane in 0..LANES {
            let slot = usize::from(node[lane]) * 257 % rank.slots as usize;
            node[lane] = (slot % LANES) as u8;
            if planes == 5 {
                node[4 * LANES + lane] = (slot / LANES) as u8;
            }
        }
    }
    // the longest and the least of what the magnitudes allow
    let counts = u64::from(u32::BITS - forest.trees.max(forest.blocks).leading_zeros()) + 1;
    let (low, span) = match forest.sum {
        Sum::SourceF32 => (27, 253 - counts - 27),
        _ => (123, 1923 - counts - 123),
    };
    fill_exits(parts, || {
        let bits = rng.next_u64();
        let exponent = match bits % 3 {
            0 => low,
            1 => low + span,
            _ => low + (bits >> 40) % (span + 1),
        };
        match forest.sum {
            Sum::SourceF32 if bits.is_multiple_of(7) => (bits >> 63) << 31,
            Sum::SourceF32 => (bits >> 63) << 31 | exponent << 23 | bits >> 8 & 0x7f_ffff,
            Sum::SourceF64 if bits.is_multiple_of(7) => bits & 1 << 63,
            Sum::SourceF64 => bits & 1 << 63 | exponent << 52 | bits >> 8 & ((1 << 52) - 1),
            Sum::Fixed { .. } | Sum::LeafIds => bits,
        }
    });
}

fn rows_of(values: &RowValues, features: usize) -> Rows {
    let values = match values {
        RowValues::F32(values) => RowValues::F32(values.clone()),
        RowValues::F64(values) => RowValues::F64(values.clone()),
    };
    Rows::try_new(features, values).expect("whole rows")
}

/// Everything that a program hands out, on every backend by every kernel.
fn run(program: &Program, rows: &Rows) -> Vec<Scores> {
    let mut all = Vec::new();
    for backend in Backend::available() {
        for &output in &outputs(program) {
            for kernel in tree_kernels(program) {
                let threads = NonZeroUsize::MIN;
                let evaluation = Evaluation { output, backend, threads, kernel: Some(kernel) };
                all.push(evaluate(program, rows, &evaluation, &|_| ()).expect("rows fit"));
            }
        }
    }
    all
}

fn all_normal(scores: &Scores) -> bool {
    match scores {
        Scores::F32 { values, .. } => values.iter().all(|v| *v == 0.0 || v.is_normal()),
        Scores::F64 { values, .. } => values.iter().all(|v| *v == 0.0 || v.is_normal()),
        Scores::LeafIds { .. } | Scores::Labels(_) => true,
    }
}

/// A forest with a link that its outputs allow.
fn with_link(forest: &RandomForest, pick: u8) -> engine::EnsembleParts {
    let mut parts = forest.build();
    let several = parts.outputs > 1;
    (parts.link, parts.schema.label) = match pick % 4 {
        0 => (Link::Sigmoid { scale: 1e6 }, LabelRule::None),
        1 if several => (Link::Softmax, LabelRule::ArgMaxProbability),
        2 if several => (Link::OneVersusRest, LabelRule::ArgMaxProbability),
        _ => (Link::Exp, LabelRule::None),
    };
    if parts.schema.label == LabelRule::ArgMaxProbability {
        parts.schema.classes = (0..parts.outputs).map(|class| class.to_string()).collect();
    }
    parts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn any_parameters_that_pass_evaluate(forest in random_forest(), link: u8, kind in 0u8..3, strict: bool) {
        let parts = with_link(&forest, link);
        let values = rows_around(&parts, 70, forest.seed);
        let rows = rows_of(&values, parts.schema.features as usize);
        let options = CompileOptions {
            profile: if strict { Profile::Strict } else { Profile::DataOblivious },
            sum: if kind == 1 { SumMode::Fixed } else { SumMode::Source },
            purpose: if kind == 2 { Purpose::LeafIds } else { Purpose::Scores },
            ..CompileOptions::default()
        };
        let model = Model::Ensemble(Ensemble::try_new(parts).expect("valid"));
        let mut parts = compile(&model, &options).expect("compiles").into_parts();
        let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &forest.seed);
        scramble(&mut parts, &mut rng);
        let program = Program::try_from_parts(parts).expect("within every bound");
        for scores in run(&program, &rows) {
            prop_assert!(all_normal(&scores), "{:?}", scores);
        }
    }
}

fn forest(splits: Vec<usize>, outputs: u32, precision: engine::Precision) -> RandomForest {
    RandomForest {
        features: 3,
        outputs,
        vector_leaves: false,
        splits,
        chain: 0.5,
        thresholds: 40,
        precision,
        average: false,
        missing_value: None,
        seed: [5; 32],
    }
}

/// A header that claims one tree where there are many blocks, whole ones and cut ones, in one
/// sequence or several: leaves are held to what all blocks of a sequence can add up to.
#[test]
fn a_header_that_claims_too_few_trees_cannot_reach_infinity() {
    for (splits, outputs) in
        [(vec![3; 200], 1), (vec![3; 201], 3), (vec![700; 6], 1), (vec![700; 6], 2)]
    {
        for precision in [engine::Precision::F32, engine::Precision::F64] {
            for average in [None, Some(3)] {
                let narrow = precision == engine::Precision::F32;
                if narrow && average.is_some() {
                    continue; // refused with the shape
                }
                let forest = forest(splits.clone(), outputs, precision);
                let values = rows_around(&forest.build(), 70, forest.seed);
                let rows = rows_of(&values, 3);
                let build = |exponent_below: fn(u64) -> u64| {
                    let model = Model::Ensemble(Ensemble::try_new(forest.build()).expect("valid"));
                    let mut parts =
                        compile(&model, &CompileOptions::default()).expect("compiles").into_parts();
                    let (_, shape) = steps(&mut parts.shape);
                    assert!(shape.blocks > 30);
                    shape.trees = 1;
                    shape.average = average;
                    let blocks = u64::from(shape.blocks);
                    skip_nothing(&mut parts);
                    let below = exponent_below(blocks);
                    let bits = match precision {
                        engine::Precision::F32 => (253 - below) << 23 | 0x7f_ffff,
                        engine::Precision::F64 => (1923 - below) << 52 | ((1 << 52) - 1),
                    };
                    fill_exits(&mut parts, || bits);
                    Program::try_from_parts(parts)
                };
                // what one tree would be allowed, and half of what sums of all blocks are
                assert_eq!(build(|_| 2).err(), Some(ProgramError::Parameters));
                let too_large = build(|blocks| u64::from(blocks.ilog2()) + 1);
                assert_eq!(too_large.err(), Some(ProgramError::Parameters));
                let program = build(|blocks| u64::from(blocks.ilog2()) + 2).expect("fits");
                for scores in run(&program, &rows) {
                    assert!(all_normal(&scores), "{scores:?}");
                    // all blocks did add up: the sum is far above one leaf
                    if let Scores::F32 { values, .. } = &scores {
                        assert!(values.iter().all(|&v| v > f32::MAX / 32.0), "{scores:?}");
                    }
                }
            }
        }
    }
}

/// Averages of f32 sums are not defined, and refused by name.
#[test]
fn an_average_of_an_f32_sum_is_refused() {
    let forest = forest(vec![3; 4], 1, engine::Precision::F32);
    let model = Model::Ensemble(Ensemble::try_new(forest.build()).expect("valid"));
    let mut parts = compile(&model, &CompileOptions::default()).expect("compiles").into_parts();
    steps(&mut parts.shape).1.average = Some(4);
    assert_eq!(Program::try_from_parts(parts).err(), Some(ProgramError::Shape("average")));
}

/// A padding node asks for a rank above 255, which no value has: with 255 thresholds below every
/// value in every slot, the padding of every block still changes nothing.
#[test]
fn the_highest_rank_passes_no_padding() {
    for profile in [Profile::Strict, Profile::DataOblivious] {
        let mut forest = forest(vec![3000, 5, 40, 1], 1, engine::Precision::F32);
        (forest.features, forest.thresholds) = (1, 2000);
        let model = Model::Ensemble(Ensemble::try_new(forest.build()).expect("valid"));
        let options = CompileOptions { profile, purpose: Purpose::LeafIds, ..Default::default() };
        let mut parts = compile(&model, &options).expect("compiles").into_parts();
        assert_eq!(steps(&mut parts.shape).0.thresholds, 255);
        // the lowest key of a number: every value that is not missing ranks above all thresholds
        for key in parts.sections.expose_mut()[TABLES].chunks_exact_mut(4) {
            key.copy_from_slice(&i32::MIN.to_le_bytes());
        }
        let program = Program::try_from_parts(parts).expect("ascending, if not strictly");
        let rows = Rows::try_new(1, RowValues::F32(vec![1e30; 70])).expect("whole rows");
        let everything_right: Vec<u32> = forest
            .build()
            .trees
            .iter()
            .map(|tree| {
                let mut here = tree.root;
                loop {
                    match here {
                        engine::ensemble::Child::Leaf(leaf) => return tree.leaf_ids[leaf as usize],
                        engine::ensemble::Child::Split(at) => here = tree.splits[at as usize].right,
                    }
                }
            })
            .collect();
        for scores in run(&program, &rows) {
            let Scores::LeafIds { ids, .. } = scores else { panic!("leaf numbers") };
            for ids in ids.chunks_exact(4) {
                assert_eq!(ids, everything_right, "{profile:?}");
            }
        }
    }
}
