//! Documents of enclaves: which are taken, what a policy may ask about them, and that no secret goes out beside the seal.

use crate::wire::outcome;
use crate::world::{ACCOUNT, ROLE, ROOT};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dev::kms::{Fault, Kms};
use dev::nsm::{Chain, Draft, Module, Value as Field};
use protocol::Sha384;
use protocol::envelope::RecipientKey;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

const PCRS: [u8; 5] = [0, 1, 2, 16, 17];

fn value(number: u8) -> Sha384 {
    Sha384([number + 1; 48])
}

/// A module of the image that is agreed on, but for one register.
fn module(other: Option<u8>, at: OffsetDateTime) -> Module {
    let pcrs = PCRS.map(|n| (n, if other == Some(n) { Sha384([0x77; 48]) } else { value(n) }));
    Module::new(Chain::Good, pcrs, at).unwrap()
}

struct Enclave {
    kms: Kms,
    key: String,
    module: Module,
    recipient: RecipientKey,
}

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

impl Enclave {
    fn new() -> Self {
        let module = module(None, now());
        let roots = vec![module.root().unwrap()];
        let kms = Kms::start("127.0.0.1:0", ACCOUNT, &["eu-central-1"], roots).unwrap();
        let (_, made) = kms.ask(ROOT, "CreateKey", &json!({}));
        let key = made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
        Self { kms, key, module, recipient: RecipientKey::generate().unwrap() }
    }

    fn draft(&self, module: &Module) -> Draft {
        let milliseconds = u64::try_from(now().unix_timestamp()).unwrap() * 1000;
        module
            .draft(milliseconds)
            .with("public_key", Field::Bytes(self.recipient.public().to_vec()))
    }

    fn document(&self, module: &Module) -> Vec<u8> {
        module.sign(&self.draft(module).payload())
    }

