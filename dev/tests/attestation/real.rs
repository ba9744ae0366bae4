//! Documents that AWS signed, read where they lie; see the folder's README for what each must give.

use crate::at;
use protocol::Sha384;
use protocol::attestation::{Document, Measurements, Refusal, Root, UnixTime};
use std::path::Path;

/// A document, or `None` and a word where the folder is missing.
fn document(name: &str) -> Option<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors/attestation");
    if !folder.exists() {
        assert!(
            std::env::var_os("TAUTOCHRONE_SKIP_NOTHING").is_none(),
            "{} is missing, and nothing may be skipped",
            folder.display()
        );
        eprintln!("SKIPPED: {} is missing", folder.display());
        return None;
    }
    Some(std::fs::read(folder.join(name)).expect("the document is there"))
}

/// Its own PCR0 to PCR2, which a test may expect of it.
fn own(document: &[u8], root: &Root, time: UnixTime) -> Result<Measurements, Refusal> {
    // a measurement that no document has: the refusal says that all before it was right
    let probe = Measurements::new([(0, Sha384([1; 48]))]).unwrap();
    match Document::read(document)?.verify(root, &probe, time) {
        Err(Refusal::Pcr(0)) => {}
        Err(refusal) => return Err(refusal),
        Ok(_) => panic!("no document has this PCR0"),
    }
    let start = |text: &str| {
        let found = document.windows(48).find(|bytes| hex(bytes).starts_with(text));
        Sha384(found.expect("PCR0 is in the document").try_into().unwrap())
    };
    let pcr0 = match hex(document) {
        all if all.contains("ea4212ee889ba1b4") => start("ea4212ee889ba1b4"),
        _ => start("f4d48b81a460c991"),
    };
    Ok(Measurements::new([(0, pcr0)]).unwrap())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Time of each document, in seconds since 1970 UTC.
const PRODUCTION_2022_09: (&str, u64) = ("production_2022-09-15.cbor", 1_663_263_808);
const PRODUCTION_2022_10: (&str, u64) = ("production_2022-10-13.cbor", 1_665_651_482);
const DEBUG: (&str, u64) = ("debug_2022-10-12.cbor", 1_665_582_606);
const FOREIGN: (&str, u64) = ("chain_fails.cbor", 1_734_080_745);

#[test]
fn production_documents_are_valid_at_their_time_and_expired_four_hours_later() {
    let root = Root::aws().unwrap();
    for (name, time) in [PRODUCTION_2022_09, PRODUCTION_2022_10] {
        let Some(bytes) = document(name) else { return };
        let expected = own(&bytes, &root, at(time)).unwrap();
        let verdict = |seconds| {
            Document::read(&bytes).unwrap().verify(&root, &expected, at(seconds)).map(drop)
        };
        assert_eq!(verdict(time), Ok(()), "{name}");
        assert_eq!(verdict(time + 4 * 3600), Err(Refusal::Expired), "{name}");
        assert_eq!(verdict(time - 24 * 3600), Err(Refusal::NotYetValid), "{name}");
        let claimed = Document::read(&bytes).unwrap().claimed_time();
        assert_eq!(claimed.as_secs(), time, "{name}");
    }
}

#[test]
fn a_debug_document_and_a_foreign_chain_are_refused() {
    let root = Root::aws().unwrap();
    for ((name, time), refusal) in [(DEBUG, Refusal::Debug), (FOREIGN, Refusal::Chain)] {
        let Some(bytes) = document(name) else { return };
        assert_eq!(own(&bytes, &root, at(time)).err(), Some(refusal), "{name}");
    }
}

/// Two fixed flips at every offset: the lowest and the highest bit.
#[test]
fn a_flip_of_any_byte_is_refused() {
    let root = Root::aws().unwrap();
    for (name, time) in [PRODUCTION_2022_09, PRODUCTION_2022_10] {
        let Some(bytes) = document(name) else { return };
        let expected = own(&bytes, &root, at(time)).unwrap();
        let taken = |offset: usize, flip: u8| {
            let mut flipped = bytes.clone();
            flipped[offset] ^= flip;
            let read = Document::read(&flipped);
            read.and_then(|read| read.verify(&root, &expected, at(time)).map(drop)).is_ok()
        };
        let halves = [0..bytes.len() / 2, bytes.len() / 2..bytes.len()];
        std::thread::scope(|scope| {
            for half in halves {
                scope.spawn(|| {
                    for offset in half {
                        assert!(!taken(offset, 0x01), "{name}: byte {offset}, lowest bit");
                        assert!(!taken(offset, 0x80), "{name}: byte {offset}, highest bit");
                    }
                });
            }
        });
    }
}
