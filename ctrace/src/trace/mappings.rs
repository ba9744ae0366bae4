//! The memory map of a process.

use super::tracee::Tracee;
use crate::error::Error;

/// A range of addresses and what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Offset in the file.
    pub(crate) offset: u64,
    /// A path, a name in brackets, or nothing.
    pub(crate) name: String,
}

/// All mappings, in order of address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mappings(pub(crate) Vec<Mapping>);

impl Mappings {
    pub(crate) fn of(tracee: Tracee) -> Result<Self, Error> {
        let path = format!("/proc/{}/maps", tracee.0);
        let text = std::fs::read_to_string(&path).map_err(|why| Error::file(&path, why))?;
        Ok(Self(text.lines().filter_map(parse).collect()))
    }

    pub(crate) fn find(&self, address: u64) -> Option<&Mapping> {
        let after = self.0.partition_point(|mapping| mapping.end <= address);
        self.0.get(after).filter(|mapping| mapping.start <= address)
    }

    /// Where files are mapped.
    pub(crate) fn files(&self) -> Vec<(u64, u64, String)> {
        let files = self.0.iter().filter(|mapping| mapping.name.starts_with('/'));
        files.map(|mapping| (mapping.start, mapping.end, mapping.name.clone())).collect()
    }

    /// Lowest address at which a file is mapped.
    pub(crate) fn base(&self, name: &str) -> Option<u64> {
        self.0
            .iter()
            .find(|mapping| mapping.name == name && mapping.offset == 0)
            .map(|mapping| mapping.start)
    }
}

/// `start-end rights offset device inode name`
fn parse(line: &str) -> Option<Mapping> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let offset = fields.nth(1)?;
    let name = fields.nth(2).unwrap_or("").trim().to_owned();
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some(Mapping { start: number(start)?, end: number(end)?, offset: number(offset)?, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lines_with_and_without_a_name() {
        let line = "7ffff7dd5000-7ffff7dfd000 r--p 00026000 fe:00 1837     /usr/lib/a b.so";
        let mapping = parse(line).expect("a mapping");
        assert_eq!((mapping.start, mapping.offset), (0x7fff_f7dd_5000, 0x26000));
        assert_eq!(mapping.name, "/usr/lib/a b.so");
        assert_eq!(parse("1000-2000 rw-p 00000000 00:00 0").expect("a mapping").name, "");
    }
}
