//! The rules that the terms of an agreement must meet. The client and the enclave pass the same ones.
//!
//! Sets and releases are sorted here, so that one meaning has one form.

use super::error::{AgreementError, Fault, at};
use super::terms::*;
use crate::digest::Sha384;
use engine::{Output, Precision};
use std::collections::{HashMap, HashSet};
use std::fmt::Display;

/// Parties, at most.
pub const MAX_PARTIES: usize = 64;
/// Columns, at most.
pub const MAX_COLUMNS: usize = 65_536;
/// Categories of a column, at most.
pub const MAX_CATEGORIES: usize = 65_536;
/// Bytes of the name of an agreement, a column or a category.
pub const MAX_NAME: usize = 256;
/// Rows of a call, at most.
pub const MAX_ROWS: u64 = 1 << 28;

/// Calls and rows of a budget: so few that totals fit everywhere.
const MAX_CALLS: u64 = 1 << 30;
const MAX_TOTAL_ROWS: u64 = 1 << 38;
const MAX_MESSAGE_MIB: u64 = 16 << 10;

type Checked = Result<(), AgreementError>;

/// Sorts what has no order and checks everything.
pub(super) fn check(terms: &mut AgreementParts) -> Checked {
    text("name", &terms.name)?;
    image(&terms.image)?;
    count("kms_roots", terms.kms_roots.len(), 1, 16)?;
    for root in &terms.kms_roots {
        if let KmsRoot::Certificate(digest) = root
            && digest.0 == [0; 32]
        {
            return Err(at("kms_roots", Fault::ZeroDigest));
        }
    }
    range("instances", terms.instances.into(), 1, 1024)?;
    parties(terms)?;
    nonzero("program.card", &terms.program.card)?;
    if let Choice::Exact(commitment) = &terms.program.choice {
        nonzero("program.commitment", commitment)?;
    }
    input(terms)?;
    output(&terms.output)?;
    releases(terms)?;
    roles(terms)?;
    replies(terms.replies)?;
    limits(terms)
}

fn image(image: &Image) -> Checked {
    match image {
        Image::Prebuilt { pcr0, pcr1, pcr2 } => {
            nonzero("image.pcr0", pcr0)?;
            nonzero("image.pcr1", pcr1)?;
            nonzero("image.pcr2", pcr2)
        }
        Image::Dedicated { pcr1, application } => {
            nonzero("image.pcr1", pcr1)?;
            nonzero("image.application_sha384", application)
        }
    }
}

fn parties(terms: &AgreementParts) -> Checked {
    count("party", terms.parties.len(), 1, MAX_PARTIES)?;
    let mut names = HashSet::new();
    let mut arns = HashMap::new();
    let mut secrets = HashMap::new();
    for (number, party) in terms.parties.iter().enumerate() {
        let path = |field: &str| format!("party[{number}].{field}");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        // `caller` has a meaning of its own in `from` and `to`
        if !(1..=64).contains(&party.name.len())
            || !party.name.chars().all(plain)
            || party.name == "caller"
        {
            return Err(at(path("name"), Fault::PartyName(party.name.chars().take(80).collect())));
        }
        if !names.insert(&party.name) {
            let name = party.name.clone();
            return Err(at(path("name"), Fault::NameTwice { what: "party", name }));
        }
        if let PartyKey::Kms(arn) = &party.key {
            key_arn(arn).map_err(|fault| at(path("kms_key_arn"), fault))?;
            if let Some(other) = arns.insert(arn, &party.name) {
                return Err(at(path("kms_key_arn"), Fault::SharedKey { party: other.clone() }));
            }
        }
        let (field, secret) = match party.authentication {
            Authentication::Psk { sha256 } => ("psk_sha256", sha256),
            Authentication::Tls { key_sha256 } => ("tls_key_sha256", key_sha256),
        };
        if secret.0 == [0; 32] {
            return Err(at(path(field), Fault::ZeroDigest));
        }
        if let Some(other) = secrets.insert(secret, &party.name) {
            return Err(at(path(field), Fault::SharedKey { party: other.clone() }));
        }
        if field == "psk_sha256" && party.key == PartyKey::NoneAccepted {
            return Err(at(path("authentication"), Fault::PskWithoutKey));
        }
        budgets(&path, party, terms.instances)?;
        if party.window.from >= party.window.until {
            return Err(at(path("valid_until"), Fault::Window));
        }
    }
    Ok(())
}

