//! What is done with hostile bytes, one body for each kind of file. The fuzz targets feed it with
//! invented bytes, `tests/tests/fuzz_regressions.rs` with the ones that once broke something.
//!
//! A body panics if a promise is broken: an error that is more than one short line, bytes that
//! decode to a program which encodes to others, backends that disagree on a compiled model. It must not
//! panic otherwise.

pub(crate) mod connection;

use client::data::{self, Limits, Selection};
use engine::Secret;
use engine::{
    Backend, CompileOptions, Evaluation, LabelRule, Model, Output, Precision, Profile, Program,
    Purpose, RowValues, Rows, Schema, Scores, ShapeClass, SumMode,
};
use models::{ImportOptions, Iterations};
use protocol::Sha384;
use protocol::agreement::{Agreement, Reading, facts, readings};
use protocol::attestation::{Document, Measurements, Root};
use protocol::envelope::RecipientKey;
use protocol::frame::{HEADER, Header, Kind};
use protocol::kms::{MAX_CIPHERTEXT, Signed, ToSign};
use protocol::layers::Head;
use protocol::message::{RawRequest, Reply};
use protocol::parent::Place;
use protocol::receipt::Receipt;
use protocol::record::Opener;
use std::num::NonZeroUsize;
use std::sync::LazyLock;

/// Runs the body of a target.
pub(crate) fn run(target: &str, bytes: &[u8]) {
    match target {
        "xgboost" | "lightgbm" | "sklearn" => model(bytes),
        "csv" | "npy" | "parquet" => rows(target, bytes),
        "program" => program(bytes),
        "rule" => rule(bytes),
        "agreement" => agreement(bytes),
        "frame" => frames(bytes),
        "message" => message(bytes),
        "connection" => connection::run(bytes),
        "attestation" => attestation(bytes),
        "envelope" => envelope(bytes),
        "kms" => kms(bytes),
        "stored" => stored(bytes),
        other => panic!("no target {other}"),
    }
}

/// A model file: imported, compiled every way, through its bytes, and evaluated.
fn model(bytes: &[u8]) {
    for iterations in [None, Some(Iterations::Best), Some(Iterations::All)] {
        let options = ImportOptions { iterations, ..ImportOptions::default() };
        match models::import(bytes, &options) {
            Ok(imported) => {
                compiled(&imported.model);
                return;
            }
            Err(error) => one_line(&error.to_string()),
        }
    }
}

fn compiled(model: &Model) {
    for (profile, class, sum, purpose) in [
        (Profile::Strict, ShapeClass::Auto, SumMode::Source, Purpose::Scores),
        (Profile::DataOblivious, ShapeClass::Exact, SumMode::Fixed, Purpose::Scores),
        (Profile::Strict, ShapeClass::Exact, SumMode::Source, Purpose::LeafIds),
    ] {
        let options = CompileOptions { profile, class, sum, purpose, precision: None };
        match engine::compile(model, &options) {
            Ok(program) => {
                if let Ok(bytes) = protocol::program::encode(program) {
                    let program = protocol::program::decode(&bytes).expect("what was encoded");
                    for scores in evaluated(&program) {
                        let agree = scores.windows(2).all(|pair| same(&pair[0], &pair[1]));
                        assert!(agree, "backends disagree: {scores:?}");
                    }
                }
            }
            Err(error) => one_line(&error.to_string()),
        }
    }
}

/// Program bytes: decoded, encoded again, evaluated. Backends may disagree here: nodes that no compiler
/// makes can leave a block past its last exit, and what a lookup finds there has no meaning
/// (`ops::Lanes::lookup`).
fn program(bytes: &[u8]) {
    match protocol::program::decode(bytes) {
        Ok(program) => {
            let _ = evaluated(&program);
            let again = protocol::program::encode(program).expect("its names were short enough");
            // parameters are raw planes: what is not looked at stays as it was
            assert!(again == bytes, "another form of the same program");
        }
        Err(error) => one_line(&error.to_string()),
    }
}

