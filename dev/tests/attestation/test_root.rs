//! Documents under a root of the tests' own, each right or wrong in one way.

use crate::at;
use dev::nsm::{Chain, Draft, Module, Value};
use protocol::Sha384;
use protocol::attestation::{
    Document, Judge, Measurements, MeasurementsError, Refusal, Root, UnixTime, pcr16,
};
use protocol::document::{Attester, Expected, Purpose, user_data};
use time::OffsetDateTime;

/// 2026-11-27.
const NOW: u64 = 1_795_737_600;

fn made(chain: Chain) -> Module {
    let now = OffsetDateTime::from_unix_timestamp(NOW as i64).unwrap();
    let pcrs = (0..16).map(|number| (number, Sha384([number + 1; 48])));
    Module::new(chain, pcrs, now).unwrap()
}

/// A good document, bound as the tests expect it.
fn draft(module: &Module) -> Draft {
    let bound = module.draft(NOW * 1000).with("user_data", Value::Bytes(vec![7; 48]));
    bound.with("nonce", Value::Bytes(vec![9; 32]))
}

type Pcrs = Vec<(u64, Vec<u8>)>;

/// What the module measured as PCR0 to PCR2.
fn expected() -> Measurements {
    Measurements::new((0..3).map(|number| (number, Sha384([number + 1; 48])))).unwrap()
}

fn verdict(module: &Module, document: &[u8], seconds: u64) -> Result<(), Refusal> {
    Document::read(document)?.verify(&module.root().unwrap(), &expected(), at(seconds)).map(drop)
}

#[test]
fn a_good_document_is_valid_and_says_what_it_is_bound_to() {
    let module = made(Chain::Good);
    for indefinite in [false, true] {
        let draft = Draft { indefinite, ..draft(&module) };
        let document = module.sign(&draft.payload());
        let document = Document::read(&document).unwrap();
        assert_eq!(document.claimed_time(), at(NOW));
        let verified = document.verify(&module.root().unwrap(), &expected(), at(NOW)).unwrap();
        assert_eq!(verified.claims().module_id, "i-development-enc0");
        assert_eq!(verified.claims().pcrs.len(), 16);
        assert_eq!(verified.challenged_by(&[9; 32]), Ok(()));
        assert_eq!(verified.challenged_by(&[8; 32]), Err(Refusal::Nonce));
        assert_eq!(verified.bound_to(&[7; 48]), Ok(()));
        assert_eq!(verified.bound_to(&[7; 47]), Err(Refusal::UserData));
    }
}

#[test]
fn what_is_left_out_is_bound_to_nothing() {
    let module = made(Chain::Good);
    for (nonce, user_data) in [(None, None), (Some(Value::Null), Some(Value::Null))] {
        let mut draft = draft(&module).without("nonce").without("user_data");
        draft.fields.extend(nonce.map(|value| ("nonce", value)));
        draft.fields.extend(user_data.map(|value| ("user_data", value)));
        let document = module.sign(&draft.payload());
        let document = Document::read(&document).unwrap();
        let verified = document.verify(&module.root().unwrap(), &expected(), at(NOW)).unwrap();
        assert_eq!(verified.challenged_by(&[]), Err(Refusal::Nonce));
        assert_eq!(verified.bound_to(&[]), Err(Refusal::UserData));
    }
}

/// n - s is as good a signature as s, and real documents have both.
#[test]
fn either_half_of_a_signature_is_taken() {
    const ORDER: [u8; 48] = {
        let mut order = [0xff; 48];
        let low = *b"\xc7\x63\x4d\x81\xf4\x37\x2d\xdf\x58\x1a\x0d\xb2\x48\xb0\xa7\x7a\xec\xec\x19\x6a\xcc\xc5\x29\x73";
        let mut byte = 0;
        while byte < 24 {
            order[24 + byte] = low[byte];
            byte += 1;
        }
        order
    };
    let module = made(Chain::Good);
    let payload = draft(&module).payload();
    let mirrored = module.sign_and(&payload, |mut signature| {
        let mut borrow = 0;
        for byte in (0..48).rev() {
            let difference = i16::from(ORDER[byte]) - i16::from(signature[48 + byte]) - borrow;
            borrow = i16::from(difference < 0);
            signature[48 + byte] = difference as u8;
        }
        signature
    });
    assert_eq!(verdict(&module, &mirrored, NOW), Ok(()));
    let wrong = module.sign_and(&payload, |mut signature| {
        signature[95] ^= 1;
        signature
    });
    assert_eq!(verdict(&module, &wrong, NOW), Err(Refusal::Signature));
}

