//! Requests as they come over the wire: who is recognised, and what is refused before any key is looked at.

use crate::wire::{Draft, REGION, date, draft, outcome, talk};
use crate::world::{ACCOUNT, ROOT};
use dev::kms::{Fault, Kms};
use serde_json::{Value, json};

const REGIONS: [&str; 2] = [REGION, "us-east-1"];

fn kms() -> Kms {
    Kms::start("127.0.0.1:0", ACCOUNT, &REGIONS, vec![]).unwrap()
}

fn random() -> Value {
    json!({"NumberOfBytes": 32})
}

#[test]
fn a_request_is_signed_over_all_that_matters_now_and_here() {
    let kms = kms();
    let credentials = kms.credentials(ROOT).unwrap();
    let good = draft(&credentials, "GenerateRandom", &random());
    let set = |name: &'static str, value: String| {
        good.clone().with(|draft| _ = draft.signed.insert(name.into(), value))
    };
    let without = |name: &str| good.clone().with(|draft| _ = draft.signed.remove(name));
    let moved = |name: &str| {
        good.clone().with(|draft| {
            let value = draft.signed.remove(name).unwrap();
            draft.unsigned = format!("{name}: {value}\r\n");
        })
    };
    let region = |region: &str| good.clone().with(|draft| draft.region = region.into());
    let (incomplete, invalid) = ("IncompleteSignatureException", "InvalidSignatureException");
    let unknown = "UnknownOperationException";
    let cases: Vec<(&str, Draft, &str)> = vec![
        ("good", good.clone(), "done"),
        ("four minutes late", set("x-amz-date", date(-240)), "done"),
        ("six minutes late", set("x-amz-date", date(-360)), invalid),
        ("six minutes early", set("x-amz-date", date(360)), invalid),
        ("no date", without("x-amz-date"), incomplete),
        ("date unsigned", moved("x-amz-date"), incomplete),
        ("no host", without("host"), incomplete),
        ("host unsigned", moved("host"), incomplete),
        ("target unsigned", moved("x-amz-target"), incomplete),
        ("another body", good.clone().with(|draft| draft.signed_body = b"{}".to_vec()), invalid),
        ("another region than the host", region("us-east-1"), invalid),
        ("a region that is none of its", region("eu-west-1"), invalid),
        (
            "a token that nobody gave",
            set("x-amz-security-token", "ab".into()),
            "UnrecognizedClientException",
        ),
        ("another type", set("content-type", "text/plain".into()), unknown),
        ("no target", without("x-amz-target"), unknown),
        ("another service", set("x-amz-target", "Other.GenerateRandom".into()), unknown),
        ("another operation", set("x-amz-target", "TrentService.Sign".into()), unknown),
        (
            "two hosts",
            good.clone().with(|draft| draft.unsigned = "Host: x\r\n".into()),
            "ValidationException",
        ),
    ];
    for (name, draft, expected) in cases {
        assert_eq!(outcome(draft.send(&kms, &credentials)), expected, "{name}");
    }
    // the other region is as good, at its own host
    let there = good.clone().with(|draft| {
        draft.region = "us-east-1".into();
        draft.server = "kms.us-east-1.amazonaws.com".into();
        draft.signed.insert("host".into(), draft.server.clone());
    });
    assert_eq!(outcome(there.send(&kms, &credentials)), "done");
    for server in ["localhost", "127.0.0.1"] {
        let near = set("host", server.into()).with(|draft| draft.server = server.into());
        assert_eq!(outcome(near.send(&kms, &credentials)), "done", "{server}");
    }
    // where the host says no region, the signature alone does
    let nowhere = set("host", "localhost".into()).with(|draft| draft.region = "eu-west-1".into());
    assert_eq!(outcome(nowhere.send(&kms, &credentials)), invalid);
    // one byte of the secret, and the whole name
    let mut other = credentials.clone();
    other.secret_access_key.replace_range(..1, "g");
    assert_eq!(outcome(good.send(&kms, &other)), invalid);
    other.access_key_id = "AKIAIOSFODNN7EXAMPLE".into();
    assert_eq!(outcome(good.send(&kms, &other)), "UnrecognizedClientException");
}

