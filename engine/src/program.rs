//! A program: a public shape and secret parameters.

use crate::check;
use crate::error::ProgramError;
use crate::rule::RuleShape;
use crate::schema::{Precision, Schema};
use crate::shape::{
    ForestShape, LANES, LinearShape, LinkShape, Profile, RankShape, Shape, StepShape,
};
use crate::sliced::Sliced;
use ops::{Key, Line, Mask, Secret, Words, bytes_to_lines, lines_to_bytes};

/// A program, ready to evaluate. Only [`compile`](crate::compile) and the checking
/// [`Program::try_from_parts`] make one, so its parameters fit its shape and no evaluation can
/// leave the numbers on which float addition takes constant time.
pub struct Program {
    shape: Shape,
    schema: Schema,
    steps: Vec<Step>,
}

/// A program taken apart, for carrying it elsewhere.
pub struct ProgramParts {
    /// The public half.
    pub shape: Shape,
    /// The public face of the model.
    pub schema: Schema,
    /// The secret parameters: for each step the byte arrays of [`section_bytes`], in order,
    /// little-endian.
    pub sections: Secret<Vec<Vec<u8>>>,
}

/// One step with its parameters.
pub(crate) enum Step {
    Rank(RankShape, RankParameters),
    Forest(ForestShape, ForestParameters),
    Linear(LinearShape, Secret<Vec<u64>>),
    Link(LinkShape),
    Rule(Box<RuleShape>, RuleParameters),
}

/// What is secret of a rule.
pub(crate) struct RuleParameters {
    /// Parameters, in order.
    pub(crate) values: Secret<Vec<i64>>,
    /// The models that it calls.
    pub(crate) models: Vec<Program>,
}

/// The slots of all rank groups, with keys of the rows' precision.
pub(crate) enum RankParameters {
    Narrow(RankTables<i32>),
    Wide(RankTables<i64>),
}

/// See `kernel::Slots`.
pub(crate) struct RankTables<K: Key> {
    /// `groups x slots / 16`.
    pub(crate) heads: Secret<Vec<[Words<K>; 4]>>,
    /// `groups x slots x (thresholds + 1) / 16`.
    pub(crate) tables: Secret<Vec<Words<K>>>,
}

/// The planes of a forest; see `kernel::interval_max` and `kernel::leaf_sum` for their meaning.
pub(crate) struct ForestParameters {
    /// `lane groups x nodes x node_planes` lines.
    pub(crate) nodes: Secret<Vec<Line>>,
    /// `lane groups` lines: the first leaf of each lane's last node.
    pub(crate) ends: Secret<Vec<Line>>,
    /// `blocks x exit planes x exit lines` lines.
    pub(crate) exits: Secret<Vec<Line>>,
    /// Where each output's sum starts: raw bits of the sum's number type.
    pub(crate) base: Secret<Vec<u64>>,
    /// The same forest for the bit-sliced kernel, in profile `data-oblivious`.
    pub(crate) sliced: Option<Box<Sliced>>,
}

/// Lines of one node: slot, threshold rank, shift and reach, and the page of the slot where there
/// are more than 64 slots.
pub(crate) fn node_planes(rank: &RankShape) -> usize {
    if rank.slots as usize > LANES { 5 } else { 4 }
}

impl Program {
    pub(crate) fn new(shape: Shape, schema: Schema, steps: Vec<Step>) -> Self {
        Self { shape, schema, steps }.laid_out()
    }

    /// Lays the forest out for the bit-sliced kernel, where the profile lets the model show.
    fn laid_out(mut self) -> Self {
        let Profile::DataOblivious = self.shape.profile else { return self };
        let features = self.shape.features;
        if let [Step::Rank(rank, ranks), Step::Forest(forest, parameters), ..] =
            self.steps.as_mut_slice()
        {
            parameters.sliced =
                Sliced::new(rank, ranks, features, forest, parameters).map(Box::new);
        }
        self
    }

    /// The public half.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The public face of the model.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Takes the program apart.
    pub fn into_parts(self) -> ProgramParts {
        let mut sections = Vec::new();
        self.put_sections(&mut sections);
        ProgramParts { shape: self.shape, schema: self.schema, sections: Secret::new(sections) }
    }

