//! Attestation documents: real ones, as AWS signed them, and ones under a root of the tests' own.
//!
//! The real ones are other people's data and no part of this project: where they are missing their tests say so, and
//! fail if nothing may be skipped.

mod real;
mod test_root;

use protocol::attestation::UnixTime;
use std::time::Duration;

/// A time, in seconds since 1970 UTC.
fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}
