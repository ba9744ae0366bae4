//! Reads a policy. Whatever this does not know, in whatever place, makes the whole policy none.

use super::Statement;
use super::condition::Condition;
use super::names::{Action, Principal};
use crate::kms::json;
use serde_json::{Map, Value};

pub(super) fn policy(text: &str) -> Option<Vec<Statement>> {
    let policy = json::read(text.as_bytes())?;
    let policy = policy.as_object()?;
    only(policy, &["Version", "Id", "Statement"])?;
    (policy.get("Version")? == "2012-10-17").then_some(())?;
    policy.get("Id").is_none_or(Value::is_string).then_some(())?;
    match policy.get("Statement")? {
        Value::Array(statements) => statements.iter().map(statement).collect(),
        one => Some(vec![statement(one)?]),
    }
}

fn only(object: &Map<String, Value>, known: &[&str]) -> Option<()> {
    object.keys().all(|key| known.contains(&key.as_str())).then_some(())
}

/// One text or more.
fn texts(value: &Value) -> Option<Vec<&str>> {
    let texts = match value {
        Value::String(text) => vec![text.as_str()],
        Value::Array(all) => all.iter().map(Value::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    (!texts.is_empty()).then_some(texts)
}

fn statement(value: &Value) -> Option<Statement> {
    let object = value.as_object()?;
    only(object, &["Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "Condition"])?;
    object.get("Sid").is_none_or(Value::is_string).then_some(())?;
    let allow = match object.get("Effect")?.as_str()? {
        "Allow" => true,
        "Deny" => false,
        _ => return None,
    };
    (texts(object.get("Resource")?)? == ["*"]).then_some(())?;
    let principals = match object.get("Principal")? {
        Value::String(all) if all == "*" => vec!["*"],
        Value::Object(named) => {
            only(named, &["AWS"])?;
            texts(named.get("AWS")?)?
        }
        _ => return None,
    };
    let principals = principals.into_iter().map(Principal::read).collect::<Option<_>>()?;
    let (actions, but) = match (object.get("Action"), object.get("NotAction")) {
        (Some(actions), None) => (texts(actions)?, false),
        (None, Some(actions)) => (texts(actions)?, true),
        _ => return None,
    };
    let actions = actions.into_iter().map(Action::read).collect::<Option<_>>()?;
    let mut conditions = Vec::new();
    for (operator, keys) in object.get("Condition").map_or(Some(&Map::new()), Value::as_object)? {
        for (key, values) in keys.as_object()? {
            conditions.push(Condition::read(operator, key, values)?);
        }
    }
    Some(Statement { allow, principals, actions, but, conditions })
}
