//! A target: what is run, and on which secrets.

use crate::layout::Layout;
use crate::plain;

/// What the trace may depend on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    /// Model and rows are secret.
    Strict,
    /// Rows are secret.
    DataOblivious,
    /// There is no model: the code is the same in both.
    Both,
}

impl Profile {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Strict => "strict",
            Profile::DataOblivious => "data-oblivious",
            Profile::Both => "both",
        }
    }
}

/// A leak that was planted on purpose, and which layers claim to see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leak {
    /// Must the tracer see it?
    pub trace: bool,
    /// Must memcheck see it?
    pub memcheck: bool,
}

/// One secret with the reason why it is tried.
pub struct Secret {
    /// Why.
    pub name: String,
    /// The whole buffer.
    pub bytes: Vec<u8>,
}

/// What runs on the buffer.
pub type Body = Box<dyn Fn(&mut [u8])>;

/// A target made ready: buffer, secrets and body.
pub struct Region {
    /// The buffer's fields.
    pub layout: Layout,
    /// At least eight secrets.
    pub secrets: Vec<Secret>,
    /// What runs.
    pub body: Body,
}

/// A target in the registry.
pub struct Target {
    /// The kernel, pipeline or planted leak.
    pub kernel: String,
    /// `portable`, `avx2`, `avx512`; `scalar` where no lanes are used.
    pub backend: &'static str,
    /// What is secret.
    pub profile: Profile,
    /// A planted leak?
    pub planted: Option<Leak>,
    /// Too long to trace on every run: memcheck, and the tracer with `--full`.
    pub long: bool,
    /// Makes it ready; `None` where this CPU lacks the backend.
    pub make: Box<dyn Fn() -> Option<Region>>,
}

impl Target {
    /// `kernel/backend/profile`.
    pub fn name(&self) -> String {
        format!("{}/{}/{}", self.kernel, self.backend, self.profile.name())
    }
}

impl Region {
    /// The buffer as bytes; it starts on a cache line.
    pub fn bytes(buffer: &mut [ops::Line]) -> &mut [u8] {
        plain::lines_as_bytes(buffer)
    }
}
