//! Every refusal has its code, the size of a success, a record of the same size, and costs nothing.

use enclave_host::pace::Trial;
use enclave_host::{StartError, score_outputs};
use protocol::Code;
use protocol::agreement::*;
use protocol::frame::{HEADER, Header, Kind};
use protocol::message::{Content, RawOperation, RawRequest, RequestId};

use crate::world::*;

#[test]
fn refused_rows_look_like_answered_ones() {
    let success = Enclave::loaded(terms(false)).score(BOB, 1, &[1.0, 2.0]);
    let fixed = success.body.len() - success.reply.outputs.expose().len();
    assert_eq!(success.body.len(), fixed + score_outputs(&terms(false)));
    let spent = |enclave: &mut Enclave| {
        enclave.score(BOB, 11, &[0.0, 0.0]);
        enclave.score(BOB, 12, &[0.0, 0.0]);
    };
    type Prepare = fn(&mut Enclave);
    let nothing: Prepare = |_| {};
    let too_many = [0.0; 22];
    let cases: Vec<(Code, Prepare, u16, RawRequest)> = vec![
        (Code::Budget, spent, BOB, score(1, [0; 16], &[1.0, 2.0], 2)),
        (Code::Reused, spent, BOB, score(11, [0; 16], &[1.0, 2.0], 2)),
        (Code::Rows, nothing, BOB, score(1, [0; 16], &[], 2)),
        (Code::Rows, nothing, BOB, score(1, [0; 16], &too_many, 2)),
        (Code::Malformed, nothing, BOB, score(1, [0; 16], &[1.0, 2.0, 3.0], 2)),
        (Code::Malformed, nothing, BOB, score(1, [0; 16], &[1.0, 2.0], 1)),
        (Code::Values, nothing, BOB, score(1, [0; 16], &[1.0, 100.5], 2)),
        (Code::Values, nothing, BOB, score(1, [0; 16], &[f64::NAN, 1.0], 2)),
        (Code::Values, nothing, BOB, score(1, [0; 16], &[f64::INFINITY, 1.0], 2)),
        (Code::Batch, nothing, BOB, score(1, [1; 16], &[1.0, 2.0], 2)),
        (Code::NotAllowed, nothing, CAROL, score(1, [0; 16], &[1.0, 2.0], 2)),
        (Code::NotAllowed, nothing, 9, score(1, [0; 16], &[1.0, 2.0], 2)),
        (Code::Window, |enclave| enclave.now = Some(99), ALICE, score(1, [0; 16], &[1.0, 2.0], 2)),
        (Code::Window, |enclave| enclave.now = Some(200), ALICE, score(1, [0; 16], &[1.0, 2.0], 2)),
        (Code::Window, |enclave| enclave.now = None, ALICE, score(1, [0; 16], &[1.0, 2.0], 2)),
        (Code::Store, |enclave| enclave.mood(Mood::Loses), BOB, score(1, [0; 16], &[1.0, 2.0], 2)),
    ];
    for (code, prepare, party, request) in cases {
        let mut agreed = terms(false);
        agreed.parties[0].window = Window { from: 100, until: 200 };
        let mut enclave = Enclave::start(agreed);
        enclave.now = Some(150);
        assert_eq!(enclave.submit(ALICE, 100, &program_bytes(1.0)).code, Code::Done);
        prepare(&mut enclave);
        let (before, records) = (enclave.status(party).reply.counters, enclave.records());
        let answer = enclave.send(party, &request);
        assert_eq!(answer.code, code);
        assert!(answer.is_empty(), "{code:?}");
        assert_eq!(answer.body.len(), success.body.len(), "{code:?}");
        let after = enclave.status(party).reply.counters;
        if code != Code::Store {
            assert_eq!(after, before, "{code:?} was charged");
            assert_eq!(enclave.records(), records + 1, "{code:?}: one record, as for a success");
        }
    }
}

#[test]
fn without_a_program_rows_are_refused_by_phase() {
    let mut enclave = Enclave::start(terms(false));
    let answer = enclave.score(BOB, 1, &[1.0, 2.0]);
    assert_eq!((answer.code, answer.is_empty()), (Code::Phase, true));
    assert_eq!(answer.reply.counters.phase, 0);
}

