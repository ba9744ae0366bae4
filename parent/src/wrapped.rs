//! Pre-shared keys as KMS wrapped them, by the id of their party. Whoever has these bytes has nothing: KMS opens them for the
//! agreed enclave alone.

use crate::address::Listener;
use protocol::kms::MAX_CIPHERTEXT;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

/// How long an enclave may take to name a party.
const PATIENCE: Duration = Duration::from_secs(10);

/// Wrapped keys by the id of their party.
pub type Wrapped = BTreeMap<[u8; 32], Vec<u8>>;

/// Why a folder's files can't be used.
#[derive(Debug, thiserror::Error)]
pub enum NoWrapped {
    /// It can't be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A file is no wrapped key.
    #[error(
        "{0} is empty or longer than {MAX_CIPHERTEXT} bytes: put only files of `tautochrone identity wrap` there"
    )]
    Size(String),
}

/// Reads a folder: files named by 64 hex digits. Others are not looked at.
///
/// # Errors
/// See [`NoWrapped`].
pub fn read(folder: &Path) -> Result<Wrapped, NoWrapped> {
    let mut wrapped = Wrapped::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(party) = party(&name) else { continue };
        let mut bytes = Vec::new();
        std::fs::File::open(entry.path())?
            .take(MAX_CIPHERTEXT as u64 + 1)
            .read_to_end(&mut bytes)?;
        if bytes.is_empty() || bytes.len() > MAX_CIPHERTEXT {
            return Err(NoWrapped::Size(name));
        }
        wrapped.insert(party, bytes);
    }
    Ok(wrapped)
}

/// A party's id in hex.
fn party(name: &str) -> Option<[u8; 32]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = name.as_bytes().as_chunks::<2>();
    if pairs.len() != 32 || !rest.is_empty() {
        return None;
    }
    let mut id = [0; 32];
    for (byte, &[high, low]) in id.iter_mut().zip(pairs) {
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(id)
}

/// Answers the enclave until its listener fails.
pub fn serve(listener: &Listener, wrapped: &Wrapped) {
    while let Ok(mut stream) = listener.accept() {
        let mut answer = || -> io::Result<()> {
            stream.set_timeout(PATIENCE)?;
            let mut party = [0; 32];
            stream.read_exact(&mut party)?;
            let bytes = wrapped.get(&party).map(Vec::as_slice).unwrap_or_default();
            // no longer than a ciphertext may be
            let length = u16::try_from(bytes.len()).unwrap_or(0);
            stream.write_all(&[&length.to_le_bytes(), bytes].concat())
        };
        // who does not read it asks again
        let _ = answer();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::parent::Service;
    use std::os::unix::net::UnixStream;

    #[test]
    fn files_are_known_by_their_party_and_none_is_too_long() {
        let folder = tempfile::tempdir().unwrap();
        let put =
            |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        put(&"0a".repeat(32), &[7; 200]);
        put("notes.txt", &[0; 5000]);
        put(&"0A".repeat(32), &[8; 5000]);
        let found = read(folder.path()).unwrap();
        assert_eq!(found, Wrapped::from([([0x0a; 32], vec![7; 200])]));
        put(&"0b".repeat(32), &[7; MAX_CIPHERTEXT + 1]);
        assert!(matches!(read(folder.path()), Err(NoWrapped::Size(_))));
        put(&"0b".repeat(32), &[]);
        assert!(matches!(read(folder.path()), Err(NoWrapped::Size(_))));
        assert!(matches!(read(&folder.path().join("none")), Err(NoWrapped::Io(_))));
    }

    #[test]
    fn an_enclave_is_given_its_party_s_key_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let enclave = crate::address::Enclave::Unix(folder.path().to_path_buf());
        let listener = enclave.listen(Service::Wrapped).unwrap();
        let wrapped = Wrapped::from([([1; 32], vec![7; 200])]);
        std::thread::spawn(move || serve(&listener, &wrapped));
        for (party, expected) in [([1; 32], vec![7; 200]), ([2; 32], vec![])] {
            let mut stream =
                UnixStream::connect(folder.path().join(Service::Wrapped.name())).unwrap();
            stream.write_all(&party).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            let length = (expected.len() as u16).to_le_bytes();
            assert_eq!(answer, [&length[..], &expected].concat());
        }
    }
}