#[test]
fn every_change_of_a_field_is_refused_by_name() {
    let module = made(Chain::Good);
    let bytes = |length| Value::Bytes(vec![1; length]);
    let pcrs = |change: &dyn Fn(&mut Pcrs)| {
        let mut pcrs: Pcrs = (0..16).map(|number| (number, vec![number as u8 + 1; 48])).collect();
        change(&mut pcrs);
        Value::Pcrs(pcrs)
    };
    let good = || draft(&module);
    let cases: Vec<(&str, Draft, Refusal)> = vec![
        ("no id", good().without("module_id"), Refusal::Missing),
        ("no digest", good().without("digest"), Refusal::Missing),
        ("no time", good().without("timestamp"), Refusal::Missing),
        ("no PCRs", good().without("pcrs"), Refusal::Missing),
        ("no certificate", good().without("certificate"), Refusal::Missing),
        ("no bundle", good().without("cabundle"), Refusal::Missing),
        ("empty id", good().with("module_id", Value::Text(String::new())), Refusal::Field),
        ("other digest", good().with("digest", Value::Text("SHA512".into())), Refusal::Field),
        ("time 0", good().with("timestamp", Value::Number(0)), Refusal::Field),
        ("time as text", good().with("timestamp", Value::Text("1".into())), Refusal::Field),
        ("empty certificate", good().with("certificate", bytes(0)), Refusal::Field),
        ("long certificate", good().with("certificate", bytes(1025)), Refusal::Field),
        ("empty bundle", good().with("cabundle", Value::Bundle(vec![])), Refusal::Field),
        ("long bundle", good().with("cabundle", Value::Bundle(vec![vec![1]; 9])), Refusal::Field),
        ("empty key", good().with("public_key", bytes(0)), Refusal::Field),
        ("long user data", good().with("user_data", bytes(1025)), Refusal::Field),
        ("long nonce", good().with("nonce", bytes(1025)), Refusal::Field),
        ("a field too many", good().and("debug", Value::Null), Refusal::Unknown),
        ("nonce twice", good().and("nonce", bytes(32)), Refusal::Duplicate),
        ("PCRs twice", good().and("pcrs", pcrs(&|_| ())), Refusal::Duplicate),
        ("no PCR", good().with("pcrs", Value::Pcrs(vec![])), Refusal::Field),
        ("PCR32", good().with("pcrs", pcrs(&|all| all.push((32, vec![1; 48])))), Refusal::Field),
        ("short PCR", good().with("pcrs", pcrs(&|all| all[3].1.truncate(32))), Refusal::Field),
        (
            "PCR4 twice, the last one another",
            good().with("pcrs", pcrs(&|all| all.push((4, vec![9; 48])))),
            Refusal::Duplicate,
        ),
        ("PCR0 wrong", good().with("pcrs", pcrs(&|all| all[0].1[47] ^= 1)), Refusal::Pcr(0)),
        ("PCR2 wrong", good().with("pcrs", pcrs(&|all| all[2].1[0] ^= 1)), Refusal::Pcr(2)),
        (
            "PCR1 gone",
            good().with("pcrs", pcrs(&|all| drop(all.remove(1)))),
            Refusal::MissingPcr(1),
        ),
        ("debug", good().with("pcrs", pcrs(&|all| all[0].1.fill(0))), Refusal::Debug),
        ("half debug", good().with("pcrs", pcrs(&|all| all[2].1.fill(0))), Refusal::Debug),
        ("bytes behind", Draft { trailing: vec![0], ..good() }, Refusal::Trailing),
        ("a break behind", Draft { trailing: vec![0xff], ..good() }, Refusal::Trailing),
    ];
    for (what, draft, refusal) in cases {
        for indefinite in [false, true] {
            let draft = Draft { indefinite, ..draft.clone() };
            let document = module.sign(&draft.payload());
            assert_eq!(verdict(&module, &document, NOW), Err(refusal), "{what}, {indefinite}");
        }
    }
    // further PCRs are no fault: AWS's sandboxes have PCR17
    let more = good().with("pcrs", pcrs(&|all| all.push((17, vec![1; 48]))));
    assert_eq!(verdict(&module, &module.sign(&more.payload()), NOW), Ok(()));
}

