//! Charge, seal, store, release; retries; receipts; and that budgets hold whatever the store does.

use proptest::prelude::*;
use protocol::Code;
use protocol::Sha384;
use protocol::message::Counters;
use protocol::record::{Event, Opener, RecordRefused};
use std::collections::{HashMap, HashSet};

use crate::world::*;

/// What the first record of a boot without layers names as the one before.
const HEADLESS: Sha384 = Sha384([0; 48]);

#[test]
fn the_third_call_of_bob_is_refused() {
    let mut enclave = Enclave::loaded(terms(false));
    let rows = [1.0, 2.0, 3.0, 4.0];
    for id in 1..=2 {
        let answer = enclave.score(BOB, id, &rows);
        assert_eq!((answer.code, answer.outputs()), (Code::Done, vec![5.0, 11.0]));
        assert_eq!(answer.reply.counters.score_calls, 2 - u32::from(id));
    }
    let third = enclave.score(BOB, 3, &rows);
    assert_eq!(third.code, Code::Budget);
    assert!(third.is_empty());
    // Alice's budget is another one
    assert_eq!(enclave.score(ALICE, 3, &rows).code, Code::Done);
}

#[test]
fn rows_count_as_well_as_calls() {
    let mut enclave = Enclave::loaded(terms(false));
    assert_eq!(enclave.score(BOB, 1, &[0.0; 20]).code, Code::Done);
    let answer = enclave.score(BOB, 2, &[0.0; 6]);
    assert_eq!((answer.code, answer.reply.counters.score_rows), (Code::Budget, 2));
    assert_eq!(enclave.score(BOB, 3, &[0.0; 4]).code, Code::Done);
}

#[test]
fn a_retry_is_the_same_reply_and_costs_nothing() {
    let mut enclave = Enclave::loaded(terms(false));
    let first = enclave.score(BOB, 1, &[1.0, 2.0]);
    enclave.score(ALICE, 1, &[9.0, 9.0]);
    let second = enclave.score(BOB, 2, &[3.0, 4.0]);
    for _ in 0..3 {
        assert_eq!(enclave.score(BOB, 1, &[1.0, 2.0]).body, first.body);
        assert_eq!(enclave.score(BOB, 2, &[3.0, 4.0]).body, second.body);
    }
    // the same id for something else is refused, and the id keeps its meaning
    let other = enclave.score(BOB, 1, &[1.0, 2.5]);
    assert_eq!((other.code, other.is_empty()), (Code::Reused, true));
    assert_eq!(enclave.score(BOB, 1, &[1.0, 2.0]).body, first.body);
    // a submission too, also after the program is frozen
    let before = enclave.status(ALICE).reply.counters;
    assert_eq!(enclave.submit(ALICE, 100, &program_bytes(1.0)).code, Code::Done);
    assert_eq!(enclave.status(ALICE).reply.counters, before);
}

#[test]
fn nothing_is_released_before_the_word_that_it_is_stored() {
    for mood in [Mood::Loses, Mood::KeepsSilently] {
        let mut enclave = Enclave::loaded(terms(false));
        enclave.mood(mood);
        let answer = enclave.score(BOB, 1, &[1.0, 2.0]);
        assert_eq!((answer.code, answer.is_empty()), (Code::Store, true), "{mood:?}");
        // nobody else is served past the record that is owed
        assert_eq!(enclave.score(ALICE, 1, &[1.0, 2.0]).code, Code::Store);
        enclave.mood(Mood::Stores);
        // the same request again is charged once
        let answer = enclave.score(BOB, 1, &[1.0, 2.0]);
        assert_eq!((answer.code, answer.outputs()), (Code::Done, vec![5.0]));
        assert_eq!(answer.reply.counters.score_calls, 1);
        // Alice's call was not charged: nothing of it was sealed
        assert_eq!(enclave.status(ALICE).reply.counters.score_calls, 3);
    }
}

