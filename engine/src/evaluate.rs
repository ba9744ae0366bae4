//! A program and rows to scores.
//!
//! Rows are dealt to threads in blocks of 512, by number alone. Within a block every table of the
//! program is read once for up to eight tiles of 64 rows. The last tile is filled up with zeros, so
//! the trace knows only the number of rows.

use crate::error::EvaluateError;
use crate::kernel::TILE;
use crate::pipeline::{Into, Kind, Part, Pipeline};
use crate::program::{Program, Step};
use crate::rows::Rows;
use crate::schema::{LabelRule, Link, Output};
use crate::scratch::{BLOCK_ROWS, BLOCK_TILES, Scratch};
use crate::shape::{ForestShape, Shape, StepShape, Sum};
use crate::walk::{TreeKernel, Walk};
use ops::Backend;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How to evaluate. All of it is public.
#[derive(Clone, Copy)]
pub struct Evaluation {
    /// What is handed out.
    pub output: Output,
    /// The instructions to use.
    pub backend: Backend,
    /// Threads; the scores are the same for any number.
    pub threads: NonZeroUsize,
    /// The kernel that walks the trees; where there is none, the fastest for the profile, the backend
    /// and the number of rows.
    pub kernel: Option<TreeKernel>,
}

/// What an evaluation hands out: public from here on, to whoever may read it.
#[derive(Clone, PartialEq, Debug)]
pub enum Scores {
    /// `rows x columns` values of a program that adds in f32.
    F32 {
        /// Values per row.
        columns: usize,
        /// The values, row by row.
        values: Vec<f32>,
    },
    /// `rows x columns` values of any other program.
    F64 {
        /// Values per row.
        columns: usize,
        /// The values, row by row.
        values: Vec<f64>,
    },
    /// One class per row, as index into the schema's classes.
    Labels(Vec<u32>),
    /// `rows x trees` leaf numbers.
    LeafIds {
        /// Trees.
        trees: usize,
        /// The numbers, row by row.
        ids: Vec<u32>,
    },
}

/// Evaluates a program on rows.
///
/// `progress` is called with the number of rows that are done, from any thread.
///
/// # Leaks
/// The shape, the number of rows, and the arguments of `evaluation`; in profile `data-oblivious`
/// the program too. The scores are declassified: releasing them is what the caller asks for.
///
/// # Errors
/// Where the rows, the output or the kernel do not fit the program; before any row is read.
pub fn evaluate(
    program: &Program,
    rows: &Rows,
    evaluation: &Evaluation,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Scores, EvaluateError> {
    let shape = program.shape();
    if rows.features() != shape.features as usize {
        return Err(EvaluateError::Features {
            found: rows.features(),
            expected: shape.features as usize,
        });
    }
    if rows.precision() != shape.precision {
        return Err(EvaluateError::Precision);
    }
    let tiles = rows.count().div_ceil(TILE).min(BLOCK_TILES);
    let pipeline = Pipeline::new(program, evaluation, rows.count())?;
    let done = AtomicUsize::new(0);
    let run = |share: Vec<Part<'_>>| {
        let mut scratch = Scratch::new(shape, tiles, pipeline.walk(), evaluation.output);
        for part in share {
            let count = part.rows;
            pipeline.run(rows, part, &mut scratch);
            progress(done.fetch_add(count, Ordering::Relaxed) + count);
        }
    };
    let (columns, threads) = (pipeline.columns(), evaluation.threads);
    let count = rows.count() * columns;
    Ok(match pipeline.kind() {
        Kind::F32 => {
            let mut values = vec![0.0; count];
            deal(&mut values, columns, threads, Into::F32, &run);
            Scores::F32 { columns, values }
        }
        Kind::F64 => {
            let mut values = vec![0.0; count];
            deal(&mut values, columns, threads, Into::F64, &run);
            Scores::F64 { columns, values }
        }
        Kind::U32 => {
            let mut values = vec![0; count];
            deal(&mut values, columns, threads, Into::U32, &run);
            match evaluation.output {
                Output::Label => Scores::Labels(values),
                _ => Scores::LeafIds { trees: columns, ids: values },
            }
        }
    })
}

