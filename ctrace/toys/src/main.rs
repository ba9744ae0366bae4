//! `ctrace-toys NAME [BYTES] [random]`: runs one toy in a marked region; with `random` the tracer makes the secrets.
//! `ctrace-toys list` names them all with their verdict.

use ctrace_toys::{TOYS, Toy};
use std::cell::RefCell;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let length = arguments.next().and_then(|length| length.parse().ok()).unwrap_or(64);
    if name == "list" {
        TOYS.iter().for_each(|toy| println!("{} {:?}", toy.name, toy.verdict));
        return ExitCode::SUCCESS;
    }
    let Some(toy) = TOYS.iter().find(|toy| toy.name == name) else {
        eprintln!("no toy of this name; `ctrace-toys list` names them");
        return ExitCode::from(2);
    };
    run(toy, length, arguments.next().as_deref() == Some("random"));
    ExitCode::SUCCESS
}

fn run(toy: &Toy, length: usize, random: bool) {
    let out = RefCell::new(vec![0x55_u8; length]);
    let body = |secret: &mut [u8]| (toy.run)(secret, &mut out.borrow_mut());
    if random {
        ctrace_marker::region_random(length, body);
    } else {
        ctrace_marker::region_named(toy.name, &secrets(length), &mut vec![0; length], body);
    }
    std::hint::black_box(&out);
}

/// Secrets of every kind: mixed, zero, ones, and some that begin as the bytes do with which the toys compare.
fn secrets(length: usize) -> Vec<Vec<u8>> {
    let mixed =
        |factor: usize| (0..length).map(move |at| ((at + 1).wrapping_mul(factor) >> 5) as u8);
    let begins = |equal: usize| (0..length).map(move |at| if at < equal { 0x55 } else { 0xaa });
    vec![
        mixed(0x9e37).collect(),
        vec![0; length],
        vec![0xff; length],
        mixed(0x79b9).collect(),
        begins(length / 3).collect(),
        begins(length - 1).collect(),
        begins(length).collect(),
        mixed(0x85eb).collect(),
    ]
}
