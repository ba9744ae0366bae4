//! What one block of rows goes through: keys, ranks, exits, sums, margins, link.

mod forest;

use crate::error::EvaluateError;
use crate::evaluate::{Evaluation, outputs};
use crate::kernel::{self, Linked, TILE};
use crate::program::{Program, Step};
use crate::rows::{Rows, SecretValues};
use crate::schema::Output;
use crate::scratch::{Scratch, Sums};
use crate::shape::{LinkShape, Sum};
use crate::walk::{Trees, Walk};
use forest::Forest;
use ops::Backend;

/// Consecutive rows, at most a block, and where their results go.
pub(crate) struct Part<'a> {
    pub(crate) first: usize,
    pub(crate) rows: usize,
    pub(crate) into: Into<'a>,
}

/// Results of a part, row by row.
pub(crate) enum Into<'a> {
    F32(&'a mut [f32]),
    F64(&'a mut [f64]),
    U32(&'a mut [u32]),
}

/// The number type of the results.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    F32,
    F64,
    U32,
}

/// A program, an output and a backend.
pub(crate) struct Pipeline<'a> {
    body: Body<'a>,
    link: LinkShape,
    output: Output,
    backend: Backend,
    sum: Sum,
    outputs: usize,
}

enum Body<'a> {
    Forest(Forest<'a>),
    Linear(&'a [u64]),
}

impl<'a> Pipeline<'a> {
    /// `rows`: how many there are in all.
    pub(crate) fn new(
        program: &'a Program,
        evaluation: &Evaluation,
        rows: usize,
    ) -> Result<Self, EvaluateError> {
        if !outputs(program).contains(&evaluation.output) {
            return Err(EvaluateError::Output);
        }
        let profile = program.shape().profile;
        let (body, link, sum, outputs) = match program.steps() {
            [Step::Rank(rank, ranks), Step::Forest(shape, parameters), Step::Link(link)] => {
                let sliced = parameters.sliced.as_deref();
                let trees = Trees { profile, rank, forest: shape, sliced };
                let Evaluation { kernel, backend, .. } = *evaluation;
                let walk = Walk::choose(kernel, &trees, backend, rows)?;
                let forest = Forest::new(*rank, ranks, *shape, parameters, walk);
                (Body::Forest(forest), link, shape.sum, shape.outputs())
            }
            [Step::Linear(linear, weights), Step::Link(link)] if evaluation.kernel.is_none() => {
                (Body::Linear(weights.expose()), link, Sum::SourceF64, linear.outputs as usize)
            }
            _ => return Err(EvaluateError::Kernel),
        };
        Ok(Self {
            body,
            link: *link,
            output: evaluation.output,
            backend: evaluation.backend,
            sum,
            outputs,
        })
    }

    /// Which kernel walks the trees.
    pub(crate) fn walk(&self) -> Option<Walk> {
        match &self.body {
            Body::Forest(forest) => Some(forest.walk()),
            Body::Linear(_) => None,
        }
    }

    /// Results per row.
    pub(crate) fn columns(&self) -> usize {
        if self.output == Output::Label { 1 } else { self.outputs }
    }

    /// The number type of the results.
    pub(crate) fn kind(&self) -> Kind {
        match (self.output, self.sum) {
            (Output::Label, _) | (_, Sum::LeafIds) => Kind::U32,
            (_, Sum::SourceF32) => Kind::F32,
            _ => Kind::F64,
        }
    }

    /// Runs one part. The scratch memory is left as it falls: the next part overwrites it, and it
    /// is wiped when it is dropped.
    pub(crate) fn run(&self, rows: &Rows, part: Part<'_>, scratch: &mut Scratch) {
        let Part { first, rows: count, into } = part;
        match &self.body {
            Body::Forest(forest) => {
                forest.sums(self.backend, rows, first, count, scratch);
                if let Sums::U32(ids) = &scratch.sums {
                    let Into::U32(into) = into else { return };
                    // Declassified: leaf numbers are what the caller asked for.
                    let places = forest.places(self.backend);
                    return by_row(ids.expose(), &places, self.outputs, into, |id| id);
                }
                forest.margins(self.backend, count, scratch);
            }
            Body::Linear(weights) => {
                let SecretValues::F64(values) = &rows.values else { return };
                let features = rows.features();
                let values = &values.expose()[first * features..][..count * features];
                let margins = &mut scratch.margins.expose_mut()[..count * self.outputs];
                kernel::linear(self.backend, features, values, weights, margins);
            }
        }
        self.release(count, scratch, into);
    }

    /// Margins to what is handed out. Declassified: the output is what the caller asked for.
    fn release(&self, count: usize, scratch: &mut Scratch, into: Into<'_>) {
        let margins = &scratch.margins.expose()[..count * self.outputs];
        let one_row = scratch.one_row.expose_mut();
        let narrow = self.sum == Sum::SourceF32;
        match (self.output, into) {
            (Output::Margin, into) => write(margins, into),
            (Output::Label, Into::U32(labels)) => {
                let labels = Linked::Labels(labels);
                kernel::link(self.backend, self.link, narrow, margins, one_row, labels);
            }
            (_, into) => {
                let linked = &mut scratch.linked.expose_mut()[..count * self.outputs];
                let values = Linked::Values(linked);
                kernel::link(self.backend, self.link, narrow, margins, one_row, values);
                write(linked, into);
            }
        }
    }
}

/// Values as f64 to results; to f32 where they came from there, without a change.
fn write(values: &[f64], into: Into<'_>) {
    match into {
        Into::F64(into) => into.copy_from_slice(values),
        Into::F32(into) => {
            for (into, &value) in into.iter_mut().zip(values) {
                *into = value as f32;
            }
        }
        Into::U32(_) => {}
    }
}

/// `tiles x outputs` sums of 64 rows each, which stand at `places`, to row by row.
fn by_row<V: Copy, T>(
    sums: &[[V; TILE]],
    places: &[usize; TILE],
    outputs: usize,
    into: &mut [T],
    f: impl Fn(V) -> T,
) {
    for (row, into) in into.chunks_exact_mut(outputs).enumerate() {
        for (output, into) in into.iter_mut().enumerate() {
            *into = f(sums[row / TILE * outputs + output][places[row % TILE]]);
        }
    }
}
