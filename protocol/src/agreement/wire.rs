//! The canonical form as flat integers and bytes. The layout is in `SPEC.md`, section 3.
//!
//! `into_parts` refuses every code that `from_parts` would not write.

use super::terms::*;
use crate::digest::{Sha256, Sha384};
use bincode::{Decode, Encode};
use engine::{Output, Precision, Profile, ShapeClass};

#[derive(Encode, Decode)]
pub(super) struct Wire {
    name: Vec<u8>,
    /// 0: prebuilt, PCR0 to PCR2. 1: dedicated, PCR1, application, zeros.
    image: (u8, [[u8; 48]; 3]),
    /// 0 and zeros: Amazon. 1: a certificate.
    kms_roots: Vec<(u8, [u8; 32])>,
    instances: u16,
    /// 0: re-provision.
    restart: u8,
    parties: Vec<WireParty>,
    /// 0: strict, 1: data-oblivious; 0: auto, 1: exact.
    profile: u8,
    class: u8,
    card: [u8; 48],
    /// 0 and zeros: any. 1: the commitment.
    choice: (u8, [u8; 48]),
    /// 0: f32, 1: f64.
    precision: u8,
    rows_per_call: u32,
    columns: Vec<WireColumn>,
    /// 0: margin, 1: probability, 2: prediction, 3: label.
    output: u8,
    count: u32,
    /// Bits of f64.
    range: [u64; 2],
    releases: Vec<WireRelease>,
    /// Bound, quantum.
    replies: [u32; 2],
    factor: u16,
    /// Memory, program, message, idle seconds.
    limits: [u32; 4],
    connections: u16,
}

#[derive(Encode, Decode)]
struct WireParty {
    name: Vec<u8>,
    /// Empty: none, accepted.
    key_arn: Vec<u8>,
    /// 0: PSK, 1: TLS.
    authentication: (u8, [u8; 32]),
    /// Bit 0: model owner, 1: rule owner, 2: data owner, 3: reader, 4: operator.
    roles: u8,
    /// Calls: submit, supply, score.
    calls: [u32; 3],
    /// Rows: supply, score.
    rows: [u64; 2],
    window: [u64; 2],
}

#[derive(Encode, Decode)]
struct WireColumn {
    name: Vec<u8>,
    /// 0: number, bits of f64. 1: integer, as two's complement. 2: category, zeros.
    values: (u8, [u64; 2]),
    categories: Vec<Vec<u8>>,
    /// 0: refused, 1: allowed.
    missing: u8,
    from: u16,
}

#[derive(Encode, Decode)]
struct WireRelease {
    to: u16,
    /// 0: rows. n: aggregate of at least n rows.
    minimum_rows: u32,
    /// 255: full. Else decimals.
    digits: u8,
    /// 0: refused, 1: accepted.
    row_disclosure: u8,
}

/// The caller, where a party's position would stand.
const CALLER: u16 = u16::MAX;
const FULL: u8 = u8::MAX;
const ROLES: [Role; 5] =
    [Role::ModelOwner, Role::RuleOwner, Role::DataOwner, Role::Reader, Role::Operator];

impl Wire {
    pub(super) fn from_parts(terms: &AgreementParts) -> Self {
        Self {
            name: terms.name.as_bytes().to_vec(),
            image: match terms.image {
                Image::Prebuilt { pcr0, pcr1, pcr2 } => (0, [pcr0.0, pcr1.0, pcr2.0]),
                Image::Dedicated { pcr1, application } => (1, [pcr1.0, application.0, [0; 48]]),
            },
            kms_roots: terms
                .kms_roots
                .iter()
                .map(|root| match root {
                    KmsRoot::Amazon => (0, [0; 32]),
                    KmsRoot::Certificate(digest) => (1, digest.0),
                })
                .collect(),
            instances: terms.instances,
            restart: match terms.restart {
                Restart::ReProvision => 0,
            },
            parties: terms.parties.iter().map(WireParty::from_party).collect(),
            profile: match terms.program.profile {
                Profile::Strict => 0,
                Profile::DataOblivious => 1,
            },
            class: match terms.program.class {
                ShapeClass::Auto => 0,
                ShapeClass::Exact => 1,
            },
            card: terms.program.card.0,
            choice: match terms.program.choice {
                Choice::Any => (0, [0; 48]),
                Choice::Exact(commitment) => (1, commitment.0),
            },
            precision: match terms.input.precision {
                Precision::F32 => 0,
                Precision::F64 => 1,
            },
            rows_per_call: terms.input.rows_per_call,
            columns: terms.input.columns.iter().map(WireColumn::from_column).collect(),
            output: match terms.output.output {
                Output::Margin => 0,
                Output::Probability => 1,
                Output::Prediction => 2,
                Output::Label => 3,
                // `check` refuses it before it comes here, and `into_parts` knows no such code
                Output::Leaf => u8::MAX,
            },
            count: terms.output.count,
            range: [terms.output.min.to_bits(), terms.output.max.to_bits()],
            releases: terms.releases.iter().map(WireRelease::from_release).collect(),
            replies: [terms.replies.bound_ms, terms.replies.quantum_ms],
            factor: terms.replies.factor,
            limits: [
                terms.limits.memory_mib,
                terms.limits.program_mib,
                terms.limits.message_mib,
                terms.limits.idle_seconds,
            ],
            connections: terms.limits.connections,
        }
    }