/// `arn:PARTITION:kms:REGION:ACCOUNT:key/ID`, where the ID is a UUID, or `mrk-` and 32 hex digits.
fn key_arn(arn: &str) -> Result<(), Fault> {
    if arn.contains("alias/") {
        return Err(Fault::Alias);
    }
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let [prefix, partition, service, region, account, resource] = parts[..] else {
        return Err(Fault::KeyArn);
    };
    let word = |text: &str| {
        (1..=32).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let uuid = |id: &str| {
        let groups: Vec<&str> = id.split('-').collect();
        groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
            && groups.iter().all(|group| hex(group))
    };
    let multi_region =
        |id: &str| id.strip_prefix("mrk-").is_some_and(|id| id.len() == 32 && hex(id));
    let id = resource.strip_prefix("key/").ok_or(Fault::KeyArn)?;
    let valid = prefix == "arn"
        && matches!(partition, "aws" | "aws-cn" | "aws-us-gov")
        && service == "kms"
        && word(region)
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && (uuid(id) || multi_region(id));
    valid.then_some(()).ok_or(Fault::KeyArn)
}

fn budgets(path: &impl Fn(&str) -> String, party: &Party, instances: u16) -> Checked {
    let split = |field: &str, found: u64, max: u64| {
        range(path(field), found, 0, max)?;
        match found % u64::from(instances) {
            0 => Ok(()),
            _ => Err(at(path(field), Fault::Split { found, instances })),
        }
    };
    split("submit_calls", party.submit_calls.into(), MAX_CALLS)?;
    for (calls, rows, budget) in
        [("supply_calls", "supply_rows", party.supply), ("score_calls", "score_rows", party.score)]
    {
        split(calls, budget.calls.into(), MAX_CALLS)?;
        split(rows, budget.rows, MAX_TOTAL_ROWS)?;
        if (budget.calls == 0) != (budget.rows == 0) {
            return Err(at(path(rows), Fault::HalfBudget));
        }
    }
    Ok(())
}

fn input(terms: &AgreementParts) -> Checked {
    let input = &terms.input;
    range("input.rows_per_call", input.rows_per_call.into(), 1, MAX_ROWS)?;
    count("input.column", input.columns.len(), 1, MAX_COLUMNS)?;
    let mut names = HashSet::new();
    for (number, column) in input.columns.iter().enumerate() {
        let path = |field: &str| format!("input.column[{number}].{field}");
        text(path("name"), &column.name)?;
        if !names.insert(&column.name) {
            let name = column.name.clone();
            return Err(at(path("name"), Fault::NameTwice { what: "column", name }));
        }
        values(&path, &column.values, input.precision)?;
        if let Whom::Party(position) = column.from {
            let party = party(terms, path("from"), position)?;
            if !party.roles.contains(&Role::DataOwner) || party.supply.calls == 0 {
                return Err(at(path("from"), Fault::Supplier { party: party.name.clone() }));
            }
        }
    }
    Ok(())
}

fn values(path: &impl Fn(&str) -> String, values: &ColumnValues, precision: Precision) -> Checked {
    let (name, limit) = match precision {
        Precision::F32 => ("f32", 1 << 24),
        Precision::F64 => ("f64", 1 << 53),
    };
    match values {
        ColumnValues::Number { min, max } => bounds(path("min"), *min, *max),
        ColumnValues::Integer { min, max } => {
            if min > max {
                return Err(at(path("min"), Fault::Bounds));
            }
            if *min < -limit || *max > limit {
                return Err(at(path("min"), Fault::Inexact { precision: name, limit }));
            }
            Ok(())
        }
        ColumnValues::Category { categories } => {
            count(path("categories"), categories.len(), 1, MAX_CATEGORIES)?;
            let mut names = HashSet::new();
            for category in categories {
                text(path("categories"), category)?;
                if !names.insert(category) {
                    let name = category.clone();
                    return Err(at(
                        path("categories"),
                        Fault::NameTwice { what: "category", name },
                    ));
                }
            }
            Ok(())
        }
    }
}

fn output(output: &OutputTerms) -> Checked {
    range("output.count", output.count.into(), 1, 4096)?;
    bounds("output.min", output.min, output.max)?;
    match output.output {
        Output::Leaf => Err(at("output.output", Fault::LeafNumbers)),
        Output::Probability if output.min < 0.0 || output.max > 1.0 => {
            Err(at("output.min", Fault::Probability))
        }
        Output::Label
            if output.min != 0.0
                || output.max.fract() != 0.0
                || output.max >= 65_536.0
                || output.count != 1 =>
        {
            Err(at("output.max", Fault::Label))
        }
        _ => Ok(()),
    }
}

fn releases(terms: &mut AgreementParts) -> Checked {
    let rule = terms.parties.iter().any(|party| party.roles.contains(&Role::RuleOwner));
    let mut readers = HashSet::new();
    for (number, release) in terms.releases.iter().enumerate() {
        let path = |field: &str| format!("release[{number}].{field}");
        if !readers.insert(release.to) {
            return Err(at(path("to"), Fault::ReleaseTwice));
        }
        if let Whom::Party(position) = release.to {
            let reader = party(terms, path("to"), position)?;
            if !reader.roles.contains(&Role::Reader) {
                let reader = reader.name.clone();
                return Err(at(path("to"), Fault::NotAReader { reader }));
            }
        }
        match release.form {
            Form::Rows => {}
            Form::Aggregate { .. } if !rule => {
                return Err(at(path("form"), Fault::AggregateOfModel));
            }
            Form::Aggregate { minimum_rows } => range(
                path("minimum_rows"),
                minimum_rows.into(),
                2,
                terms.input.rows_per_call.into(),
            )?,
        }
        if let Digits::Decimals(decimals) = release.digits {
            range(path("decimals"), decimals.into(), 0, 15)?;
        }
        let disclosed = row_disclosure(terms, release);
        match (release.row_disclosure, disclosed) {
            (RowDisclosure::Refused, Some(owner)) => {
                let owner = owner.name.clone();
                return Err(at(path("accept_row_disclosure"), Fault::RowDisclosure { owner }));
            }
            (RowDisclosure::Accepted, None) => {
                return Err(at(path("accept_row_disclosure"), Fault::NothingToAccept));
            }
            _ => {}
        }
    }
    terms.releases.sort_by_key(|release| release.to);
    Ok(())
}

/// The model's owner, where this release lets it read a value for each row that others brought.
fn row_disclosure<'a>(terms: &'a AgreementParts, release: &Release) -> Option<&'a Party> {
    let owner = |party: &&Party| party.roles.contains(&Role::ModelOwner);
    let (position, owner) = terms.parties.iter().enumerate().find(|(_, party)| owner(party))?;
    let others_bring = terms
        .input
        .columns
        .iter()
        .any(|column| !matches!(column.from, Whom::Caller) && !is(column.from, position));
    let others_call = terms
        .parties
        .iter()
        .enumerate()
        .any(|(other, party)| other != position && party.score.calls > 0);
    let reads = match (release.form, release.to) {
        (Form::Aggregate { .. }, _) => false,
        // its own calls hold rows of others only where others bring columns
        (Form::Rows, Whom::Caller) => owner.score.calls > 0 && others_bring,
        (Form::Rows, to) => is(to, position) && (others_bring || others_call),
    };
    reads.then_some(owner)
}

