//! The state key of a boot under a key of every party in turn: the head of a boot's records. See `SPEC.md`, section 7.
//!
//! ```text
//! offset        bytes     what
//! 0             8         magic "TAUKEYS\n"
//! 8             4         version, 1
//! 12            2         layers: n
//! 14            2         zero
//! 16            48        digest of the agreement
//! 64            32        boot id
//! 96            8         epoch, 0
//! 104           48        zeros: nothing was before
//! 152           1024 n    slots: party id [32], u16 length, u16 zero, the party's data key as KMS wrapped it, zeros
//! then          32+16 n   the state key, sealed n times
//! then                    zeros up to a multiple of 4096
//! ```
//! Layer 0, the first party's, is the innermost. Each is AES-256-GCM under a data key that KMS made for this boot and this
//! party, which is used once; everything before the sealed bytes, and the number of the layer, is authenticated with it. So
//! a boot's records open for all parties together, in reverse order, and for fewer of them not at all.

use crate::digest::{Domain, Sha256, Sha384, tagged};
use crate::kms::MAX_CIPHERTEXT;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use engine::Secret;
use std::ops::Range;

const MAGIC: [u8; 8] = *b"TAUKEYS\n";
const VERSION: u32 = 1;
const HEADER: usize = 152;
const SLOT: usize = 1024;
const KEY: usize = 32;
const TAG: usize = 16;
/// Sizes are multiples of this.
const CLASS: usize = 4096;
/// As many parties as an agreement has at most.
const MAX_LAYERS: usize = 64;
/// Longest head.
pub const MAX_HEAD: usize = (HEADER + MAX_LAYERS * (SLOT + TAG) + KEY).next_multiple_of(CLASS);

/// One layer to be.
pub struct Layer {
    /// The party.
    pub party: Sha256,
    /// Its data key, as KMS wrapped it.
    pub wrapped: Vec<u8>,
    /// The data key.
    pub key: Secret<[u8; KEY]>,
}

/// Why a head does not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HeadRefused {
    /// It is cut, or longer than it says, or of another version.
    #[error("these bytes are no head of records: are they whole, and of this version?")]
    Form,
    /// It is another agreement's.
    #[error("the records are of another agreement")]
    Agreement,
    /// It is another boot's.
    #[error("the records are of another boot")]
    Boot,
    /// Its layers are not those of the agreement's parties, in their order.
    #[error("the layers are not the agreement's parties in their order")]
    Parties,
    /// A key that does not open its layer.
    #[error("the data key of the party at position {0} does not open its layer")]
    Layer(u16),
}

/// Seals the state key of a boot. `None` where a wrapped key is longer than [`MAX_CIPHERTEXT`], there is no layer, there are
/// more than an agreement has parties, or the cipher fails.
///
/// # Leaks
/// The number of layers, and how long each wrapped key is.
pub fn seal(
    state_key: &Secret<[u8; KEY]>,
    agreement: &Sha384,
    boot: &[u8; 32],
    layers: &[Layer],
) -> Option<Vec<u8>> {
    if layers.is_empty() || layers.len() > MAX_LAYERS {
        return None;
    }
    let mut head = Vec::with_capacity(size(layers.len()));
    head.extend(MAGIC);
    head.extend(VERSION.to_le_bytes());
    head.extend(u16::try_from(layers.len()).ok()?.to_le_bytes());
    head.extend([0; 2]);
    head.extend(agreement.0);
    head.extend(boot);
    head.resize(HEADER, 0);
    for layer in layers {
        if layer.wrapped.len() > MAX_CIPHERTEXT {
            return None;
        }
        let end = head.len() + SLOT;
        head.extend(layer.party.0);
        head.extend(u16::try_from(layer.wrapped.len()).ok()?.to_le_bytes());
        head.extend([0; 2]);
        head.extend(&layer.wrapped);
        head.resize(end, 0);
    }
    // all of it at once: bytes that grow leave copies
    let mut sealed = Secret::new(Vec::with_capacity(KEY + TAG * layers.len()));
    sealed.expose_mut().extend_from_slice(state_key.expose());
    for (number, layer) in (0..).zip(layers) {
        let aad = Aad::from([&head[..], &u16::to_le_bytes(number)].concat());
        cipher(&layer.key)?.seal_in_place_append_tag(nonce(), aad, sealed.expose_mut()).ok()?;
    }
    // Declassified: it is sealed.
    head.extend(sealed.declassify());
    head.resize(size(layers.len()), 0);
    Some(head)
}

/// A head that was read, and not opened.
pub struct Head {
    bytes: Vec<u8>,
    layers: usize,
}

