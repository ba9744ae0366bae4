//! Key policies: as much of IAM's language as policies of this project and of its tests say. What is not known is refused
//! when the policy comes, since a policy that is not enforced is worse than none.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A policy.
#[derive(Clone)]
pub(super) struct Policy(Vec<Statement>);

#[derive(Clone)]
struct Statement {
    allow: bool,
    principals: Vec<String>,
    actions: Vec<String>,
    /// It is about every action but these.
    but: bool,
    conditions: Vec<Condition>,
}

#[derive(Clone)]
struct Condition {
    operator: Operator,
    key: String,
    values: Vec<String>,
}

#[derive(Clone, Copy)]
enum Operator {
    Equals,
    NotEquals,
    EqualsIgnoreCase,
    Null,
}

/// Names and values of what a request is about.
pub(super) type Facts = BTreeMap<String, String>;

impl Policy {
    /// What a key has whose maker said nothing: the account's own principals may do everything.
    pub(super) fn of_account(account: &str) -> Self {
        Self(vec![Statement {
            allow: true,
            principals: vec![format!("arn:aws:iam::{account}:root")],
            actions: vec!["kms:*".into()],
            but: false,
            conditions: Vec::new(),
        }])
    }

    /// Reads one; `None` where a part is not known.
    pub(super) fn read(text: &str) -> Option<Self> {
        let policy: Map<String, Value> = serde_json::from_str(text).ok()?;
        only(&policy, &["Version", "Id", "Statement"])?;
        (policy.get("Version")? == "2012-10-17").then_some(())?;
        let statements = match policy.get("Statement")? {
            Value::Array(statements) => statements.clone(),
            one => vec![one.clone()],
        };
        statements.iter().map(statement).collect::<Option<_>>().map(Self)
    }

    /// Whether a principal may do something: a denial counts more than any permission, and silence denies.
    pub(super) fn allows(&self, principal: &str, action: &str, facts: &Facts) -> bool {
        let fits = |statement: &&Statement| {
            statement.principals.iter().any(|named| is(named, principal))
                && statement.actions.iter().any(|named| covers(named, action)) != statement.but
                && statement.conditions.iter().all(|condition| condition.holds(facts))
        };
        let mut fitting = self.0.iter().filter(fits).peekable();
        fitting.peek().is_some() && fitting.all(|statement| statement.allow)
    }
}

