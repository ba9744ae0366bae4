//! The tables of an agreement, one function each.

use engine::{Output, Precision, Profile, ShapeClass};
use protocol::agreement::{
    Authentication, Budget, Choice, Column, ColumnValues, Digits, Form, Image, InputTerms, Limits,
    Missing, OutputTerms, Party, PartyKey, ProgramTerms, Release, Replies, Role, RowDisclosure,
    Whom, Window,
};
use protocol::{Sha256, Sha384};
use std::collections::BTreeSet;

use super::table::{Result, Table, Value, short};

const HEX48: &str = "\"0f3a...\" (96 hex digits)";
const HEX32: &str = "\"0f3a...\" (64 hex digits)";

pub(super) fn image(table: Table<'_>) -> Result<Image> {
    #[derive(Clone, Copy)]
    enum Mode {
        Prebuilt,
        Dedicated,
    }
    let mode = table
        .must("mode", "mode = \"prebuilt\"")?
        .choice(&[("prebuilt", Mode::Prebuilt), ("dedicated", Mode::Dedicated)])?;
    let pcr = |field| sha384(&table, field, "the measurement of the image");
    let image = match mode {
        Mode::Prebuilt => {
            Image::Prebuilt { pcr0: pcr("pcr0")?, pcr1: pcr("pcr1")?, pcr2: pcr("pcr2")? }
        }
        Mode::Dedicated => Image::Dedicated {
            pcr1: pcr("pcr1")?,
            application: sha384(&table, "application_sha384", "the SHA-384 of the application")?,
        },
    };
    table.finish()?;
    Ok(image)
}

pub(super) fn party(table: Table<'_>) -> Result<Party> {
    let name = table.must("name", "name = \"alice\"")?.text()?.to_owned();
    let without_key = flag(&table, "without_kms_key")?;
    let key = match (table.maybe("kms_key_arn"), without_key) {
        (Some(arn), false) => PartyKey::Kms(arn.text()?.to_owned()),
        (None, true) => PartyKey::NoneAccepted,
        (Some(arn), true) => {
            return Err(arn.refuse("the party has a key and without_kms_key says that it has none: remove one of the two"));
        }
        (None, false) => {
            return Err(table.missing(
                "kms_key_arn",
                "kms_key_arn = \"arn:aws:kms:REGION:ACCOUNT:key/ID\", or accept that the party has no say over sealed state with  without_kms_key = true",
            ));
        }
    };
    #[derive(Clone, Copy)]
    enum Kind {
        Psk,
        Tls,
    }
    let kind = table
        .must("authentication", "authentication = \"psk\"")?
        .choice(&[("psk", Kind::Psk), ("tls", Kind::Tls)])?;
    let authentication = match kind {
        Kind::Psk => Authentication::Psk {
            sha256: sha256(&table, "psk_sha256", "the SHA-256 of the party's 32 secret bytes")?,
        },
        Kind::Tls => Authentication::Tls {
            key_sha256: sha256(&table, "tls_key_sha256", "the SHA-256 of the party's public key")?,
        },
    };
    let roles = roles(&table)?;
    let window = Window {
        from: table.maybe("valid_from").map_or(Ok(0), |value| value.instant())?,
        until: table.maybe("valid_until").map_or(Ok(u64::MAX), |value| value.instant())?,
    };
    let party = Party {
        name,
        key,
        authentication,
        roles,
        submit_calls: number(&table, "submit_calls")?,
        supply: Budget {
            calls: number(&table, "supply_calls")?,
            rows: number(&table, "supply_rows")?,
        },
        score: Budget {
            calls: number(&table, "score_calls")?,
            rows: number(&table, "score_rows")?,
        },
        window,
    };
    table.finish()?;
    Ok(party)
}

