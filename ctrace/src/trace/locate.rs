//! From addresses of a process to functions and source lines.

use super::mappings::Mappings;
use crate::binary::{Binary, demangle};
use object::{Object, ObjectSegment};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// A place in a program.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Place {
    /// File of the program or library.
    pub module: String,
    /// Address in the module's own numbering.
    pub offset: u64,
    /// Source frames, the innermost first; empty without line information.
    pub frames: Vec<Frame>,
    /// The nearest symbol before the address, with the distance, when there are no frames.
    pub near: Option<String>,
}

/// One frame: inlined functions have one each.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Frame {
    /// Function.
    pub function: String,
    /// Source file.
    pub file: String,
    /// Line in it.
    pub line: u32,
}

impl Place {
    /// The innermost frame outside the standard library.
    pub fn own_frame(&self) -> Option<&Frame> {
        let own = |frame: &&Frame| {
            !frame.file.starts_with("/rustc/") && !frame.file.contains("/lib/rustlib/src/")
        };
        self.frames.iter().find(own)
    }

    /// `file:line` of that frame, or what is known instead.
    pub fn line(&self) -> String {
        match (self.own_frame().or(self.frames.first()), &self.near) {
            (Some(frame), _) => format!("{}:{}", frame.file, frame.line),
            (None, Some(near)) => format!("{}: {near}", base_name(&self.module)),
            (None, None) => format!("{}+{:#x}", base_name(&self.module), self.offset),
        }
    }
}

/// Finds places; keeps the line tables it has read.
pub(crate) struct Locator {
    mappings: Mappings,
    loaders: HashMap<String, Option<addr2line::Loader>>,
    slots: HashMap<String, BTreeMap<u64, String>>,
    linked_at: HashMap<String, u64>,
}

impl Locator {
    pub(crate) fn new(mappings: Mappings) -> Self {
        Self { mappings, loaders: HashMap::new(), slots: HashMap::new(), linked_at: HashMap::new() }
    }

    pub(crate) fn place(&mut self, address: u64) -> Place {
        let Some((module, offset)) = self.module(address) else {
            return Place { module: "memory".into(), offset: address, ..Place::default() };
        };
        let mut place = Place { module: module.clone(), offset, ..Place::default() };
        let loader = self
            .loaders
            .entry(module.clone())
            .or_insert_with(|| addr2line::Loader::new(&module).ok());
        if let Some(loader) = loader {
            place.frames = frames(loader, offset);
            if place.frames.is_empty() {
                place.near = loader.find_symbol_info(offset).map(|symbol| {
                    format!("{} + {:#x}", demangle(symbol.name()), offset - symbol.address())
                });
            }
        }
        place
    }

    /// Name of the function that a slot for the dynamic linker stands for.
    pub(crate) fn slot(&mut self, address: u64) -> Option<String> {
        let (module, offset) = self.module(address)?;
        self.slots.entry(module.clone()).or_insert_with(|| slots(&module)).get(&offset).cloned()
    }

    /// Module and address in its own numbering (files are linked at zero, or are not relocated).
    fn module(&mut self, address: u64) -> Option<(String, u64)> {
        let mapping = self.mappings.find(address)?;
        if !mapping.name.starts_with('/') {
            return None;
        }
        let base = self.mappings.base(&mapping.name)?;
        let name = mapping.name.clone();
        let linked_at = *self.linked_at.entry(name.clone()).or_insert_with(|| linked_at(&name));
        Some((name, address - base + linked_at))
    }
}

/// The address of a file's first byte in its own numbering.
pub(crate) fn linked_at(path: &str) -> u64 {
    let Ok(binary) = Binary::read(Path::new(path)) else { return 0 };
    let Ok(object) = binary.object() else { return 0 };
    object
        .segments()
        .filter(|segment| segment.file_range().0 == 0)
        .map(|segment| segment.address())
        .min()
        .unwrap_or(0)
}

fn frames(loader: &addr2line::Loader, offset: u64) -> Vec<Frame> {
    let mut out = vec![];
    let Ok(mut frames) = loader.find_frames(offset) else { return out };
    while let Ok(Some(frame)) = frames.next() {
        let Some(location) = frame.location else { continue };
        let (Some(file), Some(line)) = (location.file, location.line) else { continue };
        let function =
            frame.function.and_then(|name| name.raw_name().ok().map(|raw| demangle(&raw)));
        out.push(Frame { function: function.unwrap_or_default(), file: file.to_owned(), line });
    }
    out
}

fn slots(module: &str) -> BTreeMap<u64, String> {
    Binary::read(Path::new(module)).and_then(|binary| binary.slots()).unwrap_or_default()
}

/// Last part of a path.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
