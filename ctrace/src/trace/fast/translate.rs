//! Makes copies of basic blocks, and links them as the program reaches them.

use super::copy::{Copy, dispatcher};
use super::layout::{BASE, CODE_SIZE, TABLE, TABLE_SIZE};
use super::shape::{Shape, copies, values};
use crate::error::Error;
use crate::instruction::Model;
use crate::trace::code::Code;
use crate::trace::tracee::Tracee;
use iced_x86::{FlowControl, IcedError, Instruction, InstructionInfoFactory, Register};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// A trap in the copies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trap {
    /// The way to this address is not linked yet.
    Link(u64),
    /// The slow engine takes the instruction at this address.
    Guest(u64),
    /// The dispatcher does not know the target.
    Miss,
}

/// What a copy writes into the buffer: its number, then for each instruction what its shape says.
pub(super) struct Block {
    pub(super) shapes: Vec<Shape>,
    /// The register that points into the buffer.
    pub(super) pointer: Register,
    end: u64,
}

/// Most instructions of a copy.
const LONGEST_BLOCK: usize = 48;
/// Most bytes that a copy writes; less than the guard.
const MOST_LOGGED: usize = 4096;

/// The copies, as they are and as the traced process has them.
pub(super) struct Cache {
    image: Vec<u8>,
    table: Vec<u8>,
    entries: HashMap<u64, u64>,
    traps: HashMap<u64, Trap>,
    blocks: Vec<Block>,
    starts: BTreeMap<u64, usize>,
    boundary: u64,
    dispatcher: u64,
    factory: InstructionInfoFactory,
}

impl Cache {
    pub(super) fn new() -> Self {
        let mut cache = Self {
            image: vec![],
            table: vec![],
            entries: HashMap::new(),
            traps: HashMap::new(),
            blocks: vec![],
            starts: BTreeMap::new(),
            boundary: 0,
            dispatcher: 0,
            factory: InstructionInfoFactory::new(),
        };
        cache.clear();
        cache
    }

    /// Blocks must not run past the boundary; with another one they are made anew. Answers whether they were dropped.
    pub(super) fn set_boundary(&mut self, boundary: u64) -> bool {
        let changed = self.boundary != boundary;
        if changed {
            self.clear();
            self.boundary = boundary;
        }
        changed
    }

    fn clear(&mut self) {
        self.image.clear();
        self.table = vec![0; TABLE_SIZE as usize];
        // no address is zero, and none of this slot ends in zeros: it never matches
        self.table[..8].copy_from_slice(&1_u64.to_le_bytes());
        self.entries.clear();
        self.traps.clear();
        self.blocks.clear();
        self.starts.clear();
        self.dispatcher = BASE;
        // fixed instructions at fixed addresses always encode
        if let Ok((code, miss)) = dispatcher(self.dispatcher) {
            self.image = code;
            self.traps.insert(miss, Trap::Miss);
        }
    }

    /// Puts everything into a process.
    pub(super) fn install(&self, tracee: Tracee) -> Result<(), Error> {
        tracee.write(BASE, &self.image)?;
        tracee.write(TABLE, &self.table)
    }

    pub(super) fn trap(&self, site: u64) -> Option<Trap> {
        self.traps.get(&site).copied()
    }

    pub(super) fn block(&self, number: u64) -> Option<&Block> {
        self.blocks.get(usize::try_from(number).ok()?)
    }

    /// The block whose copy holds this address.
    pub(super) fn block_at(&self, address: u64) -> Option<&Block> {
        let (_, &number) = self.starts.range(..=address).next_back()?;
        self.blocks.get(number).filter(|block| address < block.end)
    }

    /// The copy of the block at a program address; makes it when there is none.
    pub(super) fn enter(&mut self, at: u64, tracee: Tracee, code: &mut Code) -> Result<u64, Error> {
        if let Some(&entry) = self.entries.get(&at) {
            return Ok(entry);
        }
        let entry = BASE + self.image.len() as u64;
        let from = self.image.len();
        let (models, next) = self.collect(at, tracee, code);
        if models.is_empty() || self.translate(&models, next).is_err() {
            // nothing that a copy can record: the slow engine takes the first instruction
            self.traps.insert(entry, Trap::Guest(at));
            self.image.extend(TRAP);
        }
        if self.image.len() as u64 > CODE_SIZE {
            return Err(Error::system(
                "copy the program's code",
                "more than the fast engine holds; use --engine step",
            ));
        }
        tracee.write(entry, &self.image[from..])?;
        self.entries.insert(at, entry);
        Ok(entry)
    }

    /// Makes the exit at `site` jump to the copy of the block at `target`.
    pub(super) fn link(
        &mut self,
        site: u64,
        target: u64,
        tracee: Tracee,
        code: &mut Code,
    ) -> Result<(), Error> {
        let entry = self.enter(target, tracee, code)?;
        let jump = jump(site, entry);
        let at = (site - BASE) as usize;
        self.image[at..at + jump.len()].copy_from_slice(&jump);
        tracee.write(site, &jump)?;
        self.traps.remove(&site);
        Ok(())
    }

