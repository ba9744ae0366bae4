//! Why an agreement is refused. An agreement is public, so an error may quote it.

use std::fmt;

/// A refused agreement: the field, and what is wrong with it.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{path}: {fault}")]
pub struct AgreementError {
    /// The field, as the TOML form names it: `party[0].score_calls`, counted from 0.
    pub path: String,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with an agreement, and how to mend it.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[allow(missing_docs)] // each variant's text says what it means
pub enum Fault {
    #[error(
        "these bytes are no agreement in canonical form: make them with `tautochrone agreement digest`"
    )]
    NotCanonical,
    #[error(
        "version {found} is unknown, this build knows version {known}: use the build that the agreement was made for"
    )]
    Version { found: u32, known: u32 },
    #[error("the agreement takes more than {limit} bytes: use shorter names and fewer categories")]
    TooLarge { limit: usize },
    #[error(
        "must be 1 to {limit} bytes of text without control characters, found {found} bytes: choose another name"
    )]
    Text { limit: usize, found: usize },
    #[error(
        "a party's name is 1 to 64 small letters, digits and hyphens, found {0:?}: choose another name"
    )]
    PartyName(String),
    #[error("{name:?} is used twice: every {what} needs a name of its own")]
    NameTwice { what: &'static str, name: String },
    #[error(
        "the digest is all zeros, which stands for a debug image or a blank to fill in: put the true digest here"
    )]
    ZeroDigest,
    #[error("{found} is outside {min} to {max}: choose a number in between")]
    Range { found: u64, min: u64, max: u64 },
    #[error("there must be {min} to {max} of them, found {found}: add or remove some")]
    Count { found: usize, min: usize, max: usize },
    #[error(
        "an alias can be pointed at another key later: give the key's full ARN, arn:aws:kms:REGION:ACCOUNT:key/ID"
    )]
    Alias,
    #[error("is not the full ARN of a KMS key: give it as arn:aws:kms:REGION:ACCOUNT:key/ID")]
    KeyArn,
    #[error("this is also {party}'s: two parties may not share a key, make one for each")]
    SharedKey { party: String },
    #[error(
        "a party that uses a PSK needs a KMS key, which guards the PSK: give kms_key_arn, or use authentication = \"tls\""
    )]
    PskWithoutKey,
    #[error(
        "the party does not have the role {role:?} that this needs: add the role or set this to 0"
    )]
    BudgetWithoutRole { role: &'static str },
    #[error("the role {role:?} needs {needs}: add it, or remove the role")]
    RoleWithoutUse { role: &'static str, needs: &'static str },
    #[error(
        "exactly one party submits the program, found {found} with the role model-owner or rule-owner: give the role to one party"
    )]
    Owners { found: usize },
    #[error("calls without rows, or rows without calls: set both, or both to 0")]
    HalfBudget,
    #[error(
        "{found} can't be split evenly among {instances} instances: use a multiple of {instances}"
    )]
    Split { found: u64, instances: u16 },
    #[error("the window ends before it begins: valid_until must be later than valid_from")]
    Window,
    #[error(
        "the least value is above the largest, or one of them is not finite: give a finite range, smallest first"
    )]
    Bounds,
    #[error(
        "{precision} rows hold whole numbers up to {limit} exactly: narrow the range, or use precision = \"f64\""
    )]
    Inexact { precision: &'static str, limit: i64 },
    #[error("there is no party at position {0}: name a party of this agreement")]
    NoParty(u16),
    #[error(
        "{party:?} brings this column but has no rows to bring: give it the role data-owner, supply_calls and supply_rows"
    )]
    Supplier { party: String },
    #[error("leaf numbers would tell the model: release margin, probability, prediction or label")]
    LeafNumbers,
    #[error("a probability lies between 0 and 1: set min and max within it")]
    Probability,
    #[error(
        "a label is the number of a class, counted from 0: set min = 0 and max to the last class, both whole"
    )]
    Label,
    #[error("released twice to the same reader: keep one of them")]
    ReleaseTwice,
    #[error("{reader:?} does not have the role reader: add the role, or release to another party")]
    NotAReader { reader: String },
    #[error("a model gives a value for each row: set form = \"rows\"; aggregates come from rules")]
    AggregateOfModel,
    #[error(
        "{owner:?} owns the model and would read a value for each row of others: set accept_row_disclosure = true if all data owners accept that, or release less"
    )]
    RowDisclosure { owner: String },
    #[error("accept_row_disclosure has nothing to accept here: remove it")]
    NothingToAccept,
    #[error("{what} takes {needed} MiB: raise it, or lower what it must hold")]
    TooSmall { what: &'static str, needed: u64 },
    #[error(
        "each party has a reserved connection, and one takes in strangers: raise it to {needed} at least"
    )]
    Connections { needed: usize },
    #[error(
        "the program has {program} where the agreement says {agreement}: compile it to fit, or amend the agreement"
    )]
    Misfit { program: String, agreement: String },
}

/// An error at a field.
pub(super) fn at(path: impl fmt::Display, fault: Fault) -> AgreementError {
    AgreementError { path: path.to_string(), fault }
}
