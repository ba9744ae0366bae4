//! Where the engine's memory lies in the traced process. All below 2 GiB, so that code reaches it by 32-bit addresses.

/// Where it begins: far from where programs, libraries and stacks are put.
pub(super) const BASE: u64 = 0x3000_0000;
/// Translated code.
pub(super) const CODE_SIZE: u64 = 32 << 20;
/// Words that the copies share with the tracer.
pub(super) const STATE: u64 = BASE + CODE_SIZE;
/// The next free word of the buffer.
pub(super) const LOG: u64 = STATE;
/// Saved value of a block's pointer register.
pub(super) const SAVED_POINTER: u64 = STATE + 8;
/// Saved value of a block's scratch register.
pub(super) const SAVED_SCRATCH: u64 = STATE + 16;
/// Where an indirect jump leads, in the program's own numbering.
pub(super) const TARGET: u64 = STATE + 24;
/// Where it leads in the copies.
pub(super) const JUMP: u64 = STATE + 32;
/// Registers that the dispatcher saves.
pub(super) const SAVED: [u64; 3] = [STATE + 40, STATE + 48, STATE + 56];
/// From the low 16 bits of an address to its block: pairs of address and copy.
pub(super) const TABLE: u64 = STATE + 4096;
pub(super) const TABLE_SIZE: u64 = (1 << 16) * 16;
/// The buffer. A write past its end faults: that is how the tracer learns that it is full.
pub(super) const LOG_START: u64 = TABLE + TABLE_SIZE;
pub(super) const LOG_END: u64 = LOG_START + (256 << 10);
/// More than one block writes; nothing is mapped there.
pub(super) const GUARD: u64 = 8192;
/// All of it.
pub(super) const SIZE: u64 = LOG_END - BASE;