    fn put_sections(&self, sections: &mut Vec<Vec<u8>>) {
        for step in &self.steps {
            match step {
                Step::Rank(_, RankParameters::Narrow(tables)) => {
                    put_tables(sections, tables, i32::to_le_bytes);
                }
                Step::Rank(_, RankParameters::Wide(tables)) => {
                    put_tables(sections, tables, i64::to_le_bytes);
                }
                Step::Forest(_, forest) => {
                    sections.push(lines_to_bytes(forest.nodes.expose()));
                    sections.push(lines_to_bytes(forest.ends.expose()));
                    sections.push(lines_to_bytes(forest.exits.expose()));
                    sections.push(bits_to_bytes(forest.base.expose()));
                }
                Step::Linear(_, weights) => sections.push(bits_to_bytes(weights.expose())),
                Step::Link(_) => {}
                Step::Rule(_, parameters) => {
                    let values = parameters.values.expose();
                    sections.push(values.iter().flat_map(|value| value.to_le_bytes()).collect());
                    for model in &parameters.models {
                        model.put_sections(sections);
                    }
                }
            }
        }
    }

    /// Puts a program together, trusting nothing: counts, lengths, indices, order of thresholds
    /// and magnitudes are all checked again.
    ///
    /// # Leaks
    /// The shape, the lengths of the sections, and whether all the parameters are valid: one bit.
    ///
    /// # Errors
    /// What is wrong with the public half, by name; [`ProgramError::Parameters`] for anything wrong
    /// with the secret half, in the same time as for a valid one.
    pub fn try_from_parts(parts: ProgramParts) -> Result<Self, ProgramError> {
        Self::allege(parts)?.judge()
    }

    /// The first half of [`Program::try_from_parts`]: everything is read and looked at, and whether
    /// it is a program is still secret. Valid and invalid parameters share one trace.
    ///
    /// # Leaks
    /// The shape and the lengths of the sections.
    ///
    /// # Errors
    /// What is wrong with the public half, by name.
    pub fn allege(parts: ProgramParts) -> Result<AllegedProgram, ProgramError> {
        check::shape(&parts.shape, &parts.schema)?;
        let expected = section_bytes(&parts.shape);
        let sections = parts.sections.expose();
        if sections.len() != expected.len()
            || sections.iter().zip(&expected).any(|(found, &bytes)| found.len() as u64 != bytes)
        {
            return Err(ProgramError::SectionLength);
        }
        let mut sections = sections.iter().map(Vec::as_slice);
        let mut next = || sections.next().unwrap_or_default();
        let program = Self::read(parts.shape, parts.schema, &mut next)?;
        let valid = check::parameters(&program);
        Ok(AllegedProgram { program, valid })
    }
}

/// Parameters that fit their shape in number and have all been looked at. Whether they are a
/// program is not yet told.
pub struct AllegedProgram {
    program: Program,
    valid: Mask,
}

impl AllegedProgram {
    /// A program, or not. Not inlined, so that tools find the one place where this is told.
    ///
    /// # Leaks
    /// Whether the parameters are valid: one bit.
    ///
    /// # Errors
    /// [`ProgramError::Parameters`], whatever is wrong with the parameters.
    #[inline(never)]
    pub fn judge(self) -> Result<Program, ProgramError> {
        // Declassified: whether a program is valid is public, why it is not stays secret.
        if self.valid.declassify() {
            Ok(self.program.laid_out())
        } else {
            Err(ProgramError::Parameters)
        }
    }
}

impl Program {
    /// From sections of the right lengths; the parameters are not checked yet.
    pub(crate) fn read<'a>(
        shape: Shape,
        schema: Schema,
        next: &mut impl FnMut() -> &'a [u8],
    ) -> Result<Self, ProgramError> {
        let steps = match shape.steps.as_slice() {
            [StepShape::Rule(rule)] => {
                vec![Step::Rule(rule.clone(), RuleParameters::read(rule, next)?)]
            }
            steps => steps
                .iter()
                .map(|step| read_step(step, shape.precision, next))
                .collect::<Option<Vec<Step>>>()
                .ok_or(ProgramError::SectionLength)?,
        };
        Ok(Self { shape, schema, steps })
    }
}

