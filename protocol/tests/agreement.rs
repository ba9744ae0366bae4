//! Agreements: what is refused, what the digest covers, and that only one form is read.

use engine::{Output, Precision, Profile, ShapeClass};
use proptest::prelude::*;
use protocol::agreement::*;
use protocol::{Sha256, Sha384};
use std::collections::BTreeSet;

const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ARN_2: &str =
    "arn:aws:kms:eu-central-1:111122223333:key/0987dcba-09fe-87dc-65ba-ab0987654321";

/// Alice submits and asks, Bob asks, Carol brings a column and has no key, and the operator looks on.
fn terms() -> AgreementParts {
    let party = |name: &str, key, authentication, roles: &[Role]| Party {
        name: name.into(),
        key,
        authentication,
        roles: roles.iter().copied().collect(),
        submit_calls: 0,
        supply: Budget::default(),
        score: Budget::default(),
        window: Window::default(),
    };
    let psk = |n| Authentication::Psk { sha256: Sha256([n; 32]) };
    let tls = |n| Authentication::Tls { key_sha256: Sha256([n; 32]) };
    let mut alice = party("alice", PartyKey::Kms(ARN.into()), psk(1), &[Role::ModelOwner]);
    alice.submit_calls = 2;
    let mut bob =
        party("bob", PartyKey::Kms(ARN_2.into()), psk(2), &[Role::DataOwner, Role::Reader]);
    bob.score = Budget { calls: 4, rows: 400 };
    let mut carol = party("carol", PartyKey::NoneAccepted, tls(3), &[Role::DataOwner]);
    carol.supply = Budget { calls: 4, rows: 400 };
    let operator = party("operator", PartyKey::NoneAccepted, tls(4), &[Role::Operator]);
    let column = |name: &str, values, from| Column {
        name: name.into(),
        values,
        missing: Missing::Refused,
        from,
    };
    AgreementParts {
        name: "test".into(),
        image: Image::Prebuilt {
            pcr0: Sha384([1; 48]),
            pcr1: Sha384([2; 48]),
            pcr2: Sha384([3; 48]),
        },
        kms_roots: BTreeSet::from([KmsRoot::Amazon, KmsRoot::Certificate(Sha256([9; 32]))]),
        instances: 2,
        restart: Restart::ReProvision,
        parties: vec![alice, bob, carol, operator],
        program: ProgramTerms {
            profile: Profile::Strict,
            class: ShapeClass::Auto,
            card: Sha384([4; 48]),
            choice: Choice::Exact(Sha384([5; 48])),
        },
        input: InputTerms {
            precision: Precision::F32,
            rows_per_call: 100,
            columns: vec![
                column("age", ColumnValues::Number { min: 0.0, max: 120.0 }, Whom::Caller),
                column("count", ColumnValues::Integer { min: -5, max: 5 }, Whom::Party(2)),
                column(
                    "colour",
                    ColumnValues::Category { categories: vec!["red".into(), "green".into()] },
                    Whom::Caller,
                ),
            ],
        },
        output: OutputTerms { output: Output::Probability, count: 1, min: 0.0, max: 1.0 },
        releases: vec![Release {
            to: Whom::Caller,
            form: Form::Rows,
            digits: Digits::Decimals(3),
            row_disclosure: RowDisclosure::Refused,
        }],
        replies: Replies { bound_ms: 1000, quantum_ms: 100, factor: 2 },
        limits: Limits {
            memory_mib: 64,
            program_mib: 4,
            message_mib: 8,
            connections: 8,
            idle_seconds: 60,
        },
    }
}

type Change = fn(&mut AgreementParts);