/// An output outside the range: the call is charged, since its outcome tells something; nothing else
/// leaves.
#[test]
fn an_output_outside_the_range_releases_nothing() {
    let mut enclave = Enclave::loaded(terms(false));
    let answer = enclave.score(BOB, 1, &[1.0, 2.0, 100.0, 100.0]);
    assert_eq!((answer.code, answer.is_empty()), (Code::Output, true));
    assert_eq!(answer.reply.counters.score_calls, 1);
}

#[test]
fn programs_are_refused_with_one_code_and_uncharged() {
    let good = program_bytes(1.0);
    let mut damaged = good.clone();
    *damaged.last_mut().unwrap() = 0xff; // an intercept of NaN
    let mut short = good.clone();
    short.pop();
    let mut other_card = good.clone();
    // the names are the last bytes of the header
    let name = other_card.windows(2).rposition(|pair| pair == b"xy").unwrap();
    other_card[name] = b'z';
    let big = [good.clone(), vec![0; 2 << 20]].concat();
    let mut enclave = Enclave::start(terms(false));
    let size = enclave.submit(ALICE, 1, &good).body.len();
    for program in [&damaged, &short, &other_card, &big, &vec![]] {
        let answer = enclave.submit(ALICE, 2, program);
        assert_eq!((answer.code, answer.is_empty()), (Code::Program, true));
        assert_eq!((answer.body.len(), answer.reply.counters.submit_calls), (size, 2));
    }
    assert_eq!(enclave.submit(BOB, 2, &good).code, Code::NotAllowed);
    // the last one before the first data call counts
    assert_eq!(enclave.submit(ALICE, 2, &program_bytes(3.0)).code, Code::Done);
    assert_eq!(enclave.score(BOB, 1, &[1.0, 2.0]).outputs(), [7.0]);
    let frozen = enclave.submit(ALICE, 3, &good);
    assert_eq!((frozen.code, frozen.body.len()), (Code::Phase, size));
    assert_eq!(enclave.score(BOB, 2, &[1.0, 2.0]).outputs(), [7.0]);
}

/// Columns that a party brings for others are refused as rows to score are.
#[test]
fn supplies_are_refused_like_scores() {
    let supply = |id: u8, batch: u8, values: &[f64], columns: usize| RawRequest {
        id: RequestId([id; 16]),
        operation: RawOperation::Supply(rows([batch; 16], values, columns)),
    };
    let size = {
        let mut enclave = Enclave::loaded(terms(true));
        let answer = enclave.send(CAROL, &supply(1, 7, &[2.0], 1));
        assert_eq!(answer.code, Code::Done);
        answer.body.len()
    };
    let eleven = [0.0; 11];
    let ten = [0.0; 10];
    for (code, party, request) in [
        (Code::NotAllowed, ALICE, supply(1, 7, &[2.0], 1)),
        (Code::NotAllowed, BOB, supply(1, 7, &[2.0], 1)),
        (Code::NotAllowed, CAROL, supply(1, 0, &[2.0], 1)),
        (Code::Reused, CAROL, supply(90, 7, &[3.0], 1)),
        (Code::Rows, CAROL, supply(1, 7, &[], 1)),
        (Code::Rows, CAROL, supply(1, 7, &eleven, 1)),
        (Code::Malformed, CAROL, supply(1, 7, &[1.0, 2.0, 3.0], 2)),
        (Code::Values, CAROL, supply(1, 7, &[100.5], 1)),
        (Code::Values, CAROL, supply(1, 7, &[f64::NAN], 1)),
        (Code::Budget, CAROL, supply(1, 7, &ten, 1)),
        (Code::Store, CAROL, supply(1, 7, &[2.0], 1)),
    ] {
        let mut agreed = terms(true);
        agreed.parties[2].supply = Budget { calls: 3, rows: 12 };
        let mut enclave = Enclave::loaded(agreed);
        assert_eq!(enclave.send(CAROL, &supply(90, 7, &[2.0, 2.0, 2.0], 1)).code, Code::Done);
        if code == Code::Store {
            enclave.mood(Mood::Loses);
        }
        let (before, records) = (enclave.status(party).reply.counters, enclave.records());
        let answer = enclave.send(party, &request);
        assert_eq!((answer.code, answer.is_empty()), (code, true));
        assert_eq!(answer.body.len(), size, "{code:?}");
        if code != Code::Store {
            assert_eq!(enclave.status(party).reply.counters, before, "{code:?} was charged");
            assert_eq!(enclave.records(), records + 1, "{code:?}: one record, as for a success");
        }
    }
    // without a program there is nothing to supply for
    let mut empty = Enclave::start(terms(true));
    let answer = empty.send(CAROL, &supply(1, 7, &[2.0], 1));
    assert_eq!((answer.code, answer.body.len()), (Code::Phase, size));
}

