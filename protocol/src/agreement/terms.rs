//! What an agreement says, as types. Every field is here: what is not, no agreement can say.
//!
//! All of it is public. Order has a meaning for parties (key layers follow it) and for columns
//! (position in a row); sets and releases are sorted, so that their order has none.

use crate::digest::{Sha256, Sha384};
use engine::{Output, Precision, Profile, ShapeClass};
use std::collections::BTreeSet;

/// All terms of an agreement. [`Agreement`](super::Agreement) is the checked form.
#[derive(Clone, PartialEq, Debug)]
pub struct AgreementParts {
    /// What people call it.
    pub name: String,
    /// What may run.
    pub image: Image,
    /// Certificates that KMS is checked against.
    pub kms_roots: BTreeSet<KmsRoot>,
    /// Enclaves that share the budgets.
    pub instances: u16,
    /// What a restart does.
    pub restart: Restart,
    /// Who takes part.
    pub parties: Vec<Party>,
    /// What is evaluated.
    pub program: ProgramTerms,
    /// What it is evaluated on.
    pub input: InputTerms,
    /// What comes out.
    pub output: OutputTerms,
    /// What is released, to whom. Nothing by default.
    pub releases: Vec<Release>,
    /// When replies leave.
    pub replies: Replies,
    /// What the enclave may use.
    pub limits: Limits,
}

/// The measured image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Image {
    /// One image for many agreements; the agreement's digest is extended into PCR16.
    Prebuilt {
        /// The image.
        pcr0: Sha384,
        /// Kernel and boot ramdisk.
        pcr1: Sha384,
        /// The application's ramdisk.
        pcr2: Sha384,
    },
    /// The agreement is in the application's ramdisk, so PCR0 and PCR2 follow from it.
    Dedicated {
        /// Kernel and boot ramdisk.
        pcr1: Sha384,
        /// The application's binary.
        application: Sha384,
    },
}

/// A root that KMS's certificate may lead to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum KmsRoot {
    /// Amazon's public roots. Production clients accept nothing else.
    Amazon,
    /// One certificate, by the SHA-256 of its DER: for development.
    Certificate(Sha256),
}

/// What a restart does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restart {
    /// A boot starts empty; budgets are for one provisioning.
    ReProvision,
}

/// One party.
#[derive(Clone, PartialEq, Debug)]
pub struct Party {
    /// Its name in this agreement.
    pub name: String,
    /// Its key in KMS.
    pub key: PartyKey,
    /// How it proves who it is.
    pub authentication: Authentication,
    /// What it does here.
    pub roles: BTreeSet<Role>,
    /// Programs it may submit. The last one before the first data call counts.
    pub submit_calls: u32,
    /// Columns it may supply for calls of others.
    pub supply: Budget,
    /// Evaluations it may ask for.
    pub score: Budget,
    /// When.
    pub window: Window,
}

/// A party's key in KMS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PartyKey {
    /// The full ARN of the key. An alias can be pointed elsewhere, so it is refused.
    Kms(String),
    /// None, accepted by name: sealed state has no layer of this party, which can veto nothing.
    NoneAccepted,
}

/// How a party proves who it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Authentication {
    /// A TLS 1.3 external pre-shared key of 256 random bits.
    Psk {
        /// SHA-256 of the 32 bytes.
        sha256: Sha256,
    },
    /// A client key over attested TLS.
    Tls {
        /// SHA-256 of its SubjectPublicKeyInfo in DER.
        key_sha256: Sha256,
    },
}

/// What a party does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// Submits the model.
    ModelOwner,
    /// Submits the rule.
    RuleOwner,
    /// Brings rows, or columns of them.
    DataOwner,
    /// Reads what is released to it.
    Reader,
    /// Runs the machine; sees status and metrics.
    Operator,
}

/// Calls, and rows over all calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Budget {
    /// Calls.
    pub calls: u32,
    /// Rows in total.
    pub rows: u64,
}

/// When a party may call: seconds since 1970 UTC. Open on both sides by default.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// First second.
    pub from: u64,
    /// First second after it.
    pub until: u64,
}

impl Default for Window {
    fn default() -> Self {
        Self { from: 0, until: u64::MAX }
    }
}

/// The program that is evaluated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProgramTerms {
    /// What its trace may depend on.
    pub profile: Profile,
    /// How its shape was rounded.
    pub class: ShapeClass,
    /// Digest of its public half: see [`card`](crate::card).
    pub card: Sha384,
    /// Which one.
    pub choice: Choice,
}

/// Which program of the card.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// Any that its owner submits.
    Any,
    /// This one: see [`commitment`](crate::commitment).
    Exact(Sha384),
}

/// The rows.
#[derive(Clone, PartialEq, Debug)]
pub struct InputTerms {
    /// Width of a value.
    pub precision: Precision,
    /// Rows of one call, at most.
    pub rows_per_call: u32,
    /// The columns, in the order of the program's features.
    pub columns: Vec<Column>,
}

/// One column.
#[derive(Clone, PartialEq, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its values may be.
    pub values: ColumnValues,
    /// Whether a value may be missing (NaN).
    pub missing: Missing,
    /// Who brings it.
    pub from: Whom,
}

/// Values of a column.
#[derive(Clone, PartialEq, Debug)]
pub enum ColumnValues {
    /// A finite number.
    Number {
        /// Least.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// A whole number.
    Integer {
        /// Least.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// The position of a category, from 0.
    Category {
        /// Their names.
        categories: Vec<String>,
    },
}

/// Whether a value may be missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// No.
    Refused,
    /// Yes.
    Allowed,
}

/// The party that makes a call, or always the same one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Whom {
    /// Whoever calls.
    Caller,
    /// The party at this position.
    Party(u16),
}

/// What the program gives. Every value is checked against it; one outside is one error for all.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OutputTerms {
    /// Which output. Leaf numbers are never released.
    pub output: Output,
    /// Values per row (of a rule: per call).
    pub count: u32,
    /// Least.
    pub min: f64,
    /// Largest. Both are finite, and so is every value.
    pub max: f64,
}

/// One release.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Release {
    /// To whom.
    pub to: Whom,
    /// In which form.
    pub form: Form,
    /// How exactly.
    pub digits: Digits,
    /// Whether those whose rows they are accept that a model's owner reads a value for each.
    pub row_disclosure: RowDisclosure,
}

/// The form of a release.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Form {
    /// The outputs of each row.
    Rows,
    /// The outputs of a rule over all rows of a call.
    Aggregate {
        /// Calls with fewer rows are refused.
        minimum_rows: u32,
    },
}

/// How exactly a value is released.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Digits {
    /// Every bit.
    Full,
    /// Rounded to so many decimals.
    Decimals(u8),
}

/// See [`Release::row_disclosure`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RowDisclosure {
    /// Not accepted.
    Refused,
    /// Accepted.
    Accepted,
}

/// When replies leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Replies {
    /// A reply leaves this long after its request, whatever it says.
    pub bound_ms: u32,
    /// One that misses its time leaves a multiple of this later.
    pub quantum_ms: u32,
    /// The bound is at least this many times what a dummy program takes at the start.
    pub factor: u16,
}

/// What the enclave may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Memory of the host, MiB.
    pub memory_mib: u32,
    /// Bytes of a program, MiB.
    pub program_mib: u32,
    /// Bytes of one message, MiB.
    pub message_mib: u32,
    /// Connections at once.
    pub connections: u16,
    /// A connection that says nothing for so long is closed.
    pub idle_seconds: u32,
}
