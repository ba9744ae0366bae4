//! What a program says about its region, read out of its memory.

use super::tracee::Tracee;
use crate::error::Error;

/// What the program says about a region: the record of the marker crate.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) secrets: Vec<u64>,
    pub(super) buffer: u64,
    pub(super) length: u64,
}

impl Call {
    pub(super) fn read(tracee: Tracee, address: u64) -> Result<Self, Error> {
        const MOST_SECRETS: u64 = 1 << 20;
        const LONGEST: u64 = 1 << 32;
        let mut words = [0; 7];
        for (at, word) in words.iter_mut().enumerate() {
            *word = tracee.read_word(address + 8 * at as u64)?;
        }
        let [version, secrets, count, buffer, length, name, name_length] = words;
        if version != 1 || count > MOST_SECRETS || length > LONGEST || name_length > 4096 {
            return Err(Error::Request(
                "the program's marker crate does not fit this ctrace; build both from one release"
                    .into(),
            ));
        }
        let mut text = vec![0; name_length as usize];
        tracee.read_exact(name, &mut text)?;
        let secrets =
            (0..count).map(|at| tracee.read_word(secrets + 8 * at)).collect::<Result<_, _>>()?;
        Ok(Self { name: String::from_utf8_lossy(&text).into_owned(), secrets, buffer, length })
    }

    pub(super) fn given(&self, tracee: Tracee, number: usize) -> Result<Vec<u8>, Error> {
        let mut secret = vec![0; self.length as usize];
        if let Some(&address) = self.secrets.get(number)
            && self.length > 0
        {
            tracee.read_exact(address, &mut secret)?;
        }
        Ok(secret)
    }
}
