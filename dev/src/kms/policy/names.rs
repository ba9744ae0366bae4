//! Who and what a statement is about.

/// The actions of KMS that policies can be about. IAM takes any text; one that is none of these would silently do nothing.
const ACTIONS: [&str; 55] = [
    "CancelKeyDeletion",
    "ConnectCustomKeyStore",
    "CreateAlias",
    "CreateCustomKeyStore",
    "CreateGrant",
    "CreateKey",
    "Decrypt",
    "DeleteAlias",
    "DeleteCustomKeyStore",
    "DeleteImportedKeyMaterial",
    "DeriveSharedSecret",
    "DescribeCustomKeyStores",
    "DescribeKey",
    "DisableKey",
    "DisableKeyRotation",
    "DisconnectCustomKeyStore",
    "EnableKey",
    "EnableKeyRotation",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GenerateRandom",
    "GetKeyPolicy",
    "GetKeyRotationStatus",
    "GetParametersForImport",
    "GetPublicKey",
    "ImportKeyMaterial",
    "ListAliases",
    "ListGrants",
    "ListKeyPolicies",
    "ListKeyRotations",
    "ListKeys",
    "ListResourceTags",
    "ListRetirableGrants",
    "PutKeyPolicy",
    "ReEncryptFrom",
    "ReEncryptTo",
    "ReplicateKey",
    "RetireGrant",
    "RevokeGrant",
    "RotateKeyOnDemand",
    "ScheduleKeyDeletion",
    "Sign",
    "SynchronizeMultiRegionKey",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateCustomKeyStore",
    "UpdateKeyDescription",
    "UpdatePrimaryRegion",
    "Verify",
    "VerifyMac",
];

/// An action, or all that begin so.
#[derive(Clone)]
pub(super) struct Action {
    /// In lower case: IAM does not tell the cases apart.
    start: String,
    open: bool,
}

impl Action {
    /// Reads one: a name, or the start of one and a star. `None` where no action of KMS is meant.
    pub(super) fn read(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let (start, open) = match lower.strip_suffix('*') {
            Some(start) => (start.to_owned(), true),
            None => (lower, false),
        };
        let action = Self { start, open };
        // a star elsewhere, or a question mark, is in no name
        ACTIONS.iter().any(|name| action.covers(&format!("kms:{name}"))).then_some(action)
    }

    pub(super) fn covers(&self, action: &str) -> bool {
        let action = action.to_ascii_lowercase();
        if self.open { action.starts_with(&self.start) } else { action == self.start }
    }
}

/// Whom a statement names.
#[derive(Clone)]
pub(super) enum Principal {
    Everybody,
    /// Every principal of an account.
    Account(String),
    One(String),
}

impl Principal {
    /// Reads one: a star, an account's number or root, a user, a role, a session. `None` for anything else: KMS takes no
    /// wildcards in names.
    pub(super) fn read(text: &str) -> Option<Self> {
        let number = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        if text == "*" {
            return Some(Self::Everybody);
        }
        if number(text) {
            return Some(Self::Account(text.to_owned()));
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let &["arn", partition, service, "", account, name] = parts.as_slice() else { return None };
        (partition.starts_with("aws") && number(account)).then_some(())?;
        if (service, name) == ("iam", "root") {
            return Some(Self::Account(account.to_owned()));
        }
        let (kind, rest) = name.split_once('/')?;
        let known = matches!((service, kind), ("iam", "user" | "role") | ("sts", "assumed-role"));
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&b);
        (known && !rest.is_empty() && rest.bytes().all(plain)).then_some(())?;
        Some(Self::One(text.to_owned()))
    }

    pub(super) fn is(&self, principal: &str) -> bool {
        match self {
            Self::Everybody => true,
            Self::Account(account) => principal.split(':').nth(4) == Some(account),
            Self::One(named) => named == principal,
        }
    }
}
