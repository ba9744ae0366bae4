//! Fields of a request's body, each within AWS's limits.

use super::operations::{Refused, refused};
use super::policy::Facts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Longest context, names and values together.
const MAX_CONTEXT: usize = 8192;

pub(super) fn text<'a>(body: &'a Value, field: &str) -> Result<&'a str, Refused> {
    match body.get(field).and_then(Value::as_str) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => refused("ValidationException", &format!("{field} is missing, or no text")),
    }
}

pub(super) fn bytes(body: &Value, field: &str, most: usize) -> Result<Vec<u8>, Refused> {
    match STANDARD.decode(text(body, field)?) {
        Ok(bytes) if (1..=most).contains(&bytes.len()) => Ok(bytes),
        _ => refused("ValidationException", &format!("{field} is 1 to {most} bytes in base64")),
    }
}

/// How many random bytes are asked for.
pub(super) fn count(body: &Value) -> Result<usize, Refused> {
    match body.get("NumberOfBytes").and_then(Value::as_u64) {
        Some(count @ 1..=1024) => Ok(count as usize),
        _ => refused("ValidationException", "NumberOfBytes is 1 to 1024"),
    }
}

pub(super) fn yes(body: &Value, field: &str) -> Result<bool, Refused> {
    match body.get(field) {
        None => Ok(false),
        Some(Value::Bool(yes)) => Ok(*yes),
        Some(_) => refused("ValidationException", &format!("{field} is true or false")),
    }
}

/// An encryption context: one text for the cipher, in which the order of names does not matter, and facts for policies.
pub(super) fn context(body: &Value, field: &str) -> Result<(String, Facts), Refused> {
    let empty = Map::new();
    let context = match body.get(field) {
        None => &empty,
        Some(Value::Object(context)) => context,
        Some(_) => return refused("ValidationException", "a context is an object of texts"),
    };
    let mut texts = BTreeMap::new();
    let mut facts = Facts::new();
    for (name, value) in context {
        let Some(value) = value.as_str().filter(|_| !name.is_empty()) else {
            return refused("ValidationException", "a context is an object of texts");
        };
        texts.insert(name.as_str(), value);
        let fact = format!("kms:EncryptionContext:{name}").to_ascii_lowercase();
        // policies do not tell the cases apart: which of two they would be about is AWS's to know
        if facts.insert(fact, vec![value.to_owned()]).is_some() {
            return refused("ValidationException", "names of a context differ in case alone");
        }
    }
    if texts.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_CONTEXT {
        return refused("ValidationException", "a context is 8192 bytes at most");
    }
    if !texts.is_empty() {
        let names = texts.keys().map(|&name| name.to_owned()).collect();
        facts.insert("kms:encryptioncontextkeys".into(), names);
    }
    Ok((json!(texts).to_string(), facts))
}
