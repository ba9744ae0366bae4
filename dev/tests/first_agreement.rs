//! Every command of `docs/first-agreement.md`, with AWS's own command line tool against the development KMS.

#[allow(dead_code, reason = "other tests use the rest of it")]
mod folder;
mod python;

use folder::examples;
use std::path::Path;
use std::process::Command;

/// The commands of a page, block by block.
fn commands(page: &str) -> String {
    let blocks = page.split("```bash\n").skip(1);
    blocks.filter_map(|block| block.split("```").next()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_page_leads_from_nothing_to_a_scored_row() {
    let Some(tools) = python::tools() else { return };
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/first-agreement.md");
    let commands = commands(&std::fs::read_to_string(page).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_tautochrone-dev")).parent().unwrap();
    let path = format!(
        "{}:{}:{}",
        programs.display(),
        tools.join("bin").display(),
        std::env::var("PATH").unwrap()
    );
    // a page that waits for what never comes ends, and what it started ends with it
    let script = format!("set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null' EXIT\n{commands}");
    let ran = Command::new("timeout")
        .args(["180", "bash", "-c", &script])
        .env("PATH", path)
        .env("examples", examples())
        .env("HOME", folder.path())
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}\n{errors}");
    assert!(said.contains("probability"), "{said}");
    assert!(said.contains("KMS refused: access denied"), "{said}");
    // the head and the records, in the parent's store
    assert!(folder.path().join("blobs").read_dir().unwrap().count() > 0);
}
