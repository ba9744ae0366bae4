//! AWS's own tools from PyPI, at pinned versions, kept where other caches are.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The environment that they are in; `None`, and a word, where they can't be installed.
pub(crate) fn tools() -> Option<PathBuf> {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/requirements.txt");
    let digest = protocol::sha256(&std::fs::read(&requirements).unwrap()).to_string();
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let venv = target.join(format!("aws-{}", &digest[..12]));
    // tests of one process, and of several, install once: the others wait
    std::fs::create_dir_all(&target).unwrap();
    let lock = std::fs::File::create(target.join("aws.lock")).unwrap();
    lock.lock().unwrap();
    if venv.join("ready").exists() {
        return Some(venv);
    }
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let ran = |command: &mut Command| command.status().is_ok_and(|status| status.success());
    let installed = ran(Command::new(&python).args(["-m", "venv", "--clear"]).arg(&venv))
        && ran(Command::new(venv.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&requirements));
    if installed {
        std::fs::write(venv.join("ready"), "").unwrap();
        return Some(venv);
    }
    assert!(
        std::env::var_os("TAUTOCHRONE_SKIP_NOTHING").is_none(),
        "AWS's tools can't be installed, and nothing may be skipped"
    );
    eprintln!("SKIPPED: AWS's tools can't be installed with {python}");
    None
}