#[test]
fn an_epoch_is_sealed_once_whatever_the_store_does() {
    let mut enclave = Enclave::loaded(terms(false));
    for (id, mood) in (1..).zip([
        Mood::KeepsSilently,
        Mood::Stores,
        Mood::KeepsSilently,
        Mood::KeepsSilently,
        Mood::Stores,
        Mood::Stores,
    ]) {
        enclave.mood(mood);
        enclave.score(ALICE, id, &[1.0, 2.0]);
    }
    let mut seen: HashMap<u64, Vec<u8>> = HashMap::new();
    for (epoch, record) in enclave.store.records.borrow().iter() {
        let first = seen.entry(*epoch).or_insert_with(|| record.clone());
        assert_eq!(first, record, "epoch {epoch} was sealed twice: its nonce came twice");
    }
}

/// The records of a boot open in order, and only in order, under its key; they tell what happened.
#[test]
fn records_are_a_chain_that_tells_what_happened() {
    let mut enclave = Enclave::loaded(terms(false));
    enclave.score(BOB, 1, &[1.0, 2.0]);
    enclave.score(BOB, 1, &[1.0, 2.0]);
    enclave.score(BOB, 2, &[1.0, 1000.0]);
    enclave.score(BOB, 2, &[1.0, 2.0, 3.0, 4.0]);
    let records = enclave.store.records.borrow().clone();
    // the second draw of this boot's entropy: see `Counting`
    let key = engine::Secret::new([2; 32]);
    let open = |order: &[usize]| {
        let mut opener =
            Opener::new(&key, enclave.agreement.digest(), enclave.boot.id(), HEADLESS).unwrap();
        let all: Vec<_> = order.iter().map(|&n| opener.open(&records[n].1)).collect();
        all
    };
    let told: Vec<_> = open(&[0, 1, 2, 3, 4]).into_iter().map(|r| r.unwrap()).collect();
    let events: Vec<_> = told.iter().map(|record| (record.event, record.rows)).collect();
    assert_eq!(
        events,
        [
            (Event::Submit, 0),
            (Event::Score, 1),
            (Event::Nothing, 0),
            (Event::Nothing, 0),
            (Event::Score, 2)
        ]
    );
    assert_eq!(told[4].counters.score_calls, 0);
    assert_eq!(told[4].program, protocol::commitment(&SALT, &program_bytes(1.0)));
    assert_eq!(open(&[1])[0], Err(RecordRefused::Epoch), "a record is not the first one");
    assert_eq!(open(&[0, 2])[1], Err(RecordRefused::Epoch), "a record was left out");
    assert_eq!(open(&[0, 0])[1], Err(RecordRefused::Epoch), "a record came twice");
    let mut opener = Opener::new(&key, enclave.agreement.digest(), [0; 32], HEADLESS).unwrap();
    assert_eq!(opener.open(&records[0].1), Err(RecordRefused::Boot));
    let mut opener = Opener::new(&key, Sha384([0; 48]), enclave.boot.id(), HEADLESS).unwrap();
    assert_eq!(opener.open(&records[0].1), Err(RecordRefused::Agreement));
    let mut opener =
        Opener::new(&key, enclave.agreement.digest(), enclave.boot.id(), Sha384([1; 48])).unwrap();
    assert_eq!(opener.open(&records[0].1), Err(RecordRefused::Previous), "under another head");
    let other = engine::Secret::new([7; 32]);
    let mut opener =
        Opener::new(&other, enclave.agreement.digest(), enclave.boot.id(), HEADLESS).unwrap();
    assert_eq!(opener.open(&records[0].1), Err(RecordRefused::Sealed), "under another key");
    let mut opener =
        Opener::new(&key, enclave.agreement.digest(), enclave.boot.id(), HEADLESS).unwrap();
    for cut in 0..512 {
        assert_eq!(opener.open(&records[0].1[..cut]), Err(RecordRefused::Form), "{cut}");
    }
    for (place, why) in [
        (0, RecordRefused::Form),
        (9, RecordRefused::Form),
        (20, RecordRefused::Agreement),
        (70, RecordRefused::Boot),
        (100, RecordRefused::Epoch),
        (120, RecordRefused::Previous),
        (152, RecordRefused::Sealed),
        (300, RecordRefused::Sealed),
        (496, RecordRefused::Sealed),
        (511, RecordRefused::Sealed),
    ] {
        let mut damaged = records[0].1.clone();
        damaged[place] ^= 1;
        let mut opener =
            Opener::new(&key, enclave.agreement.digest(), enclave.boot.id(), HEADLESS).unwrap();
        assert_eq!(opener.open(&damaged), Err(why), "byte {place}");
    }
    assert_eq!(records.iter().map(|(_, record)| record.len()).collect::<HashSet<_>>().len(), 1);
}

