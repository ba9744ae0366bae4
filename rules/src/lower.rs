//! The graph to the engine's instructions: what is needed, when, and in which lane.

use crate::check::{Compiled, Parts};
use crate::error::{At, Checked, RuleError};
use crate::graph::{Graph, Id, Level, Op};
use engine::rule::{Cell, Fold, Instruction, Per, RuleShape, Section};
use engine::{Program, ProgramParts, Schema, Secret, Shape};
use std::collections::{BTreeMap, HashMap};

/// What is released, cell by cell.
pub(crate) struct Release {
    pub(crate) per: Per,
    pub(crate) nodes: Vec<Id>,
}

/// The program of a checked rule.
pub(crate) fn program(parts: Parts, end: At) -> Checked<Compiled> {
    let mut lowering = Lowering::new(&parts);
    lowering.mark();
    lowering.scalars();
    let [setup, rows, finish] = [Level::Once, Level::Row, Level::After].map(|level| {
        let mut section = SectionBuilder {
            lowering: &lowering,
            level,
            section: Section::default(),
            lanes: HashMap::new(),
            free: Vec::new(),
        };
        section.build();
        if level == Level::Row {
            section.same_for_all_rows();
        }
        section.section
    });
    let once_outputs = lowering.once_outputs();
    let row_outputs = lowering.emits.values().map(|outputs| outputs.len() as u32).sum();
    let Lowering { constants, scalar_count, .. } = lowering;
    let shape = RuleShape {
        most_rows: parts.most_rows,
        inputs: parts.inputs,
        constants,
        parameters: parts.ranges,
        scalars: scalar_count,
        setup,
        rows,
        finish,
        row_outputs,
        once_outputs,
        models: parts.models.iter().map(|m| (m.shape().clone(), m.schema().clone())).collect(),
        face: parts.face,
    };
    let mut sections = vec![parts.values.iter().flat_map(|value| value.to_le_bytes()).collect()];
    for model in parts.models {
        let parts = model.into_parts();
        sections.extend(parts.sections.declassify());
    }
    let parts = ProgramParts {
        shape: Shape::of_rule(shape),
        schema: Schema::of_rule(),
        sections: Secret::new(sections),
    };
    let program = Program::try_from_parts(parts).map_err(|error| {
        let what = format!("the rule is too large for the engine ({error})");
        RuleError::new(end, what, "take shorter vectors or fewer terms")
    })?;
    Ok(Compiled { program })
}

struct Lowering<'a> {
    graph: &'a Graph,
    parts: &'a Parts,
    /// Nodes that something needs.
    needed: Vec<bool>,
    /// The row outputs of each node.
    emits: BTreeMap<Id, Vec<u32>>,
    constants: Vec<i64>,
    /// The scalar of each constant, parameter and published node; of a fold, its first one.
    scalar: HashMap<Id, u32>,
    scalar_count: u32,
}

impl<'a> Lowering<'a> {
    fn new(parts: &'a Parts) -> Self {
        Self {
            graph: &parts.graph,
            parts,
            needed: vec![false; parts.graph.len()],
            emits: BTreeMap::new(),
            constants: Vec::new(),
            scalar: HashMap::new(),
            scalar_count: 0,
        }
    }

    /// From the outputs down; every column is loaded, since its owner is told what was clamped.
    fn mark(&mut self) {
        let mut output = 0;
        for release in &self.parts.releases {
            for &node in &release.nodes {
                self.needed[node as usize] = true;
                if release.per == Per::Row {
                    self.emits.entry(node).or_default().push(output);
                    output += 1;
                }
            }
        }
        for &load in &self.parts.loads {
            self.needed[load as usize] = true;
        }
        for id in (0..self.needed.len()).rev() {
            if self.needed[id] {
                for &operand in &self.graph.node(id as Id).operands {
                    self.needed[operand as usize] = true;
                }
            }
        }
    }

    /// Scalars: constants, then parameters, then folds and what a later section reads.
    fn scalars(&mut self) {
        let ids = || (0..self.needed.len()).filter(|&id| self.needed[id]).map(|id| id as Id);
        let mut places: HashMap<i64, u32> = HashMap::new();
        let mut constants = Vec::new();
        for id in ids() {
            if let Op::Constant(value) = self.graph.node(id).op {
                let place = *places.entry(value).or_insert_with(|| {
                    constants.push(value);
                    constants.len() as u32 - 1
                });
                self.scalar.insert(id, place);
            }
        }
        let first = constants.len() as u32;
        self.scalar_count = first + self.parts.ranges.len() as u32;
        let mut published = Vec::new();
        for id in ids() {
            let node = self.graph.node(id);
            match node.op {
                Op::Parameter(number) => {
                    self.scalar.insert(id, first + number);
                }
                Op::Fold(_) | Op::FoldFirst(_) => published.push(id),
                _ => {}
            }
            // what runs once before the rows and is read later
            let later = |&operand: &Id| {
                self.graph.level(operand) == Level::Once && node.level > Level::Once
            };
            published.extend(node.operands.iter().copied().filter(later));
        }
        for release in &self.parts.releases {
            let stands_once = |&node: &Id| self.graph.level(node) != Level::Row;
            published.extend(release.nodes.iter().copied().filter(stands_once));
        }
        for id in published {
            let op = &self.graph.node(id).op;
            let fold = |id: Id| matches!(self.graph.node(id).op, Op::FoldFirst(_));
            let part = matches!(op, Op::Part(_)) && fold(self.graph.node(id).operands[0]);
            if !part && !self.scalar.contains_key(&id) {
                self.scalar.insert(id, self.scalar_count);
                self.scalar_count += if matches!(op, Op::FoldFirst(_)) { 2 } else { 1 };
            }
        }
        self.constants = constants;
    }