/// Every term, changed into another valid one.
const CHANGES: &[Change] = &[
    |t| t.name = "another".into(),
    |t| {
        t.image =
            Image::Prebuilt { pcr0: Sha384([7; 48]), pcr1: Sha384([2; 48]), pcr2: Sha384([3; 48]) }
    },
    |t| {
        t.image =
            Image::Prebuilt { pcr0: Sha384([1; 48]), pcr1: Sha384([7; 48]), pcr2: Sha384([3; 48]) }
    },
    |t| {
        t.image =
            Image::Prebuilt { pcr0: Sha384([1; 48]), pcr1: Sha384([2; 48]), pcr2: Sha384([7; 48]) }
    },
    |t| t.image = Image::Dedicated { pcr1: Sha384([1; 48]), application: Sha384([2; 48]) },
    |t| t.image = Image::Dedicated { pcr1: Sha384([2; 48]), application: Sha384([1; 48]) },
    |t| _ = t.kms_roots.pop_last(),
    |t| _ = t.kms_roots.pop_first(),
    |t| t.instances = 1,
    |t| t.parties[0].name = "alina".into(),
    |t| t.parties[0].key = PartyKey::Kms(ARN_2.replace('0', "1")),
    |t| t.parties[0].authentication = Authentication::Psk { sha256: Sha256([8; 32]) },
    |t| t.parties[0].authentication = Authentication::Tls { key_sha256: Sha256([1; 32]) },
    |t| _ = t.parties[3].roles.insert(Role::Operator) | t.parties[0].roles.insert(Role::Operator),
    |t| t.parties[0].roles = BTreeSet::from([Role::RuleOwner]),
    |t| t.parties[0].submit_calls = 4,
    |t| t.parties[1].score.calls = 2,
    |t| t.parties[1].score.rows = 402,
    |t| t.parties[2].supply.calls = 2,
    |t| t.parties[2].supply.rows = 402,
    |t| t.parties[1].window.from = 1,
    |t| t.parties[1].window.until = 2,
    |t| t.parties.swap(0, 1),
    |t| _ = t.parties.pop(),
    |t| t.program.profile = Profile::DataOblivious,
    |t| t.program.class = ShapeClass::Exact,
    |t| t.program.card.0[47] = 0,
    |t| t.program.choice = Choice::Any,
    |t| t.program.choice = Choice::Exact(Sha384([6; 48])),
    |t| t.input.precision = Precision::F64,
    |t| t.input.rows_per_call = 99,
    |t| t.input.columns[0].name = "Age".into(),
    |t| t.input.columns[0].values = ColumnValues::Number { min: 1.0, max: 120.0 },
    |t| t.input.columns[0].values = ColumnValues::Number { min: 0.0, max: 121.0 },
    |t| t.input.columns[0].values = ColumnValues::Integer { min: 0, max: 120 },
    |t| t.input.columns[1].values = ColumnValues::Integer { min: -6, max: 5 },
    |t| t.input.columns[1].values = ColumnValues::Integer { min: -5, max: 6 },
    |t| t.input.columns[2].values = ColumnValues::Category { categories: vec!["red".into()] },
    |t| {
        t.input.columns[2].values =
            ColumnValues::Category { categories: vec!["green".into(), "red".into()] }
    },
    |t| t.input.columns[0].missing = Missing::Allowed,
    |t| t.input.columns[0].from = Whom::Party(2),
    |t| t.input.columns.swap(0, 2),
    |t| _ = t.input.columns.pop(),
    |t| t.output.output = Output::Margin,
    |t| t.output.output = Output::Prediction,
    |t| t.output.output = Output::Label,
    |t| t.output.count = 2,
    |t| t.output.min = 0.25,
    |t| t.output.max = 0.75,
    |t| t.releases[0].to = Whom::Party(1),
    |t| t.releases[0].digits = Digits::Full,
    |t| t.releases[0].digits = Digits::Decimals(4),
    |t| {
        t.parties[0].roles.insert(Role::Reader);
        let row_disclosure = RowDisclosure::Accepted;
        t.releases.push(Release { to: Whom::Party(0), row_disclosure, ..t.releases[0] });
    },
    |t| {
        t.parties[0].roles = BTreeSet::from([Role::RuleOwner]);
        t.releases[0].form = Form::Aggregate { minimum_rows: 10 };
    },
    |t| {
        t.parties[0].roles = BTreeSet::from([Role::RuleOwner]);
        t.releases[0].form = Form::Aggregate { minimum_rows: 11 };
    },
    |t| t.replies.bound_ms = 1001,
    |t| t.replies.quantum_ms = 101,
    |t| t.replies.factor = 3,
    |t| t.limits.memory_mib = 65,
    |t| t.limits.program_mib = 5,
    |t| t.limits.message_mib = 9,
    |t| t.limits.connections = 9,
    |t| t.limits.idle_seconds = 61,
];

#[test]
fn the_digest_covers_every_term_and_the_form_reads_back() {
    let mut seen = BTreeSet::new();
    let nothing: Change = |_| {};
    for (number, change) in std::iter::once(&nothing).chain(CHANGES).enumerate() {
        let mut terms = terms();
        change(&mut terms);
        let agreement = Agreement::new(terms.clone())
            .unwrap_or_else(|error| panic!("change {number} is refused: {error}"));
        assert_eq!(agreement.terms(), &terms, "change {number}");
        assert!(seen.insert(agreement.digest()), "change {number} has a digest that was there");
        assert_eq!(Agreement::decode(agreement.encode()).unwrap(), agreement, "change {number}");
    }
}

