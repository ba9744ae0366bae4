//! Key policies: as much of IAM's language as policies of this project and of its tests say. What is not known is refused
//! when the policy comes, since a policy that is not enforced is worse than none.

mod condition;
mod names;
mod read;

use condition::Condition;
use names::{Action, Principal};
use std::collections::BTreeMap;

/// A policy.
#[derive(Clone)]
pub(super) struct Policy(Vec<Statement>);

#[derive(Clone)]
struct Statement {
    allow: bool,
    principals: Vec<Principal>,
    actions: Vec<Action>,
    /// It is about every action but these.
    but: bool,
    conditions: Vec<Condition>,
}

/// What a request is about: names as conditions say them, in lower case, and values. One name has many values:
/// `kms:encryptioncontextkeys`.
pub(super) type Facts = BTreeMap<String, Vec<String>>;

impl Policy {
    /// Reads one; `None` where a part is not known.
    pub(super) fn read(text: &str) -> Option<Self> {
        read::policy(text).map(Self)
    }

    /// The text of what a key has whose maker said nothing: the account's own principals may do everything.
    pub(super) fn of_account(account: &str) -> String {
        serde_json::json!({
            "Version": "2012-10-17",
            "Id": "key-default-1",
            "Statement": [{
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
                "Action": "kms:*",
                "Resource": "*",
            }],
        })
        .to_string()
    }

