//! Valgrind's callgrind over the release build of a region: the profile that ships.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether valgrind is installed; says so where it is not, and fails where nothing may be skipped.
pub(crate) fn is_there() -> bool {
    let there =
        Command::new("valgrind").arg("--version").output().is_ok_and(|o| o.status.success());
    if !there {
        assert!(
            std::env::var_os("TAUTOCHRONE_SKIP_NOTHING").is_none(),
            "valgrind is not installed, and nothing may be skipped"
        );
        eprintln!("SKIPPED: valgrind is not installed, instruction counts were not compared");
    }
    there
}

/// A binary of this package, built for release.
pub(crate) fn region(binary: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "-p", "tests", "--bin", binary])
        .current_dir(root)
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the release build of {binary}");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    target.join("release").join(binary)
}

/// Callgrind, to be told the program: counts in the functions whose names match, and nowhere else.
pub(crate) fn command(functions: &[&str], into: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--collect-atstart=no"]);
    command.args(functions.iter().map(|function| format!("--toggle-collect=*{function}*")));
    command.arg(format!("--callgrind-out-file={}", into.display()));
    command
}
