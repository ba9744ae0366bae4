//! Which engine traces.

use super::code::Code;
use super::fast::Fast;
use super::stepper::{self, Ending, Sink, Until};
use super::tracee::Tracee;
use crate::error::Error;

/// Which engine to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Copies of basic blocks; what they cannot record is stepped.
    Fast,
    /// Every instruction is stepped.
    Step,
}

/// An engine, with what it keeps from run to run.
pub(crate) struct Engine {
    fast: Option<Fast>,
}

impl Engine {
    pub(crate) fn new(choice: Choice) -> Self {
        Self { fast: (choice == Choice::Fast).then(Fast::new) }
    }

    /// Traces from where the process stands.
    pub(crate) fn run(
        &mut self,
        tracee: Tracee,
        until: Until,
        code: &mut Code,
        sink: &mut dyn Sink,
    ) -> Result<Ending, Error> {
        if let Some(fast) = &mut self.fast
            && let Some(ending) = fast.run(tracee, until, code, sink)?
        {
            return Ok(ending);
        }
        // no room for the copies in this process, or not wanted
        stepper::run(tracee, until, code, sink)
    }
}
