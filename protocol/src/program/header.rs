//! The public half of a program as flat integers and bytes.

use bincode::{Decode, Encode};
use engine::shape::{ForestShape, LinearShape, LinkShape, RankShape, StepShape, Sum};
use engine::{LabelRule, Link, Output, Precision, Profile, Schema, Shape, ShapeClass};

/// Flat on purpose: what a field means stands in `from_parts`, and `into_parts` refuses every value
/// that `from_parts` would not write.
#[derive(Encode, Decode)]
pub(super) struct Header {
    profile: u8,
    class: u8,
    precision: u8,
    features: u32,
    /// Present or not, and the bits of the f64.
    missing_value: (u8, u64),
    /// 0: a forest, of `rank` and `forest`; 1: a linear model of `linear` outputs.
    body: u8,
    /// groups, slots, thresholds
    rank: [u32; 3],
    /// trees, sequences, blocks, nodes, skip bytes, leaf width, lane groups per rank group, average
    forest: [u32; 8],
    /// Kind, and fraction bits.
    sum: (u8, u8),
    linear: u32,
    /// Kind, and the bits of the scale.
    link: (u8, u64),
    /// Kind, and the bits of the flip.
    label: (u8, u64),
    default_output: u8,
    /// Are there feature names?
    named: u8,
    /// End of each name (features, then classes) in `text`.
    name_ends: Vec<u32>,
    text: Vec<u8>,
}

impl Header {
    pub(super) fn from_parts(shape: &Shape, schema: &Schema) -> Self {
        let mut header = Self {
            profile: match shape.profile {
                Profile::Strict => 0,
                Profile::DataOblivious => 1,
            },
            class: match shape.class {
                ShapeClass::Auto => 0,
                ShapeClass::Exact => 1,
            },
            precision: match shape.precision {
                Precision::F32 => 0,
                Precision::F64 => 1,
            },
            features: shape.features,
            missing_value: shape.missing_value.map_or((0, 0), |value| (1, value.to_bits())),
            body: 0,
            rank: [0; 3],
            forest: [0; 8],
            sum: (0, 0),
            linear: 0,
            link: (0, 0),
            label: (0, 0),
            default_output: match schema.default_output {
                Output::Margin => 0,
                Output::Probability => 1,
                Output::Prediction => 2,
                Output::Label => 3,
                Output::Leaf => 4,
            },
            named: u8::from(schema.feature_names.is_some()),
            name_ends: Vec::new(),
            text: Vec::new(),
        };
        for step in &shape.steps {
            header.put_step(step);
        }
        for name in schema.feature_names.iter().flatten().chain(&schema.classes) {
            header.text.extend(name.as_bytes());
            header.name_ends.push(header.text.len() as u32);
        }
        header
    }

    fn put_step(&mut self, step: &StepShape) {
        match step {
            StepShape::Rank(rank) => self.rank = [rank.groups, rank.slots, rank.thresholds],
            StepShape::Forest(forest) => {
                self.body = 0;
                self.forest = [
                    forest.trees,
                    forest.sequences,
                    forest.blocks,
                    forest.nodes,
                    forest.skip_bytes,
                    forest.leaf_width,
                    forest.lane_groups_per_rank_group,
                    forest.average.unwrap_or(0),
                ];
                self.sum = match forest.sum {
                    Sum::SourceF32 => (0, 0),
                    Sum::SourceF64 => (1, 0),
                    Sum::Fixed { fraction_bits } => (2, fraction_bits),
                    Sum::LeafIds => (3, 0),
                };
            }
            StepShape::Linear(linear) => {
                self.body = 1;
                self.linear = linear.outputs;
            }
            // a rule has a header of its own, and none of its models is one
            StepShape::Rule(_) => {}
            StepShape::Link(link) => {
                self.link = match link.link {
                    Link::Identity => (0, 0),
                    Link::Proportion => (1, 0),
                    Link::Sigmoid { scale } => (2, scale.to_bits()),
                    Link::OneVersusRest => (3, 0),
                    Link::Softmax => (4, 0),
                    Link::Exp => (5, 0),
                };
                self.label = match link.label {
                    LabelRule::None => (0, 0),
                    LabelRule::Flip { flip } => (1, flip.to_bits()),
                    LabelRule::ArgMaxMargin => (2, 0),
                    LabelRule::ArgMaxProbability => (3, 0),
                };
            }
        }
    }

