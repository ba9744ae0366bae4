//! The tracer: runs a region once for each secret and compares everything that an observer could see.

mod call;
mod code;
mod compare;
mod engine;
mod fast;
mod fingerprint;
mod locate;
mod mappings;
mod observe;
mod program;
mod record;
mod region;
mod report;
mod secrets;
mod session;
mod stepper;
mod tracee;

pub use engine::Choice;
pub use locate::{Frame, Place};
pub use report::{Caller, Different, Leak, Outcome, RegionReport, RunReport, exit_code, text};
pub use secrets::Plan;
pub use session::{Options, trace};
