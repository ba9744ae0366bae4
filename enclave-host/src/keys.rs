//! The keys of an agreement: those that KMS releases to this boot, and the layers around what it stores.
//!
//! For every party with a pre-shared key its wrapped key is asked of the parent and opened by KMS; for every party with a
//! key in KMS, KMS makes a data key of this boot. Both under the party's own key, which the agreement names in full: no
//! other is asked. That is two questions a party, once a boot; storing a record asks nothing.

use crate::boot::Boot;
use crate::kms::{Kms, KmsError};
use crate::world::Connect;
use channel::{Proof, Psk, Socket};
use protocol::agreement::{Agreement, Authentication, Party};
use protocol::document::Attester;
use protocol::kms::{KeyPlace, KeyPurpose, MAX_CIPHERTEXT};
use protocol::layers::Layer;
use protocol::parent::Service;
use std::io::{self, Read, Write};
use std::time::Duration;

/// How long the parent may take to find a wrapped key.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the keys come from.
pub enum Keys<'a> {
    /// KMS, whose certificates are checked against these roots (PEM).
    Kms(&'a [&'a str]),
    /// Whoever runs this. Then nothing that is stored can ever be opened.
    Given(Vec<Proof>),
}

/// What a boot serves with.
pub struct Provisioned {
    /// How each party proves who it is.
    pub proofs: Vec<Proof>,
    /// The head of the records; none where no party has a key in KMS.
    pub head: Option<Vec<u8>>,
}

/// Why a party's keys are not there.
#[derive(Debug, thiserror::Error)]
#[error("{party}: {reason}")]
pub struct NotProvisioned {
    /// The party's name.
    pub party: String,
    /// Why.
    pub reason: NoKey,
}

/// Why a key is not there.
#[derive(Debug, thiserror::Error)]
pub enum NoKey {
    /// KMS gave none.
    #[error(transparent)]
    Kms(#[from] KmsError),
    /// The parent does not answer.
    #[error("the parent gave no wrapped key ({0}): look at its log")]
    Parent(io::Error),
    /// The parent has none.
    #[error(
        "the parent has no wrapped key: put the file of `tautochrone identity wrap` into its folder --wrapped"
    )]
    NotWrapped,
    /// It is another than the agreement's.
    #[error("what was wrapped is another key than the agreement's: wrap the right identity")]
    OtherKey,
    /// The layers could not be made.
    #[error("the cipher failed: start the enclave again")]
    Cipher,
}

/// Asks for all keys of an agreement.
///
/// # Errors
/// For the first party whose keys are not there.
pub fn provision<N: Attester, C: Connect>(
    module: &N,
    parent: &C,
    keys: Keys<'_>,
    agreement: &Agreement,
    boot: &Boot,
) -> Result<Provisioned, NotProvisioned> {
    let roots = match keys {
        Keys::Given(proofs) => return Ok(Provisioned { proofs, head: None }),
        Keys::Kms(roots) => roots,
    };
    let digest = agreement.digest();
    let (mut proofs, mut layers) = (Vec::new(), Vec::new());
    // made with the first question: an agreement without keys in KMS needs none
    let mut kms = None;
    for party in &agreement.terms().parties {
        let about = |reason: NoKey| NotProvisioned { party: party.name.clone(), reason };
        if let Some(place) = KeyPlace::of(party) {
            let kms = match &mut kms {
                Some(kms) => kms,
                none => none.insert(
                    Kms::new(module, parent, roots, digest, boot.id())
                        .map_err(|error| about(error.into()))?,
                ),
            };
            if let Authentication::Psk { .. } = party.authentication {
                proofs.push(Proof::Psk(psk(kms, parent, &place, party, agreement).map_err(about)?));
            }
            let (key, wrapped) = kms
                .data_key(&place, &party.id(), KeyPurpose::State)
                .map_err(|error| about(error.into()))?;
            layers.push(Layer { party: party.id(), wrapped, key });
        }
        match party.authentication {
            Authentication::Tls { key_sha256 } => proofs.push(Proof::Pinned(key_sha256)),
            // an agreement gives a key in KMS to every party that has one, and it was asked above
            Authentication::Psk { .. } => {}
        }
    }
    let head = match layers.is_empty() {
        true => None,
        false => {
            let cipher = || NotProvisioned { party: "all parties".into(), reason: NoKey::Cipher };
            Some(boot.head(&digest, &layers).ok_or_else(cipher)?)
        }
    };
    Ok(Provisioned { proofs, head })
}

fn psk<N: Attester, C: Connect>(
    kms: &Kms<'_, N, C>,
    parent: &C,
    place: &KeyPlace,
    party: &Party,
    agreement: &Agreement,
) -> Result<Psk, NoKey> {
    let Authentication::Psk { sha256 } = party.authentication else { return Err(NoKey::OtherKey) };
    let id = party.id();
    let wrapped = wrapped(parent, &id.0).map_err(NoKey::Parent)?;
    if wrapped.is_empty() {
        return Err(NoKey::NotWrapped);
    }
    let secret = kms.decrypt(place, &id, KeyPurpose::Psk, &wrapped)?;
    Psk::new(*secret.expose(), &sha256, &agreement.digest(), &id).ok_or(NoKey::OtherKey)
}

/// A party's pre-shared key as KMS wrapped it; empty where the parent has none.
fn wrapped<C: Connect>(parent: &C, party: &[u8; 32]) -> io::Result<Vec<u8>> {
    let mut stream = parent.connect(Service::Wrapped)?;
    stream.set_timeout(PATIENCE)?;
    stream.write_all(party)?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let length = usize::from(u16::from_le_bytes(length));
    if length > MAX_CIPHERTEXT {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut wrapped = vec![0; length];
    stream.read_exact(&mut wrapped)?;
    Ok(wrapped)
}