/// A rule's text, and after a zero byte patches of its program bytes, ten bytes each: which word, and
/// what is flipped in it. Text to program to bytes, patched bytes to a program or an error, and zeros
/// through whatever programs there are.
fn rule(bytes: &[u8]) {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let (text, patches) = bytes.split_at(end);
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut model = |_: &str| Err("no models here".to_owned());
    let given = rules::Given { parameters: None, rows: None, model: &mut model };
    let compiled = rules::parse(text).and_then(|rule| rules::check(&rule, given));
    let program = match compiled {
        Ok(compiled) => compiled.program,
        Err(error) => return one_line(&error.to_string()),
    };
    zeros_through(&program);
    let Ok(mut bytes) = protocol::program::encode(program) else { return };
    for patch in patches.get(1..).unwrap_or_default().chunks_exact(10) {
        let place = usize::from(u16::from_le_bytes([patch[0], patch[1]])) * 8;
        let word = bytes.iter_mut().skip(place).take(8);
        word.zip(&patch[2..]).for_each(|(byte, flip)| *byte ^= flip);
    }
    match protocol::program::decode(&bytes) {
        Ok(program) => {
            zeros_through(&program);
            let again = protocol::program::encode(program).expect("as small as before");
            assert!(again == bytes, "another form of the same rule");
        }
        Err(error) => one_line(&error.to_string()),
    }
}

/// Two rows of zeros through a rule on every backend: in the steps of its shape, with one result.
fn zeros_through(program: &Program) {
    use engine::rule::{Number, Per, RuleColumn, RuleInputs, evaluate_rule, rule_cost};
    let [engine::shape::StepShape::Rule(rule)] = program.shape().steps.as_slice() else { return };
    let cost = rule_cost(rule);
    if engine::cost(program.shape()).scratch_bytes > 64 << 20 || cost.steps(2) > 1 << 20 {
        return;
    }
    let rows = 2.min(rule.most_rows) as usize;
    let columns = rule.inputs.iter().map(|input| {
        let rows = if input.per == Per::Row { rows } else { 1 };
        match input.number {
            Number::F32 => RuleColumn::F32(vec![0.0; rows]),
            Number::F64 => RuleColumn::F64(vec![0.0; rows]),
            _ => RuleColumn::I64(vec![0; rows]),
        }
    });
    let inputs = RuleInputs::new(rows, columns.collect());
    let run = |backend| evaluate_rule(program, &inputs, backend).expect("inputs that fit");
    let all: Vec<_> = Backend::available().into_iter().map(run).collect();
    assert!(all.iter().all(|found| found == &all[0]), "backends disagree");
    assert_eq!(all[0].steps, cost.steps(rows as u64));
}

