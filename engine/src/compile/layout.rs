//! Blocks and slots into the planes that the kernels read, padded to the shape.

use super::Plan;
use super::blocks::{Cut, Exit};
use super::plain::Splits;
use super::slots::{Group, Slots};
use crate::ensemble::EnsembleParts;
use crate::program::{ForestParameters, RankParameters, RankTables, node_planes};
use crate::schema::Precision;
use crate::shape::{ForestShape, LANES, RankShape, Sum};
use ops::{Key, Line, Secret, Words, from_f64_vartime, search_order};

/// A lane: a block of a tree, or padding.
pub(crate) struct Lane<'a> {
    /// The tree and the block.
    pub(crate) block: Option<(usize, &'a Cut)>,
    /// Blocks of the same tree after this one.
    following: usize,
    /// Position of the block in its tree.
    position: usize,
}

/// The blocks of all sequences, one after the other, each padded to the shape.
pub(crate) fn lanes<'a>(
    forest: &ForestShape,
    sequences: &[Vec<usize>],
    plan: &'a Plan,
) -> Vec<Lane<'a>> {
    let mut lanes = Vec::with_capacity(forest.total_blocks());
    for (number, sequence) in sequences.iter().enumerate() {
        for &tree in sequence {
            let blocks = &plan.trees[tree];
            lanes.extend(blocks.iter().enumerate().map(|(position, block)| Lane {
                block: Some((tree, block)),
                following: blocks.len() - position - 1,
                position,
            }));
        }
        pad(&mut lanes, (number + 1) * forest.blocks as usize);
    }
    pad(&mut lanes, forest.total_blocks());
    lanes
}

fn pad(lanes: &mut Vec<Lane<'_>>, length: usize) {
    lanes.resize_with(length, || Lane { block: None, following: 0, position: 0 });
}

/// The slots' parameters, in keys of the rows' precision.
pub(crate) fn rank_parameters(
    rank: &RankShape,
    slots: &Slots,
    splits: &Splits<'_>,
    precision: Precision,
) -> RankParameters {
    match precision {
        Precision::F32 => {
            RankParameters::Narrow(rank_tables(rank, slots, splits, |key| key as i32))
        }
        Precision::F64 => RankParameters::Wide(rank_tables(rank, slots, splits, |key| key)),
    }
}

fn rank_tables<K: Key>(
    rank: &RankShape,
    slots: &Slots,
    splits: &Splits<'_>,
    narrow: impl Fn(i64) -> K,
) -> RankTables<K> {
    let chunks = rank.slots as usize / 16;
    let words = (rank.thresholds as usize + 1) / 16;
    // a padding slot ranks feature 0 against thresholds above every number
    let head = [K::from_index(0), K::NAN, K::LOWEST, K::NAN].map(|key| Words([key; 16]));
    let mut heads = vec![head; slots.groups.len() * chunks];
    let mut tables = vec![Words([K::NAN; 16]); slots.groups.len() * 16 * chunks * words];
    for (group, slots) in slots.groups.iter().enumerate() {
        for (number, slot) in slots.slots.iter().enumerate() {
            let missing = splits.missing_keys(slot.source);
            let head = &mut heads[group * chunks + number / 16];
            let keys = [missing.low, missing.high, missing.becomes].map(&narrow);
            head[0].0[number % 16] = K::from_index(slot.source.feature);
            for (word, key) in head[1..].iter_mut().zip(keys) {
                word.0[number % 16] = key;
            }
            let table = &mut tables[(group * 16 * chunks + number) * words..][..words];
            let entries = search_order(rank.thresholds as usize);
            for (entry, &threshold) in entries.zip(&slot.thresholds) {
                table[entry / 16].0[entry % 16] = narrow(threshold);
            }
        }
    }
    RankTables { heads: Secret::new(heads), tables: Secret::new(tables) }
}

