//! What KMS does, with its keys in memory.

use super::ciphertext::{Blob, seal};
use super::fields::{bytes, context, count, text, yes};
use super::policy::{Facts, Policy};
use super::recipient::Recipient;
use super::{Call, Credentials, Fault};
use crate::envelope::{self, Form, KMS};
use aws_lc_rs::rand::fill;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine::Secret;
use protocol::attestation::{Root, UnixTime};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest plaintext.
const MAX_PLAIN: usize = 4096;
/// Longest ciphertext.
const MAX_BLOB: usize = 6144;
/// Longest attestation document that is looked at.
const MAX_DOCUMENT: usize = 32 << 10;
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

/// A question of somebody who was recognised.
pub(super) struct Question<'a> {
    pub(super) principal: &'a str,
    pub(super) region: &'a str,
    pub(super) operation: &'a str,
    pub(super) body: &'a Value,
}

/// An error of AWS's: its type, and what it says.
pub(super) struct Refused(&'static str, String);

pub(super) fn refused<T>(kind: &'static str, message: &str) -> Result<T, Refused> {
    Err(Refused(kind, message.to_owned()))
}

fn random(bytes: &mut [u8]) -> Result<(), Refused> {
    fill(bytes).or(refused("KMSInternalException", "no random bytes"))
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

    /// The region of whoever says none.
    pub(super) fn home(&self) -> String {
        self.regions.first().cloned().unwrap_or_default()
    }

    pub(super) fn is_in(&self, region: &str) -> bool {
        self.regions.iter().any(|known| known == region)
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

    /// How replies come: how late, and whether in pieces.
    pub(super) fn manner(&self) -> (Duration, bool) {
        match self.fault {
            Some(Fault::Slow(late)) => (late, false),
            fault => (Duration::ZERO, fault == Some(Fault::Pieces)),
        }
    }

    /// Answers a question: status and body.
    pub(super) fn answer(&mut self, question: &Question<'_>) -> (u16, Value) {
        let key = self.about(question);
        let answer = self.decide(question);
        self.calls.push(Call {
            operation: question.operation.to_owned(),
            principal: question.principal.to_owned(),
            key,
            error: answer.as_ref().err().map(|Refused(kind, _)| (*kind).to_owned()),
        });
        match answer {
            Ok(answer) => (200, answer),
            Err(Refused(kind, message)) => {
                let status = if kind == "KMSInternalException" { 500 } else { 400 };
                (status, json!({"__type": kind, "message": message}))
            }
        }
    }

    /// The key that a question is about, if it is one of here.
    fn about(&self, question: &Question<'_>) -> Option<String> {
        self.named(question, "KeyId").ok().or_else(|| {
            let blob = bytes(question.body, "CiphertextBlob", MAX_BLOB).ok()?;
            let arn = Blob::read(&blob)?.arn;
            self.keys.contains_key(arn).then(|| arn.to_owned())
        })
    }

    fn decide(&mut self, question: &Question<'_>) -> Result<Value, Refused> {
        if let Some(Fault::Throttled(count)) = self.fault {
            self.fault = (count > 1).then_some(Fault::Throttled(count - 1));
            return refused("ThrottlingException", "rate exceeded");
        }
        let Question { principal, operation, body, .. } = *question;
        if !body.is_object() {
            return refused("SerializationException", "the body is no object");
        }
        if yes(body, "DryRun")? {
            return refused("UnsupportedOperationException", "the development KMS does it at once");
        }
        match operation {
            "CreateKey" => self.create(question),
            "PutKeyPolicy" => self.put_policy(question),
            "GetKeyPolicy" => {
                let arn = self.named(question, "KeyId")?;
                policy_name(body)?;
                self.allowed(principal, "kms:GetKeyPolicy", &arn, &Facts::new())?;
                let text = self.key(&arn)?.text.clone();
                Ok(json!({"Policy": text, "PolicyName": "default"}))
            }
            "Encrypt" => {
                let arn = self.named(question, "KeyId")?;
                algorithm(body)?;
                let plain = bytes(body, "Plaintext", MAX_PLAIN)?;
                let (context, facts) = context(body, "EncryptionContext")?;
                self.allowed(principal, "kms:Encrypt", &arn, &facts)?;
                let blob = self.encrypt(&arn, &context, &plain)?;
                Ok(json!({"KeyId": self.shown(&arn), "CiphertextBlob": blob,
                    "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}))
            }
            "Decrypt" => self.decrypt(question),
            "GenerateDataKey" => self.data_key(question),
            "GenerateRandom" => {
                let mut bytes = vec![0; count(body)?];
                random(&mut bytes)?;
                let recipient = self.recipient(body)?;
                self.given(recipient.as_ref(), &bytes, json!({}))
            }
            // asked only to see that a policy denies them
            "ReEncrypt" => self.re_encrypt(question),
            "CreateGrant" => {
                let arn = self.named(question, "KeyId")?;
                self.allowed(principal, "kms:CreateGrant", &arn, &Facts::new())?;
                refused("UnsupportedOperationException", "the development KMS does not do that")
            }
            _ => refused("UnknownOperationException", "the development KMS does not do that"),
        }
    }

    fn create(&mut self, question: &Question<'_>) -> Result<Value, Refused> {
        let Question { principal, region, body, .. } = *question;
        for (field, known) in [
            ("KeySpec", "SYMMETRIC_DEFAULT"),
            ("CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"),
            ("KeyUsage", "ENCRYPT_DECRYPT"),
            ("Origin", "AWS_KMS"),
        ] {
            if body.get(field).is_some_and(|value| value != known) {
                let message = format!("{field} is {known}: symmetric keys are all there is");
                return refused("ValidationException", &message);
            }
        }
        if yes(body, "MultiRegion")? {
            return refused("ValidationException", "keys are of one region");
        }
        let mut id = [0; 16];
        let mut secret = Secret::new([0; 32]);
        random(&mut id)?;
        random(secret.expose_mut())?;
        let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| hex.get(range).unwrap_or(""));
        let id = parts.join("-");
        let arn = format!("arn:aws:kms:{region}:{}:key/{id}", self.account);
        let text = match body.get("Policy") {
            Some(_) => text(body, "Policy")?.to_owned(),
            None => Policy::of_account(&self.account),
        };
        let policy = policy(principal, &text, body)?;
        self.keys.insert(arn.clone(), Key { secret, policy, text });
        Ok(
            json!({"KeyMetadata": {"AWSAccountId": self.account, "KeyId": id, "Arn": arn, "Enabled": true,
            "KeyState": "Enabled", "KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "SYMMETRIC_DEFAULT", "Origin": "AWS_KMS",
            "KeyManager": "CUSTOMER", "Description": "", "MultiRegion": false}}),
        )
    }

    fn put_policy(&mut self, question: &Question<'_>) -> Result<Value, Refused> {
        let Question { principal, body, .. } = *question;
        let arn = self.named(question, "KeyId")?;
        policy_name(body)?;
        self.allowed(principal, "kms:PutKeyPolicy", &arn, &Facts::new())?;
        let text = text(body, "Policy")?;
        let policy = policy(principal, text, body)?;
        if let Some(key) = self.keys.get_mut(&arn) {
            (key.policy, key.text) = (policy, text.to_owned());
        }
        Ok(json!({}))
    }

    fn decrypt(&mut self, question: &Question<'_>) -> Result<Value, Refused> {
        let Question { principal, body, .. } = *question;
        algorithm(body)?;
        let blob = bytes(body, "CiphertextBlob", MAX_BLOB)?;
        let blob = self.blob(question, &blob, "KeyId")?;
        let recipient = self.recipient(body)?;
        let (context, mut facts) = context(body, "EncryptionContext")?;
        facts.extend(recipient.iter().flat_map(|recipient| recipient.facts.clone()));
        self.allowed(principal, "kms:Decrypt", blob.arn, &facts)?;
        let Some(plain) = blob.open(&self.key(blob.arn)?.secret, &context) else {
            return refused("InvalidCiphertextException", "it does not open");
        };
        let answer =
            json!({"KeyId": self.shown(blob.arn), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"});
        self.given(recipient.as_ref(), &plain, answer)
    }

    fn data_key(&mut self, question: &Question<'_>) -> Result<Value, Refused> {
        let Question { principal, body, .. } = *question;
        let arn = self.named(question, "KeyId")?;
        let length = match (body.get("KeySpec").map(Value::as_str), body.get("NumberOfBytes")) {
            (Some(Some("AES_256")), None) => 32,
            (Some(Some("AES_128")), None) => 16,
            (None, Some(_)) => count(body)?,
            _ => return refused("ValidationException", "one KeySpec, or NumberOfBytes"),
        };
        let recipient = self.recipient(body)?;
        let (context, mut facts) = context(body, "EncryptionContext")?;
        facts.extend(recipient.iter().flat_map(|recipient| recipient.facts.clone()));
        self.allowed(principal, "kms:GenerateDataKey", &arn, &facts)?;
        let mut plain = vec![0; length];
        random(&mut plain)?;
        let blob = self.encrypt(&arn, &context, &plain)?;
        let answer = json!({"KeyId": self.shown(&arn), "CiphertextBlob": blob});
        self.given(recipient.as_ref(), &plain, answer)
    }

    /// Whether both keys' policies would let a secret go from one to the other. Nothing goes.
    fn re_encrypt(&self, question: &Question<'_>) -> Result<Value, Refused> {
        let Question { principal, body, .. } = *question;
        let blob = bytes(body, "CiphertextBlob", MAX_BLOB)?;
        let blob = self.blob(question, &blob, "SourceKeyId")?;
        let to = self.named(question, "DestinationKeyId")?;
        let (_, facts) = context(body, "SourceEncryptionContext")?;
        self.allowed(principal, "kms:ReEncryptFrom", blob.arn, &facts)?;
        let (_, facts) = context(body, "DestinationEncryptionContext")?;
        self.allowed(principal, "kms:ReEncryptTo", &to, &facts)?;
        refused("UnsupportedOperationException", "the development KMS does not do that")
    }

    /// A ciphertext of a key of here, and of the key that a field names, if it names one.
    fn blob<'a>(
        &self,
        question: &Question<'_>,
        bytes: &'a [u8],
        field: &str,
    ) -> Result<Blob<'a>, Refused> {
        let Some(blob) = Blob::read(bytes) else {
            return refused("InvalidCiphertextException", "it is no ciphertext");
        };
        if question.body.get(field).is_some() && self.named(question, field)? != blob.arn {
            return refused("IncorrectKeyException", "it was made under another key");
        }
        // AWS does not tell a key that is not there from one that may not be used
        if !self.keys.contains_key(blob.arn) || !here(question.region, blob.arn) {
            return refused("AccessDeniedException", "its key is not here, or may not be used");
        }
        Ok(blob)
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
        let Ok(sealed) = envelope::seal(&recipient.key, &plain, form) else {
            return refused("ValidationException", "the document's public key is none");
        };
        answer["CiphertextForRecipient"] = STANDARD.encode(sealed).into();
        Ok(answer)
    }

    /// The enclave that asks, if one does: its document is verified here.
    fn recipient(&self, body: &Value) -> Result<Option<Recipient>, Refused> {
        let Some(recipient) = body.get("Recipient") else { return Ok(None) };
        if text(recipient, "KeyEncryptionAlgorithm")? != "RSAES_OAEP_SHA_256" {
            return refused("ValidationException", "no such KeyEncryptionAlgorithm");
        }
        let document = bytes(recipient, "AttestationDocument", MAX_DOCUMENT)?;
        let later = if self.fault == Some(Fault::Expired) { LATER } else { Duration::ZERO };
        let at = UnixTime::since_unix_epoch(Duration::from_secs(UnixTime::now().as_secs()) + later);
        let files = self.root_files.iter().filter_map(|path| {
            let pem = std::fs::read(path).ok()?;
            Root::other(&CertificateDer::from_pem_slice(&pem).ok()?).ok()
        });
        let roots: Vec<Root> = self.roots.iter().cloned().chain(files).collect();
        match Recipient::read(&document, &roots, at) {
            Ok(recipient) => Ok(Some(recipient)),
            Err(what) => refused("ValidationException", what),
        }
    }

    /// A ciphertext, in base64.
    fn encrypt(&self, arn: &str, context: &str, plain: &[u8]) -> Result<String, Refused> {
        match seal(arn, &self.key(arn)?.secret, context, plain) {
            Some(blob) => Ok(STANDARD.encode(blob)),
            None => refused("KMSInternalException", "the cipher failed"),
        }
    }

    /// The key that a field names: its ARN, or its id alone. It is in the region that was asked.
    fn named(&self, question: &Question<'_>, field: &str) -> Result<String, Refused> {
        let name = text(question.body, field)?;
        let full = format!("arn:aws:kms:{}:{}:key/{name}", question.region, self.account);
        let arn = if name.starts_with("arn:") { name } else { &full };
        if self.keys.contains_key(arn) && here(question.region, arn) {
            Ok(arn.to_owned())
        } else {
            refused("NotFoundException", "there is no such key here")
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

/// Whether a key is of a region.
fn here(region: &str, arn: &str) -> bool {
    arn.split(':').nth(3) == Some(region)
}

/// Reads a policy that its maker could change again.
fn policy(principal: &str, text: &str, body: &Value) -> Result<Policy, Refused> {
    let Some(policy) = Policy::read(text).filter(|_| text.len() <= MAX_POLICY) else {
        let message = "a part of it is not known, or it is long";
        return refused("MalformedPolicyDocumentException", message);
    };
    let bypass = yes(body, "BypassPolicyLockoutSafetyCheck")?;
    if !bypass && !policy.allows(principal, "kms:PutKeyPolicy", &Facts::new()) {
        return refused("MalformedPolicyDocumentException", "you could not change it again");
    }
    Ok(policy)
}

fn policy_name(body: &Value) -> Result<(), Refused> {
    match body.get("PolicyName") {
        Some(name) if name != "default" => refused("NotFoundException", "no such policy"),
        _ => Ok(()),
    }
}

fn algorithm(body: &Value) -> Result<(), Refused> {
    match body.get("EncryptionAlgorithm") {
        Some(name) if name != "SYMMETRIC_DEFAULT" => {
            refused("InvalidKeyUsageException", "keys here are symmetric")
        }
        _ => Ok(()),
    }
}
