//! `ctrace-toys NAME [BYTES]`: runs one toy in a marked region. `ctrace-toys list` names them all with their verdict.

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
    run(toy, length);
    ExitCode::SUCCESS
}

fn run(toy: &Toy, length: usize) {
    let out = RefCell::new(vec![0x55_u8; length]);
    ctrace_marker::region_random(length, |secret| (toy.run)(secret, &mut out.borrow_mut()));
    std::hint::black_box(&out);
}
