//! One step as an observer could see it, made from an instruction's model and a stopped process.

use super::tracee::Stop;
use crate::error::Error;
use crate::instruction::{Float, Latency, MaskSource, Model, Operand, Repeat};

/// What one executed instruction shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// Where it stands.
    pub(crate) at: u64,
    /// Every address it touches, in the order of its operands and lanes.
    pub(crate) addresses: Vec<u64>,
    /// Masks on memory, and counts of string instructions.
    pub(crate) masks: Vec<u64>,
    /// Operand values that its time may depend on.
    pub(crate) values: Vec<u64>,
}

impl Step {
    pub(crate) fn start(&mut self, at: u64) {
        self.at = at;
        self.addresses.clear();
        self.masks.clear();
        self.values.clear();
    }
}

/// Fills `step` with what can be seen before the instruction runs.
pub(crate) fn before(model: &Model, stop: &mut Stop, step: &mut Step) -> Result<(), Error> {
    step.start(stop.registers.rip);
    let mask = match model.mask {
        Some(source) => Some(mask(source, stop)?),
        None => None,
    };
    for operand in &model.memory {
        addresses(operand, mask, stop, &mut step.addresses)?;
    }
    step.masks.extend(mask);
    if let Some((register, bits)) = model.bit_offset {
        // which element the bit lies in: the offset is signed
        let value = stop.general(register);
        let unused = 64 - bits;
        let element = (((value << unused) as i64) >> unused) >> bits.trailing_zeros();
        step.masks.push(element as u64);
    }
    if let Some(string) = model.string {
        if string.source {
            step.addresses.push(stop.registers.rsi);
        }
        if string.target {
            step.addresses.push(stop.registers.rdi);
        }
        if string.repeat != Repeat::Once {
            step.masks.push(stop.registers.rcx);
        }
    }
    if model.system_call {
        step.values.push(stop.registers.rax);
        let r = &stop.registers;
        let arguments = [r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9];
        step.addresses.extend(arguments.iter().take(arguments_of(r.rax as i64)));
    }
    match model.latency {
        None | Some(Latency::NotDeterministic) => {}
        Some(Latency::X87) => {
            let numbers = stop.x87()?;
            push_words(&numbers, &mut step.values);
            push_memory(model, stop, step)?;
        }
        Some(Latency::Float(float)) => {
            let mut found = 0;
            for &register in &model.inputs {
                let bytes = stop.vector(register)?;
                found = found << 1
                    | subnormals(&bytes[..register.size().min(64)], float.operand, float.scalar);
            }
            if let Some(bytes) = memory_value(model, stop, step)? {
                found = found << 1 | subnormals(&bytes, float.operand, float.scalar);
            }
            step.values.push(found);
        }
        Some(_) => {
            for &register in &model.inputs {
                if register.is_vector_register() {
                    let bytes = stop.vector(register)?;
                    push_words(&bytes[..register.size().min(64)], &mut step.values);
                } else if register.is_k() {
                    step.values.push(stop.opmask(register)?);
                } else {
                    step.values.push(stop.general(register));
                }
            }
            push_memory(model, stop, step)?;
        }
    }
    Ok(())
}

/// Whether [`after`] has something to add.
pub(crate) fn shows_more_afterwards(model: &Model) -> bool {
    model.string.is_some_and(|string| string.repeat == Repeat::Searching)
        || matches!(model.latency, Some(Latency::Float(float)) if float.result != 0)
}

/// Adds to `step` what can be seen only after the instruction ran.
pub(crate) fn after(model: &Model, stop: &mut Stop, step: &mut Step) -> Result<(), Error> {
    if model.string.is_some_and(|string| string.repeat == Repeat::Searching) {
        step.masks.push(stop.registers.rcx);
    }
    if let Some(Latency::Float(Float { result, scalar, .. })) = model.latency {
        let register = model.instruction.op0_register();
        if result != 0 && register.is_vector_register() {
            let bytes = stop.vector(register)?;
            step.values.push(subnormals(&bytes[..register.size().min(64)], result, scalar));
        }
    }
    Ok(())
}

