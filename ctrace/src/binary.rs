//! Symbols of an executable file.

use crate::error::Error;
use object::{
    Object, ObjectSection, ObjectSymbol, ObjectSymbolTable, RelocationTarget, SymbolKind,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// An executable, read whole.
pub struct Binary {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// A function of an executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Name, demangled, without hashes.
    pub name: String,
    /// Name in the symbol table.
    pub raw: String,
    /// Address in the file's own numbering.
    pub address: u64,
    /// Length in bytes.
    pub size: u64,
}

/// Executables above this are refused.
const LARGEST: u64 = 2 << 30;

impl Binary {
    /// Reads an executable for x86-64.
    ///
    /// # Errors
    /// When the file cannot be read or is not an ELF file for x86-64.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let length = std::fs::metadata(path).map_err(|why| Error::file(path, why))?.len();
        if length > LARGEST {
            return Err(Error::file(path, "larger than 2 GiB; that is no executable to check"));
        }
        let bytes = std::fs::read(path).map_err(|why| Error::file(path, why))?;
        let binary = Self { path: path.to_owned(), bytes };
        if binary.object()?.architecture() != object::Architecture::X86_64 {
            return Err(Error::file(path, "not for x86-64; other processors are not supported"));
        }
        Ok(binary)
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The parsed file.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn object(&self) -> Result<object::File<'_>, Error> {
        object::File::parse(&*self.bytes)
            .map_err(|why| Error::file(&self.path, format!("no executable: {why}")))
    }

    /// All functions of the symbol table, in order of address. One of each address.
    ///
    /// # Errors
    /// When the file is damaged or was stripped.
    pub fn functions(&self) -> Result<Vec<Function>, Error> {
        let object = self.object()?;
        let mut all: Vec<Function> = object
            .symbols()
            .filter(|symbol| {
                symbol.kind() == SymbolKind::Text && symbol.is_definition() && symbol.size() > 0
            })
            .filter_map(|symbol| {
                let raw = symbol.name().ok()?;
                let name = demangle(raw);
                Some(Function {
                    name,
                    raw: raw.to_owned(),
                    address: symbol.address(),
                    size: symbol.size(),
                })
            })
            .collect();
        if all.is_empty() {
            return Err(Error::file(&self.path, "has no symbols; build it without `strip`"));
        }
        all.sort_by(|a, b| a.address.cmp(&b.address).then_with(|| a.raw.cmp(&b.raw)));
        Ok(all)
    }

    /// The functions whose demangled name contains `pattern`.
    ///
    /// # Errors
    /// When the file is damaged, was stripped, or has no such function.
    pub fn matching(&self, pattern: &str) -> Result<Vec<Function>, Error> {
        let mut found = self.functions()?;
        found.retain(|function| function.name.contains(pattern));
        found.dedup_by_key(|function| function.address);
        match found.is_empty() {
            true => {
                Err(Error::file(&self.path, format!("no function's name contains `{pattern}`")))
            }
            false => Ok(found),
        }
    }

    /// Address of the function with exactly this name in the symbol table.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn exact(&self, raw: &str) -> Result<Option<u64>, Error> {
        let object = self.object()?;
        let found =
            object.symbols().find(|symbol| symbol.is_definition() && symbol.name() == Ok(raw));
        Ok(found.map(|symbol| symbol.address()))
    }

    /// Slots of the dynamic linker, by address: the name of the function or datum that a slot will point to. Slots of
    /// the file's own functions have their names too.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn slots(&self) -> Result<BTreeMap<u64, String>, Error> {
        let object = self.object()?;
        let (Some(relocations), Some(symbols)) =
            (object.dynamic_relocations(), object.dynamic_symbol_table())
        else {
            return Ok(BTreeMap::new());
        };
        let functions = self.functions().unwrap_or_default();
        let own = |address: u64| {
            let found = functions.binary_search_by_key(&address, |function| function.address);
            found.ok().and_then(|at| functions.get(at)).map(|function| function.name.clone())
        };
        let mut out = BTreeMap::new();
        for (offset, relocation) in relocations {
            let name = match relocation.target() {
                RelocationTarget::Symbol(index) => symbols
                    .symbol_by_index(index)
                    .ok()
                    .and_then(|symbol| symbol.name().ok().map(demangle)),
                RelocationTarget::Absolute => own(relocation.addend() as u64),
                _ => None,
            };
            if let Some(name) = name {
                out.insert(offset, name);
            }
        }
        Ok(out)
    }

    /// A name for an address: of the function or slot there, or of the section.
    pub fn name_of(&self, address: u64, names: &BTreeMap<u64, String>) -> String {
        if let Some(name) = names.get(&address) {
            return name.clone();
        }
        let section = self.object().ok().and_then(|object| {
            let holds = |section: &object::Section<'_, '_>| {
                section.address() <= address && address < section.address() + section.size()
            };
            object.sections().find(holds).and_then(|section| section.name().ok().map(str::to_owned))
        });
        format!("something in {}", section.as_deref().unwrap_or("no section"))
    }

    /// The machine code of a function.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn code(&self, function: &Function) -> Result<Vec<u8>, Error> {
        self.bytes_at(function.address, function.size).ok_or_else(|| {
            Error::file(&self.path, format!("the code of {} is not in the file", function.name))
        })
    }

    /// Bytes at an address, when the file holds them.
    pub fn bytes_at(&self, address: u64, size: u64) -> Option<Vec<u8>> {
        let object = self.object().ok()?;
        object
            .sections()
            .find_map(|section| Some(section.data_range(address, size).ok()??.to_vec()))
    }
}

/// A name as people read it.
pub fn demangle(raw: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(raw))
}
