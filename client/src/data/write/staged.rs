//! A file that appears under its name only when it is complete.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::data::fault::Fault;

/// A temporary sibling of the target; removed on drop unless committed.
pub(super) struct Staged {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
    committed: bool,
}

impl Staged {
    /// Opens a temporary sibling of `path`.
    ///
    /// # Errors
    /// The folder can't be written, or `path` is a folder, device or pipe.
    pub(super) fn create(path: &Path) -> Result<Self, Fault> {
        // a rename would replace a link by the file, and a device too
        let target = match fs::canonicalize(path) {
            Ok(target) if !target.is_file() => return Err(Fault::NotAFile),
            Ok(target) => target,
            Err(_) => path.to_path_buf(),
        };
        let name = target.file_name().ok_or(Fault::NotAFile)?.to_string_lossy().into_owned();
        for attempt in 0..100u32 {
            let sibling = format!(".{name}.{}-{attempt}.part", std::process::id());
            let temporary = target.with_file_name(sibling);
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => return Ok(Self { file, temporary, target, committed: false }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Fault::Write(error)),
            }
        }
        Err(Fault::Write(io::ErrorKind::AlreadyExists.into()))
    }

    /// The file to write to.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Gives the complete file its name.
    ///
    /// # Errors
    /// The operating system could not write or rename it.
    pub(super) fn commit(mut self) -> Result<(), Fault> {
        self.file.sync_all().map_err(Fault::Write)?;
        fs::rename(&self.temporary, &self.target).map_err(Fault::Write)?;
        self.committed = true;
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.committed {
            // nothing better can be done about a file that can't be removed
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