/// Nodes, exits and base of the forest.
pub(crate) fn forest_parameters(
    parts: &EnsembleParts,
    forest: &ForestShape,
    rank: &RankShape,
    lanes: &[Lane<'_>],
    slots: &Slots,
    splits: &Splits<'_>,
) -> ForestParameters {
    let planes = node_planes(rank);
    let nodes = forest.nodes as usize;
    let lane_groups = forest.lane_groups();
    let mut node_lines = vec![Line::default(); lane_groups * nodes * planes];
    for node in node_lines.chunks_exact_mut(planes) {
        node[1].0 = [255; LANES];
    }
    let mut ends = vec![Line::default(); lane_groups];
    let block_lines = forest.exit_planes() * forest.exit_lines();
    let mut exits = vec![Line::default(); forest.total_blocks() * block_lines];
    for block in exits.chunks_exact_mut(block_lines) {
        write_padding_exits(block, forest);
    }
    for (index, lane) in lanes.iter().enumerate() {
        let Some((tree, block)) = lane.block else { continue };
        let (lane_group, column) = (index / LANES, index % LANES);
        let group = &slots.groups[lane_group / slots.lane_groups_per_group];
        let lines = &mut node_lines[lane_group * nodes * planes..][..nodes * planes];
        write_nodes(lines, planes, column, tree, block, group, splits);
        ends[lane_group].0[column] = block.nodes.last().map_or(0, |node| node.first);
        let lines = &mut exits[index * block_lines..][..block_lines];
        write_exits(lines, forest, parts, tree, lane);
    }
    let base = if forest.sum == Sum::LeafIds {
        vec![0; forest.outputs()]
    } else {
        parts.base.iter().map(|&base| value_bits(forest.sum, base)).collect()
    };
    ForestParameters {
        nodes: Secret::new(node_lines),
        ends: Secret::new(ends),
        exits: Secret::new(exits),
        base: Secret::new(base),
        sliced: None,
    }
}

fn write_nodes(
    lines: &mut [Line],
    planes: usize,
    column: usize,
    tree: usize,
    block: &Cut,
    group: &Group,
    splits: &Splits<'_>,
) {
    let mut before = 0u8;
    for (node, lines) in block.nodes.iter().zip(lines.chunks_exact_mut(planes)) {
        let (source, right_from) = splits.rule(tree, node.split);
        let (slot, rank) = group.find(source, right_from);
        lines[0].0[column] = (slot % LANES) as u8;
        lines[1].0[column] = rank as u8;
        lines[2].0[column] = before.wrapping_sub(node.first);
        lines[3].0[column] = node.middle - node.first;
        if planes == 5 {
            lines[4].0[column] = (slot / LANES) as u8;
        }
        before = node.first;
    }
}

fn write_exits(
    lines: &mut [Line],
    forest: &ForestShape,
    parts: &EnsembleParts,
    tree: usize,
    lane: &Lane<'_>,
) {
    let Some((_, block)) = lane.block else { return };
    let skip_planes = forest.skip_bytes as usize;
    let width = forest.leaf_width as usize;
    for (number, exit) in block.exits.iter().enumerate() {
        let skip = match exit {
            Exit::Leaf(_) => lane.following,
            Exit::Block(next) => *next as usize - lane.position - 1,
        };
        for plane in 0..skip_planes {
            put(lines, forest, plane, number, (skip >> (8 * plane)) as u8);
        }
        let Exit::Leaf(leaf) = *exit else { continue };
        for value in 0..width {
            let bits = match forest.sum {
                Sum::LeafIds => u64::from(parts.trees[tree].leaf_ids[leaf as usize]),
                sum => {
                    value_bits(sum, parts.trees[tree].leaf_values[leaf as usize * width + value])
                }
            };
            put_value(lines, forest, value, number, bits);
        }
    }
}

/// A padding block, and an exit that leads to another block, add nothing.
fn write_padding_exits(lines: &mut [Line], forest: &ForestShape) {
    for exit in 0..forest.exit_lines() * LANES {
        for value in 0..forest.leaf_width as usize {
            put_value(lines, forest, value, exit, forest.sum.nothing());
        }
    }
}

fn put_value(lines: &mut [Line], forest: &ForestShape, value: usize, exit: usize, bits: u64) {
    let bytes = forest.sum.value_bytes();
    for byte in 0..bytes {
        let plane = forest.skip_bytes as usize + value * bytes + byte;
        put(lines, forest, plane, exit, (bits >> (8 * byte)) as u8);
    }
}

fn put(lines: &mut [Line], forest: &ForestShape, plane: usize, exit: usize, byte: u8) {
    lines[plane * forest.exit_lines() + exit / LANES].0[exit % LANES] = byte;
}

fn value_bits(sum: Sum, value: f64) -> u64 {
    match sum {
        Sum::SourceF32 => u64::from((value as f32).to_bits()),
        Sum::SourceF64 => value.to_bits(),
        // the range was checked when the fraction bits were chosen
        Sum::Fixed { fraction_bits } => {
            from_f64_vartime(value, fraction_bits).unwrap_or(0).cast_unsigned()
        }
        Sum::LeafIds => 0,
    }
}