fn roles(table: &Table<'_>) -> Result<BTreeSet<Role>> {
    let value = table.must("roles", "roles = [\"data-owner\", \"reader\"]")?;
    let mut roles = BTreeSet::new();
    for word in value.texts()? {
        let role = match word {
            "model-owner" => Role::ModelOwner,
            "rule-owner" => Role::RuleOwner,
            "data-owner" => Role::DataOwner,
            "reader" => Role::Reader,
            "operator" => Role::Operator,
            _ => {
                let word = short(word);
                return Err(value.refuse(format!("{word:?} is no role: write model-owner, rule-owner, data-owner, reader or operator")));
            }
        };
        if !roles.insert(role) {
            return Err(value.refuse(format!("{word:?} is there twice: keep one of them")));
        }
    }
    Ok(roles)
}

pub(super) fn program(table: Table<'_>) -> Result<ProgramTerms> {
    let terms = ProgramTerms {
        profile: table
            .must("profile", "profile = \"strict\"")?
            .choice(&[("strict", Profile::Strict), ("data-oblivious", Profile::DataOblivious)])?,
        class: table
            .must("class", "class = \"auto\"")?
            .choice(&[("auto", ShapeClass::Auto), ("exact", ShapeClass::Exact)])?,
        card: sha384(&table, "card", "the digest of the program's card")?,
        choice: match table.maybe("commitment") {
            Some(value) => Choice::Exact(Sha384(value.hex("the commitment of a program")?)),
            None => Choice::Any,
        },
    };
    table.finish()?;
    Ok(terms)
}

pub(super) fn input(
    table: Table<'_>,
    columns: Vec<Table<'_>>,
    parties: &[&str],
) -> Result<InputTerms> {
    let terms = InputTerms {
        precision: table
            .must("precision", "precision = \"f32\"")?
            .choice(&[("f32", Precision::F32), ("f64", Precision::F64)])?,
        rows_per_call: table.must("rows_per_call", "rows_per_call = 1000")?.integer()?,
        columns: columns.into_iter().map(|table| column(table, parties)).collect::<Result<_>>()?,
    };
    table.finish()?;
    Ok(terms)
}

fn column(table: Table<'_>, parties: &[&str]) -> Result<Column> {
    #[derive(Clone, Copy)]
    enum Kind {
        Number,
        Integer,
        Category,
    }
    let name = table.must("name", "name = \"age\"")?.text()?.to_owned();
    let kind = table.must("type", "type = \"number\"")?.choice(&[
        ("number", Kind::Number),
        ("integer", Kind::Integer),
        ("category", Kind::Category),
    ])?;
    let values = match kind {
        Kind::Number => ColumnValues::Number {
            min: table.must("min", "min = 0")?.number()?,
            max: table.must("max", "max = 100")?.number()?,
        },
        Kind::Integer => ColumnValues::Integer {
            min: table.must("min", "min = 0")?.integer()?,
            max: table.must("max", "max = 100")?.integer()?,
        },
        Kind::Category => {
            let categories = table.must("categories", "categories = [\"red\", \"green\"]")?;
            let categories = categories.texts()?.into_iter().map(str::to_owned).collect();
            ColumnValues::Category { categories }
        }
    };
    let column = Column {
        name,
        values,
        missing: match flag(&table, "missing")? {
            true => Missing::Allowed,
            false => Missing::Refused,
        },
        from: match table.maybe("from") {
            Some(value) => whom(&value, parties)?,
            None => Whom::Caller,
        },
    };
    table.finish()?;
    Ok(column)
}

pub(super) fn output(table: Table<'_>) -> Result<OutputTerms> {
    let terms = OutputTerms {
        output: table.must("output", "output = \"probability\"")?.choice(&[
            ("margin", Output::Margin),
            ("probability", Output::Probability),
            ("prediction", Output::Prediction),
            ("label", Output::Label),
            // known, so that the refusal can say why
            ("leaf", Output::Leaf),
        ])?,
        count: table.must("count", "count = 1")?.integer()?,
        min: table.must("min", "min = 0")?.number()?,
        max: table.must("max", "max = 1")?.number()?,
    };
    table.finish()?;
    Ok(terms)
}

