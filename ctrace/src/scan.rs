//! The scanner: reads the machine code of functions and counts what could depend on operands.
//!
//! It sees every path, also those that no run took; it knows nothing about data. So it holds no opinion: it compares
//! with an expectation that somebody looked at and checked in.

use crate::binary::{Binary, Function};
use crate::error::Error;
use crate::instruction::{Latency, Model, decode};
use iced_x86::{FlowControl, InstructionInfoFactory, Mnemonic, OpKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What is counted. Anything a clock or a cache could see must have a name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Conditional jumps.
    ConditionalJump,
    /// Jumps and calls to an address in a register or in memory.
    Indirect,
    /// Calls; the expectation names who is called.
    Call,
    /// Stores under an AVX-512 opmask or a vector mask.
    MaskedStore,
    /// Loads under an AVX-512 opmask or a vector mask.
    MaskedLoad,
    /// Gathers and scatters.
    Gather,
    /// `div`, `idiv`.
    Divide,
    /// Floating-point division.
    FloatDivide,
    /// Square roots.
    SquareRoot,
    /// Other floating-point arithmetic.
    FloatArithmetic,
    /// `bsf`, `bsr`, `lzcnt`, `tzcnt`, `popcnt`.
    BitCount,
    /// `pdep`, `pext`.
    BitDeposit,
    /// String instructions.
    String,
    /// Compress and expand with memory, `vpconflict`, x87, `rcl`, `rcr`, time stamps, random numbers.
    Other,
    /// Bytes that are no instruction.
    Unknown,
}

/// The inventory of one function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// How many of each class; classes without any are left out.
    pub counts: BTreeMap<Class, usize>,
    /// Names of the functions called, each once, in order.
    pub calls: Vec<String>,
}

/// One instruction of a class.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its class.
    pub class: Class,
    /// Its address in the file's numbering.
    pub address: u64,
    /// In Intel's syntax.
    pub instruction: String,
}

/// Inventories by function name. Functions of one name (instances in several crates) must agree, or both are listed.
pub type Expectation = BTreeMap<String, Inventory>;

/// A function with what was found in it.
#[derive(Clone, Debug)]
pub struct Scanned {
    /// The function.
    pub function: Function,
    /// The inventory.
    pub inventory: Inventory,
    /// Each instruction that was counted.
    pub found: Vec<Found>,
}

/// Scans all functions whose name contains `pattern`.
///
/// # Errors
/// When the file is damaged, was stripped, or has no such function.
pub fn scan(binary: &Binary, pattern: &str) -> Result<Vec<Scanned>, Error> {
    let names = names(binary)?;
    binary
        .matching(pattern)?
        .into_iter()
        .map(|function| {
            let code = binary.code(&function)?;
            Ok(scan_function(function, &code, &names, binary))
        })
        .collect()
}

/// The inventories of scanned functions, as an expectation file holds them.
pub fn expectation(scanned: &[Scanned]) -> Expectation {
    let mut out = Expectation::new();
    for Scanned { function, inventory, .. } in scanned {
        let mut name = function.name.clone();
        let mut number = 1;
        while out.get(&name).is_some_and(|there| there != inventory) {
            number += 1;
            name = format!("{} (form {number})", function.name);
        }
        out.insert(name, inventory.clone());
    }
    out
}

/// What differs between an expectation and a scan: one text for each function, empty when nothing does.
pub fn deviations(binary: &Binary, expected: &Expectation, scanned: &[Scanned]) -> Vec<String> {
    let actual = expectation(scanned);
    let loader = addr2line::Loader::new(binary.path()).ok();
    let none = Inventory::default();
    let mut out = vec![];
    for (name, expected) in expected {
        match actual.get(name) {
            None => out.push(format!("{name}: expected, but the binary has no such function\n")),
            Some(actual) if actual != expected => {
                out.push(deviation(name, expected, actual, scanned, loader.as_ref()));
            }
            Some(_) => {}
        }
    }
    for (name, inventory) in actual.iter().filter(|(name, _)| !expected.contains_key(*name)) {
        let mut text = format!("{name}: not in the expectation\n");
        text += &deviation(name, &none, inventory, scanned, loader.as_ref());
        out.push(text);
    }
    out
}

fn deviation(
    name: &str,
    expected: &Inventory,
    actual: &Inventory,
    scanned: &[Scanned],
    loader: Option<&addr2line::Loader>,
) -> String {
    let mut out = format!("{name}\n  expected {}\n  found    {}\n", line(expected), line(actual));
    for missing in expected.calls.iter().filter(|call| !actual.calls.contains(call)) {
        let _ = writeln!(out, "  no longer calls {missing}");
    }
    for new in actual.calls.iter().filter(|call| !expected.calls.contains(call)) {
        let _ = writeln!(out, "  now calls {new}");
    }
    let differs = |class: &Class| expected.counts.get(class) != actual.counts.get(class);
    let own = scanned
        .iter()
        .filter(|scanned| &scanned.inventory == actual && name.starts_with(&scanned.function.name));
    for found in own.flat_map(|scanned| &scanned.found).filter(|found| differs(&found.class)) {
        let _ = writeln!(
            out,
            "  {:?} {:#x} `{}` {}",
            found.class,
            found.address,
            found.instruction,
            loader.map_or_else(String::new, |loader| source(loader, found.address))
        );
    }
    out
}

