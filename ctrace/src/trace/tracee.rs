//! A stopped process: its registers and memory, and how to let it go on.

use crate::error::Error;
use iced_x86::Register;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::uio::{RemoteIoVec, process_vm_readv, process_vm_writev};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::io::{IoSlice, IoSliceMut};
use std::os::unix::fs::FileExt;

/// General registers.
pub(crate) type Registers = libc::user_regs_struct;

/// A process under this tracer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tracee(pub(crate) Pid);

impl Tracee {
    pub(crate) fn registers(self) -> Result<Registers, Error> {
        ptrace::getregs(self.0).map_err(|why| Error::system("read registers", why))
    }

    pub(crate) fn set_registers(self, registers: &Registers) -> Result<(), Error> {
        ptrace::setregs(self.0, *registers).map_err(|why| Error::system("write registers", why))
    }

    /// Reads as much as can be read, and says how much.
    pub(crate) fn read(self, address: u64, into: &mut [u8]) -> usize {
        let remote = [RemoteIoVec { base: address as usize, len: into.len() }];
        process_vm_readv(self.0, &mut [IoSliceMut::new(into)], &remote).unwrap_or(0)
    }

    pub(crate) fn read_exact(self, address: u64, into: &mut [u8]) -> Result<(), Error> {
        match self.read(address, into) == into.len() {
            true => Ok(()),
            false => Err(Error::system(
                format!("read {} bytes at {address:#x}", into.len()),
                "not readable",
            )),
        }
    }

