//! How far a test reaches: over which backends, and how many random cases. An emulated CPU is slow, so
//! there a test may be told to run one backend and fewer cases. It says so, and never runs none.

use ops::Backend;
use std::sync::OnceLock;

/// Every backend of this CPU; if `TAUTOCHRONE_TEST_BACKEND` is set, the one that it names and no other.
///
/// # Panics
/// Where this CPU does not have the one that is named.
pub fn backends() -> &'static [Backend] {
    static FOUND: OnceLock<Vec<Backend>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let found = match std::env::var("TAUTOCHRONE_TEST_BACKEND") {
            Ok(name) => vec![Backend::named(&name).unwrap_or_else(|| {
                panic!(
                    "TAUTOCHRONE_TEST_BACKEND={name}: this CPU has only {}",
                    names(&Backend::available())
                )
            })],
            Err(_) => Backend::available(),
        };
        println!("backends: {}", names(&found));
        found
    })
}

fn names(backends: &[Backend]) -> String {
    let names: Vec<&str> = backends.iter().map(|backend| backend.name()).collect();
    names.join(", ")
}

/// The fewest random cases that a test may be cut to.
const FEWEST: u32 = 4;

/// The usual number of random cases, or what `PROPTEST_CASES` says.
///
/// # Panics
/// Where `PROPTEST_CASES` is less than four, or no number.
pub fn cases(usual: u32) -> u32 {
    let Ok(text) = std::env::var("PROPTEST_CASES") else { return usual };
    let cases = text.parse().expect("PROPTEST_CASES is a number");
    assert!(cases >= FEWEST, "PROPTEST_CASES={cases}: at least {FEWEST}");
    println!("random cases: {cases} of {usual}");
    cases
}