/// An inventory on one line.
pub fn line(inventory: &Inventory) -> String {
    if inventory.counts.is_empty() {
        return "nothing".into();
    }
    inventory
        .counts
        .iter()
        .map(|(class, count)| format!("{class:?} {count}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn source(loader: &addr2line::Loader, address: u64) -> String {
    match loader.find_location(address) {
        Ok(Some(location)) => {
            format!("{}:{}", location.file.unwrap_or("?"), location.line.unwrap_or(0))
        }
        _ => String::new(),
    }
}

/// Functions and linker slots by address.
pub(crate) fn names(binary: &Binary) -> Result<BTreeMap<u64, String>, Error> {
    let mut out = binary.slots()?;
    for function in binary.functions()? {
        out.entry(function.address).or_insert(function.name);
    }
    Ok(out)
}

fn scan_function(
    function: Function,
    code: &[u8],
    names: &BTreeMap<u64, String>,
    binary: &Binary,
) -> Scanned {
    let mut factory = InstructionInfoFactory::new();
    let mut inventory = Inventory::default();
    let mut found = vec![];
    let mut at = 0;
    while at < code.len() {
        let address = function.address + at as u64;
        let Some(model) = decode(&code[at..], address, &mut factory) else {
            *inventory.counts.entry(Class::Unknown).or_default() += 1;
            found.push(Found {
                class: Class::Unknown,
                address,
                instruction: format!("byte {:#04x}", code[at]),
            });
            at += 1;
            continue;
        };
        for class in classes(&model, &function) {
            *inventory.counts.entry(class).or_default() += 1;
            found.push(Found { class, address, instruction: model.instruction.to_string() });
        }
        if let Some(name) = called(&model, &function, names, binary)
            && !inventory.calls.contains(&name)
        {
            inventory.calls.push(name);
        }
        at += model.instruction.len();
    }
    inventory.calls.sort();
    Scanned { function, inventory, found }
}

fn classes(model: &Model, function: &Function) -> Vec<Class> {
    let i = &model.instruction;
    let mut out = vec![];
    match i.flow_control() {
        FlowControl::ConditionalBranch | FlowControl::XbeginXabortXend => {
            out.push(Class::ConditionalJump)
        }
        FlowControl::IndirectBranch => out.push(Class::Indirect),
        // `call [slot]` has a name
        FlowControl::IndirectCall if i.is_ip_rel_memory_operand() => out.push(Class::Call),
        FlowControl::IndirectCall => out.push(Class::Indirect),
        FlowControl::Call => out.push(Class::Call),
        FlowControl::UnconditionalBranch if leaves(model, function) => out.push(Class::Call),
        _ => {}
    }
    if model.mask.is_some() && !i.is_vsib() {
        let stores = i.op0_kind() == OpKind::Memory || i.mnemonic() == Mnemonic::Maskmovdqu;
        out.push(if stores { Class::MaskedStore } else { Class::MaskedLoad });
    }
    if i.is_vsib() {
        out.push(Class::Gather);
    }
    if model.string.is_some() {
        out.push(Class::String);
    }
    use Mnemonic::*;
    if matches!(i.mnemonic(), Bsf | Bsr | Lzcnt | Tzcnt | Popcnt) {
        out.push(Class::BitCount);
    }
    out.extend(match model.latency {
        None => None,
        Some(Latency::Divide) => Some(Class::Divide),
        Some(Latency::FloatDivide) => Some(Class::FloatDivide),
        Some(Latency::SquareRoot) => Some(Class::SquareRoot),
        Some(Latency::BitDeposit) => Some(Class::BitDeposit),
        Some(Latency::Float(_)) => Some(Class::FloatArithmetic),
        Some(
            Latency::RotateCarry | Latency::X87 | Latency::Conflict | Latency::NotDeterministic,
        ) => Some(Class::Other),
    });
    let to_memory = i.op0_kind() == OpKind::Memory;
    let name = format!("{:?}", i.mnemonic());
    if model.unsupported
        || model.system_call
        || to_memory && name.contains("compress")
        || name.contains("expand") && !model.memory.is_empty()
    {
        out.push(Class::Other);
    }
    out
}

/// Whether a jump ends in another function.
fn leaves(model: &Model, function: &Function) -> bool {
    let target = model.instruction.near_branch_target();
    !(function.address..function.address + function.size).contains(&target)
}

/// Who is called.
fn called(
    model: &Model,
    function: &Function,
    names: &BTreeMap<u64, String>,
    binary: &Binary,
) -> Option<String> {
    let i = &model.instruction;
    let target = match i.flow_control() {
        FlowControl::Call => i.near_branch_target(),
        FlowControl::UnconditionalBranch if leaves(model, function) => i.near_branch_target(),
        FlowControl::IndirectCall | FlowControl::IndirectBranch if i.is_ip_rel_memory_operand() => {
            i.ip_rel_memory_address()
        }
        _ => return None,
    };
    Some(binary.name_of(target, names))
}