#[test]
fn receipts_say_what_was_done_and_verify() {
    let mut enclave = Enclave::loaded(terms(false));
    let answer = enclave.score(BOB, 1, &[1.0, 2.0, 3.0, 4.0]);
    let receipt = answer.reply.receipt.unwrap();
    let key = enclave.boot.receipt_public_key();
    assert!(receipt.verify(&key));
    let body = receipt.body;
    let values: Vec<u8> = [1.0, 2.0, 3.0, 4.0f64].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(body.input, protocol::input_commitment(&SALT, 2, &values));
    assert_eq!(body.program, protocol::commitment(&SALT, &program_bytes(1.0)));
    assert_eq!(body.output, protocol::output_digest(2, &answer.reply.outputs.expose()[..16]));
    assert_eq!(body.party, enclave.agreement.terms().parties[1].id());
    assert_eq!((body.agreement, body.boot), (enclave.agreement.digest(), enclave.boot.id()));
    assert_eq!((body.rows, body.calls_left, body.rows_left), (2, 1, 10));
    // any change is seen
    let bytes = receipt.encode();
    assert_eq!(protocol::receipt::Receipt::decode(&bytes), Some(receipt));
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 4;
        let read = protocol::receipt::Receipt::decode(&damaged);
        assert!(read.is_none_or(|receipt| !receipt.verify(&key)), "byte {place}");
    }
    let other = Enclave::try_start(terms(false), 50).unwrap_or_else(|error| panic!("{error}"));
    assert!(!receipt.verify(&other.boot.receipt_public_key()));
}

#[test]
fn columns_of_two_parties_are_put_side_by_side() {
    use protocol::message::{RawOperation, RawRequest, RequestId};
    let mut enclave = Enclave::loaded(terms(true));
    let supply = |id: u8, batch: u8, values: &[f64]| RawRequest {
        id: RequestId([id; 16]),
        operation: RawOperation::Supply(rows([batch; 16], values, 1)),
    };
    let ask = |id: u8, batch: u8, values: &[f64]| score(id, [batch; 16], values, 1);
    assert_eq!(enclave.send(BOB, &ask(1, 7, &[1.0, 3.0])).code, Code::Batch);
    assert_eq!(enclave.send(CAROL, &supply(1, 7, &[2.0, 4.0])).code, Code::Done);
    assert_eq!(enclave.send(BOB, &ask(1, 8, &[1.0, 3.0])).code, Code::Batch, "another batch");
    assert_eq!(enclave.send(BOB, &ask(1, 7, &[1.0])).code, Code::Batch, "another row count");
    assert_eq!(enclave.send(BOB, &ask(1, 0, &[1.0, 3.0])).code, Code::Batch, "no batch");
    let answer = enclave.send(BOB, &ask(1, 7, &[1.0, 3.0]));
    assert_eq!((answer.code, answer.outputs()), (Code::Done, vec![5.0, 11.0]));
    // the supplier's rows are part of what the id stands for
    assert_eq!(enclave.send(CAROL, &supply(2, 7, &[0.0, 4.0])).code, Code::Done);
    assert_eq!(enclave.send(BOB, &ask(1, 7, &[1.0, 3.0])).code, Code::Reused);
    let answer = enclave.send(BOB, &ask(2, 7, &[1.0, 3.0]));
    assert_eq!((answer.code, answer.outputs()), (Code::Done, vec![1.0, 11.0]));
    // a supplier's values are judged, its budget counts, and it may not ask
    assert_eq!(enclave.send(CAROL, &supply(3, 7, &[0.0, 101.0])).code, Code::Values);
    assert_eq!(enclave.send(CAROL, &supply(3, 7, &[0.0, 1.0])).code, Code::Done);
    assert_eq!(enclave.send(CAROL, &supply(4, 7, &[0.0, 1.0])).code, Code::Budget);
    assert_eq!(enclave.send(CAROL, &ask(5, 7, &[0.0])).code, Code::NotAllowed);
    assert_eq!(enclave.send(BOB, &supply(5, 7, &[0.0])).code, Code::NotAllowed);
}

