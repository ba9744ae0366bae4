//! `tautochrone receipt`: what proves nothing is refused by name. What proves something needs an enclave of AWS's; the
//! library is tested with a development one in `dev/tests/conversation.rs`.

use std::path::PathBuf;

use protocol::message::RequestId;
use protocol::receipt::{ProvenReceipt, Receipt, ReceiptBody};
use protocol::{Sha256, Sha384};
use serde_json::Value;

use crate::support::Folder;

fn example(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/agreements");
    folder.join(name).display().to_string()
}

/// A receipt that nobody signed, beside bytes that are no document.
fn forged(folder: &Folder) -> Vec<u8> {
    let run = folder.run(&format!("agreement digest {}", example("alice-bob.toml")));
    let digest = client::hex::decode(run.succeeded().trim()).unwrap().try_into().unwrap();
    let body = ReceiptBody {
        agreement: Sha384(digest),
        boot: [1; 32],
        party: Sha256([2; 32]),
        request: RequestId([3; 16]),
        epoch: 4,
        rows: 5,
        calls_left: 6,
        rows_left: 7,
        card: Sha384([8; 48]),
        program: Sha384([9; 48]),
        input: Sha384([10; 48]),
        output: Sha384([11; 48]),
    };
    let receipt = Receipt { body, signature: [0; 64] };
    ProvenReceipt::new(receipt, [12; 32], b"no document".to_vec()).encode()
}

#[test]
fn a_receipt_that_proves_nothing_is_refused_by_name() {
    let folder = Folder::new();
    let forged = forged(&folder);
    folder.file("forged", &forged);
    let verify = |agreement: &str, rest: &str| {
        let agreement = example(agreement);
        folder.run(&format!("receipt verify forged --agreement {agreement} {rest}"))
    };
    let run = verify("alice-bob.toml", "");
    assert!(run.failed(1).contains("the document beside it is refused"), "{}", run.stderr);
    let run = verify("alice-charlie.toml", "");
    assert!(run.failed(1).contains("it is of another agreement"), "{}", run.stderr);
    let run = verify("alice-charlie.toml", "--json");
    let object: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((run.code, &object["reason"]), (Some(1), &"agreement".into()));
}

#[test]
fn what_is_no_receipt_is_code_two() {
    let folder = Folder::new();
    let forged = forged(&folder);
    let mut long = forged.clone();
    long.resize(forged.len() + (17 << 10), 0);
    let agreement = example("alice-bob.toml");
    for bytes in [&[][..], &forged[..100], &forged[..448], &long] {
        folder.file("receipt", bytes);
        folder.run(&format!("receipt verify receipt --agreement {agreement}")).failed(2);
    }
    folder.run(&format!("receipt verify none --agreement {agreement}")).failed(1);
    folder.run("receipt verify receipt").failed(2);
}
