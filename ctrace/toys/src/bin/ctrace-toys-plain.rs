//! `ctrace-toys-plain NAME [FILE]`: runs one toy on the bytes of a file, or of standard input. It has no marked region:
//! the tracer finds the toy by its symbol.

use ctrace_toys::TOYS;
use std::io::Read;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let Some(toy) = TOYS.iter().find(|toy| toy.name == name) else { return ExitCode::from(2) };
    let mut secret = vec![];
    let read = match arguments.next() {
        Some(path) => std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut secret)),
        None => std::io::stdin().read_to_end(&mut secret),
    };
    if let Err(why) = read {
        eprintln!("cannot read the secret: {why}");
        return ExitCode::from(2);
    }
    let mut out = vec![0x55; secret.len()];
    (toy.run)(&secret, &mut out);
    std::hint::black_box(&out);
    ExitCode::SUCCESS
}
