//! The program's code as it was before breakpoints were planted, judged once for each address.
//!
//! Only code that is mapped from a file counts: code that the program makes while it runs may change after it was judged.

use super::mappings::Mappings;
use super::tracee::Tracee;
use crate::error::Error;
use crate::instruction::{LONGEST, Model, decode};
use iced_x86::InstructionInfoFactory;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

const TRAP: u8 = 0xcc;

/// Models of instructions by address, and the bytes that breakpoints replaced.
pub(crate) struct Code {
    models: HashMap<u64, Rc<Model>>,
    replaced: BTreeMap<u64, u8>,
    factory: InstructionInfoFactory,
    /// Ranges that are mapped from files.
    mapped: Vec<(u64, u64)>,
    /// Where a panic begins: no region gets past.
    pub(crate) walls: Vec<u64>,
}

impl Code {
    pub(crate) fn new() -> Self {
        Self {
            models: HashMap::new(),
            replaced: BTreeMap::new(),
            factory: InstructionInfoFactory::new(),
            mapped: vec![],
            walls: vec![],
        }
    }

    /// Plants a breakpoint and remembers what stood there.
    pub(crate) fn plant(&mut self, tracee: Tracee, address: u64) -> Result<(), Error> {
        if let Entry::Vacant(entry) = self.replaced.entry(address) {
            let mut byte = [0];
            tracee.read_exact(address, &mut byte)?;
            entry.insert(byte[0]);
        }
        tracee.write_code(address, &[TRAP])
    }

    /// Plants all breakpoints again.
    pub(crate) fn replant(&self, tracee: Tracee) -> Result<(), Error> {
        self.replaced.keys().try_for_each(|&address| tracee.write_code(address, &[TRAP]))
    }

    /// Takes all breakpoints out of this process.
    pub(crate) fn lift(&self, tracee: Tracee) -> Result<(), Error> {
        self.replaced.iter().try_for_each(|(&address, &byte)| tracee.write_code(address, &[byte]))
    }

    /// Whether a breakpoint of ours stands at `address`.
    pub(crate) fn planted(&self, address: u64) -> bool {
        self.replaced.contains_key(&address)
    }

    /// Whether the code at `address` comes out of a file (or from the kernel).
    fn is_mapped(&mut self, tracee: Tracee, address: u64) -> bool {
        let holds = |ranges: &[(u64, u64)]| {
            ranges.iter().any(|&(start, end)| start <= address && address < end)
        };
        if !holds(&self.mapped) {
            let mappings = Mappings::of(tracee).unwrap_or_default();
            let files = mappings
                .0
                .iter()
                .filter(|mapping| mapping.name.starts_with('/') || mapping.name == "[vdso]");
            self.mapped = files.map(|mapping| (mapping.start, mapping.end)).collect();
        }
        holds(&self.mapped)
    }

    /// The instruction at `address`; `None` when there is none, or when it does not come out of a file.
    pub(crate) fn model(&mut self, tracee: Tracee, address: u64) -> Option<Rc<Model>> {
        if let Some(model) = self.models.get(&address) {
            return Some(model.clone());
        }
        if !self.is_mapped(tracee, address) {
            return None;
        }
        let mut bytes = [0; LONGEST];
        let mut read = tracee.read(address, &mut bytes);
        if read == 0 {
            // the instruction may end at the edge of a mapping
            let page = (4096 - address % 4096).min(LONGEST as u64) as usize;
            read = tracee.read(address, &mut bytes[..page]);
        }
        for (&at, &byte) in self.replaced.range(address..address + read as u64) {
            bytes[(at - address) as usize] = byte;
        }
        let model = Rc::new(decode(&bytes[..read], address, &mut self.factory)?);
        self.models.insert(address, model.clone());
        Some(model)
    }

    /// A model that has been made already.
    pub(crate) fn known(&self, address: u64) -> Option<&Model> {
        self.models.get(&address).map(Rc::as_ref)
    }
}