/// An agreement: as canonical bytes, and as TOML.
fn agreement(bytes: &[u8]) {
    match Agreement::decode(bytes) {
        Ok(agreement) => assert!(agreement.encode() == bytes, "another form of one agreement"),
        Err(error) => one_line(&error.to_string()),
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match client::agreement::parse(text) {
        Ok(agreement) => {
            let again = Agreement::decode(agreement.encode()).expect("its own canonical form");
            assert!(again == agreement && again.digest() == agreement.digest());
            // figures of any agreement fit their types
            let bits = readings(&agreement).iter().map(Reading::bits_in_total).max();
            assert!(bits.unwrap_or(0) < 1 << 62);
            facts(&agreement).iter().for_each(|(path, _)| assert!(!path.is_empty()));
        }
        Err(error) => one_line(&error.to_string()),
    }
}

/// A stream of frames: header, body, header, until one is refused or cut off.
fn frames(mut bytes: &[u8]) {
    let cap = |kind: Kind| if kind == Kind::Score { 1 << 16 } else { 64 };
    while let Some((head, rest)) = bytes.split_first_chunk::<HEADER>() {
        let Ok(header) = Header::parse(head, cap) else { return };
        assert!(header.encode() == *head && header.length() <= cap(header.kind()));
        let Some((body, after)) = rest.split_at_checked(header.length() as usize) else { return };
        if let Ok(request) = RawRequest::parse(header.kind(), body.to_vec()) {
            assert!(request.encode() == body, "another form of one request");
        }
        bytes = after;
    }
}

/// What travels inside the channel: a request of every kind, a reply, a receipt.
fn message(bytes: &[u8]) {
    for kind in Kind::ALL {
        if let Ok(request) = RawRequest::parse(kind, bytes.to_vec()) {
            assert!(request.encode() == bytes, "another form of one request");
        }
    }
    if let Ok(reply) = Reply::parse(bytes.to_vec()) {
        let outputs = reply.outputs.expose().len();
        assert!(reply.encode(outputs) == bytes, "another form of one reply");
    }
    if let Some(receipt) = Receipt::decode(bytes) {
        assert!(receipt.encode() == bytes, "another form of one receipt");
        assert!(!receipt.verify(&[7; 32]), "a receipt that nobody signed");
    }
}

/// A few rows, for every output, on every backend by every kernel.
fn evaluated(program: &Program) -> Vec<Vec<Scores>> {
    let shape = program.shape();
    let cost = engine::cost(shape);
    // a shape may ask for gigabytes; that is its owner's bill and says nothing about bytes
    if cost.scratch_bytes > 64 << 20 || cost.tile_steps > 1 << 20 {
        return Vec::new();
    }
    let scores = |output, (backend, kernel)| {
        let rows = awkward_rows(shape.features as usize, shape.precision);
        let evaluation = Evaluation { output, backend, threads: NonZeroUsize::MIN, kernel };
        engine::evaluate(program, &rows, &evaluation, &|_| ())
            .expect("rows and output of the program's own shape")
    };
    // the one that is chosen, and every other
    let kernels: Vec<_> =
        std::iter::once(None).chain(engine::tree_kernels(program).into_iter().map(Some)).collect();
    let ways: Vec<_> = Backend::available()
        .into_iter()
        .flat_map(|backend| kernels.iter().map(move |&kernel| (backend, kernel)))
        .collect();
    let outputs = engine::outputs(program).into_iter();
    outputs.map(|output| ways.iter().map(|&way| scores(output, way)).collect()).collect()
}

/// Equal bits; any NaN is any other.
fn same(a: &Scores, b: &Scores) -> bool {
    match (a, b) {
        (Scores::F32 { values: a, .. }, Scores::F32 { values: b, .. }) => {
            a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan())
        }
        (Scores::F64 { values: a, .. }, Scores::F64 { values: b, .. }) => {
            a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan())
        }
        (a, b) => a == b,
    }
}

fn awkward_rows(features: usize, precision: Precision) -> Rows {
    const VALUES: [f64; 11] = [
        f64::NAN,
        0.0,
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e-40,
        -1.5,
        0.25,
        3.0,
        -999.0,
        1e300,
    ];
    let values = VALUES.into_iter().cycle().take(3 * features);
    let values = match precision {
        Precision::F32 => RowValues::F32(values.map(|value| value as f32).collect()),
        Precision::F64 => RowValues::F64(values.collect()),
    };
    Rows::try_new(features, values).expect("whole rows")
}

