//! The phases of an enclave, on one screen. Transitions consume.
//!
//! | phase | takes | and becomes |
//! |---|---|---|
//! | Empty | submit | Loaded, where the program is one of the agreement |
//! | | status | Empty |
//! | Loaded | submit | Loaded, with the new program |
//! | | supply, score | Frozen, where the request is charged |
//! | | status | Loaded |
//! | Frozen | supply, score, status | Frozen |
//!
//! Everything else is [`Code::Phase`], and changes nothing. A restart begins at Empty.

use engine::Program;
use protocol::frame::Kind;
use protocol::{Code, Sha384};
use std::sync::Arc;

/// A program that the agreement is about.
pub(crate) struct Loaded {
    pub(crate) program: Program,
    pub(crate) commitment: Sha384,
}

pub(crate) enum Phase {
    Empty,
    Loaded(Arc<Loaded>),
    Frozen(Arc<Loaded>),
}

impl Phase {
    /// Whether the phase takes this kind of request.
    pub(crate) fn takes(&self, kind: Kind) -> Result<(), Code> {
        match (self, kind) {
            (_, Kind::Status)
            | (Phase::Empty | Phase::Loaded(_), Kind::Submit)
            | (Phase::Loaded(_) | Phase::Frozen(_), Kind::Supply | Kind::Score) => Ok(()),
            _ => Err(Code::Phase),
        }
    }

    /// After a program was taken.
    pub(crate) fn load(self, loaded: Loaded) -> Self {
        match self {
            Phase::Empty | Phase::Loaded(_) => Phase::Loaded(Arc::new(loaded)),
            frozen @ Phase::Frozen(_) => frozen,
        }
    }

    /// After a data call was charged: from here on there is one program.
    pub(crate) fn freeze(self) -> Self {
        match self {
            Phase::Loaded(loaded) | Phase::Frozen(loaded) => Phase::Frozen(loaded),
            Phase::Empty => Phase::Empty,
        }
    }

    /// The program, if there is one.
    pub(crate) fn loaded(&self) -> Option<&Arc<Loaded>> {
        match self {
            Phase::Empty => None,
            Phase::Loaded(loaded) | Phase::Frozen(loaded) => Some(loaded),
        }
    }

    /// On the wire.
    pub(crate) fn number(&self) -> u32 {
        match self {
            Phase::Empty => 0,
            Phase::Loaded(_) => 1,
            Phase::Frozen(_) => 2,
        }
    }
}