    /// The three operations that take a document, with it.
    fn questions(&self, document: &[u8]) -> [(&'static str, Value); 3] {
        let recipient = json!({"AttestationDocument": STANDARD.encode(document),
            "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"});
        let (_, made) = self.kms.ask(
            ROOT,
            "Encrypt",
            &json!({"KeyId": self.key, "Plaintext": STANDARD.encode([7; 32])}),
        );
        [
            ("Decrypt", json!({"CiphertextBlob": made["CiphertextBlob"], "Recipient": recipient})),
            (
                "GenerateDataKey",
                json!({"KeyId": self.key, "KeySpec": "AES_256", "Recipient": recipient}),
            ),
            ("GenerateRandom", json!({"NumberOfBytes": 32, "Recipient": recipient})),
        ]
    }

    fn asked(&self, document: &[u8]) -> [String; 3] {
        self.questions(document)
            .map(|(operation, body)| outcome(self.kms.ask(ROOT, operation, &body)))
    }

    fn open(&self, answer: &Value) -> Vec<u8> {
        let sealed = STANDARD.decode(answer["CiphertextForRecipient"].as_str().unwrap()).unwrap();
        self.recipient.open(&sealed).unwrap().expose().clone()
    }

    fn put(&self, conditions: &Value) {
        let manage = json!({"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": ["kms:PutKeyPolicy", "kms:Encrypt"], "Resource": "*"});
        let release = json!({"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "*", "Condition": conditions});
        let policy = json!({"Version": "2012-10-17", "Statement": [manage, release]}).to_string();
        let answer =
            self.kms.ask(ROOT, "PutKeyPolicy", &json!({"KeyId": self.key, "Policy": policy}));
        assert_eq!(answer.0, 200, "{}", answer.1);
    }
}

#[test]
fn secrets_are_sealed_for_the_enclave_and_stand_nowhere_else() {
    let enclave = Enclave::new();
    for (operation, body) in enclave.questions(&enclave.document(&enclave.module)) {
        let (status, answer) = enclave.kms.ask(ROOT, operation, &body);
        assert_eq!(status, 200, "{operation}: {answer}");
        assert!(answer.get("Plaintext").is_none(), "{operation}");
        let opened = enclave.open(&answer);
        match operation {
            "Decrypt" => assert_eq!(opened, [7; 32]),
            "GenerateDataKey" => {
                let (_, same) = enclave.kms.ask(
                    ROOT,
                    "Decrypt",
                    &json!({"CiphertextBlob": answer["CiphertextBlob"]}),
                );
                assert_eq!(same["Plaintext"], json!(STANDARD.encode(&opened)));
            }
            _ => assert_eq!(opened.len(), 32),
        }
        // planted: without a document the same question is answered in the clear
        let mut plain = body.clone();
        plain.as_object_mut().unwrap().remove("Recipient");
        let (_, answer) = enclave.kms.ask(ROOT, operation, &plain);
        assert!(answer["Plaintext"].is_string() && answer.get("CiphertextForRecipient").is_none());
    }
}

#[test]
fn a_document_that_does_not_verify_gets_nothing() {
    let enclave = Enclave::new();
    let good = enclave.draft(&enclave.module);
    let sign = |draft: Draft| enclave.module.sign(&draft.payload());
    let with = |name, value| sign(good.clone().with(name, value));
    let pcrs = |pcrs: &[(u64, [u8; 48])]| {
        Field::Pcrs(pcrs.iter().map(|(number, value)| (*number, value.to_vec())).collect())
    };
    let rsa = |size| {
        let key = PrivateDecryptingKey::generate(size).unwrap().public_key();
        let der = AsDer::<PublicKeyX509Der<'_>>::as_der(&key).unwrap();
        Field::Bytes(der.as_ref().to_vec())
    };
    let another = |hours| {
        let module = module(None, now() - Duration::hours(hours));
        enclave.kms.trust(module.root().unwrap());
        enclave.document(&module)
    };
    assert_eq!(enclave.asked(&sign(good.clone())), ["done"; 3]);
    assert_eq!(enclave.asked(&another(2)), ["done"; 3]);
    let mut cut = sign(good.clone());
    cut.pop();
    for (name, document) in [
        ("a foreign root", enclave.document(&module(None, now()))),
        ("expired by an hour", another(4)),
        ("not yet valid", another(-2)),
        ("debug", with("pcrs", pcrs(&[(0, [0; 48]), (1, [0; 48]), (2, [0; 48])]))),
        ("debug in PCR0 alone", with("pcrs", pcrs(&[(0, [0; 48]), (1, [1; 48])]))),
        ("without PCR0", with("pcrs", pcrs(&[(1, [1; 48])]))),
        ("no public key", with("public_key", Field::Null)),
        ("a key that is none", with("public_key", Field::Bytes(vec![7; 294]))),
        ("a longer key", with("public_key", rsa(KeySize::Rsa3072))),
        (
            "a signature changed",
            enclave.module.sign_and(&good.payload(), |mut signature| {
                signature[5] ^= 1;
                signature
            }),
        ),
        ("a field twice", sign(good.clone().and("pcrs", pcrs(&[(0, [1; 48])])))),
        ("a byte less", cut),
        ("nothing like it", vec![7; 100]),
    ] {
        assert_eq!(enclave.asked(&document), ["ValidationException"; 3], "{name}");
    }
    // one key size is taken, and it is this one
    let fits = with("public_key", rsa(KeySize::Rsa2048));
    assert_eq!(enclave.asked(&fits), ["done"; 3]);
    for (field, value) in [
        ("KeyEncryptionAlgorithm", json!("RSAES_OAEP_SHA_1")),
        ("KeyEncryptionAlgorithm", Value::Null),
        ("AttestationDocument", json!("")),
        ("AttestationDocument", json!(7)),
    ] {
        for (operation, mut body) in enclave.questions(&sign(good.clone())) {
            body["Recipient"][field] = value.clone();
            assert_eq!(
                outcome(enclave.kms.ask(ROOT, operation, &body)),
                "ValidationException",
                "{field} {value}"
            );
        }
    }
}

#[test]
fn a_policy_asks_about_each_register() {
    let enclave = Enclave::new();
    let agreed = enclave.document(&enclave.module);
    let asked = |document: &[u8]| {
        let [decrypt, data_key, _] = enclave.questions(document);
        let plain = json!({"KeyId": enclave.key, "CiphertextBlob": decrypt.1["CiphertextBlob"]});
        [decrypt, data_key, ("Decrypt", plain)]
            .map(|(operation, body)| outcome(enclave.kms.ask(ROLE, operation, &body)) == "done")
    };
    let name = |number: u8| format!("kms:RecipientAttestation:PCR{number}");
    let image = "kms:RecipientAttestation:ImageSha384".to_owned();
    let lower = |number: u8| value(number).to_string();
    for number in PCRS {
        let other = module(Some(number), now());
        enclave.kms.trust(other.root().unwrap());
        let other = enclave.document(&other);
        let names = if number == 0 { vec![name(0), image.clone()] } else { vec![name(number)] };
        for name in names {
            for (operator, found) in [
                ("StringEqualsIgnoreCase", lower(number).to_uppercase()),
                ("StringEquals", lower(number)),
            ] {
                enclave.put(&json!({operator: {&name: found}}));
                assert_eq!(asked(&agreed), [true, true, false], "{operator} {name}");
                assert_eq!(asked(&other), [false; 3], "{operator} {name}");
            }
        }
        // planted: a policy that does not ask lets the other image have it
        enclave.put(&json!({"Null": {name(0): "false"}}));
        assert_eq!(asked(&other), [true, true, false], "PCR{number}");
    }
    // a register that the document does not have
    enclave.put(&json!({"StringEquals": {name(5): lower(5)}}));
    assert_eq!(asked(&agreed), [false; 3]);
    enclave.put(&json!({"StringNotEquals": {name(5): lower(5)}}));
    assert_eq!(asked(&agreed), [true; 3]);
}

#[test]
fn faults_come_on_demand_and_go() {
    let enclave = Enclave::new();
    let document = enclave.document(&enclave.module);
    let ask = |fault: Option<Fault>| {
        enclave.kms.set_fault(fault);
        let [(operation, body), ..] = enclave.questions(&document);
        // the question's own ciphertext was made under the fault too
        enclave.kms.ask(ROOT, operation, &body)
    };
    assert_eq!(outcome(ask(Some(Fault::Expired))), "ValidationException");
    let (_, answer) = ask(Some(Fault::WrongKeyId));
    assert_ne!(answer["KeyId"], json!(enclave.key));
    let (_, answer) = ask(Some(Fault::SwappedSecret));
    assert_ne!(enclave.open(&answer), [7; 32]);
    let (_, answer) = ask(Some(Fault::Chunks));
    assert_eq!(enclave.open(&answer), [7; 32]);
    enclave.kms.set_fault(Some(Fault::Throttled(2)));
    let random = || outcome(enclave.kms.ask(ROOT, "GenerateRandom", &json!({"NumberOfBytes": 1})));
    assert_eq!(
        [random(), random(), random()],
        ["ThrottlingException", "ThrottlingException", "done"]
    );
    let (_, answer) = ask(None);
    assert_eq!((enclave.open(&answer), &answer["KeyId"]), (vec![7; 32], &json!(enclave.key)));
}