impl Head {
    /// Reads one. That it was sealed by an enclave, only [`open`](Self::open) tells.
    ///
    /// # Errors
    /// [`HeadRefused::Form`].
    pub fn read(bytes: &[u8]) -> Result<Self, HeadRefused> {
        let form = HeadRefused::Form;
        if bytes.len() > MAX_HEAD {
            return Err(form);
        }
        let (start, _) = bytes.split_first_chunk::<16>().ok_or(form)?;
        let layers = usize::from(u16::from_le_bytes([start[12], start[13]]));
        let zeros = |range: Range<usize>| {
            bytes.get(range).is_some_and(|bytes| bytes.iter().all(|&byte| byte == 0))
        };
        let known = start[..8] == MAGIC
            && start[8..12] == VERSION.to_le_bytes()
            && (1..=MAX_LAYERS).contains(&layers)
            && bytes.len() == size(layers);
        let end = HEADER + layers * (SLOT + TAG) + KEY;
        if !known || !zeros(14..16) || !zeros(96..HEADER) || !zeros(end..bytes.len()) {
            return Err(form);
        }
        let head = Self { bytes: bytes.to_vec(), layers };
        for number in 0..layers {
            let slot = HEADER + number * SLOT;
            let (_, wrapped) = head.slot(number).ok_or(form)?;
            if !zeros(slot + 34..slot + 36) || !zeros(slot + 36 + wrapped.len()..slot + SLOT) {
                return Err(form);
            }
        }
        Ok(head)
    }

    fn slot(&self, number: usize) -> Option<(Sha256, &[u8])> {
        let slot = self.bytes.get(HEADER..)?.chunks_exact(SLOT).take(self.layers).nth(number)?;
        let (party, slot) = slot.split_first_chunk::<32>()?;
        let (length, slot) = slot.split_first_chunk::<2>()?;
        let wrapped = slot.get(2..)?.get(..usize::from(u16::from_le_bytes(*length)))?;
        Some((Sha256(*party), wrapped))
    }

    /// The agreement and the boot that it says it is of.
    pub(crate) fn of(&self) -> (Sha384, [u8; 32]) {
        let (mut agreement, mut boot) = (Sha384([0; 48]), [0; 32]);
        let said = self.bytes.iter().skip(16);
        agreement.0.iter_mut().chain(&mut boot).zip(said).for_each(|(to, from)| *to = *from);
        (agreement, boot)
    }

    /// The parties, and their data keys as KMS wrapped them, innermost first.
    pub fn layers(&self) -> impl Iterator<Item = (Sha256, &[u8])> {
        (0..self.layers).filter_map(|number| self.slot(number))
    }

    /// Opens it: `parties` are those of the agreement that have a key, in its order, each with its data key.
    ///
    /// # Errors
    /// [`HeadRefused`] tells what does not fit.
    pub fn open(
        &self,
        agreement: &Sha384,
        boot: &[u8; 32],
        parties: &[(Sha256, Secret<[u8; KEY]>)],
    ) -> Result<Secret<[u8; KEY]>, HeadRefused> {
        if self.bytes.get(16..64) != Some(&agreement.0) {
            return Err(HeadRefused::Agreement);
        }
        if self.bytes.get(64..96) != Some(boot) {
            return Err(HeadRefused::Boot);
        }
        if !self.layers().map(|(party, _)| party).eq(parties.iter().map(|(party, _)| *party)) {
            return Err(HeadRefused::Parties);
        }
        let (head, rest) =
            self.bytes.split_at_checked(HEADER + self.layers * SLOT).ok_or(HeadRefused::Form)?;
        let sealed = rest.get(..KEY + TAG * self.layers).ok_or(HeadRefused::Form)?;
        let mut opened = Secret::new(sealed.to_vec());
        for (position, (_, key)) in parties.iter().enumerate().rev() {
            let number = u16::try_from(position).map_err(|_| HeadRefused::Form)?;
            let refused = HeadRefused::Layer(number);
            let aad = Aad::from([head, &u16::to_le_bytes(number)].concat());
            let cipher = cipher(key).ok_or(refused)?;
            let length =
                cipher.open_in_place(nonce(), aad, opened.expose_mut()).map_err(|_| refused)?.len();
            opened.expose_mut().truncate(length);
        }
        let mut key = Secret::new([0; KEY]);
        if opened.expose().len() != KEY {
            return Err(HeadRefused::Form);
        }
        key.expose_mut().copy_from_slice(opened.expose());
        Ok(key)
    }

