//! A folder in which commands are run as their users run them.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// A folder, and in it an agreement about the development image with identities of its own.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tautochrone-dev"));
        command.args(arguments.split_whitespace()).current_dir(self.0.path());
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn succeeds(&self, arguments: &str) -> String {
        let ran = self.run(arguments);
        let stderr = String::from_utf8(ran.stderr).unwrap();
        assert!(ran.status.success(), "{arguments}: {stderr}");
        String::from_utf8(ran.stdout).unwrap()
    }

    pub(crate) fn fails(&self, arguments: &str, code: i32) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.status.code(), Some(code), "{arguments}: {:?}", ran);
        let line = String::from_utf8(ran.stderr).unwrap();
        assert!(line.starts_with("error: ") && line.lines().count() == 1, "{line}");
        line
    }

    pub(crate) fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.succeeds(&format!("{arguments} --json"))).unwrap()
    }

    /// The example's agreement, with keys that `identity new` made.
    pub(crate) fn agree(&self) {
        let text = std::fs::read_to_string(examples().join("agreements/alice-bob.toml")).unwrap();
        let mut parties = ["alice.key", "bob.key --tls"].into_iter();
        let changed = text.lines().map(|line| match line.split(" = ").next().unwrap_or_default() {
            "pcr0" => format!("pcr0 = {:?}", "d0".repeat(48)),
            "pcr1" => format!("pcr1 = {:?}", "d1".repeat(48)),
            "pcr2" => format!("pcr2 = {:?}", "d2".repeat(48)),
            "bound_ms" => "bound_ms = 20".into(),
            "quantum_ms" => "quantum_ms = 10".into(),
            "psk_sha256" => {
                let file = parties.next().unwrap();
                self.succeeds(&format!("identity new {file}")).trim().to_owned()
            }
            _ => line.to_owned(),
        });
        let mut text: Vec<String> = changed.collect();
        // Bob's key is his own
        let bob = text.iter().position(|line| line == "name = \"bob\"").unwrap();
        for line in &mut text[bob..] {
            if line == "authentication = \"psk\"" {
                *line = "authentication = \"tls\"".into();
            }
        }
        std::fs::write(self.path("agreement.toml"), text.join("\n")).unwrap();
    }

    pub(crate) fn serve(&self, more: &str) -> Served {
        let arguments = "enclave --agreement agreement.toml --identity alice.key --root root.pem";
        let mut child =
            self.command(&format!("{arguments} {more}")).stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut address).unwrap();
        Served { child, address: address.trim().to_owned() }
    }
}

pub(crate) struct Served {
    child: Child,
    pub(crate) address: String,
}

impl Served {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// One that was started some other way.
    pub(crate) fn new(child: Child, address: &str) -> Self {
        Self { child, address: address.to_owned() }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