    /// `None` for anything that `from_parts` does not write.
    pub(super) fn into_parts(self) -> Option<(Shape, Schema)> {
        let link = LinkShape {
            link: match self.link {
                (0, 0) => Link::Identity,
                (1, 0) => Link::Proportion,
                (2, bits) => Link::Sigmoid { scale: f64::from_bits(bits) },
                (3, 0) => Link::OneVersusRest,
                (4, 0) => Link::Softmax,
                (5, 0) => Link::Exp,
                _ => return None,
            },
            label: match self.label {
                (0, 0) => LabelRule::None,
                (1, bits) => LabelRule::Flip { flip: f64::from_bits(bits) },
                (2, 0) => LabelRule::ArgMaxMargin,
                (3, 0) => LabelRule::ArgMaxProbability,
                _ => return None,
            },
        };
        let shape = Shape {
            profile: match self.profile {
                0 => Profile::Strict,
                1 => Profile::DataOblivious,
                _ => return None,
            },
            class: match self.class {
                0 => ShapeClass::Auto,
                1 => ShapeClass::Exact,
                _ => return None,
            },
            precision: match self.precision {
                0 => Precision::F32,
                1 => Precision::F64,
                _ => return None,
            },
            features: self.features,
            missing_value: match self.missing_value {
                (0, 0) => None,
                (1, bits) => Some(f64::from_bits(bits)),
                _ => return None,
            },
            steps: self.steps(link)?,
        };
        let schema = self.schema(link.label)?;
        Some((shape, schema))
    }

    fn steps(&self, link: LinkShape) -> Option<Vec<StepShape>> {
        let link = StepShape::Link(link);
        match self.body {
            0 if self.linear == 0 => {
                let [groups, slots, thresholds] = self.rank;
                let [trees, sequences, blocks, nodes, skip_bytes, leaf_width, per_group, average] =
                    self.forest;
                let forest = ForestShape {
                    trees,
                    sequences,
                    blocks,
                    nodes,
                    skip_bytes,
                    leaf_width,
                    lane_groups_per_rank_group: per_group,
                    sum: match self.sum {
                        (0, 0) => Sum::SourceF32,
                        (1, 0) => Sum::SourceF64,
                        (2, fraction_bits) => Sum::Fixed { fraction_bits },
                        (3, 0) => Sum::LeafIds,
                        _ => return None,
                    },
                    average: (average > 0).then_some(average),
                };
                let rank = StepShape::Rank(RankShape { groups, slots, thresholds });
                Some(vec![rank, StepShape::Forest(forest), link])
            }
            1 if self.rank == [0; 3] && self.forest == [0; 8] && self.sum == (0, 0) => {
                Some(vec![StepShape::Linear(LinearShape { outputs: self.linear }), link])
            }
            _ => None,
        }
    }

    fn schema(self, label: LabelRule) -> Option<Schema> {
        let mut names = Vec::with_capacity(self.name_ends.len());
        let mut start = 0;
        for &end in &self.name_ends {
            let name = self.text.get(start..end as usize)?;
            names.push(std::str::from_utf8(name).ok()?.to_owned());
            start = end as usize;
        }
        if start != self.text.len() {
            return None;
        }
        let feature_names = match self.named {
            0 => None,
            1 if names.len() >= self.features as usize => {
                let classes = names.split_off(self.features as usize);
                Some(std::mem::replace(&mut names, classes))
            }
            _ => return None,
        };
        Some(Schema {
            features: self.features,
            feature_names,
            label,
            classes: names,
            default_output: match self.default_output {
                0 => Output::Margin,
                1 => Output::Probability,
                2 => Output::Prediction,
                3 => Output::Label,
                4 => Output::Leaf,
                _ => return None,
            },
        })
    }
}