#[test]
fn an_exact_program_is_that_one_with_its_salt() {
    let good = program_bytes(1.0);
    let mut agreed = terms(false);
    agreed.program.choice = Choice::Exact(protocol::commitment(&SALT, &good));
    let mut enclave = Enclave::start(agreed);
    assert_eq!(enclave.submit(ALICE, 1, &program_bytes(3.0)).code, Code::Program);
    let program = Content::new(good.clone());
    let operation = RawOperation::Submit { salt: [6; 32], program };
    let request = RawRequest { id: RequestId([2; 16]), operation };
    assert_eq!(enclave.send(ALICE, &request).code, Code::Program);
    assert_eq!(enclave.submit(ALICE, 3, &good).code, Code::Done);
}

#[test]
fn instances_share_budgets_evenly() {
    let mut agreed = terms(false);
    agreed.instances = 2;
    agreed.parties[0].submit_calls = 2;
    agreed.parties[0].score.calls = 2;
    let mut enclave = Enclave::loaded(agreed);
    assert_eq!(enclave.score(BOB, 1, &[1.0, 2.0]).code, Code::Done);
    assert_eq!(enclave.score(BOB, 2, &[1.0, 2.0]).code, Code::Budget);
}

/// What this host cannot do, it says at the start.
#[test]
fn agreements_that_cannot_be_served_are_refused_at_the_start() {
    let mut agreed = terms(false);
    agreed.parties[1].score = Budget { calls: 1 << 29, rows: 1 << 30 };
    assert_eq!(Enclave::try_start(agreed, 0).err(), Some(StartError::Memory));
}

/// A program that takes too long for the bound is refused by name, and nothing is charged.
#[test]
fn a_program_that_is_too_slow_for_the_bound_is_refused() {
    struct TooSlow;
    impl Trial for TooSlow {
        fn fits(&self, run: &mut dyn FnMut()) -> bool {
            run();
            false
        }
    }
    let mut enclave = Enclave::start_on_trial(terms(false), 0, TooSlow).ok().unwrap();
    let answer = enclave.submit(ALICE, 1, &program_bytes(1.0));
    assert_eq!((answer.code, answer.is_empty()), (Code::Slow, true));
    assert_eq!((answer.reply.counters.submit_calls, answer.reply.counters.phase), (3, 0));
    let size = Enclave::start(terms(false)).submit(ALICE, 1, &program_bytes(1.0)).body.len();
    assert_eq!(answer.body.len(), size);
}

/// A program with which the agreed memory could run out is refused before it is taken.
#[test]
fn a_program_that_does_not_fit_the_memory_is_refused() {
    let mut agreed = terms(false);
    // enough for the agreement's own check, and not for a call of each party beside the program
    agreed.limits.memory_mib = 7;
    let mut enclave = Enclave::start(agreed);
    let answer = enclave.submit(ALICE, 1, &program_bytes(1.0));
    assert_eq!((answer.code, answer.is_empty()), (Code::Program, true));
    assert_eq!((answer.reply.counters.submit_calls, answer.reply.counters.phase), (3, 0));
}

