//! The fast engine: runs translated copies of the program's basic blocks that write down, in a buffer, which block they
//! are and which addresses they touch.
//!
//! The copies live in memory that the tracer adds to the traced process, at fixed low addresses; the tracer stays
//! outside, translates each block when it is first reached, and reads the buffer when it is full. What a copy cannot
//! record by itself (gathers, masks, string instructions, system calls) it leaves to the slow engine, instruction by
//! instruction. So it must never run an instruction that is neither recorded nor left to the slow engine; tests hold
//! its traces against the slow engine's.

mod copy;
mod decode;
mod layout;
mod shape;
mod translate;

use super::code::Code;
use super::mappings::Mappings;
use super::observe::Step;
use super::stepper::{self, Ending, Sink, TOO_LONG, Until, describe};
use super::tracee::{Registers, Stop, Tracee};
use crate::error::Error;
use decode::decode;
use layout::{BASE, GUARD, LOG, LOG_END, LOG_START, SIZE, TARGET};
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use translate::{Cache, Trap};

/// The engine with its cache, which serves all runs of one program image.
pub(crate) struct Fast {
    cache: Cache,
    attached: Option<Pid>,
    step: Step,
    log: Vec<u8>,
}

impl Fast {
    pub(crate) fn new() -> Self {
        Self { cache: Cache::new(), attached: None, step: Step::default(), log: vec![] }
    }

    /// Traces from where the process stands. `None`: this process cannot take the engine's memory.
    pub(crate) fn run(
        &mut self,
        tracee: Tracee,
        until: Until,
        code: &mut Code,
        sink: &mut dyn Sink,
    ) -> Result<Option<Ending>, Error> {
        let (Until::Reached(boundary) | Until::Returned { to: boundary, .. }) = until;
        let anew = self.cache.set_boundary(boundary);
        if !self.attach(tracee, anew)? {
            return Ok(None);
        }
        let mut at = tracee.registers()?.rip;
        loop {
            // the process stands at `at` in its own code, everything before is in the sink
            let mut registers = tracee.registers()?;
            registers.rip = self.cache.enter(at, tracee, code)?;
            tracee.set_registers(&registers)?;
            match self.cross(tracee, sink)? {
                Crossing::Link { target, site } => {
                    self.cache.link(site, target, tracee, code)?;
                    at = target;
                }
                Crossing::Miss => {
                    at = tracee.read_word(TARGET)?;
                    self.cache.enter_in_table(at, tracee, code)?;
                }
                Crossing::Guest(guest) => {
                    let mut registers = tracee.registers()?;
                    registers.rip = guest;
                    tracee.set_registers(&registers)?;
                    if until.holds(&registers) {
                        return Ok(Some(Ending::Reached));
                    }
                    if let Some(cut) =
                        stepper::observe_one(&mut Stop::of(tracee)?, code, &mut self.step)?
                    {
                        return Ok(Some(Ending::Cut(cut)));
                    }
                    if !sink.push(&self.step)? {
                        return Ok(Some(Ending::Cut(TOO_LONG.into())));
                    }
                    at = tracee.registers()?.rip;
                }
                Crossing::Cut(why) => return Ok(Some(Ending::Cut(why))),
            }
        }
    }

    /// Lets the copies run until they need the tracer; then all that they wrote down is in the sink.
    fn cross(&mut self, tracee: Tracee, sink: &mut dyn Sink) -> Result<Crossing, Error> {
        loop {
            match tracee.proceed()? {
                WaitStatus::Stopped(_, Signal::SIGTRAP) => {
                    let registers = tracee.registers()?;
                    let site = registers.rip.wrapping_sub(1);
                    let Some(trap) = self.cache.trap(site) else {
                        return Ok(Crossing::Cut(format!(
                            "unexpected trap at {:#x}",
                            registers.rip
                        )));
                    };
                    let end = tracee.read_word(LOG)?;
                    if !self.drain(tracee, end, registers.fs_base, sink)? {
                        return Ok(Crossing::Cut(TOO_LONG.into()));
                    }
                    tracee.write(LOG, &LOG_START.to_le_bytes())?;
                    return Ok(match trap {
                        Trap::Link(target) => Crossing::Link { target, site },
                        Trap::Guest(at) => Crossing::Guest(at),
                        Trap::Miss => Crossing::Miss,
                    });
                }
                WaitStatus::Stopped(_, Signal::SIGSEGV) => {
                    if !self.log_is_full(tracee)? {
                        return Ok(Crossing::Cut("the region received SIGSEGV".into()));
                    }
                    if !self.rewind(tracee, sink)? {
                        return Ok(Crossing::Cut(TOO_LONG.into()));
                    }
                }
                WaitStatus::Stopped(
                    _,
                    Signal::SIGCHLD | Signal::SIGWINCH | Signal::SIGURG | Signal::SIGCONT,
                ) => {}
                other => return Ok(Crossing::Cut(describe(other))),
            }
        }
    }

