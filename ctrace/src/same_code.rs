//! Whether two binaries hold the same machine code for some functions: what was traced is what ships.
//!
//! Addresses differ between binaries, so they are masked, and what they point at is compared instead: calls by the name
//! of the function, linker slots by theirs, constants by their bytes. The bytes behind an address that is only taken
//! (`lea`: jump tables, texts of panics) are not compared.

use crate::binary::{Binary, Function};
use crate::error::Error;
use crate::instruction::LONGEST;
use crate::scan::names;
use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic};
use object::{Object, ObjectSection, SectionKind};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The outcome for one function name.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// The function.
    pub name: String,
    /// What was found.
    pub state: State,
    /// Hashes of its code in the first binary, addresses masked: one for each different instance.
    pub first: Vec<String>,
    /// The same in the second.
    pub second: Vec<String>,
    /// Where the code parts, in words.
    pub detail: Option<String>,
}

/// How a function of two binaries compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Every instance in the second binary is one of the first.
    Same,
    /// An instance of the second binary is none of the first.
    Different,
    /// Only in the first: checked, but it does not ship.
    OnlyFirst,
    /// Only in the second: it ships, but was not checked.
    OnlySecond,
}

impl State {
    /// Whether the second binary holds code that the first does not.
    pub fn fails(self) -> bool {
        matches!(self, State::Different | State::OnlySecond)
    }
}

/// Compares the functions whose name contains `pattern`; the first binary is the one that was checked.
///
/// # Errors
/// When a file is damaged, was stripped, or has no such function.
pub fn same_code(first: &Binary, second: &Binary, pattern: &str) -> Result<Vec<Compared>, Error> {
    let first = forms(first, pattern)?;
    let second = forms(second, pattern)?;
    let all: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let none = BTreeMap::new();
    Ok(all
        .into_iter()
        .map(|name| {
            let (one, two) = (first.get(name).unwrap_or(&none), second.get(name).unwrap_or(&none));
            let state = match (one.is_empty(), two.is_empty()) {
                (false, true) => State::OnlyFirst,
                (true, _) => State::OnlySecond,
                _ if two.keys().all(|hash| one.contains_key(hash)) => State::Same,
                _ => State::Different,
            };
            let detail = (state == State::Different).then(|| parting(one, two)).flatten();
            let hashes = |forms: &BTreeMap<String, Form>| forms.keys().cloned().collect();
            Compared { name: name.clone(), state, first: hashes(one), second: hashes(two), detail }
        })
        .collect())
}

/// One function's code with addresses masked: a line for each instruction.
type Form = Vec<String>;

fn forms(
    binary: &Binary,
    pattern: &str,
) -> Result<BTreeMap<String, BTreeMap<String, Form>>, Error> {
    let context = Context { binary, names: names(binary)?, constants: constants(binary)? };
    let mut out: BTreeMap<String, BTreeMap<String, Form>> = BTreeMap::new();
    for function in binary.matching(pattern)? {
        let form = context.form(&function)?;
        let hash =
            Sha256::digest(form.join("\n")).iter().map(|byte| format!("{byte:02x}")).collect();
        out.entry(function.name).or_default().insert(hash, form);
    }
    Ok(out)
}

/// First instruction at which an instance of the second binary leaves its nearest kin in the first.
fn parting(one: &BTreeMap<String, Form>, two: &BTreeMap<String, Form>) -> Option<String> {
    let (_, stranger) = two.iter().find(|(hash, _)| !one.contains_key(*hash))?;
    let common = |form: &Form| form.iter().zip(stranger).take_while(|(a, b)| a == b).count();
    let kin = one.values().max_by_key(|form| common(form))?;
    let at = common(kin);
    let show = |form: &Form| form.get(at).cloned().unwrap_or_else(|| "the end".into());
    Some(format!("instruction {at}: `{}` or `{}`", show(kin), show(stranger)))
}

struct Context<'a> {
    binary: &'a Binary,
    names: BTreeMap<u64, String>,
    /// Ranges of data that the program cannot write.
    constants: Vec<(u64, u64)>,
}

impl Context<'_> {
    fn form(&self, function: &Function) -> Result<Form, Error> {
        let code = self.binary.code(function)?;
        let mut decoder = Decoder::with_ip(64, &code, function.address, DecoderOptions::NONE);
        let mut out = vec![];
        while decoder.can_decode() {
            let start = decoder.position();
            let i = decoder.decode();
            let bytes = code.get(start..start + i.len().min(LONGEST)).unwrap_or_default();
            out.push(self.line(function, &i, bytes, decoder.get_constant_offsets(&i)));
        }
        Ok(out)
    }

    fn line(
        &self,
        function: &Function,
        i: &Instruction,
        bytes: &[u8],
        offsets: iced_x86::ConstantOffsets,
    ) -> String {
        let mut masked = bytes.to_vec();
        let mut mask = |at: usize, size: usize| {
            masked.iter_mut().skip(at).take(size).for_each(|byte| *byte = 0);
        };
        let mut target = String::new();
        if i.is_ip_rel_memory_operand() {
            mask(offsets.displacement_offset(), offsets.displacement_size());
            target = self.datum(i);
        } else if i.near_branch_target() != 0 && is_branch(i) {
            let inside = function.address..function.address + function.size;
            if !inside.contains(&i.near_branch_target()) {
                mask(offsets.immediate_offset(), offsets.immediate_size());
                target = self.binary.name_of(i.near_branch_target(), &self.names);
            }
        }
        let hex: String = masked.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{hex} {:?} {target}", i.mnemonic())
    }

    /// What an address relative to the instruction stands for.
    fn datum(&self, i: &Instruction) -> String {
        let address = i.ip_rel_memory_address();
        let size = i.memory_size().size() as u64;
        let constant =
            self.constants.iter().any(|&(start, end)| start <= address && address + size <= end);
        match self.names.get(&address) {
            Some(name) => name.clone(),
            None if constant && i.mnemonic() != Mnemonic::Lea && size > 0 => {
                let bytes = self.binary.bytes_at(address, size).unwrap_or_default();
                bytes.iter().map(|byte| format!("{byte:02x}")).collect()
            }
            None => self.binary.name_of(address, &self.names),
        }
    }
}

fn is_branch(i: &Instruction) -> bool {
    matches!(
        i.flow_control(),
        FlowControl::Call | FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch
    )
}

fn constants(binary: &Binary) -> Result<Vec<(u64, u64)>, Error> {
    let object = binary.object()?;
    let constant = |kind| {
        matches!(kind, SectionKind::ReadOnlyData | SectionKind::ReadOnlyString | SectionKind::Text)
    };
    Ok(object
        .sections()
        .filter(|section| constant(section.kind()))
        .map(|section| (section.address(), section.address() + section.size()))
        .collect())
}