fn is(whom: Whom, position: usize) -> bool {
    matches!(whom, Whom::Party(p) if usize::from(p) == position)
}

/// Every role has a use, every use has its role.
fn roles(terms: &AgreementParts) -> Checked {
    let owns = |party: &Party| {
        usize::from(party.roles.contains(&Role::ModelOwner))
            + usize::from(party.roles.contains(&Role::RuleOwner))
    };
    let owners = terms.parties.iter().map(owns).sum();
    if owners != 1 {
        return Err(at("party", Fault::Owners { found: owners }));
    }
    let callers_bring = terms.input.columns.iter().any(|column| column.from == Whom::Caller);
    for (number, party) in terms.parties.iter().enumerate() {
        let path = |field: &str| format!("party[{number}].{field}");
        let has = |role| party.roles.contains(&role);
        let brings = terms.input.columns.iter().any(|column| is(column.from, number));
        let reads = terms.releases.iter().any(|release| match release.to {
            Whom::Caller => party.score.calls > 0,
            to => is(to, number),
        });
        let unused = |role, needs| at(path("roles"), Fault::RoleWithoutUse { role, needs });
        let without = |field, role| at(path(field), Fault::BudgetWithoutRole { role });
        count(path("roles"), party.roles.len(), 1, 5)?;
        match (owns(party) > 0, party.submit_calls > 0) {
            (true, false) => return Err(unused("model-owner or rule-owner", "submit_calls")),
            (false, true) => return Err(without("submit_calls", "model-owner or rule-owner")),
            _ => {}
        }
        // the other half is checked where the column is
        if !brings && party.supply.calls > 0 {
            return Err(without("supply_calls", "data-owner with a column from it"));
        }
        let calls = party.score.calls > 0;
        if has(Role::DataOwner) && !brings && !(calls && callers_bring) {
            return Err(unused("data-owner", "score_calls, or a column with from = its name"));
        }
        if calls && callers_bring && !has(Role::DataOwner) {
            return Err(without("score_calls", "data-owner"));
        }
        if calls && !has(Role::DataOwner) && !has(Role::Reader) {
            return Err(without("score_calls", "data-owner or reader"));
        }
        if has(Role::Reader) && !reads {
            return Err(unused("reader", "a release to it"));
        }
        if reads && !has(Role::Reader) {
            return Err(without("score_calls", "reader"));
        }
    }
    Ok(())
}

