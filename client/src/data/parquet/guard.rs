//! What the Parquet crate would take on trust: sizes in the footer and in page headers.
//!
//! The crate allocates what a header claims, recurses as deep as the schema says, and unpacks gzip
//! without end. These checks run first, on the raw bytes, so that a small hostile file can't ask
//! for much memory.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::file::metadata::ColumnChunkMetaData;

use super::damaged;
use super::thrift::{Broken, Cursor, FALSE, I32, LIST, STRUCT};
use crate::data::fault::Fault;

/// Largest unpacked page.
const MAX_PAGE: u64 = 256 << 20;
/// A page may unpack to this much whatever its packed size.
const FREE_PAGE: u64 = 16 << 20;
/// Beyond that, to this many times its packed size.
const MAX_RATIO: u64 = 1 << 10;
/// Deepest schema. Only the top level is read, but all of it is parsed, by recursion.
const MAX_SCHEMA_DEPTH: usize = 64;
/// Bytes in which a page header is looked for: first few, then all that statistics may need.
const PAGE_HEADER: [u64; 2] = [1 << 12, 1 << 20];

const DATA_PAGE: i64 = 0;
const DATA_PAGE_V2: i64 = 3;
// these unpack a list of lengths that no byte count bounds
const DELTA_LENGTH_BYTE_ARRAY: i64 = 6;
const DELTA_BYTE_ARRAY: i64 = 7;

/// Checks the tail and the schema tree of the footer.
pub(super) fn check_footer(file: &mut File, file_len: u64) -> Result<(), Fault> {
    if file_len < 12 {
        return Err(damaged("the file is cut off"));
    }
    let tail = read_at(file, file_len - 8, 8)?;
    if &tail[4..] != b"PAR1" {
        return Err(damaged("the file is cut off, or its end is not that of Parquet"));
    }
    let footer_len = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    if footer_len > file_len - 12 {
        return Err(damaged("the footer is longer than the file"));
    }
    let footer = read_at(file, file_len - 8 - footer_len, footer_len)?;
    check_schema(&footer).map_err(|broken| {
        damaged(match broken {
            Broken::CutOff => "the footer is cut off",
            Broken::Malformed => "the footer is malformed or nested too deep",
        })
    })
}

/// Walks FileMetaData; its field 2 is the schema, a tree written in preorder as
/// `list<SchemaElement>`, where field 5 of an element is its number of children.
fn check_schema(footer: &[u8]) -> Result<(), Broken> {
    let mut cursor = Cursor::new(footer);
    let mut last = 0;
    while let Some(field) = cursor.field(&mut last)? {
        if field.id != 2 || field.kind != LIST {
            cursor.skip(field.kind)?;
            continue;
        }
        let (len, element) = cursor.list()?;
        if element != STRUCT {
            return Err(Broken::Malformed);
        }
        let mut open: Vec<u64> = Vec::new();
        for index in 0..len {
            let children = schema_element(&mut cursor)?;
            if children > len - index - 1 || open.len() > MAX_SCHEMA_DEPTH {
                return Err(Broken::Malformed);
            }
            if let Some(siblings) = open.last_mut() {
                *siblings -= 1;
            }
            if children > 0 {
                open.push(children);
            }
            while open.last() == Some(&0) {
                open.pop();
            }
        }
    }
    Ok(())
}

fn schema_element(cursor: &mut Cursor<'_>) -> Result<u64, Broken> {
    let (mut children, mut last) = (0, 0);
    while let Some(field) = cursor.field(&mut last)? {
        if field.id == 5 && field.kind == I32 {
            children = u64::try_from(cursor.int()?).map_err(|_| Broken::Malformed)?;
        } else {
            cursor.skip(field.kind)?;
        }
    }
    Ok(children)
}