/// The kernel that walks the trees of so many rows; `None` for a linear model.
///
/// # Errors
/// As [`evaluate`].
pub fn tree_kernel(
    program: &Program,
    rows: usize,
    evaluation: &Evaluation,
) -> Result<Option<TreeKernel>, EvaluateError> {
    Ok(Pipeline::new(program, evaluation, rows)?.walk().map(Walk::kernel))
}

/// The kernels that can walk the program's trees: all give the same scores, where the parameters are
/// those of trees.
pub fn tree_kernels(program: &Program) -> Vec<TreeKernel> {
    match program.steps() {
        [_, Step::Forest(_, parameters), ..] => {
            Walk::possible(program.shape().profile, parameters.sliced.is_some())
        }
        _ => Vec::new(),
    }
}

/// The outputs that a program can give.
pub fn outputs(program: &Program) -> Vec<Output> {
    shape_outputs(program.shape())
}

/// The outputs that a program of this shape can give: none for a rule.
pub fn shape_outputs(shape: &Shape) -> Vec<Output> {
    let steps = &shape.steps;
    let leaf_ids = steps
        .iter()
        .any(|step| matches!(step, StepShape::Forest(ForestShape { sum: Sum::LeafIds, .. })));
    if leaf_ids {
        return vec![Output::Leaf];
    }
    if matches!(steps.as_slice(), [StepShape::Rule(_)]) {
        return Vec::new();
    }
    let mut outputs = vec![Output::Margin];
    if let Some(StepShape::Link(link)) = steps.last() {
        match link.link {
            Link::Identity => {}
            Link::Exp => outputs.push(Output::Prediction),
            _ => outputs.push(Output::Probability),
        }
        if link.label != LabelRule::None {
            outputs.push(Output::Label);
        }
    }
    outputs
}

/// Deals blocks of rows to threads in turn and runs them.
fn deal<'a, T: Send>(
    values: &'a mut [T],
    columns: usize,
    threads: NonZeroUsize,
    into: fn(&'a mut [T]) -> Into<'a>,
    run: &(impl Fn(Vec<Part<'a>>) + Sync),
) {
    let threads = threads.get().min(values.len().div_ceil(BLOCK_ROWS * columns)).max(1);
    let mut shares: Vec<Vec<Part<'a>>> = (0..threads).map(|_| Vec::new()).collect();
    for (number, block) in values.chunks_mut(BLOCK_ROWS * columns).enumerate() {
        let rows = block.len() / columns;
        let part = Part { first: number * BLOCK_ROWS, rows, into: into(block) };
        shares[number % threads].push(part);
    }
    if threads == 1 {
        return shares.into_iter().for_each(run);
    }
    let mine = shares.pop();
    std::thread::scope(|scope| {
        for share in shares {
            scope.spawn(|| run(share));
        }
        if let Some(share) = mine {
            run(share);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Which rows each thread gets: its parts, by first row and number.
    fn dealt(rows: usize, columns: usize, threads: usize) -> Vec<Vec<(usize, usize)>> {
        let shares = Mutex::new(Vec::new());
        let mut values = vec![0u32; rows * columns];
        let threads = NonZeroUsize::new(threads).expect("a thread");
        deal(&mut values, columns, threads, Into::U32, &|parts: Vec<Part<'_>>| {
            let parts = parts.iter().map(|part| (part.first, part.rows)).collect();
            shares.lock().expect("no thread panics").push(parts);
        });
        let mut shares = shares.into_inner().expect("no thread panics");
        shares.sort();
        shares
    }

    #[test]
    fn blocks_are_dealt_by_number_alone() {
        for (rows, columns) in [(1usize, 1), (64, 3), (511, 1), (512, 2), (513, 1), (5000, 4)] {
            let blocks = rows.div_ceil(BLOCK_ROWS);
            for threads in [1, 2, 3, 7] {
                let used = threads.min(blocks);
                let expected: Vec<Vec<(usize, usize)>> = (0..used)
                    .map(|thread| {
                        (thread..blocks)
                            .step_by(used)
                            .map(|block| block * BLOCK_ROWS)
                            .map(|first| (first, BLOCK_ROWS.min(rows - first)))
                            .collect()
                    })
                    .collect();
                assert_eq!(dealt(rows, columns, threads), expected);
            }
        }
    }
}
