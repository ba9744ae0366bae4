//! The command `ctrace`.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