/// Walks the page headers of one column chunk; `rows` is what its row group claims.
pub(super) fn check_pages(
    file: &mut File,
    file_len: u64,
    chunk: &ColumnChunkMetaData,
    rows: u64,
) -> Result<(), Fault> {
    let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
    let start = u64::try_from(start).map_err(|_| damaged("a column starts before the file"))?;
    let len = u64::try_from(chunk.compressed_size()).map_err(|_| damaged("a negative length"))?;
    let end = start.checked_add(len).filter(|&end| end <= file_len);
    let end = end.ok_or_else(|| damaged("a column ends after the file"))?;
    let gzip = matches!(chunk.compression(), Compression::GZIP(_));
    let (mut at, mut values) = (start, 0u64);
    while at < end {
        let (page, header_len) = page_header(file, at, end)?;
        at += header_len;
        if page.packed > end - at {
            return Err(damaged("a page is longer than its column"));
        }
        if page.unpacked > MAX_PAGE
            || page.unpacked > FREE_PAGE.max(page.packed.saturating_mul(MAX_RATIO))
        {
            return Err(Fault::Unsupported(
                "a page that claims to unpack beyond 256 MiB or 1024-fold",
            ));
        }
        if page.dictionary_values > page.unpacked {
            return Err(damaged("a dictionary claims more values than it has bytes"));
        }
        if matches!(page.kind, DATA_PAGE | DATA_PAGE_V2) {
            values = values.saturating_add(page.values);
            if matches!(page.encoding, DELTA_LENGTH_BYTE_ARRAY | DELTA_BYTE_ARRAY) {
                return Err(Fault::Unsupported("a text column in a DELTA encoding"));
            }
        }
        if gzip && !page.plain && page.unpacked > page.levels {
            check_gzip(file, at, &page)?;
        }
        at += page.packed;
    }
    if values != rows {
        return Err(damaged("a column's pages do not hold as many values as its row group"));
    }
    Ok(())
}

/// What a page header claims.
#[derive(Default)]
struct Page {
    unpacked: u64,
    packed: u64,
    /// Bytes of levels before the packed data (v2).
    levels: u64,
    /// Not packed although the column is (v2).
    plain: bool,
    kind: i64,
    values: u64,
    dictionary_values: u64,
    encoding: i64,
}

fn page_header(file: &mut File, at: u64, end: u64) -> Result<(Page, u64), Fault> {
    for limit in PAGE_HEADER {
        let bytes = read_at(file, at, limit.min(end - at))?;
        let mut cursor = Cursor::new(&bytes);
        match parse_page(&mut cursor) {
            Ok(page) => return Ok((page, cursor.position() as u64)),
            Err(Broken::CutOff) => {}
            Err(Broken::Malformed) => break,
        }
    }
    Err(damaged("a page header is malformed"))
}

/// PageHeader: 1 type, 2 unpacked size, 3 packed size, 5 data page, 7 dictionary page, 8 data page
/// v2.
fn parse_page(cursor: &mut Cursor<'_>) -> Result<Page, Broken> {
    let (mut page, mut last) = (Page::default(), 0);
    while let Some(field) = cursor.field(&mut last)? {
        match (field.id, field.kind) {
            (1, I32) => page.kind = cursor.int()?,
            (2, I32) => page.unpacked = size(cursor)?,
            (3, I32) => page.packed = size(cursor)?,
            (id @ (5 | 7 | 8), STRUCT) => {
                let mut last = 0;
                while let Some(inner) = cursor.field(&mut last)? {
                    match (id, inner.id, inner.kind) {
                        (7, 1, I32) => page.dictionary_values = size(cursor)?,
                        (_, 1, I32) => page.values = size(cursor)?,
                        (5, 2, I32) | (8, 4, I32) => page.encoding = cursor.int()?,
                        (8, 5 | 6, I32) => page.levels += size(cursor)?,
                        (8, 7, FALSE) => page.plain = true,
                        (_, _, kind) => cursor.skip(kind)?,
                    }
                }
            }
            (_, kind) => cursor.skip(kind)?,
        }
    }
    Ok(page)
}

fn size(cursor: &mut Cursor<'_>) -> Result<u64, Broken> {
    u64::try_from(cursor.int()?).map_err(|_| Broken::Malformed)
}

/// The crate unpacks gzip to its end whatever size was claimed: measure it first.
fn check_gzip(file: &mut File, at: u64, page: &Page) -> Result<(), Fault> {
    let fault = || damaged("a gzip page does not unpack to its size");
    let packed = page.packed.checked_sub(page.levels).ok_or_else(fault)?;
    let claimed = page.unpacked.checked_sub(page.levels).ok_or_else(fault)?;
    file.seek(SeekFrom::Start(at + page.levels)).map_err(Fault::Read)?;
    let packed = io::BufReader::new(file.by_ref().take(packed));
    let mut unpacked = MultiGzDecoder::new(packed).take(claimed + 1);
    match io::copy(&mut unpacked, &mut io::sink()) {
        Ok(len) if len == claimed => Ok(()),
        _ => Err(fault()),
    }
}

fn read_at(file: &mut File, at: u64, len: u64) -> Result<Vec<u8>, Fault> {
    file.seek(SeekFrom::Start(at)).map_err(Fault::Read)?;
    let mut bytes = Vec::new();
    file.by_ref().take(len).read_to_end(&mut bytes).map_err(Fault::Read)?;
    if bytes.len() as u64 == len { Ok(bytes) } else { Err(damaged("the file is cut off")) }
}