fn only(object: &Map<String, Value>, known: &[&str]) -> Option<()> {
    object.keys().all(|key| known.contains(&key.as_str())).then_some(())
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(all) => all.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

fn statement(value: &Value) -> Option<Statement> {
    let object = value.as_object()?;
    only(object, &["Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "Condition"])?;
    let allow = match object.get("Effect")?.as_str()? {
        "Allow" => true,
        "Deny" => false,
        _ => return None,
    };
    (object.get("Resource")? == "*").then_some(())?;
    let principals = match object.get("Principal")? {
        Value::String(all) if all == "*" => vec!["*".to_owned()],
        Value::Object(named) => {
            only(named, &["AWS"])?;
            texts(named.get("AWS")?)?
        }
        _ => return None,
    };
    let (actions, but) = match (object.get("Action"), object.get("NotAction")) {
        (Some(actions), None) => (texts(actions)?, false),
        (None, Some(actions)) => (texts(actions)?, true),
        _ => return None,
    };
    actions.iter().all(|action| action.starts_with("kms:")).then_some(())?;
    let mut conditions = Vec::new();
    for (operator, keys) in object.get("Condition").map_or(Some(&Map::new()), Value::as_object)? {
        let operator = match operator.as_str() {
            "StringEquals" => Operator::Equals,
            "StringNotEquals" => Operator::NotEquals,
            "StringEqualsIgnoreCase" => Operator::EqualsIgnoreCase,
            "Null" => Operator::Null,
            _ => return None,
        };
        for (key, values) in keys.as_object()? {
            known(key)?;
            conditions.push(Condition { operator, key: key.clone(), values: texts(values)? });
        }
    }
    Some(Statement { allow, principals, actions, but, conditions })
}

/// The facts that a condition may be about.
fn known(key: &str) -> Option<()> {
    let context = key.strip_prefix("kms:EncryptionContext:").is_some_and(|name| !name.is_empty());
    let attested = key.strip_prefix("kms:RecipientAttestation:").is_some_and(|name| {
        let number = name.strip_prefix("PCR").and_then(|number| number.parse::<u8>().ok());
        name == "ImageSha384" || number.is_some_and(|number| number < 32)
    });
    (context || attested).then_some(())
}

/// An account's root stands for every principal of the account.
fn is(named: &str, principal: &str) -> bool {
    let account = |arn: &str| arn.split(':').nth(4).map(str::to_owned);
    named == "*"
        || named == principal
        || (named.ends_with(":root") && account(named) == account(principal))
}

fn covers(named: &str, action: &str) -> bool {
    named.strip_suffix('*').map_or(named == action, |start| action.starts_with(start))
}

impl Condition {
    fn holds(&self, facts: &Facts) -> bool {
        let fact = facts.get(&self.key);
        let any = |same: fn(&str, &str) -> bool| {
            fact.is_some_and(|fact| self.values.iter().any(|value| same(value, fact)))
        };
        match self.operator {
            Operator::Equals => any(|a, b| a == b),
            // of what is not there nothing is equal
            Operator::NotEquals => !any(|a, b| a == b),
            Operator::EqualsIgnoreCase => any(str::eq_ignore_ascii_case),
            Operator::Null => self
                .values
                .iter()
                .any(|value| value.as_str() == if fact.is_none() { "true" } else { "false" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ROLE: &str = "arn:aws:iam::111122223333:role/enclave";
    const ROOT: &str = "arn:aws:iam::111122223333:root";

    fn facts(pcr0: &str) -> Facts {
        Facts::from([("kms:RecipientAttestation:PCR0".to_owned(), pcr0.to_owned())])
    }

    fn policy(statements: Value) -> Option<Policy> {
        Policy::read(&json!({"Version": "2012-10-17", "Statement": statements}).to_string())
    }

    #[test]
    fn silence_denies_and_a_denial_counts_more() {
        let allow = json!({"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"});
        let deny = json!({"Effect": "Deny", "Principal": "*", "Action": ["kms:ReEncrypt*"], "Resource": "*"});
        let open = policy(json!([allow.clone()])).unwrap();
        let closed = policy(json!([allow, deny])).unwrap();
        let none = Facts::new();
        for action in ["kms:ReEncryptFrom", "kms:ReEncryptTo"] {
            assert!(open.allows(ROLE, action, &none));
            assert!(!closed.allows(ROLE, action, &none));
        }
        assert!(closed.allows(ROLE, "kms:Decrypt", &none));
        assert!(!closed.allows("arn:aws:iam::444455556666:role/other", "kms:Decrypt", &none));
        assert!(!policy(json!([])).unwrap().allows(ROLE, "kms:Decrypt", &none));
    }

    #[test]
    fn conditions_are_about_what_was_attested() {
        let with = |operator: &str, value: &str| {
            policy(json!({"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "kms:Decrypt", "Resource": "*",
                "Condition": {operator: {"kms:RecipientAttestation:PCR0": value}}}))
            .unwrap()
        };
        let none = Facts::new();
        for (operator, value, good, other, absent) in [
            ("StringEquals", "ab", true, false, false),
            ("StringEquals", "AB", false, false, false),
            ("StringEqualsIgnoreCase", "AB", true, false, false),
            ("StringNotEquals", "ab", false, true, true),
            ("Null", "true", false, false, true),
            ("Null", "false", true, true, false),
        ] {
            let policy = with(operator, value);
            let allows = |facts: &Facts| policy.allows(ROLE, "kms:Decrypt", facts);
            assert_eq!(
                (allows(&facts("ab")), allows(&facts("cd")), allows(&none)),
                (good, other, absent),
                "{operator} {value}"
            );
        }
    }

    #[test]
    fn what_would_not_be_enforced_is_refused() {
        let good =
            json!({"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"});
        assert!(policy(good.clone()).is_some());
        for (field, value) in [
            ("Effect", json!("Maybe")),
            ("NotAction", json!("kms:Decrypt")),
            ("NotPrincipal", json!("*")),
            ("Principal", json!({"Service": "ec2.amazonaws.com"})),
            ("Action", json!("s3:Get")),
            ("Resource", json!("arn:aws:kms:eu-central-1:111122223333:key/1")),
            ("Condition", json!({"StringLike": {"kms:RecipientAttestation:PCR0": "*"}})),
            ("Condition", json!({"StringEquals": {"kms:RecipientAttestation:PCR32": "a"}})),
            ("Condition", json!({"StringEquals": {"aws:SourceIp": "a"}})),
            ("Condition", json!({"StringEquals": {"kms:RecipientAttestation:PCR0": 7}})),
        ] {
            let mut other = good.clone();
            other[field] = value;
            assert!(policy(other.clone()).is_none(), "{other}");
        }
        assert!(Policy::read("{}").is_none());
        assert!(
            Policy::read(&json!({"Version": "2008-10-17", "Statement": []}).to_string()).is_none()
        );
    }
}
