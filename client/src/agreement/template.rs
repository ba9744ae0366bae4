//! A new agreement to fill in. What a program knows is filled in from it; a blank is refused by
//! `agreement check`, which names its line.

use engine::rule::{Number, Per, RuleShape};
use engine::shape::StepShape;
use engine::{Output, Precision, Profile, Program, ShapeClass};
use protocol::Sha384;
use protocol::agreement::{output_name, rule_columns, rule_releases, values_per_row};
use std::fmt::Write;

/// What is known of the program.
pub struct Fill<'a> {
    /// The program.
    pub program: &'a Program,
    /// The digest of its card.
    pub card: Sha384,
}

/// The text. `fill` is `None` where there is no program yet.
pub fn template(fill: Option<&Fill<'_>>) -> String {
    let mut text = String::from(HEAD);
    text.push_str(&program(fill));
    text.push_str(&columns(fill));
    text.push_str(&output(fill));
    text.push_str(&TAIL.replace("%RELEASE%\n", &format!("{MODEL_RELEASE}\n")));
    let Some(rule) = rule(fill) else { return text };
    let text = text.replace("roles = [\"model-owner\"]", "roles = [\"rule-owner\"]");
    // each party of the rule gets what the rule has for it, and parties here have the rule's names
    let each = rule_releases(rule).into_iter().map(|(party, per)| {
        let form = match per {
            Per::Row => "form = \"rows\"",
            Per::Once => "form = \"aggregate\"\nminimum_rows = \"FILL IN\"",
        };
        format!("[[release]]\nto = {}\n{form}\ndecimals = 0\n", quoted(party))
    });
    let each: Vec<String> = each.collect();
    text.replace(MODEL_RELEASE, &each.join("\n"))
}

fn program(fill: Option<&Fill<'_>>) -> String {
    let (profile, class, card) = match fill {
        None => (
            "strict",
            "auto",
            "FILL IN: tautochrone agreement new --program FILE.tau does it".into(),
        ),
        Some(fill) => {
            let shape = fill.program.shape();
            let profile = match shape.profile {
                Profile::Strict => "strict",
                Profile::DataOblivious => "data-oblivious",
            };
            let class = match shape.class {
                ShapeClass::Auto => "auto",
                ShapeClass::Exact => "exact",
            };
            (profile, class, fill.card.to_string())
        }
    };
    format!(
        "
# The program. Its card is everything that is public of it; any program of this card may be
# submitted, or exactly one: add  commitment = \"...\".
[program]
profile = \"{profile}\"
class = \"{class}\"
card = \"{card}\"
"
    )
}

/// The rule that the program is, if it is one.
fn rule<'a>(fill: Option<&'a Fill<'_>>) -> Option<&'a RuleShape> {
    match fill?.program.shape().steps.as_slice() {
        [StepShape::Rule(rule)] => Some(rule),
        _ => None,
    }
}

fn columns(fill: Option<&Fill<'_>>) -> String {
    if let Some(rule) = rule(fill) {
        return rule_rows(rule);
    }
    let (precision, names) = match fill {
        None => ("f32", vec!["age".to_owned()]),
        Some(fill) => {
            let precision = match fill.program.shape().precision {
                Precision::F32 => "f32",
                Precision::F64 => "f64",
            };
            let schema = fill.program.schema();
            let numbered = || (0..schema.features).map(|n| format!("f{n}")).collect();
            (precision, schema.feature_names.clone().unwrap_or_else(numbered))
        }
    };
    let mut text = format!(
        "
# The rows: every column in the order of the program, and what its values may be.
# type: number, integer or category. from: \"caller\", or the party that always brings the column.
[input]
precision = \"{precision}\"
rows_per_call = 1000
"
    );
    for name in names {
        // writing to a String cannot fail
        let _ = write!(
            text,
            "
[[input.column]]
name = {}
type = \"number\"
min = \"FILL IN\"
max = \"FILL IN\"
missing = false
",
            quoted(&name)
        );
    }
    text
}

