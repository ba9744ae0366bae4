//! Every term as a path and a text: what `agreement diff` compares and `check --json` lists.
//!
//! Paths name parties and columns instead of counting them, so that a party that was put in front
//! does not look like a change of all others.

use super::Agreement;
use super::terms::*;
use engine::{Output, Precision, Profile, ShapeClass};

/// All terms, defaults too, in the order of the agreement.
pub fn facts(agreement: &Agreement) -> Vec<(String, String)> {
    let terms = agreement.terms();
    let mut facts = Facts(Vec::new());
    facts.put("agreement", super::VERSION);
    facts.put("semantics", super::SEMANTICS);
    facts.put("name", &terms.name);
    facts.put("instances", terms.instances);
    facts.put(
        "restart",
        match terms.restart {
            Restart::ReProvision => "re-provision",
        },
    );
    let roots: Vec<String> = terms
        .kms_roots
        .iter()
        .map(|root| match root {
            KmsRoot::Amazon => "amazon".into(),
            KmsRoot::Certificate(digest) => format!("sha256:{digest}"),
        })
        .collect();
    facts.put("kms_roots", roots.join(", "));
    match terms.image {
        Image::Prebuilt { pcr0, pcr1, pcr2 } => {
            facts.put("image.mode", "prebuilt");
            facts.put("image.pcr0", pcr0);
            facts.put("image.pcr1", pcr1);
            facts.put("image.pcr2", pcr2);
        }
        Image::Dedicated { pcr1, application } => {
            facts.put("image.mode", "dedicated");
            facts.put("image.pcr1", pcr1);
            facts.put("image.application_sha384", application);
        }
    }
    for (number, party) in terms.parties.iter().enumerate() {
        facts.party(number, party);
    }
    facts.program(&terms.program);
    facts.put(
        "input.precision",
        match terms.input.precision {
            Precision::F32 => "f32",
            Precision::F64 => "f64",
        },
    );
    facts.put("input.rows_per_call", terms.input.rows_per_call);
    for (number, column) in terms.input.columns.iter().enumerate() {
        facts.column(terms, number, column);
    }
    facts.put("output.output", output_name(terms.output.output));
    facts.put("output.count", terms.output.count);
    facts.put("output.min", terms.output.min);
    facts.put("output.max", terms.output.max);
    for release in &terms.releases {
        facts.release(terms, release);
    }
    facts.put("replies.bound_ms", terms.replies.bound_ms);
    facts.put("replies.quantum_ms", terms.replies.quantum_ms);
    facts.put("replies.factor", terms.replies.factor);
    facts.put("limits.memory_mib", terms.limits.memory_mib);
    facts.put("limits.program_mib", terms.limits.program_mib);
    facts.put("limits.message_mib", terms.limits.message_mib);
    facts.put("limits.connections", terms.limits.connections);
    facts.put("limits.idle_seconds", terms.limits.idle_seconds);
    facts.0
}

struct Facts(Vec<(String, String)>);

impl Facts {
    fn put(&mut self, path: &str, value: impl ToString) {
        self.0.push((path.to_owned(), value.to_string()));
    }

    fn party(&mut self, number: usize, party: &Party) {
        let path = |field: &str| format!("party.{}.{field}", party.name);
        self.put(&path("position"), number);
        self.put(&path("id"), party.id());
        self.put(
            &path("kms_key_arn"),
            match &party.key {
                PartyKey::Kms(arn) => arn,
                PartyKey::NoneAccepted => "none, accepted",
            },
        );
        match party.authentication {
            Authentication::Psk { sha256 } => self.put(&path("psk_sha256"), sha256),
            Authentication::Tls { key_sha256 } => self.put(&path("tls_key_sha256"), key_sha256),
        }
        let roles: Vec<&str> = party.roles.iter().map(|&role| role_name(role)).collect();
        self.put(&path("roles"), roles.join(", "));
        self.put(&path("submit_calls"), party.submit_calls);
        self.put(&path("supply_calls"), party.supply.calls);
        self.put(&path("supply_rows"), party.supply.rows);
        self.put(&path("score_calls"), party.score.calls);
        self.put(&path("score_rows"), party.score.rows);
        let end = |seconds: u64| match seconds {
            0 | u64::MAX => "open".into(),
            seconds => format!("{seconds} s after 1970"),
        };
        self.put(&path("valid_from"), end(party.window.from));
        self.put(&path("valid_until"), end(party.window.until));
    }

    fn program(&mut self, program: &ProgramTerms) {
        self.put(
            "program.profile",
            match program.profile {
                Profile::Strict => "strict",
                Profile::DataOblivious => "data-oblivious",
            },
        );
        self.put(
            "program.class",
            match program.class {
                ShapeClass::Auto => "auto",
                ShapeClass::Exact => "exact",
            },
        );
        self.put("program.card", program.card);
        match program.choice {
            Choice::Any => self.put("program.commitment", "any program of this card"),
            Choice::Exact(commitment) => self.put("program.commitment", commitment),
        }
    }

    fn column(&mut self, terms: &AgreementParts, number: usize, column: &Column) {
        let values = match &column.values {
            ColumnValues::Number { min, max } => format!("number {min} to {max}"),
            ColumnValues::Integer { min, max } => format!("integer {min} to {max}"),
            ColumnValues::Category { categories } => format!("category {categories:?}"),
        };
        let missing = match column.missing {
            Missing::Refused => "never missing",
            Missing::Allowed => "may be missing",
        };
        let from = whom(terms, column.from);
        self.put(
            &format!("input.column.{}", column.name),
            format!("position {number}, {values}, {missing}, from {from}"),
        );
    }

    fn release(&mut self, terms: &AgreementParts, release: &Release) {
        let form = match release.form {
            Form::Rows => "every row".into(),
            Form::Aggregate { minimum_rows } => {
                format!("aggregates of {minimum_rows} rows or more")
            }
        };
        let digits = match release.digits {
            Digits::Full => "all digits".into(),
            Digits::Decimals(decimals) => format!("{decimals} decimals"),
        };
        let disclosure = match release.row_disclosure {
            RowDisclosure::Refused => "",
            RowDisclosure::Accepted => ", rows of others accepted",
        };
        self.put(
            &format!("release.{}", whom(terms, release.to)),
            format!("{form}, {digits}{disclosure}"),
        );
    }
}

/// The name of a role, as the TOML form spells it.
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::ModelOwner => "model-owner",
        Role::RuleOwner => "rule-owner",
        Role::DataOwner => "data-owner",
        Role::Reader => "reader",
        Role::Operator => "operator",
    }
}

/// The name of an output, as the TOML form spells it.
pub fn output_name(output: Output) -> &'static str {
    match output {
        Output::Margin => "margin",
        Output::Probability => "probability",
        Output::Prediction => "prediction",
        Output::Label => "label",
        Output::Leaf => "leaf",
    }
}

fn whom(terms: &AgreementParts, whom: Whom) -> &str {
    match whom {
        Whom::Caller => "caller",
        Whom::Party(position) => {
            terms.parties.get(usize::from(position)).map_or("?", |party| &party.name)
        }
    }
}
