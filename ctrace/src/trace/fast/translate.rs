//! Makes the copies of basic blocks.
//!
//! A copy borrows two general registers that its block does not use, one that points into the buffer and one for
//! scratch. It never touches the flags, the stack or vector registers beyond what the program's instructions do.

use super::layout::*;
use crate::error::Error;
use crate::instruction::{Float, Latency, Model, Operand};
use crate::trace::code::Code;
use crate::trace::observe::shows_more_afterwards;
use crate::trace::tracee::Tracee;
use iced_x86::{
    Code as Form, EncodingKind, Encoder, FlowControl, IcedError, Instruction, InstructionInfoFactory, MemoryOperand,
    Mnemonic, OpKind, Register,
};
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

/// How one instruction's step is read from the buffer.
pub(super) struct Shape {
    pub(super) at: u64,
    pub(super) addresses: Vec<Address>,
    pub(super) values: Vec<Value>,
    pub(super) float: Option<Float>,
    /// Bytes of the result that are logged.
    pub(super) result: Option<usize>,
}

/// Where an address comes from.
#[derive(Clone, Copy)]
pub(super) enum Address {
    /// Always the same (plus the thread pointer).
    Fixed { address: u64, fs: bool },
    /// In the buffer (without the thread pointer).
    Logged { fs: bool },
}

/// An operand value in the buffer.
#[derive(Clone, Copy)]
pub(super) enum Value {
    General { high: bool, mask: u64 },
    Vector { bytes: usize },
    Memory { bytes: usize },
}

