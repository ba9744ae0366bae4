//! The scanner and the comparison of code against binaries whose code is known.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use ctrace::binary::Binary;
use ctrace::same_code::{State, same_code};
use ctrace::scan::{Class, deviations, expectation, scan};
use std::path::Path;

const TOYS_BINARY: &str = env!("CARGO_BIN_EXE_ctrace-toys");
const PLAIN_BINARY: &str = env!("CARGO_BIN_EXE_ctrace-toys-plain");

fn toys() -> Binary {
    Binary::read(Path::new(TOYS_BINARY)).expect("the toys")
}

/// How many instructions of a class a function has.
fn count(function: &str, class: Class) -> usize {
    let scanned = scan(&toys(), function).expect("a scan");
    assert_eq!(scanned.len(), 1, "{function}");
    scanned[0].inventory.counts.get(&class).copied().unwrap_or(0)
}

#[test]
fn finds_each_planted_instruction() {
    for (function, class) in [
        ("leaks::branch", Class::ConditionalJump),
        ("leaks::divide", Class::Divide),
        ("leaks::float_divide", Class::FloatDivide),
        ("leaks::square_root", Class::SquareRoot),
        ("leaks::subnormal", Class::FloatArithmetic),
        ("leaks::compare_bytes", Class::Call),
        ("vector::gather", Class::Gather),
        ("vector::masked_store", Class::MaskedStore),
        ("vector::masked_load", Class::MaskedLoad),
        ("vector::bit_deposit", Class::BitDeposit),
        ("vector::string_copy", Class::String),
        ("vector::string_search", Class::String),
        ("vector::avx512_masked_store", Class::MaskedStore),
        ("vector::avx512_gather", Class::Gather),
    ] {
        let function = format!("ctrace_toys::{function}");
        let found: usize = scan(&toys(), &function)
            .expect("a scan")
            .iter()
            .filter(|scanned| scanned.function.name == function)
            .map(|scanned| scanned.inventory.counts.get(&class).copied().unwrap_or(0))
            .sum();
        assert!(found > 0, "{function} has no {class:?}");
    }
    assert_eq!(count("vector::avx512_clean", Class::MaskedStore), 0);
    assert_eq!(count("vector::avx512_clean", Class::MaskedLoad), 0);
}

#[test]
fn names_who_is_called() {
    let scanned = scan(&toys(), "leaks::compare_bytes").expect("a scan");
    let calls = &scanned[0].inventory.calls;
    assert!(calls.iter().any(|call| call.contains("memcmp") || call.contains("bcmp")), "{calls:?}");
}

#[test]
fn a_deviation_shows_both_and_the_line() {
    let toys = toys();
    let scanned = scan(&toys, "leaks::divide").expect("a scan");
    let mut expected = expectation(&scanned);
    assert!(deviations(&toys, &expected, &scanned).is_empty());
    for inventory in expected.values_mut() {
        inventory.counts.remove(&Class::Divide);
    }
    let found = deviations(&toys, &expected, &scanned).join("");
    for part in ["expected", "found", "Divide", "leaks.rs:"] {
        assert!(found.contains(part), "{part} is not in\n{found}");
    }
    expected.insert("a function that is gone".into(), Default::default());
    assert_eq!(deviations(&toys, &expected, &scanned).len(), 2);
    assert_eq!(deviations(&toys, &Default::default(), &scanned).len(), 1);
}

#[test]
fn two_programs_share_the_code_of_their_library() {
    let plain = Binary::read(Path::new(PLAIN_BINARY)).expect("the other program");
    let compared = same_code(&toys(), &plain, "ctrace_toys::").expect("a comparison");
    let shared = compared.iter().filter(|compared| compared.state == State::Same).count();
    assert!(shared >= 20, "{compared:#?}");
    assert!(compared.iter().all(|compared| compared.state != State::Different), "{compared:#?}");
}

#[test]
fn one_changed_byte_is_seen_and_one_function_missing() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("changed");
    let mut bytes = std::fs::read(TOYS_BINARY).expect("the toys");
    let code = {
        let toys = toys();
        let function = toys.matching("leaks::mask_subtract").expect("a function").remove(0);
        toys.code(&function).expect("its code")
    };
    let at = bytes
        .windows(code.len())
        .position(|window| window == code)
        .expect("the code is in the file");
    // a constant that the function holds in its code: with any other byte it still is an instruction
    let constant = [&0x14_def9_u32.to_le_bytes()[..], &0x000d_ea2f_79cd_6581_u64.to_le_bytes()[..]];
    let inside = constant
        .iter()
        .find_map(|bytes| code.windows(bytes.len()).position(|window| window == *bytes));
    bytes[at + inside.expect("a constant in the code")] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    let changed = Binary::read(&path).expect("the changed program");
    let compared = same_code(&toys(), &changed, "leaks::mask_subtract").expect("a comparison");
    assert_eq!(compared[0].state, State::Different);
    assert!(compared[0].state.fails() && compared[0].detail.is_some());
    assert!(same_code(&toys(), &changed, "no such function").is_err());
}