#[test]
fn a_session_shows_its_token() {
    let kms = kms();
    let credentials = kms.session(ROOT).unwrap();
    let good = draft(&credentials, "GenerateRandom", &random());
    assert_eq!(outcome(good.send(&kms, &credentials)), "done");
    let name = "x-amz-security-token";
    let without = good.clone().with(|draft| _ = draft.signed.remove(name));
    assert_eq!(outcome(without.send(&kms, &credentials)), "UnrecognizedClientException");
    let another = kms.session(ROOT).unwrap().session_token.unwrap();
    let other = good.clone().with(|draft| _ = draft.signed.insert(name.into(), another));
    assert_eq!(outcome(other.send(&kms, &credentials)), "UnrecognizedClientException");
    let unsigned = good.clone().with(|draft| {
        let token = draft.signed.remove(name).unwrap();
        draft.unsigned = format!("{name}: {token}\r\n");
    });
    assert_eq!(outcome(unsigned.send(&kms, &credentials)), "IncompleteSignatureException");
}

#[test]
fn what_is_long_or_has_two_meanings_is_refused() {
    let kms = kms();
    let credentials = kms.credentials(ROOT).unwrap();
    let good = draft(&credentials, "GenerateRandom", &random());
    let length = |length: &str| good.clone().with(|draft| draft.length = length.to_owned());
    let body = |body: &[u8]| {
        good.clone().with(|draft| {
            (draft.body, draft.signed_body) = (body.to_vec(), body.to_vec());
            draft.length = format!("content-length: {}\r\n", body.len());
        })
    };
    let line = |line: &str| good.clone().with(|draft| draft.first_line = line.into());
    let (validation, serialization) = ("ValidationException", "SerializationException");
    for (name, draft, expected) in [
        (
            "the longest body",
            body(&[b" ".repeat((64 << 10) - 20), br#"{"NumberOfBytes":32}"#.to_vec()].concat()),
            "done",
        ),
        ("a longer one", length("content-length: 65537\r\n"), "RequestEntityTooLargeException"),
        (
            "no number",
            length("content-length: 99999999999999999999999\r\n"),
            "RequestEntityTooLargeException",
        ),
        ("no length", length(""), validation),
        ("a sign", length("content-length: +20\r\n"), validation),
        ("two lengths", length("content-length: 20\r\ncontent-length: 20\r\n"), validation),
        ("pieces", length("content-length: 20\r\ntransfer-encoding: chunked\r\n"), validation),
        ("a body less", length("content-length: 3\r\n"), validation),
        (
            "a long head",
            good.clone().with(|draft| draft.unsigned = format!("a: {}\r\n", "a".repeat(20_000))),
            validation,
        ),
        (
            "many headers",
            good.clone()
                .with(|draft| draft.unsigned = (0..70).map(|n| format!("a{n}: a\r\n")).collect()),
            validation,
        ),
        ("another method", line("GET / HTTP/1.1"), "UnknownOperationException"),
        ("another path", line("POST /a HTTP/1.1"), "UnknownOperationException"),
        ("no HTTP", line("POST"), validation),
        ("no JSON", body(b"{"), serialization),
        ("no object", body(b"[]"), serialization),
        ("a name twice", body(br#"{"NumberOfBytes":32,"NumberOfBytes":32}"#), serialization),
    ] {
        assert_eq!(outcome(draft.send(&kms, &credentials)), expected, "{name}");
    }
}

#[test]
fn it_talks_both_versions_of_tls_and_replies_in_pieces_on_demand() {
    let kms = kms();
    let credentials = kms.credentials(ROOT).unwrap();
    let good = draft(&credentials, "GenerateRandom", &json!({"NumberOfBytes": 300}));
    let bytes = good.bytes(&credentials);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let reply = talk(&kms, &good.server, Some(version), &bytes);
        assert!(reply.starts_with(b"HTTP/1.1 200 OK\r\n"), "{version:?}");
    }
    kms.set_fault(Some(Fault::Pieces));
    let reply = String::from_utf8(talk(&kms, &good.server, None, &bytes)).unwrap();
    let (head, mut rest) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Transfer-Encoding: chunked") && !head.contains("Content-Length"));
    let mut body = String::new();
    loop {
        let (length, behind) = rest.split_once("\r\n").unwrap();
        let (piece, behind) = behind.split_at(usize::from_str_radix(length, 16).unwrap());
        body += piece;
        rest = behind.strip_prefix("\r\n").unwrap();
        if piece.is_empty() {
            break;
        }
    }
    assert_eq!(rest, "");
    assert!(serde_json::from_str::<Value>(&body).unwrap()["Plaintext"].is_string());
}