impl Value {
    pub(super) fn logged(self) -> usize {
        match self {
            Value::General { .. } => 8,
            Value::Vector { bytes } | Value::Memory { bytes } => bytes,
        }
    }
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
            return Err(Error::system("copy the program's code", "more than the fast engine holds; use --engine step"));
        }
        tracee.write(entry, &self.image[from..])?;
        self.entries.insert(at, entry);
        Ok(entry)
    }

    /// Makes the exit at `site` jump to the copy of the block at `target`.
    pub(super) fn link(&mut self, site: u64, target: u64, tracee: Tracee, code: &mut Code) -> Result<(), Error> {
        let entry = self.enter(target, tracee, code)?;
        let jump = jump(site, entry);
        let at = (site - BASE) as usize;
        self.image[at..at + jump.len()].copy_from_slice(&jump);
        tracee.write(site, &jump)?;
        self.traps.remove(&site);
        Ok(())
    }

    /// Makes the dispatcher know the block at `at`.
    pub(super) fn enter_in_table(&mut self, at: u64, tracee: Tracee, code: &mut Code) -> Result<(), Error> {
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
        let (pointer, scratch) = unused(models, &mut self.factory).unwrap_or((Register::R14, Register::R15));
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
            FlowControl::UnconditionalBranch | FlowControl::Call => self.exit(&mut copy, last.near_branch_target()),
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
            logged += 8 * model.memory.len() + values(&model).map_or(0, |values| {
                values.iter().map(|value| value.logged().next_multiple_of(8)).sum::<usize>() + 32
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

/// Whether a copy can record the instruction by itself.
fn copies(model: &Model) -> bool {
    let i = &model.instruction;
    if model.unsupported || model.system_call || model.mask.is_some() || model.string.is_some() {
        return false;
    }
    if i.encoding() == EncodingKind::EVEX && model.latency.is_some() {
        return false;
    }
    let plain = |operand: &Operand| {
        operand.lanes.is_none() && !operand.short && operand.segment != Register::GS && fits(operand)
    };
    if !model.memory.iter().all(plain) {
        return false;
    }
    let known = match i.flow_control() {
        FlowControl::Next | FlowControl::Call | FlowControl::UnconditionalBranch => true,
        FlowControl::ConditionalBranch => i.is_jcc_short_or_near(),
        FlowControl::IndirectBranch | FlowControl::IndirectCall => {
            i.is_jmp_near_indirect() || i.is_call_near_indirect()
        }
        FlowControl::Return => matches!(i.mnemonic(), Mnemonic::Ret),
        _ => false,
    };
    // an address on top of a moving stack pointer
    let moves_stack = matches!(i.mnemonic(), Mnemonic::Pop | Mnemonic::Enter) && i.op0_kind() == OpKind::Memory
        || i.mnemonic() == Mnemonic::Enter;
    let sets_segment = matches!(i.mnemonic(), Mnemonic::Wrfsbase | Mnemonic::Wrgsbase)
        || (0..i.op_count()).any(|at| i.op_kind(at) == OpKind::Register && i.op_register(at).is_segment_register());
    known && !moves_stack && !sets_segment && values(model).is_some()
}

/// Whether the constant part fits an address with registers.
fn fits(operand: &Operand) -> bool {
    operand.base == Register::None && operand.index == Register::None
        || i32::try_from(operand.displacement as i64).is_ok()
}

/// Operand values that a copy must write down; `None` when it cannot.
fn values(model: &Model) -> Option<Vec<Value>> {
    let latency = match model.latency {
        None => return Some(vec![]),
        Some(Latency::X87 | Latency::NotDeterministic | Latency::Conflict) => return None,
        Some(latency) => latency,
    };
    let mut out = vec![];
    for &register in &model.inputs {
        out.push(match register.size() {
            _ if register.is_gpr() => Value::General {
                high: matches!(register, Register::AH | Register::BH | Register::CH | Register::DH),
                mask: u64::MAX >> (64 - 8 * register.size()),
            },
            bytes @ (16 | 32) if register.is_vector_register() && register.number() < 16 => {
                // the slow engine takes whole registers of other instructions
                Value::Vector { bytes: if matches!(latency, Latency::Float(_)) { bytes } else { bytes.max(16) } }
            }
            _ => return None,
        });
    }
    if let Some(operand) = model.memory.first() {
        if model.memory.len() > 1 || !(operand.bytes == 4 || operand.bytes.is_multiple_of(8)) || operand.bytes > 32 {
            return None;
        }
        if operand.bytes > 0 && operand.segment != Register::FS {
            out.push(Value::Memory { bytes: operand.bytes });
        } else {
            return None;
        }
    }
    if shows_more_afterwards(model) {
        let register = model.instruction.op0_register();
        if register.is_vector_register() && !(register.is_xmm() || register.is_ymm()) {
            return None;
        }
    }
    Some(out)
}

/// Two general registers that no instruction of the block uses.
fn unused(models: &[Rc<Model>], factory: &mut InstructionInfoFactory) -> Option<(Register, Register)> {
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

/// A copy in the making.
struct Copy {
    start: u64,
    bytes: Vec<u8>,
    encoder: Encoder,
    number: usize,
    pointer: Register,
    scratch: Register,
    /// Bytes of the buffer used so far.
    logged: i64,
}

fn fixed(address: u64) -> MemoryOperand {
    MemoryOperand::with_displ(address, 8)
}

/// An operand of the program, without its segment, `plus` bytes on.
fn operand(of: &Operand, plus: u64) -> MemoryOperand {
    let displacement = of.displacement.wrapping_add(plus) as i64;
    let size = match displacement {
        0 if of.base != Register::None => 0,
        -128..=127 if of.base != Register::None => 1,
        _ => 8,
    };
    MemoryOperand::new(of.base, of.index, of.scale.max(1) as u32, displacement, size, false, Register::None)
}

impl Copy {
    fn new(start: u64, number: usize) -> Self {
        Self {
            start,
            bytes: vec![],
            encoder: Encoder::new(64),
            number,
            pointer: Register::None,
            scratch: Register::None,
            logged: 0,
        }
    }

    fn address(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    fn emit(&mut self, instruction: &Instruction) -> Result<(), IcedError> {
        self.encoder.encode(instruction, self.address())?;
        let bytes = self.encoder.take_buffer();
        self.bytes.extend(&bytes);
        self.encoder.set_buffer(vec![]);
        Ok(())
    }

    fn store(&mut self, to: MemoryOperand, register: Register) -> Result<(), IcedError> {
        self.emit(&Instruction::with2(Form::Mov_rm64_r64, to, register)?)
    }

    fn load(&mut self, register: Register, from: MemoryOperand) -> Result<(), IcedError> {
        self.emit(&Instruction::with2(Form::Mov_r64_rm64, register, from)?)
    }

    fn constant(&mut self, register: Register, value: u64) -> Result<(), IcedError> {
        self.emit(&Instruction::with2(Form::Mov_r64_imm64, register, value)?)
    }

    /// The next free place of the buffer.
    fn slot(&mut self, bytes: usize) -> MemoryOperand {
        let at = self.logged;
        self.logged += bytes.next_multiple_of(8) as i64;
        MemoryOperand::with_base_displ(self.pointer, at)
    }

    fn begin(&mut self, pointer: Register, scratch: Register) -> Result<(), IcedError> {
        (self.pointer, self.scratch) = (pointer, scratch);
        self.store(fixed(SAVED_POINTER), pointer)?;
        self.store(fixed(SAVED_SCRATCH), scratch)?;
        self.load(pointer, fixed(LOG))?;
        let slot = self.slot(8);
        self.emit(&Instruction::with2(Form::Mov_rm64_imm32, slot, self.number as i32)?)
    }

    /// Gives the registers back and moves the end of the buffer.
    fn finish(&mut self) -> Result<(), IcedError> {
        let (pointer, scratch) = (self.pointer, self.scratch);
        let end = MemoryOperand::with_base_displ(pointer, self.logged);
        self.emit(&Instruction::with2(Form::Lea_r64_m, pointer, end)?)?;
        self.store(fixed(LOG), pointer)?;
        self.load(pointer, fixed(SAVED_POINTER))?;
        self.load(scratch, fixed(SAVED_SCRATCH))
    }

    /// Writes down what can be seen before the instruction runs.
    fn record(&mut self, model: &Model) -> Result<Shape, IcedError> {
        let scratch = self.scratch;
        let mut addresses = vec![];
        for of in &model.memory {
            let fs = of.segment == Register::FS;
            if of.base == Register::None && of.index == Register::None {
                addresses.push(Address::Fixed { address: of.displacement, fs });
                continue;
            }
            self.emit(&Instruction::with2(Form::Lea_r64_m, scratch, operand(of, 0))?)?;
            let slot = self.slot(8);
            self.store(slot, scratch)?;
            addresses.push(Address::Logged { fs });
        }
        let values = values(model).unwrap_or_default();
        let mut inputs = model.inputs.iter();
        for value in &values {
            match *value {
                Value::General { .. } => {
                    let register = inputs.next().map_or(Register::RAX, |register| register.full_register());
                    let slot = self.slot(8);
                    self.store(slot, register)?;
                }
                Value::Vector { bytes } => {
                    let register = inputs.next().copied().unwrap_or(Register::XMM0);
                    self.store_vector(register, bytes)?;
                }
                Value::Memory { bytes } => self.copy_memory(&model.memory[0], bytes)?,
            }
        }
        let float = match model.latency {
            Some(Latency::Float(float)) => Some(float),
            _ => None,
        };
        Ok(Shape { at: model.instruction.ip(), addresses, values, float, result: None })
    }

    /// Writes down what can be seen only after the instruction ran.
    fn record_result(&mut self, model: &Model, shape: &mut Shape) -> Result<(), IcedError> {
        let register = model.instruction.op0_register();
        if shows_more_afterwards(model) && register.is_vector_register() {
            self.store_vector(register, register.size())?;
            shape.result = Some(register.size());
        }
        Ok(())
    }

    fn store_vector(&mut self, register: Register, bytes: usize) -> Result<(), IcedError> {
        let slot = self.slot(bytes);
        let form = if register.is_ymm() { Form::VEX_Vmovups_ymmm256_ymm } else { Form::Movups_xmmm128_xmm };
        self.emit(&Instruction::with2(form, slot, register)?)
    }

    fn copy_memory(&mut self, of: &Operand, bytes: usize) -> Result<(), IcedError> {
        let scratch = self.scratch;
        for plus in (0..bytes as u64).step_by(8) {
            let from = if of.base == Register::None && of.index == Register::None {
                self.constant(scratch, of.displacement.wrapping_add(plus))?;
                MemoryOperand::with_base(scratch)
            } else {
                operand(of, plus)
            };
            if bytes == 4 {
                let short = Register::EAX + scratch.number() as u32;
                self.emit(&Instruction::with2(Form::Mov_r32_rm32, short, from)?)?;
            } else {
                self.load(scratch, from)?;
            }
            let slot = self.slot(8);
            self.store(slot, scratch)?;
        }
        Ok(())
    }

    /// The instruction itself; of a jump or call, only what it does besides.
    fn instruction(&mut self, model: &Model) -> Result<(), IcedError> {
        let (i, scratch) = (&model.instruction, self.scratch);
        match i.flow_control() {
            FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch => Ok(()),
            FlowControl::Call => self.push_return(i),
            FlowControl::IndirectBranch | FlowControl::IndirectCall => {
                self.load_target(i)?;
                self.store(fixed(TARGET), scratch)?;
                if i.flow_control() == FlowControl::IndirectCall { self.push_return(i) } else { Ok(()) }
            }
            FlowControl::Return => {
                self.load(scratch, MemoryOperand::with_base(Register::RSP))?;
                self.store(fixed(TARGET), scratch)?;
                let more = if i.op_count() == 1 { i64::from(i.immediate16()) } else { 0 };
                let above = MemoryOperand::with_base_displ(Register::RSP, 8 + more);
                self.emit(&Instruction::with2(Form::Lea_r64_m, Register::RSP, above)?)
            }
            _ if i.is_ip_rel_memory_operand() && i.mnemonic() == Mnemonic::Lea && i.op0_register().size() == 8 => {
                self.constant(i.op0_register(), i.ip_rel_memory_address())
            }
            _ if i.is_ip_rel_memory_operand() => {
                self.constant(scratch, i.ip_rel_memory_address())?;
                self.emit(&through(i, scratch))
            }
            _ => self.emit(i),
        }
    }

    fn load_target(&mut self, i: &Instruction) -> Result<(), IcedError> {
        let scratch = self.scratch;
        if i.op0_kind() == OpKind::Register {
            return self.emit(&Instruction::with2(Form::Mov_r64_rm64, scratch, i.op0_register())?);
        }
        if i.is_ip_rel_memory_operand() {
            self.constant(scratch, i.ip_rel_memory_address())?;
            return self.load(scratch, MemoryOperand::with_base(scratch));
        }
        let from = MemoryOperand::new(
            i.memory_base(),
            i.memory_index(),
            i.memory_index_scale(),
            i.memory_displacement64() as i64,
            i.memory_displ_size(),
            false,
            i.segment_prefix(),
        );
        self.load(scratch, from)
    }

    fn push_return(&mut self, i: &Instruction) -> Result<(), IcedError> {
        self.constant(self.scratch, i.next_ip())?;
        self.emit(&Instruction::with1(Form::Push_r64, self.scratch)?)
    }
}

/// The instruction with its address in a register instead of relative to itself.
fn through(i: &Instruction, register: Register) -> Instruction {
    let mut out = *i;
    out.set_memory_base(register);
    out.set_memory_index(Register::None);
    out.set_memory_displacement64(0);
    out.set_memory_displ_size(0);
    out
}

/// Finds the copy of the block at `[TARGET]` without touching the flags: jumps there, or traps.
fn dispatcher(start: u64) -> Result<(Vec<u8>, u64), IcedError> {
    use Register::{EAX, CX, RAX, RCX, RDX};
    let mut copy = Copy::new(start, 0);
    let saved = [(SAVED[0], RAX), (SAVED[1], RCX), (SAVED[2], RDX)];
    for (at, register) in saved {
        copy.store(fixed(at), register)?;
    }
    copy.load(RCX, fixed(TARGET))?;
    copy.emit(&Instruction::with2(Form::Movzx_r32_rm16, EAX, CX)?)?;
    copy.emit(&Instruction::with2(Form::Lea_r64_m, RAX, MemoryOperand::new(Register::None, RAX, 8, 0, 8, false, Register::None))?)?;
    copy.emit(&Instruction::with1(Form::Not_rm64, RCX)?)?;
    let entry = |plus: u64| {
        MemoryOperand::new(Register::None, RAX, 2, (TABLE + plus) as i64, 8, false, Register::None)
    };
    copy.load(RDX, entry(0))?;
    // zero exactly when the entry's address is the target
    let difference = MemoryOperand::new(RCX, RDX, 1, 1, 1, false, Register::None);
    copy.emit(&Instruction::with2(Form::Lea_r64_m, RCX, difference)?)?;
    let mut miss = Copy::new(start, 0);
    for (at, register) in saved {
        miss.load(register, fixed(at))?;
    }
    miss.raw(&[0xcc]);
    // jrcxz past the miss
    copy.raw(&[0xe3, miss.bytes.len() as u8]);
    let trap = copy.address() + miss.bytes.len() as u64 - 1;
    copy.raw(&miss.bytes);
    copy.load(RDX, entry(8))?;
    copy.store(fixed(JUMP), RDX)?;
    for (at, register) in saved {
        copy.load(register, fixed(at))?;
    }
    copy.emit(&Instruction::with1(Form::Jmp_rm64, fixed(JUMP))?)?;
    Ok((copy.bytes, trap))
}
