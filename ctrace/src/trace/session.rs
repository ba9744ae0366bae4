//! Runs a program's regions once for each secret and compares the traces.
//!
//! Two kinds of program: one that forks for each secret at the marker crate's request (one process image for all
//! runs), and one that is started anew for each input file.

use super::call::Call;
use super::code::Code;
use super::engine::{Choice, Engine};
use super::fingerprint::Fingerprint;
use super::locate::Locator;
use super::mappings::Mappings;
use super::program::{Boundaries, Layout, pin_to_one};
use super::region::{Recorder, Region};
use super::report::RegionReport;
use super::secrets::{Plan, Planned, Secret};
use super::stepper::{Ending, Until, describe};
use super::tracee::{Registers, Tracee};
use crate::error::Error;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::HashSet;
use std::path::PathBuf;

/// What to trace, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; `{}` stands for the input file.
    pub arguments: Vec<String>,
    /// Trace only calls of functions whose name contains this.
    pub symbol: Option<String>,
    /// Files with secrets, for programs without the marker crate's `region`.
    pub inputs: Vec<PathBuf>,
    /// Which secrets.
    pub plan: Plan,
    /// Most steps of one run.
    pub max_steps: usize,
    /// Keep tracer and program on one processor; good for the slow engine.
    pub pin: bool,
    /// Which engine.
    pub engine: Choice,
}

/// Traces a program.
///
/// # Errors
/// When the program cannot be started or watched, or has nothing to trace.
pub fn trace(options: &Options) -> Result<Vec<RegionReport>, Error> {
    let layout = Layout::of(&options.program, options.symbol.as_deref())?;
    if options.pin {
        pin_to_one().map_err(|why| Error::system("stay on one processor (see --no-pin)", why))?;
    }
    if layout.forks() && !options.inputs.is_empty() {
        return Err(Error::Request(
            "this program makes its own secrets (ctrace_marker::region); drop --input".into(),
        ));
    }
    if layout.forks() { trace_forks(&layout, options) } else { trace_inputs(&layout, options) }
}

/// One process forks for each secret.
fn trace_forks(layout: &Layout, options: &Options) -> Result<Vec<RegionReport>, Error> {
    let mut session = Session::new(options);
    let (root, boundaries) =
        layout.start(&options.arguments, None, options.pin, &mut session.code)?;
    session.boundaries = boundaries;
    session.watch(root)?;
    if session.done.is_empty() {
        return Err(Error::Request("the program ended without entering a region".into()));
    }
    Ok(session.done)
}

/// One process for each input; all its regions together are one run.
fn trace_inputs(layout: &Layout, options: &Options) -> Result<Vec<RegionReport>, Error> {
    if options.inputs.len() < 2 && options.plan.same.is_none() {
        return Err(Error::Request(
            "this program does not use ctrace_marker::region: give it at least two --input files with different \
             secrets (`{}` in the arguments stands for the file, else it comes on standard input)"
                .into(),
        ));
    }
    let mut session = Session::new(options);
    let name = options.symbol.clone().unwrap_or_default();
    let mut region =
        Region::new(name, options.plan.inputs(options.inputs.len())?, options.plan.same.is_some());
    // one path for all inputs: its length is part of the stack
    let scratch = Scratch::new()?;
    let mut placed: Option<Vec<(u64, u64, String)>> = None;
    while let Some(planned) = region.queue.pop_front() {
        let input = match planned.secret {
            Secret::Given(number) => options.inputs.get(number),
            Secret::Made(_) => None,
        };
        if let Some(input) = input {
            std::fs::copy(input, &scratch.file).map_err(|why| Error::file(input, why))?;
        }
        let as_argument = options.arguments.iter().any(|argument| argument.contains("{}"));
        let arguments: Vec<String> = options
            .arguments
            .iter()
            .map(|argument| argument.replace("{}", &scratch.file.display().to_string()))
            .collect();
        let stdin = (input.is_some() && !as_argument).then_some(scratch.file.as_path());
        let (root, boundaries) = layout.start(&arguments, stdin, options.pin, &mut session.code)?;
        session.boundaries = boundaries;
        session.recorder = Some(Recorder::new(options.max_steps));
        session.watch(root)?;
        let recorder = session.recorder.take().unwrap_or_else(|| Recorder::new(0));
        region.finish_run(planned, recorder);
        if let Some(mappings) = &session.mappings
            && *placed.get_or_insert_with(|| mappings.files()) != mappings.files()
        {
            region
                .problems
                .push("the program's files are not mapped to the same places in all runs".into());
        }
    }
    let locator = Locator::new(session.mappings.take().unwrap_or_default());
    Ok(vec![region.report(&session.code, locator)])
}

/// A folder that goes when the session goes.
struct Scratch {
    folder: PathBuf,
    file: PathBuf,
}

