//! What KMS does, with its keys in memory.

use super::policy::{Facts, Policy};
use super::{Call, Credentials, Fault};
use crate::envelope::{Form, KMS, seal};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand::fill;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine::Secret;
use protocol::attestation::{Document, Measurements, Root, UnixTime};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest plaintext.
const MAX_PLAIN: usize = 4096;
/// Longest policy.
const MAX_POLICY: usize = 32 << 10;
/// Four hours: no signer's certificate lives so long.
const LATER: Duration = Duration::from_secs(4 * 3600);

pub(super) struct State {
    account: String,
    regions: Vec<String>,
    roots: Vec<Root>,
    root_files: Vec<PathBuf>,
    principals: BTreeMap<String, (Credentials, String)>,
    keys: BTreeMap<String, Key>,
    fault: Option<Fault>,
    calls: Vec<Call>,
}

struct Key {
    secret: Secret<[u8; 32]>,
    policy: Policy,
    text: String,
}

/// An error of AWS's: its type, and what it says.
struct Refused(&'static str, String);

fn refused<T>(kind: &'static str, message: &str) -> Result<T, Refused> {
    Err(Refused(kind, message.to_owned()))
}

/// What a request says of an enclave.
struct Recipient {
    key: Vec<u8>,
    facts: Facts,
}

impl State {
    pub(super) fn new(account: &str, regions: &[&str], roots: Vec<Root>) -> Self {
        Self {
            account: account.to_owned(),
            regions: regions.iter().map(|&region| region.to_owned()).collect(),
            roots,
            root_files: Vec::new(),
            principals: BTreeMap::new(),
            keys: BTreeMap::new(),
            fault: None,
            calls: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, credentials: Credentials, principal: &str) {
        let id = credentials.access_key_id.clone();
        self.principals.insert(id, (credentials, principal.to_owned()));
    }

    pub(super) fn credentials(&self, id: &str) -> Option<(Credentials, String)> {
        self.principals.get(id).cloned()
    }

    pub(super) fn set_fault(&mut self, fault: Option<Fault>) {
        self.fault = fault;
    }

    pub(super) fn trust(&mut self, root: Root) {
        self.roots.push(root);
    }

    pub(super) fn trust_file(&mut self, path: &Path) {
        self.root_files.push(path.to_path_buf());
    }

    pub(super) fn calls(&self) -> &[Call] {
        &self.calls
    }

    pub(super) fn late(&self) -> Duration {
        if let Some(Fault::Slow(late)) = self.fault { late } else { Duration::ZERO }
    }

    /// Answers a request of a principal who was recognised: status and body.
    pub(super) fn answer(
        &mut self,
        principal: &str,
        operation: &str,
        body: &Value,
    ) -> (u16, Value) {
        let answer = self.decide(principal, operation, body);
        self.calls.push(Call {
            operation: operation.to_owned(),
            principal: principal.to_owned(),
            error: answer.as_ref().err().map(|Refused(kind, _)| (*kind).to_owned()),
        });
        match answer {
            Ok(answer) => (200, answer),
            Err(Refused(kind, message)) => (400, json!({"__type": kind, "message": message})),
        }
    }

    fn decide(&mut self, principal: &str, operation: &str, body: &Value) -> Result<Value, Refused> {
        if let Some(Fault::Throttled(count)) = self.fault {
            self.fault = (count > 1).then_some(Fault::Throttled(count - 1));
            return refused("ThrottlingException", "rate exceeded");
        }
        match operation {
            "CreateKey" => self.create(body),
            "PutKeyPolicy" => self.put_policy(principal, body),
            "GetKeyPolicy" => {
                let arn = self.named(body)?;
                self.allowed(principal, "kms:GetKeyPolicy", &arn, &Facts::new())?;
                let text = self.key(&arn)?.text.clone();
                Ok(json!({"Policy": text, "PolicyName": "default"}))
            }
            "Encrypt" => {
                let arn = self.named(body)?;
                let (context, facts) = context(body)?;
                self.allowed(principal, "kms:Encrypt", &arn, &facts)?;
                let plain = bytes(body, "Plaintext")?;
                let blob = self.encrypt(&arn, &context, &plain)?;
                Ok(json!({"KeyId": arn, "CiphertextBlob": STANDARD.encode(blob),
                    "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}))
            }
            "Decrypt" => self.decrypt(principal, body),
            "GenerateDataKey" => self.data_key(principal, body),
            "GenerateRandom" => {
                let mut random = vec![0; count(body)?];
                fill(&mut random).or(refused("KMSInternalException", "no random bytes"))?;
                let recipient = self.recipient(body)?;
                self.given(recipient.as_ref(), &random, json!({}))
            }
            // asked only to see that a policy denies them
            "ReEncrypt" | "CreateGrant" => {
                let arn = self.named(body)?;
                let action =
                    if operation == "ReEncrypt" { "kms:ReEncryptFrom" } else { "kms:CreateGrant" };
                self.allowed(principal, action, &arn, &context(body)?.1)?;
                refused("UnsupportedOperationException", "the development KMS does not do that")
            }
            _ => refused("UnknownOperationException", "the development KMS does not do that"),
        }
    }

    fn create(&mut self, body: &Value) -> Result<Value, Refused> {
        let spec = body.get("KeySpec").map_or(Some("SYMMETRIC_DEFAULT"), Value::as_str);
        if spec != Some("SYMMETRIC_DEFAULT") {
            return refused("ValidationException", "symmetric keys are all there is");
        }
        let mut random = [0; 16];
        let mut secret = Secret::new([0; 32]);
        fill(&mut random)
            .and_then(|()| fill(secret.expose_mut()))
            .or(refused("KMSInternalException", "no random bytes"))?;
        let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| hex.get(range).unwrap_or(""));
        let id = parts.join("-");
        let region = self.regions.first().map_or("eu-central-1", String::as_str);
        let arn = format!("arn:aws:kms:{region}:{}:key/{id}", self.account);
        let (policy, text) = match body.get("Policy").and_then(Value::as_str) {
            Some(text) => (policy(text)?, text.to_owned()),
            None => (Policy::of_account(&self.account), String::new()),
        };
        self.keys.insert(arn.clone(), Key { secret, policy, text });
        Ok(
            json!({"KeyMetadata": {"AWSAccountId": self.account, "KeyId": id, "Arn": arn, "Enabled": true,
            "KeyState": "Enabled", "KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "SYMMETRIC_DEFAULT", "Origin": "AWS_KMS",
            "KeyManager": "CUSTOMER", "Description": "", "MultiRegion": false}}),
        )
    }

    fn put_policy(&mut self, principal: &str, body: &Value) -> Result<Value, Refused> {
        let arn = self.named(body)?;
        self.allowed(principal, "kms:PutKeyPolicy", &arn, &Facts::new())?;
        let text = body.get("Policy").and_then(Value::as_str).unwrap_or_default();
        let policy = policy(text)?;
        let bypass = body.get("BypassPolicyLockoutSafetyCheck") == Some(&Value::Bool(true));
        if !bypass && !policy.allows(principal, "kms:PutKeyPolicy", &Facts::new()) {
            return refused("MalformedPolicyDocumentException", "you could not change it again");
        }
        if let Some(key) = self.keys.get_mut(&arn) {
            (key.policy, key.text) = (policy, text.to_owned());
        }
        Ok(json!({}))
    }

    fn decrypt(&mut self, principal: &str, body: &Value) -> Result<Value, Refused> {
        let blob = bytes(body, "CiphertextBlob")?;
        let invalid = || refused("InvalidCiphertextException", "it does not open");
        let Some((length, rest)) = blob.split_first() else { return invalid() };
        let Some((arn, sealed)) = rest.split_at_checked(usize::from(*length)) else {
            return invalid();
        };
        let Ok(arn) = String::from_utf8(arn.to_vec()) else { return invalid() };
        if body.get("KeyId").is_some() && self.named(body)? != arn {
            return refused("IncorrectKeyException", "it was made under another key");
        }
        let recipient = self.recipient(body)?;
        let (context, mut facts) = context(body)?;
        facts.extend(recipient.iter().flat_map(|recipient| recipient.facts.clone()));
        self.allowed(principal, "kms:Decrypt", &arn, &facts)?;
        let Some((nonce, sealed)) = sealed.split_first_chunk::<12>() else { return invalid() };
        let mut plain = sealed.to_vec();
        let aad = Aad::from([arn.as_bytes(), context.as_bytes()].concat());
        let opened = cipher(self.key(&arn)?)?
            .open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut plain)
            .map(|plain| plain.to_vec());
        let Ok(plain) = opened else { return invalid() };
        self.given(
            recipient.as_ref(),
            &plain,
            json!({"KeyId": self.shown(&arn), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}),
        )
    }

    fn data_key(&mut self, principal: &str, body: &Value) -> Result<Value, Refused> {
        let arn = self.named(body)?;
        let length = match body.get("KeySpec").and_then(Value::as_str) {
            Some("AES_256") => 32,
            Some("AES_128") => 16,
            Some(_) => return refused("ValidationException", "no such KeySpec"),
            None => count(body)?,
        };
        let recipient = self.recipient(body)?;
        let (context, mut facts) = context(body)?;
        facts.extend(recipient.iter().flat_map(|recipient| recipient.facts.clone()));
        self.allowed(principal, "kms:GenerateDataKey", &arn, &facts)?;
        let mut plain = vec![0; length];
        fill(&mut plain).or(refused("KMSInternalException", "no random bytes"))?;
        let blob = STANDARD.encode(self.encrypt(&arn, &context, &plain)?);
        self.given(
            recipient.as_ref(),
            &plain,
            json!({"KeyId": self.shown(&arn), "CiphertextBlob": blob}),
        )
    }

    /// Adds a secret to an answer: in the clear, or sealed for the enclave that asks.
    fn given(
        &self,
        recipient: Option<&Recipient>,
        plain: &[u8],
        mut answer: Value,
    ) -> Result<Value, Refused> {
        let Some(recipient) = recipient else {
            answer["Plaintext"] = STANDARD.encode(plain).into();
            return Ok(answer);
        };
        let form = if self.fault == Some(Fault::Chunks) { Form { chunk: 16, ..KMS } } else { KMS };
        let mut plain = plain.to_vec();
        if self.fault == Some(Fault::SwappedSecret) {
            plain.iter_mut().for_each(|byte| *byte ^= 1);
        }
        let Ok(sealed) = seal(&recipient.key, &plain, form) else {
            return refused("ValidationException", "the document's public key is none");
        };
        answer["CiphertextForRecipient"] = STANDARD.encode(sealed).into();
        Ok(answer)
    }

    /// The enclave that asks, if one does: its document is verified here.
    fn recipient(&self, body: &Value) -> Result<Option<Recipient>, Refused> {
        let Some(recipient) = body.get("Recipient") else { return Ok(None) };
        let invalid = |what: &str| refused("ValidationException", what);
        let algorithm = recipient.get("KeyEncryptionAlgorithm").and_then(Value::as_str);
        if algorithm != Some("RSAES_OAEP_SHA_256") {
            return invalid("no such KeyEncryptionAlgorithm");
        }
        let document = bytes(recipient, "AttestationDocument")?;
        let later = if self.fault == Some(Fault::Expired) { LATER } else { Duration::ZERO };
        let at = UnixTime::since_unix_epoch(Duration::from_secs(UnixTime::now().as_secs()) + later);
        let files = self.root_files.iter().filter_map(|path| {
            let pem = std::fs::read(path).ok()?;
            Root::other(&CertificateDer::from_pem_slice(&pem).ok()?).ok()
        });
        let roots: Vec<Root> = self.roots.iter().cloned().chain(files).collect();
        let found = roots.iter().find_map(|root| {
            let document = Document::read(&document).ok()?;
            let zero = document.pcr0()?;
            let expected = Measurements::new([(0, zero)]).ok()?;
            let verified = document.verify(root, &expected, at).ok()?;
            let claims = verified.claims();
            let hex =
                |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            let mut facts: Facts = claims
                .pcrs
                .iter()
                .map(|(number, value)| {
                    (format!("kms:RecipientAttestation:PCR{number}"), hex(&value.0))
                })
                .collect();
            facts.insert("kms:RecipientAttestation:ImageSha384".into(), hex(&zero.0));
            Some((claims.public_key.map(<[u8]>::to_vec), facts))
        });
        match found {
            Some((Some(key), facts)) => Ok(Some(Recipient { key, facts })),
            Some((None, _)) => invalid("the document has no public key"),
            None => invalid("the document does not verify"),
        }
    }

    fn encrypt(&self, arn: &str, context: &str, plain: &[u8]) -> Result<Vec<u8>, Refused> {
        if plain.is_empty() || plain.len() > MAX_PLAIN {
            return refused("ValidationException", "1 to 4096 bytes");
        }
        let mut nonce = [0; 12];
        fill(&mut nonce).or(refused("KMSInternalException", "no random bytes"))?;
        let mut sealed = plain.to_vec();
        let aad = Aad::from([arn.as_bytes(), context.as_bytes()].concat());
        cipher(self.key(arn)?)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .or(refused("KMSInternalException", "the cipher failed"))?;
        let length = u8::try_from(arn.len()).or(refused("KMSInternalException", "a long ARN"))?;
        Ok([&[length], arn.as_bytes(), &nonce, &sealed].concat())
    }

    /// The key that a request names: its ARN, or its id alone.
    fn named(&self, body: &Value) -> Result<String, Refused> {
        let name = body.get("KeyId").and_then(Value::as_str).unwrap_or_default();
        let end = format!("key/{name}");
        let found =
            self.keys.keys().find(|arn| *arn == name || (!name.is_empty() && arn.ends_with(&end)));
        match found {
            Some(arn) => Ok(arn.clone()),
            None => refused("NotFoundException", "there is no such key"),
        }
    }

    fn key(&self, arn: &str) -> Result<&Key, Refused> {
        match self.keys.get(arn) {
            Some(key) => Ok(key),
            None => refused("NotFoundException", "there is no such key"),
        }
    }

    /// The key that an answer says it is about.
    fn shown(&self, arn: &str) -> String {
        match self.fault {
            Some(Fault::WrongKeyId) => arn.replace("key/", "key/f"),
            _ => arn.to_owned(),
        }
    }

    fn allowed(
        &self,
        principal: &str,
        action: &str,
        arn: &str,
        facts: &Facts,
    ) -> Result<(), Refused> {
        match self.key(arn)?.policy.allows(principal, action, facts) {
            true => Ok(()),
            false => refused("AccessDeniedException", &format!("{principal} may not {action}")),
        }
    }
}

fn policy(text: &str) -> Result<Policy, Refused> {
    match Policy::read(text).filter(|_| text.len() <= MAX_POLICY) {
        Some(policy) => Ok(policy),
        None => {
            refused("MalformedPolicyDocumentException", "a part of it is not known, or it is long")
        }
    }
}

fn cipher(key: &Key) -> Result<LessSafeKey, Refused> {
    UnboundKey::new(&AES_256_GCM, key.secret.expose())
        .map(LessSafeKey::new)
        .or(refused("KMSInternalException", "the cipher failed"))
}

fn bytes(body: &Value, field: &str) -> Result<Vec<u8>, Refused> {
    let text = body.get(field).and_then(Value::as_str).unwrap_or_default();
    match STANDARD.decode(text) {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => Err(Refused("ValidationException", format!("{field} is missing, or no base64"))),
    }
}

fn count(body: &Value) -> Result<usize, Refused> {
    match body.get("NumberOfBytes").and_then(Value::as_u64) {
        Some(count @ 1..=1024) => Ok(count as usize),
        _ => refused("ValidationException", "NumberOfBytes is 1 to 1024"),
    }
}

/// The encryption context: one text for the cipher, and facts for policies.
fn context(body: &Value) -> Result<(String, Facts), Refused> {
    let empty = serde_json::Map::new();
    let context = match body.get("EncryptionContext") {
        None => &empty,
        Some(Value::Object(context)) => context,
        Some(_) => {
            return refused("ValidationException", "EncryptionContext is an object of texts");
        }
    };
    let mut facts = Facts::new();
    for (name, value) in context {
        let Some(value) = value.as_str() else {
            return refused("ValidationException", "EncryptionContext is an object of texts");
        };
        facts.insert(format!("kms:EncryptionContext:{name}"), value.to_owned());
    }
    let text = json!(facts).to_string();
    Ok((text, facts))
}