#[test]
fn terms_that_break_a_rule_are_refused_by_name() {
    let cases: &[(Change, &str, &str)] = &[
        (|t| t.name = String::new(), "name", "1 to 256 bytes"),
        (|t| t.name = "a\nb".into(), "name", "control characters"),
        (
            |t| {
                t.image = Image::Prebuilt {
                    pcr0: Sha384([0; 48]),
                    pcr1: Sha384([2; 48]),
                    pcr2: Sha384([3; 48]),
                }
            },
            "image.pcr0",
            "all zeros",
        ),
        (
            |t| t.image = Image::Dedicated { pcr1: Sha384([2; 48]), application: Sha384([0; 48]) },
            "image.application_sha384",
            "all zeros",
        ),
        (|t| t.kms_roots.clear(), "kms_roots", "1 to 16"),
        (
            |t| _ = t.kms_roots.insert(KmsRoot::Certificate(Sha256([0; 32]))),
            "kms_roots",
            "all zeros",
        ),
        (|t| t.instances = 0, "instances", "outside 1 to 1024"),
        (|t| t.instances = 3, "party[0].submit_calls", "split evenly"),
        (|t| t.parties[1].score.rows = 401, "party[1].score_rows", "split evenly"),
        (|t| t.parties.clear(), "party", "1 to 64"),
        (|t| t.parties[0].name = "Alice".into(), "party[0].name", "small letters"),
        (|t| t.parties[0].name = "caller".into(), "party[0].name", "another name"),
        (|t| t.parties[1].name = "alice".into(), "party[1].name", "used twice"),
        (
            |t| {
                t.parties[0].key =
                    PartyKey::Kms("arn:aws:kms:eu-central-1:111122223333:alias/a".into())
            },
            "party[0].kms_key_arn",
            "alias",
        ),
        (
            |t| t.parties[0].key = PartyKey::Kms("1234abcd-12ab-34cd-56ef-1234567890ab".into()),
            "party[0].kms_key_arn",
            "full ARN",
        ),
        (
            |t| t.parties[0].key = PartyKey::Kms(format!("{ARN}0")),
            "party[0].kms_key_arn",
            "full ARN",
        ),
        (
            |t| t.parties[0].key = PartyKey::Kms(ARN.replace(":kms:", ":s3:")),
            "party[0].kms_key_arn",
            "full ARN",
        ),
        (
            |t| t.parties[0].key = PartyKey::Kms(ARN.replace("1111", "111")),
            "party[0].kms_key_arn",
            "full ARN",
        ),
        (|t| t.parties[0].key = PartyKey::Kms(String::new()), "party[0].kms_key_arn", "full ARN"),
        (|t| t.parties[1].key = PartyKey::Kms(ARN.into()), "party[1].kms_key_arn", "alice's"),
        (
            |t| t.parties[0].key = PartyKey::NoneAccepted,
            "party[0].authentication",
            "needs a KMS key",
        ),
        (
            |t| t.parties[0].authentication = Authentication::Psk { sha256: Sha256([0; 32]) },
            "party[0].psk_sha256",
            "all zeros",
        ),
        (
            |t| t.parties[1].authentication = Authentication::Psk { sha256: Sha256([1; 32]) },
            "party[1].psk_sha256",
            "alice's",
        ),
        (|t| t.parties[0].roles.clear(), "party", "exactly one party submits"),
        (|t| t.parties[3].roles.clear(), "party[3].roles", "1 to 5"),
        (|t| _ = t.parties[1].roles.insert(Role::RuleOwner), "party", "exactly one party submits"),
        (|t| t.parties[0].submit_calls = 0, "party[0].roles", "needs submit_calls"),
        (|t| t.parties[1].submit_calls = 2, "party[1].submit_calls", "does not have the role"),
        (|t| t.parties[1].score.rows = 0, "party[1].score_rows", "calls without rows"),
        (|t| t.parties[1].score.calls = 0, "party[1].score_rows", "calls without rows"),
        (
            |t| t.parties[1].supply = Budget { calls: 2, rows: 2 },
            "party[1].supply_calls",
            "does not have the role",
        ),
        (
            |t| t.parties[3].score = Budget { calls: 2, rows: 2 },
            "party[3].score_calls",
            "does not have the role",
        ),
        (|t| _ = t.parties[0].roles.insert(Role::Reader), "party[0].roles", "needs a release"),
        (
            |t| _ = t.parties[1].roles.remove(&Role::Reader),
            "party[1].score_calls",
            "does not have the role",
        ),
        (
            |t| _ = t.parties[3].roles.insert(Role::DataOwner),
            "party[3].roles",
            "\"data-owner\" needs",
        ),
        (
            |t| t.parties[1].window = Window { from: 5, until: 5 },
            "party[1].valid_until",
            "ends before",
        ),
        (|t| t.program.card = Sha384([0; 48]), "program.card", "all zeros"),
        (|t| t.program.choice = Choice::Exact(Sha384([0; 48])), "program.commitment", "all zeros"),
        (|t| t.input.rows_per_call = 0, "input.rows_per_call", "outside 1"),
        (|t| t.input.columns.clear(), "input.column", "1 to 65536"),
        (|t| t.input.columns[1].name = "age".into(), "input.column[1].name", "used twice"),
        (
            |t| t.input.columns[0].values = ColumnValues::Number { min: 1.0, max: 0.0 },
            "input.column[0].min",
            "finite range",
        ),
        (
            |t| t.input.columns[0].values = ColumnValues::Number { min: f64::NAN, max: 0.0 },
            "input.column[0].min",
            "finite range",
        ),
        (
            |t| t.input.columns[0].values = ColumnValues::Number { min: 0.0, max: f64::INFINITY },
            "input.column[0].min",
            "finite range",
        ),
        (
            |t| t.input.columns[0].values = ColumnValues::Number { min: -0.0, max: 1.0 },
            "input.column[0].min",
            "finite range",
        ),
        (
            |t| t.input.columns[1].values = ColumnValues::Integer { min: 2, max: 1 },
            "input.column[1].min",
            "finite range",
        ),
        (
            |t| t.input.columns[1].values = ColumnValues::Integer { min: 0, max: (1 << 24) + 1 },
            "input.column[1].min",
            "f32 rows",
        ),
        (
            |t| t.input.columns[2].values = ColumnValues::Category { categories: vec![] },
            "input.column[2].categories",
            "1 to 65536",
        ),
        (
            |t| {
                t.input.columns[2].values =
                    ColumnValues::Category { categories: vec!["a".into(), "a".into()] }
            },
            "input.column[2].categories",
            "used twice",
        ),
        (|t| t.input.columns[1].from = Whom::Party(1), "input.column[1].from", "no rows to bring"),
        (|t| t.input.columns[1].from = Whom::Party(9), "input.column[1].from", "no party"),
        (|t| t.output.count = 0, "output.count", "outside 1"),
        (|t| t.output.output = Output::Leaf, "output.output", "would tell the model"),
        (|t| t.output.max = 1.5, "output.min", "between 0 and 1"),
        (
            |t| (t.output.output, t.output.max) = (Output::Label, 0.5),
            "output.max",
            "number of a class",
        ),
        (|t| t.releases.push(t.releases[0]), "release[1].to", "twice"),
        (|t| t.releases[0].to = Whom::Party(3), "release[0].to", "does not have the role reader"),
        (|t| t.releases[0].to = Whom::Party(9), "release[0].to", "no party"),
        (
            |t| t.releases[0].form = Form::Aggregate { minimum_rows: 10 },
            "release[0].form",
            "come from rules",
        ),
        (
            |t| {
                t.parties[0].roles = BTreeSet::from([Role::RuleOwner]);
                t.releases[0].form = Form::Aggregate { minimum_rows: 1 };
            },
            "release[0].minimum_rows",
            "outside 2",
        ),
        (|t| t.releases[0].digits = Digits::Decimals(16), "release[0].decimals", "outside 0 to 15"),
        (
            |t| t.releases[0].row_disclosure = RowDisclosure::Accepted,
            "release[0].accept_row_disclosure",
            "nothing to accept",
        ),
        // the model's owner reads rows of others: by name, and by calling with another's column
        (
            |t| {
                t.parties[0].roles.insert(Role::Reader);
                t.releases.push(Release { to: Whom::Party(0), ..t.releases[0] });
            },
            "release[1].accept_row_disclosure",
            "\"alice\" owns the model",
        ),
        (
            |t| {
                t.parties[0].roles.extend([Role::Reader, Role::DataOwner]);
                t.parties[0].score = Budget { calls: 2, rows: 2 };
            },
            "release[0].accept_row_disclosure",
            "\"alice\" owns the model",
        ),
        (|t| t.replies.bound_ms = 0, "replies.bound_ms", "outside 1"),
        (|t| t.replies.quantum_ms = 1001, "replies.quantum_ms", "outside 1 to 1000"),
        (|t| t.replies.factor = 0, "replies.factor", "outside 1 to 100"),
        (|t| t.limits.program_mib = 0, "limits.program_mib", "outside 1"),
        (|t| t.limits.message_mib = 4, "limits.message_mib", "takes 5 MiB"),
        (|t| t.limits.memory_mib = 35, "limits.memory_mib", "takes 36 MiB"),
        (|t| t.limits.connections = 4, "limits.connections", "5 at least"),
        (|t| t.limits.idle_seconds = 0, "limits.idle_seconds", "outside 1"),
    ];
    for (change, path, says) in cases {
        let mut terms = terms();
        change(&mut terms);
        let error = Agreement::new(terms).expect_err(path);
        let text = error.to_string();
        assert_eq!(&error.path, path, "{text}");
        assert!(text.contains(says), "{text:?} does not say {says:?}");
    }
}