    /// Whether a principal may do something: a denial counts more than any permission, and silence denies.
    pub(super) fn allows(&self, principal: &str, action: &str, facts: &Facts) -> bool {
        let fits = |statement: &&Statement| {
            statement.principals.iter().any(|named| named.is(principal))
                && statement.actions.iter().any(|named| named.covers(action)) != statement.but
                && statement.conditions.iter().all(|condition| condition.holds(facts))
        };
        let mut fitting = self.0.iter().filter(fits).peekable();
        fitting.peek().is_some() && fitting.all(|statement| statement.allow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const ROLE: &str = "arn:aws:iam::111122223333:role/enclave";
    const ROOT: &str = "arn:aws:iam::111122223333:root";

    fn facts(pcr0: &str) -> Facts {
        Facts::from([("kms:recipientattestation:pcr0".to_owned(), vec![pcr0.to_owned()])])
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
            ("StringLike", "a*", true, false, false),
            ("StringLike", "?d", false, true, false),
            ("StringLike", "*", true, true, false),
            ("Bool", "true", false, false, false),
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
    fn a_context_is_asked_about_by_its_names_too() {
        let key = "kms:EncryptionContextKeys";
        let facts = |names: &[&str]| {
            let names = names.iter().map(|&name| name.to_owned()).collect();
            Facts::from([(key.to_ascii_lowercase(), names)])
        };
        for (operator, one, both, more, none) in [
            ("ForAllValues:StringEquals", true, true, false, true),
            ("ForAnyValue:StringEquals", true, true, true, false),
        ] {
            let policy = policy(json!({"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*",
                "Condition": {operator: {key: ["a", "b"]}}}))
            .unwrap();
            let allows = |facts: &Facts| policy.allows(ROLE, "kms:Decrypt", facts);
            let found = (
                allows(&facts(&["a"])),
                allows(&facts(&["b", "a"])),
                allows(&facts(&["a", "c"])),
                allows(&Facts::new()),
            );
            assert_eq!(found, (one, both, more, none), "{operator}");
        }
    }

    #[test]
    fn cases_of_names_are_not_told_apart_and_those_of_values_are() {
        let facts = Facts::from([("kms:encryptioncontext:purpose".to_owned(), vec!["psk".into()])]);
        for (action, name, value, allowed) in [
            ("kms:Decrypt", "purpose", "psk", true),
            ("KMS:decrypt", "Purpose", "psk", true),
            ("kms:Decrypt", "purpose", "PSK", false),
        ] {
            let condition =
                json!({"StringEquals": {format!("kms:EncryptionContext:{name}"): value}});
            let policy = policy(
                json!({"Effect": "Allow", "Principal": "*", "Action": action, "Resource": ["*"],
                "Condition": condition}),
            )
            .unwrap();
            assert_eq!(
                policy.allows(ROLE, "kms:Decrypt", &facts),
                allowed,
                "{action} {name} {value}"
            );
        }
    }

    #[test]
    fn an_account_is_named_by_its_root_or_its_number_and_nobody_by_half() {
        let named = |principal: &str| {
            policy(
                json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "*", "Resource": "*"}),
            )
        };
        for (principal, role, other) in [
            (ROOT, true, false),
            ("111122223333", true, false),
            (ROLE, true, false),
            ("arn:aws:iam::111122223333:role/other", false, false),
            ("*", true, true),
        ] {
            let policy = named(principal).unwrap();
            let allows = |who: &str| policy.allows(who, "kms:Decrypt", &Facts::new());
            let found = (allows(ROLE), allows("arn:aws:iam::444455556666:role/enclave"));
            assert_eq!(found, (role, other), "{principal}");
        }
        for principal in [
            "arn:aws:iam::111122223333:role/*",
            "arn:aws:iam::*:root",
            "arn:aws:iam::111122223333:group/a",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:s3::111122223333:role/a",
            "enclave",
            "",
        ] {
            assert!(named(principal).is_none(), "{principal}");
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
            ("Action", json!("kms:ReEncrypt")),
            ("Action", json!("kms:De*pt")),
            ("Action", json!("kms:?ecrypt")),
            ("Action", json!([])),
            ("Sid", json!(7)),
            ("Resource", json!(["*", "*"])),
            ("Condition", json!([])),
            ("Condition", json!({"StringNotLike": {"kms:RecipientAttestation:PCR0": "a"}})),
            ("Condition", json!({"StringEqualsIfExists": {"kms:RecipientAttestation:PCR0": "a"}})),
            ("Condition", json!({"StringEquals": {"kms:RecipientAttestation:PCR32": "a"}})),
            ("Condition", json!({"StringEquals": {"kms:RecipientAttestation:PCR01": "a"}})),
            ("Condition", json!({"StringEquals": {"kms:RecipientAttestation:PCR+1": "a"}})),
            ("Condition", json!({"StringEquals": {"kms:RecipientAttestation:PCR0": []}})),
            ("Condition", json!({"StringEquals": {"kms:EncryptionContext:": "a"}})),
            ("Condition", json!({"StringEquals": {"kms:EncryptionContext:a": "${aws:username}"}})),
            ("Condition", json!({"StringEquals": {"kms:EncryptionContextKeys": "a"}})),
            ("Condition", json!({"ForAllValues:StringEquals": {"kms:EncryptionContext:a": "a"}})),
            ("Condition", json!({"ForAllValues:StringLike": {"kms:EncryptionContextKeys": "a"}})),
            ("Condition", json!({"ForNoValue:StringEquals": {"kms:EncryptionContextKeys": "a"}})),
            ("Condition", json!({"Null": {"kms:RecipientAttestation:PCR0": "perhaps"}})),
            ("Condition", json!({"Bool": {"kms:RecipientAttestation:PCR0": "yes"}})),
            ("Condition", json!({"StringEquals": {"aws:SourceIp": "a"}})),
            ("Condition", json!({"StringEquals": {"kms:RecipientAttestation:PCR0": 7}})),
        ] {
            let mut other = good.clone();
            other[field] = value;
            assert!(policy(other.clone()).is_none(), "{other}");
        }
        assert!(Policy::read("{}").is_none());
        // a condition that stands twice: the first would be forgotten
        let condition = r#""Condition": {"Null": {"kms:RecipientAttestation:PCR0": "false"}}"#;
        for (conditions, known) in
            [(condition.to_owned(), true), (format!("{condition}, {condition}"), false)]
        {
            let text = format!(
                r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*", {conditions}}}}}"#
            );
            assert_eq!(Policy::read(&text).is_some(), known, "{text}");
        }
        assert!(
            Policy::read(&json!({"Version": "2008-10-17", "Statement": []}).to_string()).is_none()
        );
    }
}
