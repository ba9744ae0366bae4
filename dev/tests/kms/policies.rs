//! The policy that `tautochrone kms policy` prints, tried action by action.

use crate::world::{ROLE, ROOT, World};
use serde_json::{Value, json};

/// The type of an error, or the word that there was none.
fn outcome((status, answer): (u16, Value)) -> String {
    if status == 200 { "done".into() } else { answer["__type"].as_str().unwrap().to_owned() }
}

#[test]
fn every_action_that_would_go_around_the_enclave_is_denied() {
    let world = World::new();
    let (_, wrapped) = world.wrapped(0);
    let key = world.place(0).arn;
    let context = world.context(0, "psk");
    let blob = world.base64(&wrapped);
    let denied = "AccessDeniedException";
    let decrypt = json!({"KeyId": key, "CiphertextBlob": blob, "EncryptionContext": context});
    let data_key =
        json!({"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": world.context(0, "state")});
    let encrypt =
        json!({"KeyId": key, "Plaintext": world.base64(&[7; 32]), "EncryptionContext": context});
    let elsewhere =
        json!({"KeyId": key, "Plaintext": world.base64(&[7; 32]), "EncryptionContext": {"a": "b"}});
    let named = json!({"KeyId": key});
    let elsewhere_key = json!({"CiphertextBlob": blob, "DestinationKeyId": world.place(1).arn});
    for (principal, operation, body, expected) in [
        (ROLE, "Decrypt", &decrypt, denied),
        (ROOT, "Decrypt", &decrypt, denied),
        (ROLE, "GenerateDataKey", &data_key, denied),
        (ROOT, "GenerateDataKey", &data_key, denied),
        (ROLE, "Encrypt", &encrypt, denied),
        (ROOT, "Encrypt", &encrypt, "done"),
        (ROOT, "Encrypt", &elsewhere, denied),
        (ROLE, "ReEncrypt", &elsewhere_key, denied),
        (ROOT, "ReEncrypt", &elsewhere_key, denied),
        (ROLE, "CreateGrant", &named, denied),
        (ROOT, "CreateGrant", &named, denied),
        (ROLE, "PutKeyPolicy", &named, denied),
        (ROLE, "GetKeyPolicy", &named, denied),
        (ROOT, "GetKeyPolicy", &named, "done"),
    ] {
        let found = outcome(world.server.ask(principal, operation, body));
        assert_eq!(found, expected, "{operation} by {principal}");
    }
}

#[test]
fn without_a_statement_what_it_denies_is_done() {
    // each denial is needed: without it, in a key whose account may do everything, the action gets through
    let world = World::new();
    let (_, wrapped) = world.wrapped(0);
    let key = world.place(0).arn;
    let open = json!({"Sid": "Open", "Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"});
    let context = world.context(0, "psk");
    let decrypt = json!({"KeyId": key, "CiphertextBlob": world.base64(&wrapped), "EncryptionContext": context});
    let encrypt =
        json!({"KeyId": key, "Plaintext": world.base64(&[7; 32]), "EncryptionContext": context});
    let re_encrypt = json!({"CiphertextBlob": world.base64(&wrapped), "DestinationKeyId": key});
    for (sid, principal, operation, body, through) in [
        ("NothingUnattested", ROLE, "Decrypt", &decrypt, "done"),
        ("NoOtherWay", ROOT, "ReEncrypt", &re_encrypt, "UnsupportedOperationException"),
        (
            "NoOtherWay",
            ROOT,
            "CreateGrant",
            &json!({"KeyId": key}),
            "UnsupportedOperationException",
        ),
        ("NothingElse", ROLE, "Encrypt", &encrypt, "done"),
        ("NothingElse", ROLE, "GetKeyPolicy", &json!({"KeyId": key}), "done"),
    ] {
        for (kept, expected) in [(true, "AccessDeniedException"), (false, through)] {
            let mut policy = world.policy(0);
            let statements = policy["Statement"].as_array_mut().unwrap();
            statements.push(open.clone());
            statements.retain(|statement| kept || statement["Sid"] != sid);
            world.put_policy(0, &policy);
            let found = outcome(world.server.ask(principal, operation, body));
            assert_eq!(found, expected, "{operation}, {sid} {kept}");
        }
    }
}