#[test]
fn every_change_of_the_envelope_is_unreadable() {
    let module = made(Chain::Good);
    let good = module.sign(&draft(&module).payload());
    let replaced = |from: usize, to: &[u8]| {
        let mut bytes = good.clone();
        bytes[from..from + to.len()].copy_from_slice(to);
        bytes
    };
    let cases = [
        ("a tag", [&[0xd2], &good[..]].concat(), Refusal::Field),
        ("three items", replaced(0, &[0x83]), Refusal::Envelope),
        ("no length", replaced(0, &[0x9f]), Refusal::Envelope),
        ("ES256", replaced(4, &[0x26]), Refusal::Envelope),
        ("bytes behind", [&good[..], &[0]].concat(), Refusal::Trailing),
        ("too long", vec![0x84; (16 << 10) + 1], Refusal::Size),
        ("nothing", Vec::new(), Refusal::Cbor),
    ];
    for (what, document, refusal) in cases {
        assert_eq!(verdict(&module, &document, NOW), Err(refusal), "{what}");
        assert!(refusal.is_unreadable());
    }
    for length in 0..good.len() {
        let refused = verdict(&module, &good[..length], NOW).expect_err("it is cut off");
        assert!(refused.is_unreadable(), "the first {length} bytes: {refused}");
    }
}

#[test]
fn the_chain_must_lead_to_the_root_and_hold_at_the_time() {
    let module = made(Chain::Good);
    let document = module.sign(&draft(&module).payload());
    let year = 365 * 24 * 3600;
    assert_eq!(verdict(&module, &document, NOW), Ok(()));
    assert_eq!(verdict(&module, &document, NOW - year), Err(Refusal::NotYetValid));
    assert_eq!(verdict(&module, &document, NOW + year), Err(Refusal::Expired));
    let read = || Document::read(&document).unwrap();
    let of_another = |root: &Root| read().verify(root, &expected(), at(NOW)).map(drop);
    assert_eq!(of_another(&made(Chain::Good).root().unwrap()), Err(Refusal::CertificateSignature));
    assert_eq!(of_another(&Root::aws().unwrap()), Err(Refusal::Chain));
    let cases = [
        (Chain::NoAuthority, Refusal::Authority),
        (Chain::SignerIsAuthority, Refusal::Authority),
        (Chain::OtherCurve, Refusal::Signature),
    ];
    for (chain, refusal) in cases {
        let module = made(chain);
        let document = module.sign(&draft(&module).payload());
        assert_eq!(verdict(&module, &document, NOW), Err(refusal));
    }
    // the document's own root is never asked
    let other = made(Chain::Good);
    let bundle = other.bundle().map(<[u8]>::to_vec).to_vec();
    let forged = draft(&other).with("cabundle", Value::Bundle(bundle));
    assert!(verdict(&module, &other.sign(&forged.payload()), NOW).is_err());
    // a good certificate and another's signature
    let stolen = draft(&other).with("certificate", Value::Bytes(module.signer().to_vec()));
    let bundle = module.bundle().map(<[u8]>::to_vec).to_vec();
    let stolen = stolen.with("cabundle", Value::Bundle(bundle));
    assert_eq!(verdict(&module, &other.sign(&stolen.payload()), NOW), Err(Refusal::Signature));
    let garbage = draft(&module).with("certificate", Value::Bytes(vec![0x30; 100]));
    assert_eq!(verdict(&module, &module.sign(&garbage.payload()), NOW), Err(Refusal::Certificate));
}

#[test]
fn measurements_without_the_image_or_with_zeros_are_none() {
    let some = Sha384([1; 48]);
    assert_eq!(Measurements::new([]), Err(MeasurementsError::NoImage));
    assert_eq!(Measurements::new([(1, some), (16, some)]), Err(MeasurementsError::NoImage));
    assert_eq!(Measurements::new([(0, Sha384([0; 48]))]), Err(MeasurementsError::Zero(0)));
    assert_eq!(Measurements::new([(0, some), (0, some)]), Err(MeasurementsError::Twice(0)));
    assert_eq!(Measurements::new([(0, some), (32, some)]), Err(MeasurementsError::Number(32)));
}