impl Scratch {
    fn new() -> Result<Self, Error> {
        let folder = std::env::temp_dir().join(format!("ctrace-{}", std::process::id()));
        std::fs::create_dir(&folder).map_err(|why| Error::file(&folder, why))?;
        let file = folder.join("secret");
        Ok(Self { folder, file })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // nothing depends on it
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A watched program.
struct Session<'a> {
    options: &'a Options,
    code: Code,
    engine: Engine,
    boundaries: Boundaries,
    /// The region that the program is in, when it forks.
    active: Option<Active>,
    /// The run of a program that does not fork.
    recorder: Option<Recorder>,
    mappings: Option<Mappings>,
    done: Vec<RegionReport>,
}

/// A region whose runs are under way.
struct Active {
    region: Region,
    call: Call,
    current: Option<Planned>,
    mappings: Option<Mappings>,
}

impl<'a> Session<'a> {
    fn new(options: &'a Options) -> Self {
        Self {
            options,
            code: Code::new(),
            engine: Engine::new(options.engine),
            boundaries: Boundaries::default(),
            active: None,
            recorder: None,
            mappings: None,
            done: vec![],
        }
    }

    /// Lets the program run to its end, and traces what it marks.
    fn watch(&mut self, root: Tracee) -> Result<(), Error> {
        let mut fresh: HashSet<Pid> = HashSet::new();
        let mut known: HashSet<Pid> = HashSet::from([root.0]);
        root.release(None)?;
        loop {
            let status = waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD))
                .map_err(|why| Error::system("wait", why))?;
            match status {
                WaitStatus::Exited(pid, code) if pid == root.0 => {
                    return match code {
                        0 => Ok(()),
                        _ if !self.done.is_empty() || self.recorder.is_some() => Ok(()),
                        code => Err(Error::system(
                            "run the program",
                            format!("it ended with {code} outside a region"),
                        )),
                    };
                }
                WaitStatus::Signaled(pid, signal, _) if pid == root.0 => {
                    if self.recorder.as_ref().is_some_and(|recorder| recorder.cut.is_some()) {
                        return Ok(());
                    }
                    return Err(Error::system(
                        "run the program",
                        format!("it died of {signal} outside a region"),
                    ));
                }
                WaitStatus::Stopped(pid, Signal::SIGSTOP)
                    if known.insert(pid) || fresh.remove(&pid) =>
                {
                    Tracee(pid).release(None)?;
                }
                WaitStatus::Stopped(pid, Signal::SIGTRAP) => self.trapped(Tracee(pid))?,
                WaitStatus::Stopped(pid, signal) => Tracee(pid).release(Some(signal))?,
                WaitStatus::PtraceEvent(pid, _, event) => {
                    if event != ptrace::Event::PTRACE_EVENT_EXEC as i32
                        && let Ok(child) = ptrace::getevent(pid)
                    {
                        let child = Pid::from_raw(child as i32);
                        if known.insert(child) {
                            fresh.insert(child);
                        }
                    }
                    Tracee(pid).release(None)?;
                }
                _ => {}
            }
        }
    }

    /// A process stands behind a breakpoint.
    fn trapped(&mut self, tracee: Tracee) -> Result<(), Error> {
        let mut registers = tracee.registers()?;
        let at = registers.rip.wrapping_sub(1);
        if !self.code.planted(at) {
            return tracee.release(Some(Signal::SIGTRAP));
        }
        registers.rip = at;
        if at == self.boundaries.next {
            registers.rax = self.next(tracee, &registers)?;
            return leave(tracee, registers);
        }
        if at == self.boundaries.end {
            return leave(tracee, registers);
        }
        if at == self.boundaries.begin {
            return match self
                .active
                .as_mut()
                .and_then(|active| Some((active.current.take()?, active.call.clone())))
            {
                Some((planned, call)) => self.run_child(tracee, registers, planned, &call),
                None if self.recorder.is_some() => self.run_part(tracee, registers),
                None => leave(tracee, registers),
            };
        }
        self.called(tracee, registers)
    }

    /// The program asks whether to run once more.
    fn next(&mut self, tracee: Tracee, registers: &Registers) -> Result<u64, Error> {
        const ONCE_MORE: u64 = 1;
        const DONE: u64 = 2;
        let call = Call::read(tracee, registers.rdi)?;
        let options = self.options;
        if self.active.is_none() {
            let planned = options.plan.region(call.secrets.len())?;
            let region = Region::new(call.name.clone(), planned, options.plan.same.is_some());
            self.active = Some(Active { region, call, current: None, mappings: None });
        }
        let Some(active) = &mut self.active else { return Ok(DONE) };
        if let Some(planned) = active.current.take() {
            let recorder = Recorder::cut("the run never began".into());
            active.region.finish_run(planned, recorder);
        }
        active.current = active.region.queue.pop_front();
        if active.current.is_some() {
            return Ok(ONCE_MORE);
        }
        if let Some(active) = self.active.take() {
            let locator = Locator::new(active.mappings.unwrap_or_default());
            self.done.push(active.region.report(&self.code, locator));
        }
        Ok(DONE)
    }

    /// One run of a region, in a process of its own.
    fn run_child(
        &mut self,
        tracee: Tracee,
        registers: Registers,
        planned: Planned,
        call: &Call,
    ) -> Result<(), Error> {
        let secret = match planned.secret {
            Secret::Given(number) => call.given(tracee, number)?,
            Secret::Made(number) => self.options.plan.make(number, call.length as usize),
        };
        tracee.write(call.buffer, &secret)?;
        let mut recorder = Recorder::new(self.options.max_steps);
        recorder.fingerprint =
            Some(Fingerprint::new(tracee, &registers, Some((call.buffer, call.length)))?);
        step_over(tracee, registers)?;
        let end = Until::Reached(self.boundaries.end);
        let ending = if self.boundaries.symbols.is_empty() {
            self.code.lift(tracee)?;
            self.engine.run(tracee, end, &mut self.code, &mut recorder)?
        } else {
            self.calls_until_end(tracee, &mut recorder)?
        };
        recorder.end(ending);
        if let Some(active) = &mut self.active {
            active.mappings = Some(Mappings::of(tracee)?);
            active.region.finish_run(planned, recorder);
        }
        tracee.kill();
        // the program waits for its child; until then the tracer must
        tracee.wait().map(|_| ())
    }

    /// Traces the calls of named functions only, up to the end of the region.
    fn calls_until_end(
        &mut self,
        tracee: Tracee,
        recorder: &mut Recorder,
    ) -> Result<Ending, Error> {
        loop {
            let status = tracee.proceed()?;
            if !matches!(status, WaitStatus::Stopped(_, Signal::SIGTRAP)) {
                return Ok(Ending::Cut(describe(status)));
            }
            let mut registers = tracee.registers()?;
            registers.rip = registers.rip.wrapping_sub(1);
            if registers.rip == self.boundaries.end {
                return Ok(Ending::Reached);
            }
            if !self.boundaries.symbols.contains(&registers.rip) {
                return Ok(Ending::Cut(format!("unexpected trap at {:#x}", registers.rip)));
            }
            let ending = self.trace_call(tracee, registers, recorder)?;
            if ending != Ending::Reached {
                return Ok(ending);
            }
        }
    }

    /// Traces one call of a named function, from its first instruction to its return.
    fn trace_call(
        &mut self,
        tracee: Tracee,
        registers: Registers,
        recorder: &mut Recorder,
    ) -> Result<Ending, Error> {
        tracee.set_registers(&registers)?;
        let until = Until::Returned { to: tracee.read_word(registers.rsp)?, stack: registers.rsp };
        self.code.lift(tracee)?;
        let ending = self.engine.run(tracee, until, &mut self.code, recorder)?;
        self.code.replant(tracee)?;
        recorder.parts += 1;
        Ok(ending)
    }

    /// A part between `begin` and `end` of a program that does not fork.
    fn run_part(&mut self, tracee: Tracee, registers: Registers) -> Result<(), Error> {
        if !self.boundaries.symbols.is_empty() {
            return leave(tracee, registers);
        }
        let Some(mut recorder) = self.recorder.take() else { return leave(tracee, registers) };
        recorder.identify(tracee, &registers)?;
        step_over(tracee, registers)?;
        self.code.lift(tracee)?;
        let until = Until::Reached(self.boundaries.end);
        let ending = self.engine.run(tracee, until, &mut self.code, &mut recorder)?;
        self.code.replant(tracee)?;
        recorder.parts += 1;
        self.conclude(tracee, recorder, ending)
    }

    /// A call of a named function in a program that does not fork.
    fn called(&mut self, tracee: Tracee, registers: Registers) -> Result<(), Error> {
        let Some(mut recorder) = self.recorder.take() else {
            // outside the regions of a program that forks
            return self.pass(tracee, registers);
        };
        recorder.identify(tracee, &registers)?;
        let ending = self.trace_call(tracee, registers, &mut recorder)?;
        self.conclude(tracee, recorder, ending)
    }

    fn conclude(
        &mut self,
        tracee: Tracee,
        mut recorder: Recorder,
        ending: Ending,
    ) -> Result<(), Error> {
        self.mappings = Some(Mappings::of(tracee)?);
        let cut = ending != Ending::Reached;
        recorder.end(ending);
        self.recorder = Some(recorder);
        if cut {
            tracee.kill();
            return Ok(());
        }
        tracee.release(None)
    }

    /// Runs the instruction under a breakpoint, and goes on.
    fn pass(&mut self, tracee: Tracee, registers: Registers) -> Result<(), Error> {
        tracee.set_registers(&registers)?;
        self.code.lift(tracee)?;
        tracee.step()?;
        self.code.replant(tracee)?;
        tracee.release(None)
    }
}

/// Returns from a boundary at once: its body has no effect.
fn leave(tracee: Tracee, registers: Registers) -> Result<(), Error> {
    step_over(tracee, registers)?;
    tracee.release(None)
}

fn step_over(tracee: Tracee, mut registers: Registers) -> Result<(), Error> {
    registers.rip = tracee.read_word(registers.rsp)?;
    registers.rsp += 8;
    tracee.set_registers(&registers)
}
