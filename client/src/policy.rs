//! The policy of a party's key in KMS: what makes KMS release secrets to the agreed image alone.

use protocol::Sha384;
use protocol::agreement::{Agreement, Party};
use protocol::kms::{KeyPlace, KeyPurpose, context};
use serde_json::{Map, Value, json};

/// The key policy of one party, in IAM's language. `role` is the IAM role of the enclave's machine, whose credentials the
/// parent signs with; `measured` are the registers of the agreed image, PCR16 among them where it is prebuilt.
///
/// - The account's own principals administer the key, and wrap with it (`Encrypt`, under the agreement's context alone).
/// - The role may `Decrypt` and `GenerateDataKey`, with a document of exactly these measurements and in the context of this
///   agreement, this party, and one purpose each.
/// - Denied to everybody, the account included: both of these without a document, every way of `ReEncrypt`, grants. Denied to
///   the role: everything else, also where it is of the key's own account. `Encrypt` is the one that matters most, since no
///   measurement covers it: whoever may encrypt could plant a key.
///
/// `None` where the party has no key.
pub fn key_policy(
    agreement: &Agreement,
    party: &Party,
    role: &str,
    measured: &[(u8, Sha384)],
) -> Option<Value> {
    let place = KeyPlace::of(party)?;
    let mut arn = place.arn.split(':');
    let (partition, account) = (arn.nth(1)?, arn.nth(2)?);
    let root = format!("arn:{partition}:iam::{account}:root");
    let registers: Map<String, Value> = measured
        .iter()
        .map(|(number, value)| {
            (format!("kms:RecipientAttestation:PCR{number}"), value.to_string().into())
        })
        .collect();
    let named = |name: &str| format!("kms:EncryptionContext:{name}");
    let of = |purpose: KeyPurpose| {
        let context = context(&agreement.digest(), &party.id(), purpose);
        context.map(|(name, value)| (named(name), Value::from(value)))
    };
    let released = |sid: &str, action: &str, purpose: KeyPurpose| {
        json!({
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"AWS": role},
            "Action": action,
            "Resource": "*",
            "Condition": {
                "StringEqualsIgnoreCase": registers,
                "StringEquals": Map::from_iter(of(purpose)),
            },
        })
    };
    Some(json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Administer",
                "Effect": "Allow",
                "Principal": {"AWS": root},
                "Action": [
                    "kms:DescribeKey", "kms:GetKeyPolicy", "kms:PutKeyPolicy", "kms:ListKeyPolicies", "kms:ListGrants",
                    "kms:RetireGrant", "kms:RevokeGrant", "kms:EnableKey", "kms:DisableKey", "kms:TagResource",
                    "kms:UntagResource", "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion",
                ],
                "Resource": "*",
            },
            {
                "Sid": "Wrap",
                "Effect": "Allow",
                "Principal": {"AWS": root},
                "Action": "kms:Encrypt",
                "Resource": "*",
                "Condition": {"StringEquals": Map::from_iter(of(KeyPurpose::Psk))},
            },
            released("ReleaseIdentity", "kms:Decrypt", KeyPurpose::Psk),
            released("MakeLayer", "kms:GenerateDataKey", KeyPurpose::State),
            released("OpenLayer", "kms:Decrypt", KeyPurpose::State),
            {
                "Sid": "NothingUnattested",
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                "Resource": "*",
                // every document has PCR0
                "Condition": {"Null": {"kms:RecipientAttestation:PCR0": "true"}},
            },
            {
                "Sid": "NoOtherWay",
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["kms:ReEncrypt*", "kms:CreateGrant"],
                "Resource": "*",
            },
            {
                "Sid": "NothingElse",
                "Effect": "Deny",
                "Principal": {"AWS": role},
                "NotAction": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": "*",
            },
        ],
    }))
}