/// PCR16 of a prebuilt image is what an agreement's digest makes of it, and nothing else passes.
#[test]
fn another_agreement_is_another_pcr16() {
    let module = made(Chain::Good);
    let (ours, other) = (Sha384([5; 48]), Sha384([6; 48]));
    let expected = |agreement| {
        let pcrs = (0..3).map(|number| (number, Sha384([number + 1; 48])));
        Measurements::new(pcrs.chain([(16, pcr16(agreement))])).unwrap()
    };
    let document = |value: Option<Sha384>| {
        let mut pcrs: Vec<_> = (0..3).map(|number| (number, vec![number as u8 + 1; 48])).collect();
        pcrs.extend(value.map(|value| (16, value.0.to_vec())));
        module.sign(&draft(&module).with("pcrs", Value::Pcrs(pcrs)).payload())
    };
    let verdict = |document: &[u8]| {
        let document = Document::read(document).unwrap();
        document.verify(&module.root().unwrap(), &expected(&ours), at(NOW)).map(drop)
    };
    assert_eq!(verdict(&document(Some(pcr16(&ours)))), Ok(()));
    assert_eq!(verdict(&document(Some(pcr16(&other)))), Err(Refusal::Pcr(16)));
    assert_eq!(verdict(&document(Some(Sha384([0; 48])))), Err(Refusal::Pcr(16)), "never extended");
    assert_eq!(verdict(&document(Some(ours))), Err(Refusal::Pcr(16)), "the digest itself");
    assert_eq!(verdict(&document(None)), Err(Refusal::MissingPcr(16)));
}

/// The judge of channels takes a document of its purpose, agreement, boot and key, and no other.
#[test]
fn a_document_of_one_purpose_fits_no_other() {
    let module = made(Chain::Good);
    let now: fn() -> UnixTime = || at(NOW);
    let judge = Judge::new(module.root().unwrap(), expected(), now);
    let (agreement, boot, key) = (Sha384([1; 48]), [2; 32], [3; 32]);
    let document = |user_data: Sha384| {
        let draft = draft(&module).with("user_data", Value::Bytes(user_data.0.to_vec()));
        module.sign(&draft.payload())
    };
    let channel = user_data(Purpose::Channel, &agreement, &boot, &key);
    let wanted = Expected { user_data: channel, nonce: [9; 32] };
    assert_eq!(judge.judge(&document(channel), &wanted), Ok(()));
    let other_challenge = Expected { nonce: [8; 32], ..wanted };
    assert_eq!(judge.judge(&document(channel), &other_challenge), Err(Refusal::Nonce));
    for other in [
        user_data(Purpose::Kms, &agreement, &boot, &key),
        user_data(Purpose::Receipt, &agreement, &boot, &key),
        user_data(Purpose::Channel, &Sha384([9; 48]), &boot, &key),
        user_data(Purpose::Channel, &agreement, &[9; 32], &key),
        user_data(Purpose::Channel, &agreement, &boot, &[9; 32]),
    ] {
        assert_eq!(judge.judge(&document(other), &wanted), Err(Refusal::UserData));
    }
}

/// What a development enclave sends is in the form of 2026, and of now.
#[test]
fn the_module_makes_documents_of_the_newest_form() {
    let module = Module::new(
        Chain::Good,
        [(0, Sha384([1; 48])), (1, Sha384([2; 48])), (2, Sha384([3; 48]))],
        OffsetDateTime::now_utc(),
    )
    .unwrap();
    let document = module.document(&Sha384([7; 48]), &[9; 32]).unwrap();
    assert!(document.windows(11).any(|bytes| bytes == b"\xbf\x69module_id"));
    let judge = Judge::new(module.root().unwrap(), expected(), UnixTime::now);
    let wanted = Expected { user_data: Sha384([7; 48]), nonce: [9; 32] };
    assert_eq!(judge.judge(&document, &wanted), Ok(()));
}