/// How many arguments a system call reads. Of one that is not listed all six registers count, whatever they hold.
fn arguments_of(number: i64) -> usize {
    match number {
        libc::SYS_sched_yield | libc::SYS_getpid | libc::SYS_gettid | libc::SYS_getppid => 0,
        libc::SYS_close | libc::SYS_brk | libc::SYS_fsync | libc::SYS_dup => 1,
        libc::SYS_munmap
        | libc::SYS_fstat
        | libc::SYS_clock_gettime
        | libc::SYS_nanosleep
        | libc::SYS_sigaltstack => 2,
        libc::SYS_read
        | libc::SYS_write
        | libc::SYS_readv
        | libc::SYS_writev
        | libc::SYS_open
        | libc::SYS_lseek
        | libc::SYS_mprotect
        | libc::SYS_madvise
        | libc::SYS_getrandom
        | libc::SYS_poll
        | libc::SYS_ioctl
        | libc::SYS_fcntl
        | libc::SYS_sched_getaffinity => 3,
        libc::SYS_openat
        | libc::SYS_newfstatat
        | libc::SYS_pread64
        | libc::SYS_pwrite64
        | libc::SYS_rt_sigaction
        | libc::SYS_rt_sigprocmask => 4,
        libc::SYS_statx | libc::SYS_mremap => 5,
        _ => 6,
    }
}

fn addresses(
    operand: &Operand,
    mask: Option<u64>,
    stop: &mut Stop,
    into: &mut Vec<u64>,
) -> Result<(), Error> {
    let base = stop.general(operand.base).wrapping_add(operand.displacement);
    let segment = stop.segment(operand.segment);
    let cut = |address: u64| if operand.short { address & 0xffff_ffff } else { address };
    let Some(lanes) = operand.lanes else {
        let index = stop.general(operand.index).wrapping_mul(operand.scale);
        into.push(cut(base.wrapping_add(index)).wrapping_add(segment));
        return Ok(());
    };
    let indices = stop.vector(operand.index)?;
    for lane in 0..lanes.count {
        if mask.unwrap_or(u64::MAX) >> lane & 1 == 1 {
            let index = signed(&indices[lane * lanes.index_bytes..][..lanes.index_bytes]);
            into.push(
                cut(base.wrapping_add(index.wrapping_mul(operand.scale))).wrapping_add(segment),
            );
        }
    }
    Ok(())
}

fn mask(source: MaskSource, stop: &mut Stop) -> Result<u64, Error> {
    Ok(match source {
        MaskSource::Opmask { register, lanes } => {
            stop.opmask(register)? & (u64::MAX >> (64 - lanes.clamp(1, 64)))
        }
        MaskSource::Vector { register, lanes, bytes } => {
            let vector = stop.vector(register)?;
            (0..lanes).fold(0, |mask, lane| {
                mask | u64::from(vector[lane * bytes + bytes - 1] >> 7) << lane
            })
        }
    })
}

/// One bit for each element: whether it is subnormal.
pub(super) fn subnormals(bytes: &[u8], width: usize, scalar: bool) -> u64 {
    if width == 0 {
        return 0;
    }
    let count = if scalar { 1 } else { usize::MAX };
    bytes.chunks_exact(width).take(count).enumerate().fold(0, |mask, (lane, element)| {
        let subnormal = match *element {
            [a, b, c, d] => f32::from_le_bytes([a, b, c, d]).is_subnormal(),
            [a, b, c, d, e, f, g, h] => f64::from_le_bytes([a, b, c, d, e, f, g, h]).is_subnormal(),
            _ => false,
        };
        mask | u64::from(subnormal) << lane
    })
}

fn push_memory(model: &Model, stop: &Stop, step: &mut Step) -> Result<(), Error> {
    if let Some(bytes) = memory_value(model, stop, step)? {
        push_words(&bytes, &mut step.values);
    }
    Ok(())
}

/// The bytes of the one memory operand.
fn memory_value(model: &Model, stop: &Stop, step: &Step) -> Result<Option<Vec<u8>>, Error> {
    let (Some(operand), Some(&address)) = (model.memory.first(), step.addresses.first()) else {
        return Ok(None);
    };
    if operand.lanes.is_some() || operand.bytes == 0 || operand.bytes > 64 {
        return Ok(None);
    }
    let mut bytes = vec![0; operand.bytes];
    stop.tracee.read_exact(address, &mut bytes)?;
    Ok(Some(bytes))
}

fn push_words(bytes: &[u8], into: &mut Vec<u64>) {
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        into.push(u64::from_le_bytes(word));
    }
}

fn signed(bytes: &[u8]) -> u64 {
    match *bytes {
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])) as u64,
        [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => 0,
    }
}
