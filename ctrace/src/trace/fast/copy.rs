//! Writes one copy: what records an instruction, and the instruction.
//!
//! A copy borrows two general registers that its block does not use, one that points into the buffer and one for
//! scratch. It never touches the flags, the stack or vector registers beyond what the program's instructions do.

use super::layout::*;
use super::shape::{Address, Shape, Value, values};
use crate::instruction::{Latency, Model, Operand};
use crate::trace::observe::shows_more_afterwards;
use iced_x86::{
    Code as Form, Encoder, FlowControl, IcedError, Instruction, MemoryOperand, Mnemonic, OpKind,
    Register,
};

/// A copy in the making.
pub(super) struct Copy {
    start: u64,
    pub(super) bytes: Vec<u8>,
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
    MemoryOperand::new(
        of.base,
        of.index,
        of.scale.max(1) as u32,
        displacement,
        size,
        false,
        Register::None,
    )
}

impl Copy {
    pub(super) fn new(start: u64, number: usize) -> Self {
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

    pub(super) fn address(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
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

    pub(super) fn begin(&mut self, pointer: Register, scratch: Register) -> Result<(), IcedError> {
        (self.pointer, self.scratch) = (pointer, scratch);
        self.store(fixed(SAVED_POINTER), pointer)?;
        self.store(fixed(SAVED_SCRATCH), scratch)?;
        self.load(pointer, fixed(LOG))?;
        let slot = self.slot(8);
        self.emit(&Instruction::with2(Form::Mov_rm64_imm32, slot, self.number as i32)?)
    }

    /// Gives the registers back and moves the end of the buffer.
    pub(super) fn finish(&mut self) -> Result<(), IcedError> {
        let (pointer, scratch) = (self.pointer, self.scratch);
        let end = MemoryOperand::with_base_displ(pointer, self.logged);
        self.emit(&Instruction::with2(Form::Lea_r64_m, pointer, end)?)?;
        self.store(fixed(LOG), pointer)?;
        self.load(pointer, fixed(SAVED_POINTER))?;
        self.load(scratch, fixed(SAVED_SCRATCH))
    }

    /// Writes down what can be seen before the instruction runs.
    pub(super) fn record(&mut self, model: &Model) -> Result<Shape, IcedError> {
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
                    let register =
                        inputs.next().map_or(Register::RAX, |register| register.full_register());
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
    pub(super) fn record_result(
        &mut self,
        model: &Model,
        shape: &mut Shape,
    ) -> Result<(), IcedError> {
        let register = model.instruction.op0_register();
        if shows_more_afterwards(model) && register.is_vector_register() {
            self.store_vector(register, register.size())?;
            shape.result = Some(register.size());
        }
        Ok(())
    }

    fn store_vector(&mut self, register: Register, bytes: usize) -> Result<(), IcedError> {
        let slot = self.slot(bytes);
        let form = if register.is_ymm() {
            Form::VEX_Vmovups_ymmm256_ymm
        } else {
            Form::Movups_xmmm128_xmm
        };
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
    pub(super) fn instruction(&mut self, model: &Model) -> Result<(), IcedError> {
        let (i, scratch) = (&model.instruction, self.scratch);
        match i.flow_control() {
            FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch => Ok(()),
            FlowControl::Call => self.push_return(i),
            FlowControl::IndirectBranch | FlowControl::IndirectCall => {
                self.load_target(i)?;
                self.store(fixed(TARGET), scratch)?;
                if i.flow_control() == FlowControl::IndirectCall {
                    self.push_return(i)
                } else {
                    Ok(())
                }
            }
            FlowControl::Return => {
                self.load(scratch, MemoryOperand::with_base(Register::RSP))?;
                self.store(fixed(TARGET), scratch)?;
                let more = if i.op_count() == 1 { i64::from(i.immediate16()) } else { 0 };
                let above = MemoryOperand::with_base_displ(Register::RSP, 8 + more);
                self.emit(&Instruction::with2(Form::Lea_r64_m, Register::RSP, above)?)
            }
            _ if i.is_ip_rel_memory_operand()
                && i.mnemonic() == Mnemonic::Lea
                && i.op0_register().size() == 8 =>
            {
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
pub(super) fn dispatcher(start: u64) -> Result<(Vec<u8>, u64), IcedError> {
    use Register::{CX, EAX, RAX, RCX, RDX};
    let mut copy = Copy::new(start, 0);
    let saved = [(SAVED[0], RAX), (SAVED[1], RCX), (SAVED[2], RDX)];
    for (at, register) in saved {
        copy.store(fixed(at), register)?;
    }
    copy.load(RCX, fixed(TARGET))?;
    copy.emit(&Instruction::with2(Form::Movzx_r32_rm16, EAX, CX)?)?;
    copy.emit(&Instruction::with2(
        Form::Lea_r64_m,
        RAX,
        MemoryOperand::new(Register::None, RAX, 8, 0, 8, false, Register::None),
    )?)?;
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