    pub(super) fn into_parts(self) -> Option<AgreementParts> {
        let [bound_ms, quantum_ms] = self.replies;
        let [memory_mib, program_mib, message_mib, idle_seconds] = self.limits;
        Some(AgreementParts {
            name: String::from_utf8(self.name).ok()?,
            image: match self.image {
                (0, [pcr0, pcr1, pcr2]) => {
                    Image::Prebuilt { pcr0: Sha384(pcr0), pcr1: Sha384(pcr1), pcr2: Sha384(pcr2) }
                }
                (1, [pcr1, application, rest]) if rest == [0; 48] => {
                    Image::Dedicated { pcr1: Sha384(pcr1), application: Sha384(application) }
                }
                _ => return None,
            },
            kms_roots: self
                .kms_roots
                .into_iter()
                .map(|root| match root {
                    (0, rest) if rest == [0; 32] => Some(KmsRoot::Amazon),
                    (1, digest) => Some(KmsRoot::Certificate(Sha256(digest))),
                    _ => None,
                })
                .collect::<Option<_>>()?,
            instances: self.instances,
            restart: match self.restart {
                0 => Restart::ReProvision,
                _ => return None,
            },
            parties: self.parties.into_iter().map(WireParty::into_party).collect::<Option<_>>()?,
            program: ProgramTerms {
                profile: match self.profile {
                    0 => Profile::Strict,
                    1 => Profile::DataOblivious,
                    _ => return None,
                },
                class: match self.class {
                    0 => ShapeClass::Auto,
                    1 => ShapeClass::Exact,
                    _ => return None,
                },
                card: Sha384(self.card),
                choice: match self.choice {
                    (0, rest) if rest == [0; 48] => Choice::Any,
                    (1, commitment) => Choice::Exact(Sha384(commitment)),
                    _ => return None,
                },
            },
            input: InputTerms {
                precision: match self.precision {
                    0 => Precision::F32,
                    1 => Precision::F64,
                    _ => return None,
                },
                rows_per_call: self.rows_per_call,
                columns: self
                    .columns
                    .into_iter()
                    .map(WireColumn::into_column)
                    .collect::<Option<_>>()?,
            },
            output: OutputTerms {
                output: match self.output {
                    0 => Output::Margin,
                    1 => Output::Probability,
                    2 => Output::Prediction,
                    3 => Output::Label,
                    _ => return None,
                },
                count: self.count,
                min: f64::from_bits(self.range[0]),
                max: f64::from_bits(self.range[1]),
            },
            releases: self
                .releases
                .into_iter()
                .map(WireRelease::into_release)
                .collect::<Option<_>>()?,
            replies: Replies { bound_ms, quantum_ms, factor: self.factor },
            limits: Limits {
                memory_mib,
                program_mib,
                message_mib,
                connections: self.connections,
                idle_seconds,
            },
        })
    }
}

impl WireParty {
    fn from_party(party: &Party) -> Self {
        Self {
            name: party.name.as_bytes().to_vec(),
            key_arn: match &party.key {
                PartyKey::Kms(arn) => arn.as_bytes().to_vec(),
                PartyKey::NoneAccepted => Vec::new(),
            },
            authentication: match party.authentication {
                Authentication::Psk { sha256 } => (0, sha256.0),
                Authentication::Tls { key_sha256 } => (1, key_sha256.0),
            },
            roles: (0..)
                .zip(ROLES)
                .map(|(bit, role)| u8::from(party.roles.contains(&role)) << bit)
                .sum(),
            calls: [party.submit_calls, party.supply.calls, party.score.calls],
            rows: [party.supply.rows, party.score.rows],
            window: [party.window.from, party.window.until],
        }
    }

