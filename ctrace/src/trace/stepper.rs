//! The slow engine: one instruction at a time, by the processor's trap flag.
//!
//! It is the plain one, and the oracle for the fast one. It must never run an instruction that it has not observed.

use super::code::Code;
use super::observe::{Step, after, before, shows_more_afterwards};
use super::tracee::{Registers, Stop, Tracee};
use crate::error::Error;
use crate::instruction::{Model, Repeat};
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;

/// Where a traced part ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// When this address is reached.
    Reached(u64),
    /// When a function returns: to this address, with the stack pointer above this.
    Returned {
        /// Where the function returns to.
        to: u64,
        /// The stack pointer at its first instruction.
        stack: u64,
    },
}

impl Until {
    pub(crate) fn holds(self, registers: &Registers) -> bool {
        match self {
            Until::Reached(address) => registers.rip == address,
            Until::Returned { to, stack } => registers.rip == to && registers.rsp > stack,
        }
    }
}

/// How a traced part ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As it should.
    Reached,
    /// Not at its end: why, in words.
    Cut(String),
}

/// Takes each step; answers false to stop.
pub(crate) trait Sink {
    fn push(&mut self, step: &Step) -> Result<bool, Error>;
}

pub(crate) const TOO_LONG: &str = "more steps than --max-steps allows";

/// Steps from where the process stands.
pub(crate) fn run(
    tracee: Tracee,
    until: Until,
    code: &mut Code,
    sink: &mut dyn Sink,
) -> Result<Ending, Error> {
    let mut step = Step::default();
    loop {
        let mut stop = Stop::of(tracee)?;
        if until.holds(&stop.registers) {
            return Ok(Ending::Reached);
        }
        if let Some(cut) = observe_one(&mut stop, code, &mut step)? {
            return Ok(Ending::Cut(cut));
        }
        if !sink.push(&step)? {
            return Ok(Ending::Cut(TOO_LONG.into()));
        }
    }
}

/// Observes the instruction at which the process stands, and runs it. Answers why that could not be done.
pub(crate) fn observe_one(
    stop: &mut Stop,
    code: &mut Code,
    step: &mut Step,
) -> Result<Option<String>, Error> {
    let at = stop.registers.rip;
    if code.walls.contains(&at) {
        return Ok(Some("the region panics".into()));
    }
    let Some(model) = code.model(stop.tracee, at) else {
        return Ok(Some(format!("no instruction out of a file at {at:#x}")));
    };
    if let Some(why) = refusal(&model, stop) {
        return Ok(Some(why));
    }
    before(&model, stop, step)?;
    if let Some(cut) = execute(stop, &model)? {
        return Ok(Some(cut));
    }
    if shows_more_afterwards(&model) {
        after(&model, &mut Stop::of(stop.tracee)?, step)?;
    }
    Ok(None)
}

/// What must not run in a traced part at all.
pub(crate) fn refusal(model: &Model, stop: &Stop) -> Option<String> {
    if model.unsupported {
        return Some(format!(
            "the tracer does not know `{}` at {:#x}",
            model.instruction, stop.registers.rip
        ));
    }
    if !model.system_call {
        return None;
    }
    let number = stop.registers.rax as i64;
    match number {
        libc::SYS_clone | libc::SYS_clone3 => Some(
            "the region starts a thread (or process). One thread alone is traced: trace the closure that each worker \
             runs, and start the workers outside the region"
                .into(),
        ),
        libc::SYS_fork | libc::SYS_vfork => Some("the region starts a process; move that out of the region".into()),
        libc::SYS_execve | libc::SYS_execveat => Some("the region runs another program; trace that one".into()),
        libc::SYS_exit | libc::SYS_exit_group => Some("the program ended within the region".into()),
        _ => None,
    }
}

/// Runs one instruction, with all its repetitions.
fn execute(stop: &Stop, model: &Model) -> Result<Option<String>, Error> {
    let at = stop.registers.rip;
    let repeats = model.string.is_some_and(|string| string.repeat != Repeat::Once);
    loop {
        if let Some(cut) = step_once(stop.tracee)? {
            return Ok(Some(format!("{cut} at {at:#x}")));
        }
        // the processor traps after each repetition
        if !repeats || stop.tracee.registers()?.rip != at {
            return Ok(None);
        }
    }
}

/// Steps once; harmless signals that arrive meanwhile are dropped.
fn step_once(tracee: Tracee) -> Result<Option<String>, Error> {
    loop {
        match tracee.step()? {
            WaitStatus::Stopped(_, Signal::SIGTRAP) => return Ok(None),
            WaitStatus::Stopped(
                _,
                Signal::SIGCHLD | Signal::SIGWINCH | Signal::SIGURG | Signal::SIGCONT,
            ) => {}
            other => return Ok(Some(describe(other))),
        }
    }
}

/// What happened to a process, in words.
pub(crate) fn describe(status: WaitStatus) -> String {
    match status {
        WaitStatus::Stopped(_, signal) => format!("the region received {signal}"),
        WaitStatus::Exited(_, code) => format!("the program ended with {code} within the region"),
        WaitStatus::Signaled(_, signal, _) => {
            format!("the program died of {signal} within the region")
        }
        other => format!("unexpected stop of the program ({other:?})"),
    }
}