/// Bytes of each section of parameters of a valid shape, in order.
pub fn section_bytes(shape: &Shape) -> Vec<u64> {
    let key = match shape.precision {
        Precision::F32 => 4,
        Precision::F64 => 8,
    };
    let mut rank_planes = 0;
    let mut sections = Vec::new();
    for step in &shape.steps {
        match step {
            StepShape::Rank(rank) => {
                rank_planes = node_planes(rank) as u64;
                let slots = u64::from(rank.groups) * u64::from(rank.slots);
                sections.push(slots * 4 * key);
                sections.push(slots * (u64::from(rank.thresholds) + 1) * key);
            }
            StepShape::Forest(forest) => {
                let groups = forest.lane_groups() as u64;
                let line = LANES as u64;
                sections.push(groups * u64::from(forest.nodes) * rank_planes * line);
                sections.push(groups * line);
                sections.push(
                    forest.total_blocks() as u64
                        * (forest.exit_planes() * forest.exit_lines()) as u64
                        * line,
                );
                sections.push(forest.outputs() as u64 * 8);
            }
            StepShape::Linear(linear) => {
                sections.push(u64::from(linear.outputs) * (u64::from(shape.features) + 1) * 8);
            }
            StepShape::Link(_) => {}
            StepShape::Rule(rule) => {
                sections.push(rule.parameters.len() as u64 * 8);
                sections.extend(rule.models.iter().flat_map(|(shape, _)| section_bytes(shape)));
            }
        }
    }
    sections
}

fn read_step<'a>(
    step: &StepShape,
    precision: Precision,
    next: &mut impl FnMut() -> &'a [u8],
) -> Option<Step> {
    Some(match step {
        StepShape::Rank(rank) => Step::Rank(
            *rank,
            match precision {
                Precision::F32 => RankParameters::Narrow(read_tables(next, i32::from_le_bytes)?),
                Precision::F64 => RankParameters::Wide(read_tables(next, i64::from_le_bytes)?),
            },
        ),
        StepShape::Forest(forest) => Step::Forest(
            *forest,
            ForestParameters {
                nodes: Secret::new(bytes_to_lines(next())?),
                ends: Secret::new(bytes_to_lines(next())?),
                exits: Secret::new(bytes_to_lines(next())?),
                base: Secret::new(bytes_to_bits(next())?),
                sliced: None,
            },
        ),
        StepShape::Linear(linear) => Step::Linear(*linear, Secret::new(bytes_to_bits(next())?)),
        StepShape::Link(link) => Step::Link(*link),
        // the only step of its program: `Program::read` takes it
        StepShape::Rule(_) => return None,
    })
}

fn put_tables<K: Key, const N: usize>(
    sections: &mut Vec<Vec<u8>>,
    tables: &RankTables<K>,
    to_bytes: fn(K) -> [u8; N],
) {
    sections.push(words_to_bytes(tables.heads.expose().as_flattened(), to_bytes));
    sections.push(words_to_bytes(tables.tables.expose(), to_bytes));
}

fn read_tables<'a, K: Key, const N: usize>(
    next: &mut impl FnMut() -> &'a [u8],
    from_bytes: fn([u8; N]) -> K,
) -> Option<RankTables<K>> {
    let heads = bytes_to_words(next(), from_bytes)?;
    let (heads, rest) = heads.as_chunks::<4>();
    let tables = bytes_to_words(next(), from_bytes)?;
    rest.is_empty()
        .then(|| RankTables { heads: Secret::new(heads.to_vec()), tables: Secret::new(tables) })
}

fn words_to_bytes<K: Key, const N: usize>(
    words: &[Words<K>],
    to_bytes: fn(K) -> [u8; N],
) -> Vec<u8> {
    words.iter().flat_map(|word| word.0).flat_map(to_bytes).collect()
}

fn bytes_to_words<K: Key, const N: usize>(
    bytes: &[u8],
    from_bytes: fn([u8; N]) -> K,
) -> Option<Vec<Words<K>>> {
    let (keys, rest) = bytes.as_chunks::<N>();
    let (sixteens, odd) = keys.as_chunks::<16>();
    (rest.is_empty() && odd.is_empty())
        .then(|| sixteens.iter().map(|keys| Words(keys.map(from_bytes))).collect())
}

fn bits_to_bytes(bits: &[u64]) -> Vec<u8> {
    bits.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn bytes_to_bits(bytes: &[u8]) -> Option<Vec<u64>> {
    let (words, rest) = bytes.as_chunks::<8>();
    rest.is_empty().then(|| words.iter().map(|&word| u64::from_le_bytes(word)).collect())
}