#[test]
fn other_versions_are_named() {
    let canonical = Agreement::new(terms()).unwrap().encode().to_vec();
    for (byte, path) in [(8, "agreement"), (12, "semantics")] {
        let mut bytes = canonical.clone();
        bytes[byte] = 2;
        let error = Agreement::decode(&bytes).unwrap_err();
        assert_eq!(
            (error.path.as_str(), error.fault),
            (path, Fault::Version { found: 2, known: 1 })
        );
    }
}

#[test]
fn only_one_order_is_canonical() {
    let canonical = Agreement::new(terms()).unwrap().encode().to_vec();
    // the two roots, which are a set: 33 bytes each, Amazon's first
    let roots: Vec<u8> = [[0; 33].as_slice(), &[1], &[9; 32]].concat();
    let start = canonical.windows(66).position(|window| window == roots).unwrap();
    let mut turned = canonical.clone();
    turned[start..start + 66].rotate_left(33);
    assert_eq!(Agreement::decode(&turned).unwrap_err().fault, Fault::NotCanonical);
}

proptest! {
    /// Whatever is read back is exactly what was sent: no two byte strings are one agreement.
    #[test]
    fn damaged_bytes_are_refused_or_another_agreement(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        shorten in any::<bool>(),
    ) {
        let whole = Agreement::new(terms()).unwrap();
        let mut bytes = whole.encode().to_vec();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if shorten {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(agreement) = Agreement::decode(&bytes) {
            prop_assert_eq!(agreement.encode(), bytes.as_slice());
            prop_assert_eq!(agreement.digest() == whole.digest(), bytes == whole.encode());
        }
    }
}

#[test]
fn disclosure_counts_outputs_width_calls_and_rows() {
    let reading = |change: Change| {
        let mut terms = terms();
        change(&mut terms);
        readings(&Agreement::new(terms).unwrap())
    };
    // 1,001 values of three decimals between 0 and 1 take 10 bits
    let all = reading(|_| {});
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].reader, all[0].values, all[0].bits_per_value), (1, 1, 10));
    assert_eq!((all[0].calls, all[0].rows, all[0].bits_in_total()), (4, 400, 4_000));
    assert!(all[0].of_others, "carol brings a column");
    // four calls of 100 rows hold no more than 400 rows, whatever the budget says
    assert_eq!(reading(|t| t.parties[1].score.rows = 4_000)[0].rows, 400);
    assert_eq!(reading(|t| t.output.count = 3)[0].bits_in_total(), 12_000);
    assert_eq!(reading(|t| t.releases[0].digits = Digits::Full)[0].bits_in_total(), 64 * 400);
    // two classes
    let label =
        reading(|t| (t.output.output, t.releases[0].digits) = (Output::Label, Digits::Full));
    assert_eq!(label[0].bits_per_value, 1);
    assert!(
        reading(|t| {
            t.releases.clear();
            t.parties[1].roles.remove(&Role::Reader);
        })
        .is_empty()
    );
    // a rule's aggregate counts once for a call
    let aggregate = reading(|t| {
        t.parties[0].roles = BTreeSet::from([Role::RuleOwner]);
        t.releases[0].form = Form::Aggregate { minimum_rows: 10 };
    });
    assert_eq!(aggregate[0].bits_in_total(), 40);
}
