//! Running the command, and the committed golden models.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use client::data::{Predictions, ScoreValues, write};
use tempfile::TempDir;

/// What a run of the command left.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// The run failed with this code and one clear line.
    pub(crate) fn failed(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "stderr: {}", self.stderr);
        assert_eq!(self.stdout, "");
        let line = self.stderr.strip_suffix('\n').expect("a whole line");
        assert!(!line.contains('\n'), "more than a line: {line}");
        assert!(line.starts_with("error: "), "{line}");
        assert!(line.matches(": ").count() >= 2, "does not say how to mend it: {line}");
        assert!(!line.contains("panicked") && !line.contains("internal fault"), "{line}");
        line
    }

    /// Whether [`Ran::failed`] would be content.
    pub(crate) fn is_one_line_of(&self, code: i32) -> bool {
        std::panic::catch_unwind(|| self.failed(code).len()).is_ok()
    }

    pub(crate) fn succeeded(&self) -> &str {
        assert_eq!(self.code, Some(0), "stderr: {}", self.stderr);
        &self.stdout
    }
}

/// A folder in which commands run.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs `tautochrone` with arguments separated by spaces.
    pub(crate) fn run(&self, arguments: &str) -> Ran {
        self.run_into(arguments, Stdio::piped())
    }

    /// The same, with a standard output of the caller's.
    pub(crate) fn run_into(&self, arguments: &str, stdout: Stdio) -> Ran {
        Command::new(env!("CARGO_BIN_EXE_tautochrone"))
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .stdout(stdout)
            .output()
            .unwrap()
            .into()
    }
}

/// A committed model with rows and what its library says of them.
pub(crate) struct Golden {
    pub(crate) model: PathBuf,
    pub(crate) features: usize,
    pub(crate) rows: Vec<f32>,
    pub(crate) leaves: Vec<Vec<u32>>,
    /// Bits of f32.
    pub(crate) margins: Vec<Vec<u32>>,
    pub(crate) labels: Vec<String>,
}

impl Golden {
    /// An XGBoost model of `models/testdata`.
    pub(crate) fn load(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/testdata");
        let text = std::fs::read_to_string(folder.join(format!("{name}.golden"))).unwrap();
        let hex = |field: &str| -> Vec<u32> {
            field.split(',').map(|bits| u32::from_str_radix(bits, 16).unwrap()).collect()
        };
        let mut golden = Self {
            model: folder.join(format!("{name}.json")),
            features: 0,
            rows: Vec::new(),
            leaves: Vec::new(),
            margins: Vec::new(),
            labels: Vec::new(),
        };
        for line in text.lines() {
            let fields: Vec<&str> = line.split('|').collect();
            let row = hex(fields[0]);
            golden.features = row.len();
            golden.rows.extend(row.into_iter().map(f32::from_bits));
            golden.leaves.push(fields[1].split(',').map(|n| n.parse().unwrap()).collect());
            golden.margins.push(hex(fields[2]));
            golden.labels.push(fields[3].to_owned());
        }
        golden
    }

    /// Writes the rows to a file, in the format of its extension.
    pub(crate) fn write_rows(&self, path: &Path) {
        let names: Vec<String> = (0..self.features).map(|f| format!("f{f}")).collect();
        let scores = ScoreValues::F32(&self.rows);
        write(path, &Predictions { copied: &[], names: &names, scores }).unwrap();
    }

    pub(crate) fn model(&self) -> std::path::Display<'_> {
        self.model.display()
    }
}

/// The cells of a CSV file without its header, and the header.
pub(crate) fn csv(text: &str) -> (Vec<&str>, Vec<Vec<&str>>) {
    let mut lines = text.lines().map(|line| line.split(',').collect());
    (lines.next().unwrap(), lines.collect())
}