    fn into_party(self) -> Option<Party> {
        let [submit_calls, supply, score] = self.calls;
        let [supply_rows, score_rows] = self.rows;
        if self.roles >> ROLES.len() != 0 {
            return None;
        }
        Some(Party {
            name: String::from_utf8(self.name).ok()?,
            key: match self.key_arn.is_empty() {
                true => PartyKey::NoneAccepted,
                false => PartyKey::Kms(String::from_utf8(self.key_arn).ok()?),
            },
            authentication: match self.authentication {
                (0, digest) => Authentication::Psk { sha256: Sha256(digest) },
                (1, digest) => Authentication::Tls { key_sha256: Sha256(digest) },
                _ => return None,
            },
            roles: (0..)
                .zip(ROLES)
                .filter(|(bit, _)| self.roles >> bit & 1 == 1)
                .map(|(_, role)| role)
                .collect(),
            submit_calls,
            supply: Budget { calls: supply, rows: supply_rows },
            score: Budget { calls: score, rows: score_rows },
            window: Window { from: self.window[0], until: self.window[1] },
        })
    }
}

impl WireColumn {
    fn from_column(column: &Column) -> Self {
        let mut categories = Vec::new();
        let values = match &column.values {
            ColumnValues::Number { min, max } => (0, [min.to_bits(), max.to_bits()]),
            ColumnValues::Integer { min, max } => (1, [min.cast_unsigned(), max.cast_unsigned()]),
            ColumnValues::Category { categories: names } => {
                categories = names.iter().map(|name| name.as_bytes().to_vec()).collect();
                (2, [0; 2])
            }
        };
        Self {
            name: column.name.as_bytes().to_vec(),
            values,
            categories,
            missing: match column.missing {
                Missing::Refused => 0,
                Missing::Allowed => 1,
            },
            from: position(column.from),
        }
    }

    fn into_column(self) -> Option<Column> {
        let named = !self.categories.is_empty();
        Some(Column {
            name: String::from_utf8(self.name).ok()?,
            values: match self.values {
                (0, [min, max]) if !named => {
                    ColumnValues::Number { min: f64::from_bits(min), max: f64::from_bits(max) }
                }
                (1, [min, max]) if !named => {
                    ColumnValues::Integer { min: min.cast_signed(), max: max.cast_signed() }
                }
                (2, [0, 0]) => ColumnValues::Category {
                    categories: self
                        .categories
                        .into_iter()
                        .map(|name| String::from_utf8(name).ok())
                        .collect::<Option<_>>()?,
                },
                _ => return None,
            },
            missing: match self.missing {
                0 => Missing::Refused,
                1 => Missing::Allowed,
                _ => return None,
            },
            from: whom(self.from),
        })
    }
}

impl WireRelease {
    fn from_release(release: &Release) -> Self {
        Self {
            to: position(release.to),
            minimum_rows: match release.form {
                Form::Rows => 0,
                Form::Aggregate { minimum_rows } => minimum_rows,
            },
            digits: match release.digits {
                Digits::Full => FULL,
                Digits::Decimals(decimals) => decimals,
            },
            row_disclosure: match release.row_disclosure {
                RowDisclosure::Refused => 0,
                RowDisclosure::Accepted => 1,
            },
        }
    }

    fn into_release(self) -> Option<Release> {
        Some(Release {
            to: whom(self.to),
            form: match self.minimum_rows {
                0 => Form::Rows,
                minimum_rows => Form::Aggregate { minimum_rows },
            },
            digits: match self.digits {
                FULL => Digits::Full,
                decimals => Digits::Decimals(decimals),
            },
            row_disclosure: match self.row_disclosure {
                0 => RowDisclosure::Refused,
                1 => RowDisclosure::Accepted,
                _ => return None,
            },
        })
    }
}

fn position(whom: Whom) -> u16 {
    match whom {
        Whom::Caller => CALLER,
        Whom::Party(position) => position,
    }
}

fn whom(position: u16) -> Whom {
    match position {
        CALLER => Whom::Caller,
        position => Whom::Party(position),
    }
}
