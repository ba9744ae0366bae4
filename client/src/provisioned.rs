//! What a model's owner notes of each boot that it gave a program to.
//!
//! Under `restart = "re-provision"` budgets are for one boot: whoever provisions another one grants them again. The notes are
//! beside the identity, and are written before the program is sent, so that no crash hides a provisioning.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use protocol::{SALT_BYTES, Sha384};
use serde_json::{Value, json};

use crate::hex;

/// The notes of one identity.
pub struct Provisioned {
    path: PathBuf,
    notes: Vec<Note>,
}

struct Note {
    agreement: String,
    boot: String,
    refused: bool,
}

/// Why notes can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum NotesError {
    /// The file can't be read or written.
    #[error("can't be read or written ({0}): a program is only sent where that can be noted")]
    Io(#[from] std::io::Error),
    /// A line is no note.
    #[error("line {0} is no note of a submission: the file was changed, or is another one")]
    Form(usize),
}

impl Provisioned {
    /// The notes beside an identity; none yet where there is no file.
    ///
    /// # Errors
    /// Where there is one that can't be read.
    pub fn beside(identity: &Path) -> Result<Self, NotesError> {
        let mut name = identity.as_os_str().to_owned();
        name.push(".submitted");
        let path = PathBuf::from(name);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.into()),
        };
        let notes = (1..)
            .zip(text.lines())
            .map(|(number, line)| Note::read(line).ok_or(NotesError::Form(number)))
            .collect::<Result<_, _>>()?;
        Ok(Self { path, notes })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Boots that may hold a program under an agreement.
    pub fn boots(&self, agreement: &Sha384) -> usize {
        let agreement = agreement.to_string();
        let mut taken: BTreeMap<&str, i64> = BTreeMap::new();
        for note in self.notes.iter().filter(|note| note.agreement == agreement) {
            *taken.entry(&note.boot).or_default() += if note.refused { -1 } else { 1 };
        }
        taken.values().filter(|&&programs| programs > 0).count()
    }

    /// Notes that a program is about to be sent, with what its owner needs to open the commitment.
    ///
    /// # Errors
    /// Where that can't be written.
    pub fn asked(
        &mut self,
        agreement: &Sha384,
        boot: &[u8; 32],
        salt: &[u8; SALT_BYTES],
        commitment: &Sha384,
    ) -> Result<(), NotesError> {
        self.append(
            agreement,
            boot,
            &json!({
                "agreement": agreement.to_string(),
                "boot": hex::encode(boot),
                "salt": hex::encode(salt),
                "commitment": commitment.to_string(),
            }),
        )
    }

    /// Notes that the enclave refused what was sent last.
    ///
    /// # Errors
    /// Where that can't be written.
    pub fn refused(&mut self, agreement: &Sha384, boot: &[u8; 32]) -> Result<(), NotesError> {
        self.append(
            agreement,
            boot,
            &json!({
                "agreement": agreement.to_string(),
                "boot": hex::encode(boot),
                "refused": true,
            }),
        )
    }

    fn append(
        &mut self,
        agreement: &Sha384,
        boot: &[u8; 32],
        note: &Value,
    ) -> Result<(), NotesError> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path)?;
        file.write_all(format!("{note}\n").as_bytes())?;
        file.sync_all()?;
        self.notes.push(Note {
            agreement: agreement.to_string(),
            boot: hex::encode(boot),
            refused: note.get("refused").is_some(),
        });
        Ok(())
    }
}

impl Note {
    fn read(line: &str) -> Option<Self> {
        let note: Value = serde_json::from_str(line).ok()?;
        Some(Self {
            agreement: note["agreement"].as_str()?.to_owned(),
            boot: note["boot"].as_str()?.to_owned(),
            refused: note["refused"].as_bool().unwrap_or(false),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boots_are_counted_unless_they_refused_everything() {
        let folder = tempfile::tempdir().unwrap();
        let identity = folder.path().join("alice.key");
        let (ours, other) = (Sha384([1; 48]), Sha384([2; 48]));
        let mut notes = Provisioned::beside(&identity).unwrap();
        assert_eq!(notes.boots(&ours), 0);
        let ask = |notes: &mut Provisioned, agreement: &Sha384, boot: u8| {
            notes.asked(agreement, &[boot; 32], &[3; 32], &Sha384([4; 48])).unwrap();
        };
        ask(&mut notes, &ours, 1);
        ask(&mut notes, &other, 9);
        assert_eq!(notes.boots(&ours), 1);
        // a second boot that refuses is none; one that took a program before it refused is
        ask(&mut notes, &ours, 2);
        notes.refused(&ours, &[2; 32]).unwrap();
        ask(&mut notes, &ours, 1);
        notes.refused(&ours, &[1; 32]).unwrap();
        assert_eq!(notes.boots(&ours), 1);
        ask(&mut notes, &ours, 3);
        assert_eq!(notes.boots(&ours), 2);
        let read = Provisioned::beside(&identity).unwrap();
        assert_eq!((read.boots(&ours), read.boots(&other)), (2, 1));
        std::fs::write(read.path(), "{}\n").unwrap();
        assert!(matches!(Provisioned::beside(&identity), Err(NotesError::Form(1))));
    }
}
