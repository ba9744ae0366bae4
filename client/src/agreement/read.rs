//! From text to an agreement.

use protocol::agreement::{
    Agreement, AgreementError, AgreementParts, Fault, KmsRoot, MAX_COLUMNS, MAX_PARTIES, Restart,
    SEMANTICS, VERSION,
};
use std::collections::BTreeSet;
use toml::de::DeTable;

use super::fields;
use super::table::{Places, Result, Table, Value, short};

pub(super) fn agreement(text: &str) -> Result<Agreement> {
    let places = Places::new(text);
    let table = DeTable::parse(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        let what: String = message.chars().filter(|c| !c.is_control()).take(400).collect();
        places.refuse_at(start, "the text", format!("is not TOML: {what}; mend this line"))
    })?;
    let terms = terms(Table::root(&places, table.get_ref()))?;
    Agreement::new(terms).map_err(|error| {
        let AgreementError { path, fault } = error;
        places.refuse(&path, fault)
    })
}

fn terms(root: Table<'_>) -> Result<AgreementParts> {
    // an unknown version may mean other things by the same words, so it is looked at first
    version(&root, "agreement", VERSION)?;
    version(&root, "semantics", SEMANTICS)?;
    let parties = capped(root.tables("party", "name")?, "party", MAX_PARTIES, &root)?;
    let names: Vec<&str> = parties
        .iter()
        .map(|party| party.must("name", "name = \"alice\"")?.text())
        .collect::<Result<_>>()?;
    let input = root.table("input")?;
    let columns = capped(input.tables("column", "name")?, "input.column", MAX_COLUMNS, &root)?;
    let terms = AgreementParts {
        name: root.must("name", "name = \"credit scoring\"")?.text()?.to_owned(),
        image: fields::image(root.table("image")?)?,
        kms_roots: match root.maybe("kms_roots") {
            Some(roots) => kms_roots(&roots)?,
            None => BTreeSet::from([KmsRoot::Amazon]),
        },
        instances: root.maybe("instances").map_or(Ok(1), |value| value.integer())?,
        restart: match root.maybe("restart") {
            Some(value) => value.choice(&[("re-provision", Restart::ReProvision)])?,
            None => Restart::ReProvision,
        },
        parties: parties.into_iter().map(fields::party).collect::<Result<_>>()?,
        program: fields::program(root.table("program")?)?,
        input: fields::input(input, columns, &names)?,
        output: fields::output(root.table("output")?)?,
        releases: root
            .tables("release", "to")?
            .into_iter()
            .map(|release| fields::release(release, &names))
            .collect::<Result<_>>()?,
        replies: fields::replies(root.table("replies")?)?,
        limits: fields::limits(root.table("limits")?)?,
    };
    root.finish()?;
    Ok(terms)
}

fn version(root: &Table<'_>, field: &'static str, known: u32) -> Result<()> {
    let value = root.must(field, &format!("{field} = {known}"))?;
    let found = value.integer()?;
    if found == known { Ok(()) } else { Err(value.refuse(Fault::Version { found, known })) }
}

fn capped<'a>(
    tables: Vec<Table<'a>>,
    path: &str,
    max: usize,
    root: &Table<'_>,
) -> Result<Vec<Table<'a>>> {
    match tables.len() <= max {
        true => Ok(tables),
        false => Err(root.refuse(path, Fault::Count { found: tables.len(), min: 1, max })),
    }
}

fn kms_roots(value: &Value<'_>) -> Result<BTreeSet<KmsRoot>> {
    let mut roots = BTreeSet::new();
    for text in value.texts()? {
        let root = match text.strip_prefix("sha256:") {
            Some(digits) => value
                .hex_of(digits, "sha256: and the SHA-256 of a certificate")
                .map(|digest| KmsRoot::Certificate(protocol::Sha256(digest)))?,
            None if text == "amazon" => KmsRoot::Amazon,
            None => {
                return Err(value.refuse(format!(
                    "{:?} is no root: write \"amazon\", or \"sha256:\" and the digest of a certificate for development",
                    short(text)
                )));
            }
        };
        if !roots.insert(root) {
            return Err(value.refuse(format!("{:?} is there twice: keep one of them", short(text))));
        }
    }
    Ok(roots)
}
