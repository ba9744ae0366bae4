//! Starts a program under the tracer, with breakpoints at the boundaries of its regions.

use super::code::Code;
use super::mappings::Mappings;
use super::tracee::Tracee;
use crate::binary::{Binary, Function};
use crate::error::Error;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::ptrace;
use nix::unistd::Pid;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where regions begin and end in a running program. Zero where the program has no such function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Boundaries {
    pub(crate) next: u64,
    pub(crate) begin: u64,
    pub(crate) end: u64,
    /// Entries of the functions that `--symbol` names.
    pub(crate) symbols: Vec<u64>,
    /// Where panics begin.
    panics: Vec<u64>,
}

/// Where the boundaries stand in the file.
pub(crate) struct Layout {
    path: PathBuf,
    boundaries: Boundaries,
    linked_at: u64,
}

impl Layout {
    /// Finds the boundaries in a binary.
    pub(crate) fn of(path: &Path, symbol: Option<&str>) -> Result<Self, Error> {
        let path = path.canonicalize().map_err(|why| Error::file(path, why))?;
        let binary = Binary::read(&path)?;
        let exact = |name| Ok::<u64, Error>(binary.exact(name)?.unwrap_or(0));
        let mut boundaries = Boundaries {
            next: exact("ctrace_next")?,
            begin: exact("ctrace_begin")?,
            end: exact("ctrace_end")?,
            symbols: vec![],
            panics: vec![],
        };
        for function in binary.functions()? {
            if function.name.ends_with("rust_begin_unwind") {
                boundaries.panics.push(function.address);
            }
        }
        if let Some(pattern) = symbol {
            boundaries.symbols =
                binary.matching(pattern)?.iter().map(|Function { address, .. }| *address).collect();
        } else if boundaries.begin == 0 || boundaries.end == 0 {
            return Err(Error::Request(format!(
                "{} has no region: mark one with the crate ctrace-marker, or name a function with --symbol (a \
                 stripped program shows neither)",
                path.display()
            )));
        }
        let linked_at = super::locate::linked_at(&path.display().to_string());
        Ok(Self { path, boundaries, linked_at })
    }

    /// Whether the program itself makes the runs, one fork for each secret.
    pub(crate) fn forks(&self) -> bool {
        self.boundaries.next != 0
    }

    /// Starts the program, stopped before its first instruction, with all breakpoints planted.
    pub(crate) fn start(
        &self,
        arguments: &[String],
        input: Option<&Path>,
        pin: bool,
        code: &mut Code,
    ) -> Result<(Tracee, Boundaries), Error> {
        let name = self.path.display().to_string();
        let mut command = Command::new(&self.path);
        command.args(arguments).stdout(std::io::stderr());
        if let Some(input) = input {
            let file = std::fs::File::open(input).map_err(|why| Error::file(input, why))?;
            command.stdin(Stdio::from(file));
        }
        // SAFETY: between fork and exec the closure only makes three system calls; it allocates nothing.
        unsafe { command.pre_exec(move || prepare(pin)) };
        // the process is waited for through ptrace
        #[allow(clippy::zombie_processes)]
        let child = command.spawn().map_err(|why| Error::system(format!("start {name}"), why))?;
        let tracee = Tracee(Pid::from_raw(child.id() as i32));
        tracee.wait()?;
        let options = ptrace::Options::PTRACE_O_TRACEFORK
            | ptrace::Options::PTRACE_O_TRACEVFORK
            | ptrace::Options::PTRACE_O_TRACECLONE
            | ptrace::Options::PTRACE_O_TRACEEXEC
            | ptrace::Options::PTRACE_O_EXITKILL;
        ptrace::setoptions(tracee.0, options)
            .map_err(|why| Error::system("watch the program", why))?;
        let base = Mappings::of(tracee)?.base(&name).ok_or_else(|| {
            Error::system("find the program in its own memory", "not mapped from its first byte")
        })?;
        let place = |address: u64| if address == 0 { 0 } else { address - self.linked_at + base };
        let boundaries = Boundaries {
            next: place(self.boundaries.next),
            begin: place(self.boundaries.begin),
            end: place(self.boundaries.end),
            symbols: self.boundaries.symbols.iter().map(|&address| place(address)).collect(),
            panics: vec![],
        };
        code.walls = self.boundaries.panics.iter().map(|&address| place(address)).collect();
        let fixed = [boundaries.next, boundaries.begin, boundaries.end];
        for &address in fixed.iter().filter(|&&address| address != 0).chain(&boundaries.symbols) {
            code.plant(tracee, address)?;
        }
        Ok((tracee, boundaries))
    }
}

/// Runs in the new process: no address randomisation, one processor, traced by its parent.
fn prepare(pin: bool) -> std::io::Result<()> {
    nix::sys::personality::set(nix::sys::personality::Persona::ADDR_NO_RANDOMIZE)?;
    if pin {
        pin_to_one()?;
    }
    ptrace::traceme()?;
    Ok(())
}

/// Keeps this process on the processor it runs on: tracer and program take turns, and on one processor they do so
/// about four times as fast.
pub(crate) fn pin_to_one() -> std::io::Result<()> {
    let here = nix::sched::sched_getcpu()?;
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    if allowed.is_set(here)? {
        let mut one = CpuSet::new();
        one.set(here)?;
        sched_setaffinity(Pid::from_raw(0), &one)?;
    }
    Ok(())
}