/// A rule knows the type and the range of each column, and who brings it.
fn rule_rows(rule: &RuleShape) -> String {
    let most = rule.most_rows.min(1000);
    let mut text = format!(
        "
# The rows: every cell that the rule reads is a column. from: \"caller\", or the party that always brings the column. What
# the rule reads once stands in every row, the same in each. Fixed point is in units of its last bit.
[input]
precision = \"f64\"
rows_per_call = {most}
"
    );
    for column in rule_columns(rule) {
        let (low, high) = (column.input.low, column.input.high);
        let values = match column.input.number {
            // what f64 holds exactly
            Number::Integer => {
                let (low, high) = (low.max(-(1 << 53)), high.min(1 << 53));
                format!("type = \"integer\"\nmin = {low}\nmax = {high}")
            }
            Number::Truth => "type = \"integer\"\nmin = 0\nmax = 1".into(),
            Number::F32 | Number::F64 => {
                "type = \"number\"\nmin = \"FILL IN\"\nmax = \"FILL IN\"".into()
            }
        };
        // writing to a String cannot fail
        let _ = write!(
            text,
            "
# of {} in the rule
[[input.column]]
name = {}
{values}
",
            column.party,
            quoted(&column.name)
        );
    }
    text
}

fn output(fill: Option<&Fill<'_>>) -> String {
    let (output, count) = match fill {
        None => (Output::Probability, 1),
        Some(fill) if rule(Some(fill)).is_some() => {
            (Output::Prediction, values_per_row(fill.program, Output::Prediction))
        }
        Some(fill) => {
            let output = fill.program.schema().default_output;
            (output, values_per_row(fill.program, output))
        }
    };
    let (count, range) = match output {
        Output::Probability => (count, "min = 0\nmax = 1".to_owned()),
        Output::Label => {
            let classes = fill.map_or(2, |fill| fill.program.schema().classes.len().max(2));
            (count, format!("min = 0\nmax = {}", classes - 1))
        }
        _ => (count, "min = \"FILL IN\"\nmax = \"FILL IN\"".to_owned()),
    };
    format!(
        "
# What comes out. A call with any value outside the range is refused as a whole.
[output]
output = \"{}\"
count = {count}
{range}
",
        output_name(output)
    )
}

/// A TOML string: names come from a model file, and may hold anything.
fn quoted(name: &str) -> String {
    let mut text = String::from("\"");
    for c in name.chars() {
        match c {
            '"' | '\\' => {
                text.push('\\');
                text.push(c);
            }
            c if c.is_control() => text.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

const HEAD: &str = r#"# An agreement of Tautochrone. Fill in every FILL IN, then run
#   tautochrone agreement check FILE
# All parties compare the digest that it prints. Comments and the order of fields do not change it.
agreement = 1
semantics = 1
name = "FILL IN: what you call this agreement"

# What may run: the measurements of the published image.
[image]
mode = "prebuilt"
pcr0 = "FILL IN"
pcr1 = "FILL IN"
pcr2 = "FILL IN"

# The parties. Roles: model-owner, rule-owner, data-owner, reader, operator.
# psk_sha256 is the digest of the party's own 32 secret bytes:
#   head -c 32 /dev/urandom > alice.psk && sha256sum alice.psk
[[party]]
name = "alice"
roles = ["model-owner"]
kms_key_arn = "FILL IN: arn:aws:kms:REGION:ACCOUNT:key/ID"
authentication = "psk"
psk_sha256 = "FILL IN"
submit_calls = 1

[[party]]
name = "bob"
roles = ["data-owner", "reader"]
kms_key_arn = "FILL IN: arn:aws:kms:REGION:ACCOUNT:key/ID"
authentication = "psk"
psk_sha256 = "FILL IN"
score_calls = 2
score_rows = 2000
"#;

const MODEL_RELEASE: &str = r#"[[release]]
to = "caller"
form = "rows"
decimals = 4
"#;

const TAIL: &str = r#"
# What is released, to whom, and how exactly. What is not here is released to nobody.
%RELEASE%
# A reply leaves bound_ms after its request, whatever it says; one that is late leaves a multiple of
# quantum_ms later.
[replies]
bound_ms = 2000
quantum_ms = 100
factor = 2

[limits]
memory_mib = 512
program_mib = 64
message_mib = 72
connections = 16
idle_seconds = 60
"#;