    /// What the first record names as the one before it.
    pub fn digest(bytes: &[u8]) -> Sha384 {
        tagged(Domain::Record, &[bytes])
    }
}

fn size(layers: usize) -> usize {
    (HEADER + layers * (SLOT + TAG) + KEY).next_multiple_of(CLASS)
}

fn cipher(key: &Secret<[u8; KEY]>) -> Option<LessSafeKey> {
    Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.expose()).ok()?))
}

/// Zeros: every data key seals once.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGREEMENT: Sha384 = Sha384([1; 48]);
    const BOOT: [u8; 32] = [2; 32];

    fn layers(count: u8) -> Vec<Layer> {
        let layer = |n: u8| Layer {
            party: Sha256([n; 32]),
            wrapped: vec![n; 180 + usize::from(n)],
            key: Secret::new([0x40 + n; 32]),
        };
        (0..count).map(layer).collect()
    }

    fn keys(count: u8) -> Vec<(Sha256, Secret<[u8; 32]>)> {
        layers(count).into_iter().map(|layer| (layer.party, layer.key)).collect()
    }

    fn head(count: u8) -> Vec<u8> {
        seal(&Secret::new([9; 32]), &AGREEMENT, &BOOT, &layers(count)).unwrap()
    }

    fn refused(bytes: &[u8], keys: &[(Sha256, Secret<[u8; 32]>)]) -> Option<HeadRefused> {
        Head::read(bytes).and_then(|head| head.open(&AGREEMENT, &BOOT, keys)).err()
    }

    #[test]
    fn all_keys_open_it_and_fewer_or_others_do_not() {
        for count in [1, 2, 3, 64] {
            let bytes = head(count);
            assert_eq!(bytes.len() % CLASS, 0);
            let read = Head::read(&bytes).unwrap();
            let key = read.open(&AGREEMENT, &BOOT, &keys(count)).unwrap();
            assert_eq!(*key.expose(), [9; 32]);
            for lost in 0..count {
                let mut wrong = keys(count);
                wrong[usize::from(lost)].1 = Secret::new([0xee; 32]);
                assert_eq!(refused(&bytes, &wrong), Some(HeadRefused::Layer(lost.into())));
                let mut fewer = keys(count);
                fewer.remove(lost.into());
                assert_eq!(refused(&bytes, &fewer), Some(HeadRefused::Parties));
            }
        }
        let mut swapped = keys(3);
        swapped.swap(0, 1);
        assert_eq!(refused(&head(3), &swapped), Some(HeadRefused::Parties));
    }

    #[test]
    fn it_is_one_boot_s_and_one_agreement_s() {
        let read = Head::read(&head(2)).unwrap();
        let other = read.open(&Sha384([3; 48]), &BOOT, &keys(2)).err();
        assert_eq!(other, Some(HeadRefused::Agreement));
        assert_eq!(read.open(&AGREEMENT, &[3; 32], &keys(2)).err(), Some(HeadRefused::Boot));
        // one that says that it is another's does not open as that one's
        let mut bytes = head(2);
        bytes[64..96].copy_from_slice(&[3; 32]);
        let read = Head::read(&bytes).unwrap();
        assert_eq!(read.open(&AGREEMENT, &[3; 32], &keys(2)).err(), Some(HeadRefused::Layer(1)));
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_refused() {
        let bytes = head(2);
        for cut in 0..bytes.len() {
            assert_eq!(refused(&bytes[..cut], &keys(2)), Some(HeadRefused::Form), "{cut}");
        }
        assert_eq!(refused(&[&bytes[..], &[0; CLASS]].concat(), &keys(2)), Some(HeadRefused::Form));
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(refused(&changed, &keys(2)).is_some(), "{place}");
        }
        // wrapped keys change places, under their own parties
        let mut swapped = bytes.clone();
        let (first, second) = (HEADER + 32, HEADER + SLOT + 32);
        for place in 0..SLOT - 32 {
            swapped.swap(first + place, second + place);
        }
        assert_eq!(refused(&swapped, &keys(2)), Some(HeadRefused::Layer(1)));
    }

    #[test]
    fn what_is_too_large_is_not_sealed() {
        let key = Secret::new([9; 32]);
        assert!(seal(&key, &AGREEMENT, &BOOT, &[]).is_none());
        assert!(seal(&key, &AGREEMENT, &BOOT, &layers(65)).is_none());
        let mut long = layers(2);
        long[1].wrapped = vec![0; MAX_CIPHERTEXT + 1];
        assert!(seal(&key, &AGREEMENT, &BOOT, &long).is_none());
    }
}