    /// Makes the dispatcher know the block at `at`.
    pub(super) fn enter_in_table(
        &mut self,
        at: u64,
        tracee: Tracee,
        code: &mut Code,
    ) -> Result<(), Error> {
        let entry = self.enter(at, tracee, code)?;
        let slot = (at & 0xffff) as usize * 16;
        self.table[slot..slot + 8].copy_from_slice(&at.to_le_bytes());
        self.table[slot + 8..slot + 16].copy_from_slice(&entry.to_le_bytes());
        tracee.write(TABLE + slot as u64, &self.table[slot..slot + 16])
    }

    /// Adds a copy of these instructions; adds nothing when that cannot be done.
    fn translate(&mut self, models: &[Rc<Model>], next: u64) -> Result<(), IcedError> {
        let Some(last) = models.last() else { return Ok(()) };
        let start = BASE + self.image.len() as u64;
        let mut copy = Copy::new(start, self.blocks.len());
        let (pointer, scratch) =
            unused(models, &mut self.factory).unwrap_or((Register::R14, Register::R15));
        copy.begin(pointer, scratch)?;
        let mut shapes = vec![];
        for model in models {
            shapes.push(copy.record(model)?);
            copy.instruction(model)?;
            if let Some(shape) = shapes.last_mut() {
                copy.record_result(model, shape)?;
            }
        }
        copy.finish()?;
        let last = &last.instruction;
        match last.flow_control() {
            FlowControl::ConditionalBranch => {
                copy.raw(&skip_one_exit(last));
                self.exit(&mut copy, next);
                self.exit(&mut copy, last.near_branch_target());
            }
            FlowControl::UnconditionalBranch | FlowControl::Call => {
                self.exit(&mut copy, last.near_branch_target())
            }
            FlowControl::IndirectBranch | FlowControl::IndirectCall | FlowControl::Return => {
                let jump = jump(copy.address(), self.dispatcher);
                copy.raw(&jump);
            }
            _ => self.exit(&mut copy, next),
        }
        let end = copy.address();
        self.image.extend(copy.bytes);
        self.starts.insert(start, self.blocks.len());
        self.blocks.push(Block { shapes, pointer, end });
        Ok(())
    }

    /// The instructions of the block at `at` that a copy can record, and where the program goes on after them.
    fn collect(&mut self, at: u64, tracee: Tracee, code: &mut Code) -> (Vec<Rc<Model>>, u64) {
        let mut models: Vec<Rc<Model>> = vec![];
        let mut next = at;
        let mut logged = 8;
        while models.len() < LONGEST_BLOCK && next != self.boundary && !code.walls.contains(&next) {
            let Some(model) = code.model(tracee, next).filter(|model| copies(model)) else { break };
            logged += 8 * model.memory.len()
                + values(&model).map_or(0, |values| {
                    values.iter().map(|value| value.logged().next_multiple_of(8)).sum::<usize>()
                        + 32
                });
            models.push(model);
            if logged > MOST_LOGGED || unused(&models, &mut self.factory).is_none() {
                models.pop();
                break;
            }
            let instruction = &models[models.len() - 1].instruction;
            next = instruction.next_ip();
            if instruction.flow_control() != FlowControl::Next {
                break;
            }
        }
        (models, next)
    }

    /// A way out to a fixed program address.
    fn exit(&mut self, copy: &mut Copy, target: u64) {
        match self.entries.get(&target) {
            Some(&entry) => copy.raw(&jump(copy.address(), entry)),
            None => {
                self.trap_here(copy.address(), Trap::Link(target));
                copy.raw(&TRAP);
            }
        }
    }

    fn trap_here(&mut self, site: u64, trap: Trap) {
        self.traps.insert(site, trap);
    }
}

/// A breakpoint, with room for the jump that may replace it.
const TRAP: [u8; 5] = [0xcc; 5];

fn jump(from: u64, to: u64) -> [u8; 5] {
    let [a, b, c, d] = (to.wrapping_sub(from + 5) as u32).to_le_bytes();
    [0xe9, a, b, c, d]
}

/// The same condition, past the exit that follows.
fn skip_one_exit(conditional: &Instruction) -> [u8; 6] {
    [0x0f, 0x80 + (conditional.condition_code() as u8 - 1), 5, 0, 0, 0]
}

/// Two general registers that no instruction of the block uses.
fn unused(
    models: &[Rc<Model>],
    factory: &mut InstructionInfoFactory,
) -> Option<(Register, Register)> {
    const CANDIDATES: [Register; 15] = [
        Register::R15,
        Register::R14,
        Register::R13,
        Register::R12,
        Register::RBX,
        Register::RBP,
        Register::R11,
        Register::R10,
        Register::R9,
        Register::R8,
        Register::RSI,
        Register::RDI,
        Register::RDX,
        Register::RCX,
        Register::RAX,
    ];
    let mut used = [false; 16];
    for model in models {
        for register in factory.info(&model.instruction).used_registers() {
            let register = register.register();
            if register.is_gpr() {
                used[register.full_register().number()] = true;
            }
        }
    }
    let mut free = CANDIDATES.into_iter().filter(|register| !used[register.number()]);
    Some((free.next()?, free.next()?))
}
