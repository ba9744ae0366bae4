//! The command `ctrace`.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod cli;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn main() -> std::process::ExitCode {
    cli::run()
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn main() -> std::process::ExitCode {
    eprintln!(
        "ctrace: runs on x86-64 Linux only: it reads that system's registers and knows that processor's instructions"
    );
    std::process::ExitCode::from(2)
}
