//! Which instructions a copy can record by itself, and how their steps are read from the buffer.

use crate::instruction::{Float, Latency, Model, Operand};
use crate::trace::observe::shows_more_afterwards;
use iced_x86::{EncodingKind, FlowControl, Mnemonic, OpKind, Register};

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

/// Whether a copy can record the instruction by itself.
pub(super) fn copies(model: &Model) -> bool {
    let i = &model.instruction;
    if model.unsupported
        || model.system_call
        || model.mask.is_some()
        || model.bit_offset.is_some()
        || model.string.is_some()
    {
        return false;
    }
    if i.encoding() == EncodingKind::EVEX && model.latency.is_some() {
        return false;
    }
    let plain = |operand: &Operand| {
        operand.lanes.is_none()
            && !operand.short
            && operand.segment != Register::GS
            && fits(operand)
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
    let moves_stack = matches!(i.mnemonic(), Mnemonic::Pop | Mnemonic::Enter)
        && i.op0_kind() == OpKind::Memory
        || i.mnemonic() == Mnemonic::Enter;
    let sets_segment = matches!(i.mnemonic(), Mnemonic::Wrfsbase | Mnemonic::Wrgsbase)
        || (0..i.op_count())
            .any(|at| i.op_kind(at) == OpKind::Register && i.op_register(at).is_segment_register());
    known && !moves_stack && !sets_segment && values(model).is_some()
}

/// Whether the constant part fits an address with registers.
fn fits(operand: &Operand) -> bool {
    operand.base == Register::None && operand.index == Register::None
        || i32::try_from(operand.displacement as i64).is_ok()
}

/// Operand values that a copy must write down; `None` when it cannot.
pub(super) fn values(model: &Model) -> Option<Vec<Value>> {
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
                Value::Vector {
                    bytes: if matches!(latency, Latency::Float(_)) { bytes } else { bytes.max(16) },
                }
            }
            _ => return None,
        });
    }
    if let Some(operand) = model.memory.first() {
        if model.memory.len() > 1
            || !(operand.bytes == 4 || operand.bytes.is_multiple_of(8))
            || operand.bytes > 32
        {
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