    /// The scalar in which a node stands, if it stands in one.
    fn place(&self, id: Id) -> Option<u32> {
        let node = self.graph.node(id);
        if let Op::Part(part) = node.op
            && matches!(self.graph.node(node.operands[0]).op, Op::FoldFirst(_))
        {
            return self.scalar.get(&node.operands[0]).map(|first| first + part);
        }
        self.scalar.get(&id).copied()
    }

    fn once_outputs(&self) -> Vec<u32> {
        let once = self.parts.releases.iter().filter(|release| release.per == Per::Once);
        let nodes = once.flat_map(|release| &release.nodes);
        nodes.map(|&node| self.place(node).unwrap_or(u32::MAX)).collect()
    }

    /// The level in whose section a node's instruction stands.
    fn runs(&self, id: Id) -> Level {
        match self.graph.node(id).op {
            Op::Fold(_) | Op::FoldFirst(_) => Level::Row,
            _ => self.graph.level(id),
        }
    }
}

struct SectionBuilder<'a> {
    lowering: &'a Lowering<'a>,
    level: Level,
    section: Section,
    /// Where each value stands.
    lanes: HashMap<Id, u32>,
    free: Vec<u32>,
}

impl SectionBuilder<'_> {
    /// Operands right before what reads them, so that few lanes are alive and the rest of a block
    /// stays in the nearest cache.
    fn build(&mut self) {
        let graph = self.lowering.graph;
        let order = self.order();

        // the place in the order after which a value is not read any more
        let mut last: HashMap<Id, usize> = HashMap::new();
        for (place, &id) in order.iter().enumerate() {
            for &operand in &graph.node(id).operands {
                last.insert(operand, place);
            }
        }
        let mut parts: HashMap<Id, Vec<(u32, Id)>> = HashMap::new();
        for id in 0..graph.len() as Id {
            if let (true, Op::Part(part)) = (self.lowering.needed[id as usize], &graph.node(id).op)
            {
                parts.entry(graph.node(id).operands[0]).or_default().push((*part, id));
            }
        }
        for (place, &id) in order.iter().enumerate() {
            let none = Vec::new();
            let own = parts.get(&id).unwrap_or(&none);
            let targets = self.instruction(id, own);
            // values that this instruction was the last to read, and results that nobody reads
            let mut done = graph.node(id).operands.clone();
            done.sort_unstable();
            done.dedup();
            for operand in done {
                if last.get(&operand) == Some(&place)
                    && let Some(lane) = self.lanes.remove(&operand)
                {
                    self.free.push(lane);
                }
            }
            for (value, lane) in targets {
                self.release(value);
                let read = value.is_some_and(|value| last.get(&value).is_some_and(|&l| l > place));
                if !read {
                    self.free.push(lane);
                    if let Some(value) = value {
                        self.lanes.remove(&value);
                    }
                }
            }
        }
    }

    /// Entries of a row's vector that are the same for all rows.
    fn same_for_all_rows(&mut self) {
        for (&node, outputs) in &self.lowering.emits {
            if self.lowering.graph.level(node) != Level::Row {
                let a = self.cell(node);
                let emit = |&output: &u32| Instruction::Emit { a, output };
                self.section.code.extend(outputs.iter().map(emit));
            }
        }
    }

    /// This section's nodes, each after its operands: depth first from what is released, folded or
    /// read by a later section, then whatever is left, such as columns that nothing reads.
    fn order(&self) -> Vec<Id> {
        let lowering = self.lowering;
        let graph = lowering.graph;
        let here = |id: Id| {
            lowering.needed[id as usize]
                && lowering.runs(id) == self.level
                && !matches!(graph.node(id).op, Op::Constant(_) | Op::Parameter(_))
        };
        let root = |&id: &Id| {
            let fold = matches!(graph.node(id).op, Op::Fold(_) | Op::FoldFirst(_));
            fold || lowering.emits.contains_key(&id) || lowering.scalar.contains_key(&id)
        };
        let all = || (0..graph.len() as Id).filter(|&id| here(id));
        let mut order = Vec::new();
        let mut seen = vec![false; graph.len()];
        for start in all().filter(root).chain(all()) {
            // a stack of nodes and how many of their operands are done
            let mut open: Vec<(Id, usize)> = Vec::new();
            if !std::mem::replace(&mut seen[start as usize], true) {
                open.push((start, 0));
            }
            while let Some((id, done)) = open.last_mut() {
                let operands = &graph.node(*id).operands;
                match operands.get(*done) {
                    Some(&operand) => {
                        *done += 1;
                        if here(operand) && !std::mem::replace(&mut seen[operand as usize], true) {
                            open.push((operand, 0));
                        }
                    }
                    None => {
                        // a part comes with its whole
                        if !matches!(graph.node(*id).op, Op::Part(_)) {
                            order.push(*id);
                        }
                        open.pop();
                    }
                }
            }
        }
        order
    }

    fn lane(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.section.lanes += 1;
            self.section.lanes - 1
        })
    }

    fn cell(&self, id: Id) -> Cell {
        match self.lanes.get(&id) {
            Some(&lane) => Cell::Lane(lane),
            None => Cell::Scalar(self.lowering.place(id).unwrap_or(u32::MAX)),
        }
    }

    /// Emits and publishes a value that was just made.
    fn release(&mut self, value: Option<Id>) {
        let Some(value) = value else { return };
        let a = self.cell(value);
        if let Some(outputs) = self.lowering.emits.get(&value) {
            for &output in outputs {
                self.section.code.push(Instruction::Emit { a, output });
            }
        }
        if self.level != Level::Row
            && let Some(into) = self.lowering.place(value)
        {
            // over the one cell of a section that runs once, the sum is the cell
            self.section.code.push(Instruction::Fold { fold: Fold::Sum, a, into });
        }
    }

    /// One node's instruction; returns its results and their lanes.
    fn instruction(&mut self, id: Id, parts: &[(u32, Id)]) -> Vec<(Option<Id>, u32)> {
        let node = self.lowering.graph.node(id);
        let cells: Vec<Cell> = node.operands.iter().map(|&operand| self.cell(operand)).collect();
        let four = |cells: &[Cell]| -> [Cell; 4] { std::array::from_fn(|i| cells[i]) };
        let mut targets: Vec<(Option<Id>, u32)> = Vec::new();
        let mut one = |builder: &mut Self| {
            let lane = builder.lane();
            builder.lanes.insert(id, lane);
            targets.push((Some(id), lane));
            lane
        };
        let instruction = match &node.op {
            Op::Load(column) => Instruction::Load { column: *column, into: one(self) },
            Op::Binary(op) => {
                Instruction::Binary { op: *op, a: cells[0], b: cells[1], into: one(self) }
            }
            Op::Select => {
                let [mask, yes, no] = [cells[0], cells[1], cells[2]];
                Instruction::Select { mask, yes, no, into: one(self) }
            }
            Op::Divide(by, rounding) => {
                Instruction::Divide { a: cells[0], by: *by, rounding: *rounding, into: one(self) }
            }
            Op::Lookup => {
                let from = cells[1..].to_vec();
                Instruction::Lookup { index: cells[0], from, into: one(self) }
            }
            Op::Member => {
                Instruction::Member { a: cells[0], of: cells[1..].to_vec(), into: one(self) }
            }
            Op::WideMember => {
                let of = cells[4..].chunks_exact(4).map(four).collect();
                Instruction::WideMember { a: four(&cells), of, into: one(self) }
            }
            Op::Wide(op @ (engine::rule::Wide::Less | engine::rule::Wide::Equal)) => {
                let (a, b) = (four(&cells), four(&cells[4..]));
                Instruction::Wide { op: *op, a, b, into: vec![one(self)] }
            }
            Op::Wide(op) => {
                let (a, b) = (four(&cells), four(&cells[4..]));
                targets = self.several(5, parts);
                let into = targets.iter().map(|&(_, lane)| lane).collect();
                Instruction::Wide { op: *op, a, b, into }
            }
            Op::Model { model, output, features, answer, values } => {
                targets = self.several(*values, parts);
                Instruction::Model {
                    model: *model,
                    output: *output,
                    features: cells.into_iter().zip(features.iter().copied()).collect(),
                    answer: *answer,
                    into: targets.iter().map(|&(_, lane)| lane).collect(),
                }
            }
            Op::Fold(fold) => {
                let into = self.lowering.place(id).unwrap_or(u32::MAX);
                Instruction::Fold { fold: *fold, a: cells[0], into }
            }
            Op::FoldFirst(fold) => {
                let best = self.lowering.place(id).unwrap_or(u32::MAX);
                Instruction::FoldFirst { fold: *fold, a: cells[0], best, row: best + 1 }
            }
            Op::Constant(_) | Op::Parameter(_) | Op::Part(_) => return targets,
        };
        self.section.code.push(instruction);
        targets
    }

    /// Lanes for an operation of several results, of which some are read.
    fn several(&mut self, count: u32, parts: &[(u32, Id)]) -> Vec<(Option<Id>, u32)> {
        (0..count)
            .map(|part| {
                let lane = self.lane();
                let id = parts.iter().find(|(number, _)| *number == part).map(|&(_, id)| id);
                if let Some(id) = id {
                    self.lanes.insert(id, lane);
                }
                (id, lane)
            })
            .collect()
    }
}
