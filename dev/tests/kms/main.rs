//! Keys from the development KMS for the enclave's own client: released by policy on measurements, sealed for one boot,
//! checked by what they are for. And what that KMS itself answers: to each operation, each wrong request, each document.

mod command;
mod operations;
mod policies;
mod recipient;
mod requests;
mod wire;
mod world;

use dev::kms::Fault;
use enclave_host::keys::NoKey;
use enclave_host::kms::{KmsError, Refusal};
use protocol::kms::KeyPurpose;
use protocol::layers::{Head, HeadRefused};
use protocol::record::{Opener, RecordRefused};
use protocol::{Sha384, sha256};
use std::time::Duration;
use world::{World, other_pcr};

fn refusal(error: &KmsError) -> Option<Refusal> {
    if let KmsError::Refused(refusal) = error { Some(*refusal) } else { None }
}

#[test]
fn a_pre_shared_key_is_released_to_the_agreed_image_alone() {
    let world = World::new();
    let (psk, wrapped) = world.wrapped(0);
    let opened = world.decrypt(0, &wrapped).unwrap();
    assert_eq!(*opened.expose(), psk);
    // the same question from an image with one other measurement, or one other agreement
    for number in [0, 1, 2, 16] {
        let other = other_pcr(number);
        let error = world.of(&other).decrypt(0, &wrapped).err().unwrap();
        assert_eq!(refusal(&error), Some(Refusal::AccessDenied), "PCR{number}");
    }
    // from no enclave at all: the role is the same, the document is missing
    let key = world.place(0).arn.clone();
    let (status, answer) = world.plain_decrypt(&key, &wrapped, 0);
    assert_eq!((status, answer["__type"].as_str()), (400, Some("AccessDeniedException")));
}

#[test]
fn a_ciphertext_opens_for_its_party_its_purpose_and_its_key_alone() {
    let world = World::new();
    let (_, wrapped) = world.wrapped(0);
    let kms = world.kms();
    let ask = |key: usize, party: usize, purpose: KeyPurpose| {
        let party = world.agreement.terms().parties[party].id();
        refusal(&kms.decrypt(&world.place(key), &party, purpose, &wrapped).err().unwrap())
    };
    // the other key: it is not tried
    assert_eq!(ask(1, 1, KeyPurpose::Psk), Some(Refusal::IncorrectKey));
    // another purpose opens nothing, since the context is another
    assert_eq!(ask(0, 0, KeyPurpose::State), Some(Refusal::InvalidCiphertext));
    // another party's name is refused by the policy already
    assert_eq!(ask(0, 1, KeyPurpose::Psk), Some(Refusal::AccessDenied));
    for place in [0, 1, 40, 90, wrapped.len() - 1] {
        let mut changed = wrapped.clone();
        changed[place] ^= 1;
        assert!(world.decrypt(0, &changed).is_err(), "byte {place}");
    }
}

#[test]
fn what_kms_does_wrong_is_told_by_name() {
    let world = World::new();
    let (psk, wrapped) = world.wrapped(0);
    let ask = |fault| {
        world.server.set_fault(Some(fault));
        let answer = world.decrypt(0, &wrapped);
        world.server.set_fault(None);
        answer
    };
    assert!(matches!(ask(Fault::WrongKeyId), Err(KmsError::OtherKey)));
    let expired = ask(Fault::Expired).err().unwrap();
    assert_eq!(refusal(&expired), Some(Refusal::Other));
    // a body without a length is none
    assert!(matches!(ask(Fault::Pieces), Err(KmsError::Answer("a body of unknown length"))));
    // chunks are one of the forms that KMS writes
    assert_eq!(*ask(Fault::Chunks).unwrap().expose(), psk);
    assert_eq!(*ask(Fault::Slow(Duration::from_millis(300))).unwrap().expose(), psk);
    // another secret opens, and is no key of the agreement: `keys` compares its hash
    let swapped = ask(Fault::SwappedSecret).unwrap();
    assert_ne!(sha256(swapped.expose()), sha256(&psk));
    // twice is a moment, three times is a refusal
    assert_eq!(*ask(Fault::Throttled(2)).unwrap().expose(), psk);
    let throttled = ask(Fault::Throttled(3)).err().unwrap();
    assert_eq!(refusal(&throttled), Some(Refusal::Throttled));
}