/// Bob calls and Carol reads: she gets the last answer, with a receipt of her own, and Bob gets nothing but the word.
#[test]
fn a_reader_that_does_not_call_collects() {
    let mut agreed = terms(true);
    agreed.parties[2].roles.insert(Role::Reader);
    agreed.parties[1].roles.remove(&Role::Reader);
    agreed.releases[0].to = Whom::Party(CAROL);
    let mut enclave = Enclave::loaded(agreed);
    let size = {
        let nothing = enclave.collect(CAROL);
        assert_eq!((nothing.code, nothing.is_empty()), (Code::Nothing, true));
        for party in [ALICE, BOB] {
            let refused = enclave.collect(party);
            assert_eq!((refused.code, refused.is_empty()), (Code::NotAllowed, true));
            assert_eq!(refused.body.len(), nothing.body.len());
        }
        nothing.body.len()
    };
    let columns = |id: u8, values: &[f64]| RawRequest {
        id: RequestId([id; 16]),
        operation: RawOperation::Supply(rows([7; 16], values, 1)),
    };
    assert_eq!(enclave.send(CAROL, &columns(50, &[2.0, 4.0])).code, Code::Done);
    let records = enclave.records();
    let answer = enclave.send(BOB, &score(1, [7; 16], &[1.0, 3.0], 1));
    assert_eq!((answer.code, answer.is_empty()), (Code::Done, true));
    assert_eq!(answer.reply.counters.score_calls, 1);
    for _ in 0..2 {
        let read = enclave.collect(CAROL);
        assert_eq!((read.code, read.outputs()), (Code::Done, vec![5.0, 11.0]));
        assert_eq!(read.body.len(), size);
        let receipt = read.reply.receipt.unwrap();
        assert!(receipt.verify(&enclave.boot.receipt_public_key()));
        assert_eq!(receipt.body.party, enclave.agreement.terms().parties[2].id());
        assert_eq!(receipt.body.request, RequestId([1; 16]));
    }
    // an answer outside the range replaces nothing
    assert_eq!(enclave.send(CAROL, &columns(51, &[100.0, 100.0])).code, Code::Done);
    assert_eq!(enclave.send(BOB, &score(2, [7; 16], &[100.0, 3.0], 1)).code, Code::Output);
    assert_eq!(enclave.collect(CAROL).outputs(), [5.0, 11.0]);
    assert_eq!(enclave.records(), records + 3, "who collects writes no record");
}

#[test]
fn headers_are_capped_before_anything_is_read() {
    let cap = |kind| if kind == Kind::Status { 16 } else { 1000 };
    for kind in Kind::ALL {
        let header = Header::new(kind, 16);
        assert_eq!(Header::parse(&header.encode(), cap), Ok(header));
    }
    let good = Header::new(Kind::Status, 16).encode();
    let with = |place: usize, byte: u8| {
        let mut bytes: [u8; HEADER] = good;
        bytes[place] = byte;
        Header::parse(&bytes, cap)
    };
    assert_eq!(with(0, 2), Err(Code::Version));
    assert_eq!(with(2, 0), Err(Code::Malformed));
    assert_eq!(with(2, 8), Err(Code::Malformed));
    assert_eq!(with(3, 1), Err(Code::Malformed));
    assert_eq!(with(4, 1), Err(Code::Malformed));
    assert_eq!(with(8, 17), Err(Code::Malformed));
    assert_eq!(with(15, 1), Err(Code::Malformed));
}

#[test]
fn codes_and_numbers_go_both_ways() {
    for (number, code) in (0..).zip(Code::ALL) {
        assert_eq!((code.number(), Code::from_number(number)), (number, Some(code)));
        assert!(
            code == Code::Done || code.to_string().contains(": "),
            "{code:?} says how to mend it"
        );
    }
    assert_eq!(Code::from_number(Code::ALL.len() as u16), None);
}

#[test]
fn malformed_bodies_are_refused_by_the_parser() {
    for kind in Kind::ALL {
        for length in [0, 1, 15, 47, 71] {
            let complete = matches!((kind, length), (Kind::Submit, 71));
            let parsed = RawRequest::parse(kind, vec![0; length]).err();
            assert_eq!(parsed, (!complete).then_some(Code::Malformed), "{kind:?} {length}");
        }
    }
    let mut body = score(1, [0; 16], &[1.0, 2.0], 2).encode();
    body[68] = 1;
    assert_eq!(RawRequest::parse(Kind::Score, body).err(), Some(Code::Malformed));
}