/// A row file: read by position and by name, with columns copied and dropped, in both widths.
fn rows(extension: &str, bytes: &[u8]) {
    let file = tempfile::Builder::new()
        .suffix(&format!(".{extension}"))
        .tempfile()
        .expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("a temporary file");
    let limits = Limits { file_bytes: 1 << 20, values: 1 << 20, columns: 1 << 10 };
    let [a, b, id] = ["a", "b", "id"].map(str::to_owned);
    let named = schema(Some(vec![a, b]));
    for (schema, copy, width) in [
        (&schema(None), vec![], Precision::F32),
        (&named, vec![], Precision::F64),
        (&named, vec![id], Precision::F64),
    ] {
        let ignore = ["note".to_owned()];
        let selection =
            Selection { schema, copy: &copy, ignore: if copy.is_empty() { &[] } else { &ignore } };
        match data::read(file.path(), &selection, width, &limits) {
            Ok(table) => {
                let count = table.rows();
                let (rows, _) = table.into_rows().expect("whole rows");
                assert_eq!((rows.count(), rows.features()), (count, 2));
            }
            Err(error) => one_line(&error.to_string()),
        }
    }
}

fn schema(feature_names: Option<Vec<String>>) -> Schema {
    Schema {
        features: 2,
        feature_names,
        label: LabelRule::None,
        classes: Vec::new(),
        default_output: Output::Margin,
    }
}

fn one_line(text: &str) {
    assert!(!text.chars().any(char::is_control), "more than a line: {text:?}");
    assert!(text.len() < 2000, "too long a line: {text:?}");
    assert!(!text.contains("panicked"), "{text:?}");
}

/// An attestation document. None that is invented is valid, at its own time or any other.
fn attestation(bytes: &[u8]) {
    let Ok(document) = Document::read(bytes) else { return };
    let time = document.claimed_time();
    let root = Root::aws().expect("the root is a certificate");
    let expected = Measurements::new([(0, Sha384([1; 48]))]).expect("PCR0 is among them");
    assert!(document.verify(&root, &expected, time).is_err(), "a forged document");
}

/// A reply of KMS. None that is invented is for this key.
fn envelope(bytes: &[u8]) {
    static KEY: LazyLock<RecipientKey> = LazyLock::new(|| RecipientKey::generate().expect("a key"));
    assert!(KEY.open(bytes).is_err(), "a forged reply");
}

/// What comes from the parent and through it about KMS: a reply, what to sign, a signature.
fn kms(bytes: &[u8]) {
    // what parses is about the key that was asked, sealed, and one line where it is refused
    if let Err(error) = enclave_host::kms::read_reply(bytes, KEY_ARN) {
        one_line(&error.to_string());
    }
    if let Some(asked) = ToSign::decode(bytes) {
        assert_eq!(asked.encode(), bytes, "two forms of one question");
    }
    let asked = ToSign {
        region: "eu-central-1".into(),
        host: "kms.eu-central-1.amazonaws.com".into(),
        target: "TrentService.Decrypt".into(),
        body: protocol::Sha256([0; 32]),
    };
    if let Some(signed) = Signed::decode(bytes, &asked) {
        assert_eq!(signed.encode(), bytes, "two forms of one signature");
        for (_, value) in signed.headers() {
            assert!(value.bytes().all(|byte| (b' '..0x7f).contains(&byte)), "a header of its own");
        }
    }
}

const KEY_ARN: &str =
    "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// What an enclave stores, as its parent or whoever opens it reads it.
fn stored(bytes: &[u8]) {
    if let Ok(head) = Head::read(bytes) {
        let place = Place::of(bytes).expect("a head has a place");
        assert_eq!(place.epoch, 0);
        assert!(head.layers().all(|(_, wrapped)| wrapped.len() <= MAX_CIPHERTEXT));
        assert!(head.layers().count() > 0, "a head without a layer");
        let keys = |party| (party, Secret::new([7; 32]));
        let parties: Vec<_> = head.layers().map(|(party, _)| keys(party)).collect();
        assert!(head.open(&place.agreement, &place.boot, &parties).is_err(), "a forged head");
    }
    let _ = Place::of(bytes);
    let opener = Opener::new(&Secret::new([7; 32]), Sha384([1; 48]), [2; 32], Sha384([0; 48]));
    assert!(opener.expect("a cipher").open(bytes).is_err(), "a forged record");
}