fn replies(replies: Replies) -> Checked {
    range("replies.bound_ms", replies.bound_ms.into(), 1, 3_600_000)?;
    range("replies.quantum_ms", replies.quantum_ms.into(), 1, replies.bound_ms.into())?;
    range("replies.factor", replies.factor.into(), 1, 100)
}

fn limits(terms: &AgreementParts) -> Checked {
    let limits = terms.limits;
    let (memory, program, message) =
        (limits.memory_mib.into(), limits.program_mib.into(), limits.message_mib.into());
    range("limits.program_mib", program, 1, MAX_MESSAGE_MIB)?;
    range("limits.message_mib", message, 1, MAX_MESSAGE_MIB)?;
    range("limits.memory_mib", memory, 1, 1 << 24)?;
    range("limits.connections", limits.connections.into(), 1, 4096)?;
    range("limits.idle_seconds", limits.idle_seconds.into(), 1, 86_400)?;
    let width: u64 = match terms.input.precision {
        Precision::F32 => 4,
        Precision::F64 => 8,
    };
    let rows = u64::from(terms.input.rows_per_call);
    let largest =
        rows * (terms.input.columns.len() as u64 * width).max(u64::from(terms.output.count) * 8);
    // a message has a few bytes beside its content: one MiB more is always enough
    let needed = program.max(largest.div_ceil(1 << 20)) + 1;
    if message < needed {
        return Err(at(
            "limits.message_mib",
            Fault::TooSmall { what: "the largest message", needed },
        ));
    }
    let parties = terms.parties.len();
    let needed = program + message * parties as u64;
    if memory < needed {
        let what = "one program and one message for each party";
        return Err(at("limits.memory_mib", Fault::TooSmall { what, needed }));
    }
    if usize::from(limits.connections) <= parties {
        let needed = parties + 1;
        return Err(at("limits.connections", Fault::Connections { needed }));
    }
    Ok(())
}

fn party(
    terms: &AgreementParts,
    path: impl Display,
    position: u16,
) -> Result<&Party, AgreementError> {
    terms.parties.get(usize::from(position)).ok_or_else(|| at(path, Fault::NoParty(position)))
}

fn text(path: impl Display, text: &str) -> Checked {
    if (1..=MAX_NAME).contains(&text.len()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(at(path, Fault::Text { limit: MAX_NAME, found: text.len() }))
}

fn nonzero(path: &str, digest: &Sha384) -> Checked {
    if digest.0 == [0; 48] { Err(at(path, Fault::ZeroDigest)) } else { Ok(()) }
}

fn range(path: impl Display, found: u64, min: u64, max: u64) -> Checked {
    if (min..=max).contains(&found) {
        return Ok(());
    }
    Err(at(path, Fault::Range { found, min, max }))
}

fn count(path: impl Display, found: usize, min: usize, max: usize) -> Checked {
    if (min..=max).contains(&found) {
        return Ok(());
    }
    Err(at(path, Fault::Count { found, min, max }))
}

/// Finite, in order, and without a negative zero (two bit patterns would mean one number).
fn bounds(path: impl Display, min: f64, max: f64) -> Checked {
    let negative_zero = |x: f64| x == 0.0 && x.is_sign_negative();
    let valid = min.is_finite()
        && max.is_finite()
        && min <= max
        && !negative_zero(min)
        && !negative_zero(max);
    if valid { Ok(()) } else { Err(at(path, Fault::Bounds)) }
}
