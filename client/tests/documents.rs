//! Every command in the documents works: blocks marked `sh` are run from the root of the repository,
//! with the built `tautochrone` on the path. Blocks with any other mark are not run.
//!
//! With `TAUTOCHRONE_BIN` (which `./test` sets) the release build is on the path, and
//! `cargo run --release` finds it built. Without it the tested build stands for both, so that
//! `cargo test` does not build everything a second time.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longest run of one block: a guard against hangs.
const PATIENCE: Duration = Duration::from_secs(300);

#[test]
fn every_command_in_the_documents_works() {
    let root = root();
    std::fs::create_dir_all(root.join("target")).unwrap();
    let (mut blocks, mut wrong) = (Vec::new(), Vec::new());
    for document in documents(&root) {
        let text = std::fs::read_to_string(&document).unwrap();
        let name = document.strip_prefix(&root).unwrap().display().to_string();
        blocks.extend(
            extract(&text).into_iter().map(|(line, block)| (format!("{name}:{line}"), block)),
        );
    }
    for (place, block) in &blocks {
        if let Err(why) = run(&root, block) {
            wrong.push(format!("{place}: {why}\n{block}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // the walk finds what it should
    for due in ["cargo run --release -- demo", "tautochrone score", "tautochrone compile"] {
        assert!(blocks.iter().any(|(_, block)| block.contains(due)), "no block runs {due}");
    }
}

#[test]
fn a_wrong_command_is_seen() {
    let root = root();
    for block in [
        "false",
        "tautochrone scroe",
        "tautochrone inspect no-such-file\ntautochrone --version",
        "tautochrone inspect no-such-file | cat",
        "head -1 no-such-file",
        "echo $NO_SUCH_VARIABLE",
    ] {
        assert!(run(&root, block).is_err(), "{block}");
    }
    assert_eq!(run(&root, "tautochrone --version | head -1"), Ok(()));
}

#[test]
fn blocks_are_told_by_their_mark() {
    let text = "a\n```sh\none\ntwo\n```\n```bash\nthree\n```\n```\nfour\n```\n- b\n\n  ```sh\n  five\n  ```\n";
    let blocks = [(2, "one\ntwo\n".to_owned()), (14, "five\n".to_owned())];
    assert_eq!(extract(text), blocks);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The Markdown files of the repository, in order.
fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !path.is_symlink() && !name.starts_with('.') && name != "target" {
            found.extend(documents(&path));
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
    found
}

/// The blocks marked `sh`, each with the number of its first fence.
fn extract(text: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(bool, usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        let mark = line.trim_start().strip_prefix("```");
        match (&mut open, mark) {
            (None, Some(mark)) => open = Some((mark.trim() == "sh", number + 1, String::new())),
            (Some(_), Some(_)) => {
                if let Some((true, first, block)) = open.take() {
                    blocks.push((first, block));
                }
            }
            (Some((_, _, block)), None) => {
                block.push_str(line.trim_start());
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// Runs a block as a person would, one that stops at the first failure.
fn run(root: &Path, block: &str) -> Result<(), String> {
    let (program, block) = match std::env::var_os("TAUTOCHRONE_BIN") {
        Some(release) => (root.join(release), block.to_owned()),
        None => {
            let built = PathBuf::from(env!("CARGO_BIN_EXE_tautochrone"));
            (built, block.replace("cargo run --release --", "tautochrone"))
        }
    };
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", &block]).current_dir(root);
    command.env("PATH", format!("{}:{path}", program.parent().unwrap().display()));
    // what cargo says to a test is none of a person's environment, and would make it build again
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST")
            || text == "LD_LIBRARY_PATH"
        {
            command.env_remove(&name);
        }
    }
    let log = tempfile::tempfile().unwrap();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.try_clone().unwrap())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            return Err("hangs".into());
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    if status.success() {
        return Ok(());
    }
    let mut log = log;
    let mut said = String::new();
    std::io::Seek::rewind(&mut log).unwrap();
    std::io::Read::read_to_string(&mut log, &mut said).unwrap();
    Err(format!("{status}: {}", said.trim()))
}
