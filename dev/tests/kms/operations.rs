//! Each operation, and each way in which its fields can be wrong.

use crate::wire::{draft, outcome};
use crate::world::{ACCOUNT, ROLE, ROOT};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dev::kms::Kms;
use serde_json::{Value, json};

const REGIONS: [&str; 2] = ["eu-central-1", "us-east-1"];

fn kms() -> Kms {
    Kms::start("127.0.0.1:0", ACCOUNT, &REGIONS, vec![]).unwrap()
}

fn done(kms: &Kms, operation: &str, body: &Value) -> Value {
    let (status, answer) = kms.ask(ROOT, operation, body);
    assert_eq!(status, 200, "{operation}: {answer}");
    answer
}

fn created(kms: &Kms) -> String {
    done(kms, "CreateKey", &json!({}))["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

fn policy(statements: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

/// A good body, changed in one field; null takes it away.
fn with(good: &Value, field: &str, value: &Value) -> Value {
    let mut body = good.clone();
    match value {
        Value::Null => _ = body.as_object_mut().unwrap().remove(field),
        _ => body[field] = value.clone(),
    }
    body
}

#[test]
fn what_was_encrypted_opens_under_its_context_in_any_order() {
    let kms = kms();
    let key = created(&kms);
    let plain = STANDARD.encode([7; 4096]);
    let context = json!({"b": "1", "a": "2"});
    let blob = done(
        &kms,
        "Encrypt",
        &json!({"KeyId": key, "Plaintext": plain, "EncryptionContext": context}),
    );
    let blob = &blob["CiphertextBlob"];
    let good = json!({"CiphertextBlob": blob, "EncryptionContext": {"a": "2", "b": "1"}});
    let opened = done(&kms, "Decrypt", &good);
    assert_eq!((&opened["Plaintext"], &opened["KeyId"]), (&json!(plain), &json!(key)));
    for context in [
        json!({}),
        json!({"a": "2"}),
        json!({"a": "1", "b": "2"}),
        json!({"a": "2", "b": "1", "c": ""}),
        json!({"A": "2", "b": "1"}),
    ] {
        let body = with(&good, "EncryptionContext", &context);
        assert_eq!(
            outcome(kms.ask(ROOT, "Decrypt", &body)),
            "InvalidCiphertextException",
            "{context}"
        );
    }
    // every part of a ciphertext counts: a key that is none, then nonce, content, tag
    let bytes = STANDARD.decode(blob.as_str().unwrap()).unwrap();
    let arn = 1 + key.len();
    for (place, expected) in [
        (10, "AccessDeniedException"),
        (arn, "InvalidCiphertextException"),
        (arn + 12, "InvalidCiphertextException"),
        (bytes.len() - 1, "InvalidCiphertextException"),
    ] {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        let body = with(&good, "CiphertextBlob", &json!(STANDARD.encode(&changed)));
        assert_eq!(outcome(kms.ask(ROOT, "Decrypt", &body)), expected, "byte {place}");
    }
    for cut in [1, arn, arn + 11, arn + 12, bytes.len() - 1] {
        let body = with(&good, "CiphertextBlob", &json!(STANDARD.encode(&bytes[..cut])));
        assert_eq!(
            outcome(kms.ask(ROOT, "Decrypt", &body)),
            "InvalidCiphertextException",
            "cut at {cut}"
        );
    }
    // twice the same is not twice the same ciphertext
    let again = done(
        &kms,
        "Encrypt",
        &json!({"KeyId": key, "Plaintext": plain, "EncryptionContext": context}),
    );
    assert_ne!(again["CiphertextBlob"], *blob);
}

#[test]
fn a_data_key_comes_with_what_opens_to_it() {
    let kms = kms();
    let key = created(&kms);
    for (field, value, length) in [
        ("KeySpec", json!("AES_256"), 32),
        ("KeySpec", json!("AES_128"), 16),
        ("NumberOfBytes", json!(1024), 1024),
        ("NumberOfBytes", json!(1), 1),
    ] {
        let made = done(&kms, "GenerateDataKey", &json!({"KeyId": key, field: value}));
        let opened = done(&kms, "Decrypt", &json!({"CiphertextBlob": made["CiphertextBlob"]}));
        assert_eq!(opened["Plaintext"], made["Plaintext"]);
        assert_eq!(STANDARD.decode(made["Plaintext"].as_str().unwrap()).unwrap().len(), length);
    }
    let random =
        || done(&kms, "GenerateRandom", &json!({"NumberOfBytes": 32}))["Plaintext"].clone();
    assert_ne!(random(), random());
}

#[test]
fn fields_out_of_their_limits_are_refused() {
    let kms = kms();
    let (key, other) = (created(&kms), created(&kms));
    let plain = STANDARD.encode([7; 32]);
    let encrypt = json!({"KeyId": key, "Plaintext": plain});
    let blob = done(&kms, "Encrypt", &encrypt)["CiphertextBlob"].clone();
    let decrypt = json!({"CiphertextBlob": blob});
    let data_key = json!({"KeyId": key, "KeySpec": "AES_256"});
    let random = json!({"NumberOfBytes": 32});
    let open = policy(
        &json!([{"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"}]),
    );
    let put = json!({"KeyId": key, "PolicyName": "default", "Policy": open});
    let grant = json!({"KeyId": key, "GranteePrincipal": ROLE, "Operations": ["Decrypt"]});
    let re_encrypt = json!({"CiphertextBlob": blob, "DestinationKeyId": other});
    let (invalid, missing) = ("ValidationException", "NotFoundException");
    let unsupported = "UnsupportedOperationException";
    let elsewhere = key.replace("eu-central-1", "us-east-1");
    let long = json!({"a": "a".repeat(8192)});
    let null = Value::Null;
    for (operation, good, field, value, expected) in [
        ("Encrypt", &encrypt, "KeyId", &null, invalid),
        ("Encrypt", &encrypt, "KeyId", &json!(7), invalid),
        ("Encrypt", &encrypt, "KeyId", &json!("alias/a"), missing),
        ("Encrypt", &encrypt, "KeyId", &json!(key[1..]), missing),
        ("Encrypt", &encrypt, "KeyId", &json!(elsewhere), missing),
        ("Encrypt", &encrypt, "Plaintext", &null, invalid),
        ("Encrypt", &encrypt, "Plaintext", &json!(""), invalid),
        ("Encrypt", &encrypt, "Plaintext", &json!("!"), invalid),
        ("Encrypt", &encrypt, "Plaintext", &json!(STANDARD.encode([7; 4097])), invalid),
        ("Encrypt", &encrypt, "EncryptionContext", &json!("a"), invalid),
        ("Encrypt", &encrypt, "EncryptionContext", &json!({"a": 7}), invalid),
        ("Encrypt", &encrypt, "EncryptionContext", &json!({"": "a"}), invalid),
        ("Encrypt", &encrypt, "EncryptionContext", &json!({"a": "b", "A": "b"}), invalid),
        ("Encrypt", &encrypt, "EncryptionContext", &long, invalid),
        (
            "Encrypt",
            &encrypt,
            "EncryptionAlgorithm",
            &json!("RSAES_OAEP_SHA_256"),
            "InvalidKeyUsageException",
        ),
        ("Encrypt", &encrypt, "DryRun", &json!(true), unsupported),
        ("Decrypt", &decrypt, "CiphertextBlob", &null, invalid),
        ("Decrypt", &decrypt, "CiphertextBlob", &json!(STANDARD.encode([7; 6145])), invalid),
        ("Decrypt", &decrypt, "KeyId", &json!(other), "IncorrectKeyException"),
        ("Decrypt", &decrypt, "KeyId", &json!("none"), missing),
        ("GenerateDataKey", &data_key, "KeySpec", &null, invalid),
        ("GenerateDataKey", &data_key, "KeySpec", &json!("AES_512"), invalid),
        ("GenerateDataKey", &data_key, "NumberOfBytes", &json!(32), invalid),
        ("GenerateRandom", &random, "NumberOfBytes", &null, invalid),
        ("GenerateRandom", &random, "NumberOfBytes", &json!(0), invalid),
        ("GenerateRandom", &random, "NumberOfBytes", &json!(1025), invalid),
        ("GenerateRandom", &random, "NumberOfBytes", &json!(1.5), invalid),
        ("PutKeyPolicy", &put, "Policy", &null, invalid),
        ("PutKeyPolicy", &put, "Policy", &json!("{}"), "MalformedPolicyDocumentException"),
        (
            "PutKeyPolicy",
            &put,
            "Policy",
            &json!(format!("{open}{}", " ".repeat(33 << 10))),
            "MalformedPolicyDocumentException",
        ),
        ("PutKeyPolicy", &put, "PolicyName", &json!("other"), missing),
        ("GetKeyPolicy", &json!({"KeyId": key}), "PolicyName", &json!("other"), missing),
        ("CreateKey", &json!({}), "KeySpec", &json!("RSA_2048"), invalid),
        ("CreateKey", &json!({}), "KeyUsage", &json!("SIGN_VERIFY"), invalid),
        ("CreateKey", &json!({}), "Origin", &json!("EXTERNAL"), invalid),
        ("CreateKey", &json!({}), "MultiRegion", &json!(true), invalid),
        ("CreateKey", &json!({}), "Policy", &json!("{}"), "MalformedPolicyDocumentException"),
        ("ReEncrypt", &re_encrypt, "SourceKeyId", &json!(other), "IncorrectKeyException"),
        ("ReEncrypt", &re_encrypt, "DestinationKeyId", &json!("none"), missing),
        ("CreateGrant", &grant, "KeyId", &json!("none"), missing),
    ] {
        // unchanged, it is done, or would be but for the development KMS
        let plainly = outcome(kms.ask(ROOT, operation, good));
        let known =
            if ["ReEncrypt", "CreateGrant"].contains(&operation) { unsupported } else { "done" };
        assert_eq!(plainly, known, "{operation}");
        let found = outcome(kms.ask(ROOT, operation, &with(good, field, value)));
        assert_eq!(found, expected, "{operation} {field} {value}");
    }
}

#[test]
fn every_action_is_asked_of_the_policy_and_done_without_the_denial() {
    let kms = kms();
    let (key, other) = (created(&kms), created(&kms));
    let blob = done(&kms, "Encrypt", &json!({"KeyId": key, "Plaintext": "YQ=="}))["CiphertextBlob"]
        .clone();
    let back =
        done(&kms, "Encrypt", &json!({"KeyId": other, "Plaintext": "YQ=="}))["CiphertextBlob"]
            .clone();
    let open =
        json!({"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"});
    let text = policy(&json!([open]));
    let unsupported = "UnsupportedOperationException";
    for (action, operation, body, through) in [
        ("kms:Encrypt", "Encrypt", json!({"KeyId": key, "Plaintext": "YQ=="}), "done"),
        ("kms:Decrypt", "Decrypt", json!({"CiphertextBlob": blob}), "done"),
        (
            "kms:GenerateDataKey",
            "GenerateDataKey",
            json!({"KeyId": key, "KeySpec": "AES_256"}),
            "done",
        ),
        ("kms:GetKeyPolicy", "GetKeyPolicy", json!({"KeyId": key}), "done"),
        ("kms:PutKeyPolicy", "PutKeyPolicy", json!({"KeyId": key, "Policy": text}), "done"),
        ("kms:CreateGrant", "CreateGrant", json!({"KeyId": key}), unsupported),
        (
            "kms:ReEncryptFrom",
            "ReEncrypt",
            json!({"CiphertextBlob": blob, "DestinationKeyId": other}),
            unsupported,
        ),
        (
            "kms:ReEncryptTo",
            "ReEncrypt",
            json!({"CiphertextBlob": back, "DestinationKeyId": key}),
            unsupported,
        ),
        (
            "kms:ReEncrypt*",
            "ReEncrypt",
            json!({"CiphertextBlob": back, "DestinationKeyId": key}),
            unsupported,
        ),
    ] {
        let deny = json!({"Effect": "Deny", "Principal": {"AWS": ROLE}, "Action": action, "Resource": "*"});
        for (statements, expected) in
            [(json!([open, deny]), "AccessDeniedException"), (json!([open]), through)]
        {
            let put = json!({"KeyId": key, "Policy": policy(&statements)});
            done(&kms, "PutKeyPolicy", &put);
            assert_eq!(outcome(kms.ask(ROLE, operation, &body)), expected, "{action} {statements}");
        }
    }
    // silence denies as well, to whoever is of another account
    let stranger = "arn:aws:iam::444455556666:role/enclave";
    assert_eq!(
        outcome(kms.ask(stranger, "Decrypt", &json!({"CiphertextBlob": blob}))),
        "AccessDeniedException"
    );
    assert_eq!(outcome(kms.ask(stranger, "GenerateRandom", &json!({"NumberOfBytes": 1}))), "done");
}

#[test]
fn a_policy_is_given_back_as_it_came_and_its_maker_is_not_locked_out() {
    let kms = kms();
    let key = created(&kms);
    let found = || {
        done(&kms, "GetKeyPolicy", &json!({"KeyId": key}))["Policy"].as_str().unwrap().to_owned()
    };
    // that of a key whose maker said nothing is a policy too
    let first = found();
    done(&kms, "PutKeyPolicy", &json!({"KeyId": key, "Policy": first}));
    assert_eq!(found(), first);
    let reader = json!([{"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:GetKeyPolicy", "Resource": "*"}]);
    let closed = policy(&reader);
    let mut put = json!({"KeyId": key, "Policy": closed});
    let refused = "MalformedPolicyDocumentException";
    assert_eq!(outcome(kms.ask(ROOT, "PutKeyPolicy", &put)), refused);
    assert_eq!(outcome(kms.ask(ROOT, "CreateKey", &json!({"Policy": closed}))), refused);
    assert_eq!(found(), first);
    put["BypassPolicyLockoutSafetyCheck"] = true.into();
    done(&kms, "PutKeyPolicy", &put);
    assert_eq!(found(), closed);
    assert_eq!(outcome(kms.ask(ROOT, "PutKeyPolicy", &put)), "AccessDeniedException");
}

#[test]
fn a_context_in_a_condition_decides() {
    let kms = kms();
    let key = created(&kms);
    let body =
        |context: &Value| json!({"KeyId": key, "Plaintext": "YQ==", "EncryptionContext": context});
    let manage = json!({"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:PutKeyPolicy", "Resource": "*"});
    let contexts = [
        json!({}),
        json!({"p": "a"}),
        json!({"P": "a"}),
        json!({"p": "b"}),
        json!({"p": "a", "q": "c"}),
    ];
    for (condition, allowed) in [
        (json!({}), [true; 5]),
        (
            json!({"StringEquals": {"kms:EncryptionContext:p": "a"}}),
            [false, true, true, false, true],
        ),
        (
            json!({"StringEquals": {"kms:EncryptionContext:p": ["a", "b"]}}),
            [false, true, true, true, true],
        ),
        (
            json!({"StringNotEquals": {"kms:EncryptionContext:p": "a"}}),
            [true, false, false, true, false],
        ),
        (json!({"StringLike": {"kms:EncryptionContext:p": "?"}}), [false, true, true, true, true]),
        (json!({"Null": {"kms:EncryptionContext:p": true}}), [true, false, false, false, false]),
        (
            json!({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "p"}}),
            [true, true, false, true, false],
        ),
        (
            json!({"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "q"}}),
            [false, false, false, false, true],
        ),
        (
            json!({"StringEquals": {"kms:EncryptionContext:p": "a", "kms:EncryptionContext:q": "c"}}),
            [false, false, false, false, true],
        ),
        (json!({"Null": {"kms:ViaService": "true"}}), [true; 5]),
        (json!({"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}), [false; 5]),
    ] {
        let encrypt = json!({"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "kms:Encrypt", "Resource": "*", "Condition": condition});
        done(
            &kms,
            "PutKeyPolicy",
            &json!({"KeyId": key, "Policy": policy(&json!([manage, encrypt]))}),
        );
        let found = contexts
            .each_ref()
            .map(|context| outcome(kms.ask(ROLE, "Encrypt", &body(context))) == "done");
        assert_eq!(found, allowed, "{condition}");
    }
}

#[test]
fn a_key_is_of_one_region() {
    let kms = kms();
    let credentials = kms.credentials(ROOT).unwrap();
    let there = |operation: &str, body: &Value| {
        let draft = draft(&credentials, operation, body).with(|draft| {
            draft.region = "us-east-1".into();
            draft.server = "kms.us-east-1.amazonaws.com".into();
            draft.signed.insert("host".into(), draft.server.clone());
        });
        draft.send(&kms, &credentials)
    };
    let (_, made) = there("CreateKey", &json!({}));
    let arn = made["KeyMetadata"]["Arn"].as_str().unwrap();
    assert!(arn.starts_with("arn:aws:kms:us-east-1:111122223333:key/"), "{arn}");
    let (_, answer) = there("Encrypt", &json!({"KeyId": arn, "Plaintext": "YQ=="}));
    let decrypt = json!({"CiphertextBlob": answer["CiphertextBlob"]});
    assert_eq!(outcome(there("Decrypt", &decrypt)), "done");
    // asked in the other region, by name and without
    assert_eq!(outcome(kms.ask(ROOT, "Decrypt", &decrypt)), "AccessDeniedException");
    for name in [arn, made["KeyMetadata"]["KeyId"].as_str().unwrap()] {
        assert_eq!(
            outcome(kms.ask(ROOT, "GetKeyPolicy", &json!({"KeyId": name}))),
            "NotFoundException"
        );
    }
}

#[test]
fn calls_are_counted_with_their_key_and_their_end() {
    let kms = kms();
    let key = created(&kms);
    let blob = done(&kms, "Encrypt", &json!({"KeyId": key, "Plaintext": "YQ=="}))["CiphertextBlob"]
        .clone();
    done(&kms, "Decrypt", &json!({"CiphertextBlob": blob}));
    kms.ask("arn:aws:iam::444455556666:role/a", "Decrypt", &json!({"CiphertextBlob": blob}));
    kms.ask(ROOT, "Sign", &json!({}));
    let calls = kms.calls();
    let found: Vec<_> = calls
        .iter()
        .map(|call| (call.operation.as_str(), call.key.as_deref(), call.error.as_deref()))
        .collect();
    assert_eq!(
        found,
        [
            ("CreateKey", None, None),
            ("Encrypt", Some(key.as_str()), None),
            ("Decrypt", Some(key.as_str()), None),
            ("Decrypt", Some(key.as_str()), Some("AccessDeniedException")),
            ("Sign", None, Some("UnknownOperationException")),
        ]
    );
}
