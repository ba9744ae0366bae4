//! Codes: how a request ended. A code is two bytes in a reply whose size and time do not depend on it.

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, thiserror::Error)]
pub enum Code {
    /// It was done.
    #[error("done")]
    Done,
    /// The bytes are no message.
    #[error("the message was malformed: use a client of the enclave's version")]
    Malformed,
    /// The version is another one.
    #[error("the enclave speaks another version of the protocol: use a client of its version")]
    Version,
    /// The agreement does not give the party this operation.
    #[error("the agreement does not give you this operation: see `tautochrone agreement check`")]
    NotAllowed,
    /// The operation is none of this phase.
    #[error(
        "not now: the program is missing, or is frozen since rows were scored: see `tautochrone status`"
    )]
    Phase,
    /// The party's window is closed.
    #[error("the agreement's time window for you is closed: see valid_from and valid_until")]
    Window,
    /// No calls or rows are left.
    #[error("no calls or not enough rows are left to you: see `tautochrone status`")]
    Budget,
    /// The request id stands for another content.
    #[error("the request id was used for another request: use a new id")]
    Reused,
    /// The row count is none that the agreement allows.
    #[error(
        "more rows than one call may have, or fewer than the agreement's minimum: split or join the rows"
    )]
    Rows,
    /// A value is none that the agreement allows. Which one, and how many, is not told.
    #[error(
        "a value is outside the agreement's columns: check the rows with the client before sending"
    )]
    Values,
    /// The program is none that the agreement allows.
    #[error(
        "the program is not one of the agreement: check it with `tautochrone agreement check --program`"
    )]
    Program,
    /// An output is outside the agreed range. Which one, and how many, is not told.
    #[error(
        "an output is outside the agreement's range, so nothing is released: tell the program's owner"
    )]
    Output,
    /// Columns of other parties are not there, or have another row count.
    #[error(
        "columns that other parties bring are missing or have another row count: ask them to supply"
    )]
    Batch,
    /// The state could not be stored.
    #[error(
        "the operator's store did not take the state, so nothing is released: try again with the same id"
    )]
    Store,
    /// All places are taken.
    #[error("the enclave is busy: try again with the same id")]
    Busy,
    /// Nothing was released to the reader yet.
    #[error("nothing was released to you yet: try again after a call of another party")]
    Nothing,
    /// The program takes too long for the agreed bound.
    #[error(
        "the program takes too long for the agreed bound of replies: agree on a longer one, on fewer rows a call, or submit a smaller program"
    )]
    Slow,
}

impl Code {
    /// All codes, by number.
    pub const ALL: [Code; 17] = [
        Code::Done,
        Code::Malformed,
        Code::Version,
        Code::NotAllowed,
        Code::Phase,
        Code::Window,
        Code::Budget,
        Code::Reused,
        Code::Rows,
        Code::Values,
        Code::Program,
        Code::Output,
        Code::Batch,
        Code::Store,
        Code::Busy,
        Code::Nothing,
        Code::Slow,
    ];

    /// The code on the wire.
    pub fn number(self) -> u16 {
        // the order of `ALL` is that of the variants; a test holds them together
        self as u16
    }

    /// The code of a number.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}