    pub(crate) fn read_word(self, address: u64) -> Result<u64, Error> {
        let mut bytes = [0; 8];
        self.read_exact(address, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Writes to memory that the process itself may write.
    pub(crate) fn write(self, address: u64, from: &[u8]) -> Result<(), Error> {
        let remote = [RemoteIoVec { base: address as usize, len: from.len() }];
        match process_vm_writev(self.0, &[IoSlice::new(from)], &remote) {
            Ok(written) if written == from.len() => Ok(()),
            Ok(_) => Err(Error::system(format!("write at {address:#x}"), "not writable")),
            Err(why) => Err(Error::system(format!("write at {address:#x}"), why)),
        }
    }

    /// Writes to memory that the process may not write: code.
    pub(crate) fn write_code(self, address: u64, from: &[u8]) -> Result<(), Error> {
        std::fs::OpenOptions::new()
            .write(true)
            .open(format!("/proc/{}/mem", self.0))
            .and_then(|memory| memory.write_all_at(from, address))
            .map_err(|why| Error::system(format!("plant a breakpoint at {address:#x}"), why))
    }

    /// Runs one instruction, or one round of a repeated one.
    pub(crate) fn step(self) -> Result<WaitStatus, Error> {
        ptrace::step(self.0, None).map_err(|why| Error::system("step", why))?;
        self.wait()
    }

    /// Runs until the next stop.
    pub(crate) fn proceed(self) -> Result<WaitStatus, Error> {
        self.release(None)?;
        self.wait()
    }

    /// Lets it run without waiting.
    pub(crate) fn release(self, signal: Option<Signal>) -> Result<(), Error> {
        ptrace::cont(self.0, signal).map_err(|why| Error::system("continue", why))
    }

    pub(crate) fn wait(self) -> Result<WaitStatus, Error> {
        waitpid(self.0, Some(WaitPidFlag::__WALL)).map_err(|why| Error::system("wait", why))
    }

    pub(crate) fn kill(self) {
        // it may be dead already
        let _ = nix::sys::signal::kill(self.0, Signal::SIGKILL);
    }
}

/// The registers of a stop, with the extended state read only when something asks for it.
pub(crate) struct Stop {
    pub(crate) tracee: Tracee,
    pub(crate) registers: Registers,
    extended: Option<Extended>,
}

impl Stop {
    pub(crate) fn of(tracee: Tracee) -> Result<Self, Error> {
        Ok(Self { tracee, registers: tracee.registers()?, extended: None })
    }

    /// Value of a general register, cut to its size.
    pub(crate) fn general(&self, register: Register) -> u64 {
        let r = &self.registers;
        let whole = match register.full_register() {
            Register::RAX => r.rax,
            Register::RBX => r.rbx,
            Register::RCX => r.rcx,
            Register::RDX => r.rdx,
            Register::RSI => r.rsi,
            Register::RDI => r.rdi,
            Register::RSP => r.rsp,
            Register::RBP => r.rbp,
            Register::R8 => r.r8,
            Register::R9 => r.r9,
            Register::R10 => r.r10,
            Register::R11 => r.r11,
            Register::R12 => r.r12,
            Register::R13 => r.r13,
            Register::R14 => r.r14,
            Register::R15 => r.r15,
            _ => 0,
        };
        let high = matches!(register, Register::AH | Register::BH | Register::CH | Register::DH);
        match register.size() {
            1 if high => whole >> 8 & 0xff,
            1 => whole & 0xff,
            2 => whole & 0xffff,
            4 => whole & 0xffff_ffff,
            _ => whole,
        }
    }

    pub(crate) fn segment(&self, register: Register) -> u64 {
        match register {
            Register::FS => self.registers.fs_base,
            Register::GS => self.registers.gs_base,
            _ => 0,
        }
    }

    /// The whole of a vector register, zero where it has never been set.
    pub(crate) fn vector(&mut self, register: Register) -> Result<[u8; 64], Error> {
        let number = register.number();
        Ok(self.extended()?.vector(number))
    }

    pub(crate) fn opmask(&mut self, register: Register) -> Result<u64, Error> {
        let number = register.number();
        Ok(self.extended()?.opmask(number))
    }

    /// The top two numbers of the x87 stack, as they lie in memory.
    pub(crate) fn x87(&mut self) -> Result<[u8; 32], Error> {
        Ok(self.extended()?.bytes[32..64].try_into().unwrap_or([0; 32]))
    }

    fn extended(&mut self) -> Result<&Extended, Error> {
        if self.extended.is_none() {
            self.extended = Some(Extended::of(self.tracee)?);
        }
        self.extended.as_ref().ok_or_else(|| Error::system("read vector registers", "none"))
    }
}

/// What `xsave` stores.
struct Extended {
    bytes: Vec<u8>,
    present: u64,
}

/// Parts of the `xsave` area, by their bit.
const SSE: u32 = 1;
const AVX: u32 = 2;
const OPMASK: u32 = 5;
const ZMM_HIGH: u32 = 6;
const ZMM_16: u32 = 7;

impl Extended {
    fn of(tracee: Tracee) -> Result<Self, Error> {
        const NT_X86_XSTATE: usize = 0x202;
        let mut bytes = vec![0_u8; 1 << 13];
        let mut area = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        // SAFETY: the kernel writes at most `iov_len` bytes into `bytes` and the length into `area`; both live on.
        let answer = unsafe {
            libc::ptrace(libc::PTRACE_GETREGSET, tracee.0.as_raw(), NT_X86_XSTATE, &raw mut area)
        };
        if answer != 0 {
            return Err(Error::system("read vector registers", std::io::Error::last_os_error()));
        }
        let present = word(&bytes, 512);
        Ok(Self { bytes, present })
    }

    fn has(&self, part: u32) -> bool {
        self.present >> part & 1 == 1
    }

    fn vector(&self, number: usize) -> [u8; 64] {
        let mut out = [0; 64];
        let mut copy = |to: usize, length: usize, part: u32, from: usize| {
            if let (true, Some(bytes)) = (self.has(part), self.bytes.get(from..from + length)) {
                out[to..to + length].copy_from_slice(bytes);
            }
        };
        if number < 16 {
            copy(0, 16, SSE, 160 + 16 * number);
            copy(16, 16, AVX, offset(AVX) + 16 * number);
            copy(32, 32, ZMM_HIGH, offset(ZMM_HIGH) + 32 * number);
        } else {
            copy(0, 64, ZMM_16, offset(ZMM_16) + 64 * (number - 16));
        }
        out
    }

    fn opmask(&self, number: usize) -> u64 {
        if self.has(OPMASK) { word(&self.bytes, offset(OPMASK) + 8 * number) } else { 0 }
    }
}

/// Where a part stands in the area of this processor.
fn offset(part: u32) -> usize {
    std::arch::x86_64::__cpuid_count(0xd, part).ebx as usize
}

fn word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|word| word.try_into().ok()).map_or(0, u64::from_le_bytes)
}