#[derive(Clone, Debug)]
enum Step {
    Score { party: u16, id: u8, content: u8, rows: u8 },
    Store(Mood),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let mood =
        prop::sample::select(vec![Mood::Stores, Mood::Stores, Mood::KeepsSilently, Mood::Loses]);
    prop_oneof![
        8 => (0u16..2, 0u8..5, 0u8..2, 1u8..8).prop_map(|(party, id, content, rows)| {
            Step::Score { party, id, content, rows }
        }),
        2 => mood.prop_map(Step::Store),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever parties ask, whatever the store does, and wherever the enclave is killed: no boot
    /// releases more distinct evaluations, or rows of them, than the agreement gives, and a reply to
    /// a request is the same whenever it comes.
    #[test]
    fn no_boot_releases_more_than_agreed(steps in prop::collection::vec(step(), 1..60)) {
        let mut boots = 0;
        let mut enclave = Enclave::loaded(terms(false));
        let mut released: [HashMap<Vec<u8>, u64>; 2] = Default::default();
        let mut replies: HashMap<(u16, u8, u8, u8), Vec<u8>> = HashMap::new();
        for step in steps {
            match step {
                Step::Store(mood) => enclave.mood(mood),
                Step::Restart => {
                    // a new boot starts empty: budgets are for one provisioning
                    boots += 1;
                    enclave = Enclave::try_start(terms(false), boots % 60 * 4).ok().unwrap();
                    enclave.submit(ALICE, 100, &program_bytes(1.0));
                    released = Default::default();
                    replies.clear();
                }
                Step::Score { party, id, content, rows } => {
                    let values = vec![f64::from(content); usize::from(rows) * 2];
                    let before = enclave.status(party).reply.counters;
                    let answer = enclave.score(party, id, &values);
                    let after = enclave.status(party).reply.counters;
                    let request = (party, id, content, rows);
                    if answer.code == Code::Done {
                        let earlier = replies.entry(request).or_insert_with(|| answer.body.clone());
                        prop_assert_eq!(&*earlier, &answer.body);
                        released[usize::from(party)].insert(vec![id], rows.into());
                    } else {
                        prop_assert!(answer.is_empty());
                    }
                    // only a new request that is charged costs anything, and it costs what it should
                    let cost = Counters {
                        score_calls: before.score_calls.saturating_sub(1),
                        score_rows: before.score_rows.saturating_sub(rows.into()),
                        phase: after.phase,
                        ..before
                    };
                    let free = Counters { phase: after.phase, ..before };
                    prop_assert!(after == free || after == cost);
                    if !matches!(answer.code, Code::Done | Code::Store) {
                        prop_assert_eq!(after, free, "{:?} was charged", answer.code);
                    }
                }
            }
            for (party, (calls, rows)) in released.iter().zip([(3, 30), (2, 12)]) {
                prop_assert!(party.len() <= calls);
                prop_assert!(party.values().sum::<u64>() <= rows);
            }
        }
    }
}
