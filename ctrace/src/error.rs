//! What can stop ctrace from giving a verdict.

/// Why there is no verdict. Each message says what, where and how to mend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or is not what it should be.
    #[error("{path}: {why}")]
    File {
        /// Which file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The program cannot be started or watched.
    #[error("{what}: {why}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        why: String,
    },
    /// The request makes no sense for this program.
    #[error("{0}")]
    Request(String),
}

impl Error {
    /// An error about a file.
    pub fn file(path: impl AsRef<std::path::Path>, why: impl ToString) -> Self {
        Error::File { path: path.as_ref().display().to_string(), why: why.to_string() }
    }

    /// An error of the operating system.
    pub fn system(what: impl Into<String>, why: impl ToString) -> Self {
        Error::System { what: what.into(), why: why.to_string() }
    }
}
