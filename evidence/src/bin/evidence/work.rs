//! Where things are, and how tools are run.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What went wrong, in one line.
pub(crate) type Fault = String;

/// The workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_path_buf()
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A target as `harness list` names it.
pub(crate) struct Listed {
    pub(crate) name: String,
    /// A real kernel; else a planted leak.
    pub(crate) real: bool,
    /// A planted leak that memcheck claims to see.
    pub(crate) memcheck_sees: bool,
    /// A planted leak that the tracer claims to see.
    pub(crate) trace_sees: bool,
    /// Traced with `--full` only.
    pub(crate) long: bool,
    /// This CPU has the backend.
    pub(crate) here: bool,
}

impl Listed {
    pub(crate) fn kernel(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    pub(crate) fn backend(&self) -> &str {
        self.name.split('/').nth(1).unwrap_or_default()
    }

    pub(crate) fn profile(&self) -> &str {
        self.name.split('/').nth(2).unwrap_or_default()
    }
}

/// The release build of the harness: the profile that ships.
pub(crate) fn build(root: &Path, target: Option<&Path>) -> Result<PathBuf, Fault> {
    cargo_build(root, target, "evidence", "harness")
}

/// The tracer.
pub(crate) fn build_ctrace() -> Result<PathBuf, Fault> {
    cargo_build(&root(), None, "ctrace", "ctrace")
}

/// The command that ships.
pub(crate) fn build_shipped() -> Result<PathBuf, Fault> {
    cargo_build(&root(), None, "client", "tautochrone")
}

/// Alone, so that no other package's features come into it.
fn cargo_build(
    root: &Path,
    target: Option<&Path>,
    package: &str,
    binary: &str,
) -> Result<PathBuf, Fault> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--release", "--locked", "--quiet", "-p", package, "--bin", binary]);
    cargo.current_dir(root);
    if let Some(target) = target {
        cargo.env("CARGO_TARGET_DIR", target);
    }
    let out = output(&mut cargo)?;
    if !out.status.success() {
        return Err(format!("{binary} does not build: {}", first_error(&out)));
    }
    let target = target.map_or_else(self::target, Path::to_path_buf);
    Ok(target.join("release").join(binary))
}

/// A source line without the path to the workspace.
pub(crate) fn short(line: &str) -> String {
    let root = format!("{}/", root().display());
    line.replace(&root, "")
}

fn first_error(out: &Output) -> String {
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("warning")).collect();
    let start = lines.iter().position(|line| line.starts_with("error")).unwrap_or(0);
    lines[start..].iter().take(4).copied().collect::<Vec<_>>().join(" | ")
}

/// The harness's targets.
pub(crate) fn list(harness: &Path) -> Result<Vec<Listed>, Fault> {
    let out = output(Command::new(harness).arg("list"))?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let listed: Vec<Listed> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (name, kind, length) = (words.next()?, words.next()?, words.next()?);
            let here = words.next()? == "here";
            Some(Listed {
                name: name.to_string(),
                real: kind == "real",
                memcheck_sees: kind.starts_with("planted") && kind != "planted-unseen-by-memcheck",
                trace_sees: kind.starts_with("planted") && kind != "planted-unseen-by-trace",
                long: length == "long",
                here,
            })
        })
        .collect();
    if listed.is_empty() { Err("the harness lists no targets".into()) } else { Ok(listed) }
}

/// Runs a command to its end.
pub(crate) fn output(command: &mut Command) -> Result<Output, Fault> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.output().map_err(|fault| format!("{name} does not run: {fault}"))
}

/// Writes a layer's results.
pub(crate) fn write(layer: &str, results: &Value) -> Result<(), Fault> {
    let folder = target().join("evidence");
    let file = folder.join(format!("{layer}.json"));
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&file, format!("{results:#}\n")))
        .map_err(|fault| format!("{}: {fault}", file.display()))?;
    println!("written: {}", file.display());
    Ok(())
}

/// A folder for work that may be thrown away.
pub(crate) fn scratch(name: &str) -> Result<PathBuf, Fault> {
    let folder = target().join("evidence").join(name);
    std::fs::create_dir_all(&folder).map_err(|fault| format!("{}: {fault}", folder.display()))?;
    Ok(folder)
}

/// Copies the sources of the workspace. A file that is equal already stays as it is, so that cargo
/// builds what changed and no more.
pub(crate) fn copy_sources(to: &Path) -> Result<(), Fault> {
    copy_folder(&root(), to)
}

/// Folders that no build needs.
const DATA: [&str; 5] = ["testdata", "target", "golden", "python", "docs"];

fn copy_folder(from: &Path, to: &Path) -> Result<(), Fault> {
    let fault = |fault: std::io::Error| format!("{}: {fault}", from.display());
    for entry in std::fs::read_dir(from).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        let name = path.file_name().unwrap_or_default();
        let hidden = name.to_string_lossy().starts_with('.');
        if path.is_dir() {
            if !hidden && !DATA.iter().any(|data| name == *data) {
                copy_folder(&path, &to.join(name))?;
            }
        } else {
            copy_file(&path, &to.join(name))?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<(), Fault> {
    let fault = |fault: std::io::Error| format!("{}: {fault}", from.display());
    let bytes = std::fs::read(from).map_err(fault)?;
    if std::fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    to.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(fault)?;
    std::fs::write(to, bytes).map_err(fault)
}

/// A place without the path before its file.
pub(crate) fn last_part(place: &str) -> String {
    let words: Vec<&str> =
        place.split(' ').map(|word| word.rsplit('/').next().unwrap_or(word)).collect();
    if place.contains(" at /") || place.contains('(') { words.join(" ") } else { place.to_string() }
}

/// A layer's results, if it was run.
pub(crate) fn read(layer: &str) -> Option<Value> {
    let file = target().join("evidence").join(format!("{layer}.json"));
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}