    fn log_is_full(&self, tracee: Tracee) -> Result<bool, Error> {
        let info =
            ptrace::getsiginfo(tracee.0).map_err(|why| Error::system("ask about a signal", why))?;
        // SAFETY: the signal is SIGSEGV, which carries an address.
        let address = unsafe { info.si_addr() } as u64;
        let at = tracee.registers()?.rip;
        Ok((LOG_END..LOG_END + GUARD).contains(&address) && self.cache.block_at(at).is_some())
    }

    /// The buffer is full in the middle of a block: takes what whole blocks wrote, moves the rest to the front.
    fn rewind(&mut self, tracee: Tracee, sink: &mut dyn Sink) -> Result<bool, Error> {
        let mut registers = tracee.registers()?;
        let Some(block) = self.cache.block_at(registers.rip) else {
            return Err(Error::system("read the trace", "the buffer filled up outside a block"));
        };
        let pointer = general(&mut registers, block.pointer)
            .ok_or_else(|| Error::system("read the trace", "the buffer has no pointer"))?;
        let start = *pointer;
        *pointer = LOG_START;
        let mut rest = vec![0; LOG_END.saturating_sub(start) as usize];
        tracee.read_exact(start, &mut rest)?;
        let more = self.drain(tracee, start, registers.fs_base, sink)?;
        tracee.write(LOG_START, &rest)?;
        tracee.set_registers(&registers)?;
        Ok(more)
    }

    /// Hands what stands in the buffer before `end` to the sink.
    fn drain(
        &mut self,
        tracee: Tracee,
        end: u64,
        fs_base: u64,
        sink: &mut dyn Sink,
    ) -> Result<bool, Error> {
        let length = end.checked_sub(LOG_START).filter(|length| end <= LOG_END && length % 8 == 0);
        let length =
            length.ok_or_else(|| Error::system("read the trace", "the program wrote over it"))?;
        if length == 0 {
            return Ok(true);
        }
        self.log.resize(length as usize, 0);
        tracee.read_exact(LOG_START, &mut self.log)?;
        decode(&self.log, &self.cache, fs_base, &mut self.step, sink)
    }

    /// Adds the engine's memory to a process, with all that is translated so far.
    fn attach(&mut self, tracee: Tracee, anew: bool) -> Result<bool, Error> {
        let attached = self.attached == Some(tracee.0);
        if attached && !anew {
            return Ok(true);
        }
        let has_memory = attached || guard_is_free(tracee)? && map_memory(tracee)?;
        if !has_memory {
            return Ok(false);
        }
        self.cache.install(tracee)?;
        tracee.write(LOG, &LOG_START.to_le_bytes())?;
        self.attached = Some(tracee.0);
        Ok(true)
    }
}

/// Why the copies stopped.
enum Crossing {
    /// The way from `site` to `target` is not linked yet.
    Link { target: u64, site: u64 },
    /// An indirect jump led to a place that the table does not know.
    Miss,
    /// The slow engine must take the instruction here.
    Guest(u64),
    /// The end, for a reason.
    Cut(String),
}

/// Whether a write past the buffer would fault.
fn guard_is_free(tracee: Tracee) -> Result<bool, Error> {
    let mappings = Mappings::of(tracee)?;
    Ok(mappings.0.iter().all(|mapping| mapping.end <= LOG_END || mapping.start >= LOG_END + GUARD))
}

/// Runs `mmap` in the process, by a `syscall` instruction put where it stands.
fn map_memory(tracee: Tracee) -> Result<bool, Error> {
    const SYSCALL: [u8; 2] = [0x0f, 0x05];
    let before = tracee.registers()?;
    let mut replaced = [0; 2];
    tracee.read_exact(before.rip, &mut replaced)?;
    tracee.write_code(before.rip, &SYSCALL)?;
    let flags =
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE | libc::MAP_NORESERVE;
    let call = Registers {
        rax: libc::SYS_mmap as u64,
        orig_rax: u64::MAX,
        rdi: BASE,
        rsi: SIZE,
        rdx: (libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC) as u64,
        r10: flags as u64,
        r8: u64::MAX,
        r9: 0,
        ..before
    };
    tracee.set_registers(&call)?;
    tracee.step()?;
    let answer = tracee.registers()?.rax;
    tracee.write_code(before.rip, &replaced)?;
    tracee.set_registers(&before)?;
    Ok(answer == BASE)
}

fn general(registers: &mut Registers, register: iced_x86::Register) -> Option<&mut u64> {
    use iced_x86::Register;
    Some(match register {
        Register::RAX => &mut registers.rax,
        Register::RBX => &mut registers.rbx,
        Register::RCX => &mut registers.rcx,
        Register::RDX => &mut registers.rdx,
        Register::RSI => &mut registers.rsi,
        Register::RDI => &mut registers.rdi,
        Register::RBP => &mut registers.rbp,
        Register::R8 => &mut registers.r8,
        Register::R9 => &mut registers.r9,
        Register::R10 => &mut registers.r10,
        Register::R11 => &mut registers.r11,
        Register::R12 => &mut registers.r12,
        Register::R13 => &mut registers.r13,
        Register::R14 => &mut registers.r14,
        Register::R15 => &mut registers.r15,
        _ => return None,
    })
}