#[test]
fn only_kms_itself_is_talked_to_and_no_parent_changes_a_question() {
    let world = World::new();
    let (_, wrapped) = world.wrapped(0);
    // a server with a good name under another root
    let other = World::new();
    let error = other.relayed_to(&world).decrypt(0, &wrapped).err().unwrap();
    assert!(matches!(error, KmsError::Channel(_)), "{error}");
    // a signature by credentials that are unknown, one over another body, one that is none
    let error = world.signed_by_strangers().decrypt(0, &wrapped).err().unwrap();
    assert_eq!(refusal(&error), Some(Refusal::Other));
    let error = world.signing_another_body().decrypt(0, &wrapped).err().unwrap();
    assert_eq!(refusal(&error), Some(Refusal::Other));
    let error = world.signing_more_headers().decrypt(0, &wrapped).err().unwrap();
    assert!(matches!(error, KmsError::Signature), "{error}");
}

#[test]
fn an_enclave_starts_with_keys_that_kms_released_and_its_state_opens_for_all_parties_together() {
    let world = World::new();
    let started = world.start();
    // one question for each pre-shared key and one for each layer, and no more for all that follows
    assert_eq!(world.asked(), ["Decrypt", "GenerateDataKey", "Decrypt", "GenerateDataKey"]);
    started.talk();
    started.talk();
    assert_eq!(world.asked().len(), 4);

    let stored = world.stored();
    let (agreement, boot) = (world.agreement.digest(), started.boot());
    let head = Head::read(&stored[0].1).unwrap();
    assert_eq!(stored[0].0, 0);
    let keys = |order: &[usize]| -> Vec<_> {
        let wrapped: Vec<_> = head.layers().collect();
        let open = |&n: &usize| {
            let kms = world.kms();
            let (party, wrapped) = wrapped[n];
            (party, kms.decrypt(&world.place(n), &party, KeyPurpose::State, wrapped).unwrap())
        };
        order.iter().map(open).collect()
    };
    let state_key = head.open(&agreement, &boot, &keys(&[0, 1])).unwrap();
    let mut opener = Opener::new(&state_key, agreement, boot, Head::digest(&stored[0].1)).unwrap();
    for (_, record) in &stored[1..] {
        opener.open(record).unwrap();
    }
    assert!(stored.len() > 1, "something was charged");

    // fewer, another order, another boot, another agreement
    let refused =
        |agreement, boot, order: &[usize]| head.open(&agreement, &boot, &keys(order)).err();
    assert_eq!(refused(agreement, boot, &[0]), Some(HeadRefused::Parties));
    assert_eq!(refused(agreement, boot, &[1, 0]), Some(HeadRefused::Parties));
    assert_eq!(refused(agreement, [0; 32], &[0, 1]), Some(HeadRefused::Boot));
    assert_eq!(refused(Sha384([0; 48]), boot, &[0, 1]), Some(HeadRefused::Agreement));

    // the next boot has other keys, and takes nothing from the one before
    let again = world.start();
    again.talk();
    let next = world.stored();
    assert_ne!(again.boot(), boot);
    let head = next.iter().rposition(|(epoch, _)| *epoch == 0).unwrap();
    let mut opener = Opener::new(&state_key, agreement, boot, Head::digest(&stored[0].1)).unwrap();
    assert_eq!(opener.open(&next[head + 1].1).err(), Some(RecordRefused::Boot));
}

#[test]
fn an_enclave_does_not_start_without_each_party_s_own_key() {
    let world = World::new();
    let reason = |world: &World| world.start_refused();
    assert!(matches!(reason(&world.without_wrapped(1)), NoKey::NotWrapped));
    // whoever may encrypt plants a key: its hash is not in the agreement
    assert!(matches!(reason(&world.with_planted(0)), NoKey::OtherKey));
    // the parent swaps the keys of two parties
    assert!(matches!(
        reason(&world.with_swapped()),
        NoKey::Kms(KmsError::Refused(Refusal::IncorrectKey))
    ));
    // one byte of the agreement is another: KMS refuses
    assert!(matches!(
        reason(&world.with_another_agreement()),
        NoKey::Kms(KmsError::Refused(Refusal::AccessDenied))
    ));
}