pub(super) fn release(table: Table<'_>, parties: &[&str]) -> Result<Release> {
    #[derive(Clone, Copy)]
    enum Kind {
        Rows,
        Aggregate,
    }
    let to = whom(&table.must("to", "to = \"bob\"")?, parties)?;
    let kind = table
        .must("form", "form = \"rows\"")?
        .choice(&[("rows", Kind::Rows), ("aggregate", Kind::Aggregate)])?;
    let form = match kind {
        Kind::Rows => Form::Rows,
        Kind::Aggregate => {
            let value = table.must("minimum_rows", "minimum_rows = 100")?;
            match value.integer()? {
                // on the wire 0 would mean another form
                0 => return Err(value.refuse("an aggregate of no rows: set it to 2 or more")),
                minimum_rows => Form::Aggregate { minimum_rows },
            }
        }
    };
    let digits = match (table.maybe("decimals"), table.maybe("full_precision")) {
        (Some(decimals), None) => Digits::Decimals(decimals.integer()?),
        (None, Some(full)) if full.boolean()? => Digits::Full,
        (None, Some(full)) => {
            return Err(full.refuse("false says nothing: give decimals = 4 instead"));
        }
        (None, None) => {
            return Err(table.missing("decimals", "decimals = 4, or  full_precision = true"));
        }
        (Some(decimals), Some(_)) => {
            return Err(decimals.refuse("there is full_precision too: remove one of the two"));
        }
    };
    let row_disclosure = match flag(&table, "accept_row_disclosure")? {
        true => RowDisclosure::Accepted,
        false => RowDisclosure::Refused,
    };
    table.finish()?;
    Ok(Release { to, form, digits, row_disclosure })
}

pub(super) fn replies(table: Table<'_>) -> Result<Replies> {
    let terms = Replies {
        bound_ms: table.must("bound_ms", "bound_ms = 2000")?.integer()?,
        quantum_ms: table.must("quantum_ms", "quantum_ms = 100")?.integer()?,
        factor: table.maybe("factor").map_or(Ok(2), |value| value.integer())?,
    };
    table.finish()?;
    Ok(terms)
}

pub(super) fn limits(table: Table<'_>) -> Result<Limits> {
    let terms = Limits {
        memory_mib: table.must("memory_mib", "memory_mib = 1024")?.integer()?,
        program_mib: table.must("program_mib", "program_mib = 16")?.integer()?,
        message_mib: table.must("message_mib", "message_mib = 32")?.integer()?,
        connections: table.maybe("connections").map_or(Ok(64), |value| value.integer())?,
        idle_seconds: table.maybe("idle_seconds").map_or(Ok(60), |value| value.integer())?,
    };
    table.finish()?;
    Ok(terms)
}

fn whom(value: &Value<'_>, parties: &[&str]) -> Result<Whom> {
    let name = value.text()?;
    if name == "caller" {
        return Ok(Whom::Caller);
    }
    match parties.iter().position(|party| *party == name) {
        // there are at most 64
        Some(position) => Ok(Whom::Party(position as u16)),
        None => {
            let name = short(name);
            let known = parties.iter().map(|party| short(party)).collect::<Vec<_>>().join(", ");
            Err(value
                .refuse(format!("there is no party {name:?}: write \"caller\", or one of {known}")))
        }
    }
}

fn flag(table: &Table<'_>, field: &'static str) -> Result<bool> {
    table.maybe(field).map_or(Ok(false), |value| value.boolean())
}

/// A whole number that is 0 if it is left out.
fn number<T: TryFrom<i64> + Default>(table: &Table<'_>, field: &'static str) -> Result<T> {
    table.maybe(field).map_or(Ok(T::default()), |value| value.integer())
}

fn sha384(table: &Table<'_>, field: &'static str, what: &str) -> Result<Sha384> {
    Ok(Sha384(table.must(field, &format!("{field} = {HEX48}"))?.hex(what)?))
}

fn sha256(table: &Table<'_>, field: &'static str, what: &str) -> Result<Sha256> {
    Ok(Sha256(table.must(field, &format!("{field} = {HEX32}"))?.hex(what)?))
}
