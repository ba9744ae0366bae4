//! Row files and parameter files to cells and texts.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder};
use engine::rule::{Kind, Per, RuleColumn, RuleFace, RuleInputs, ValueFace};

/// Largest parameter file.
const MAX_PARAMETERS: u64 = 64 << 20;
/// Largest row file.
const MAX_ROWS_FILE: u64 = 64 << 30;
/// Most characters of a cell or name that a message shows.
const CLIP: usize = 24;

/// Why an input or parameter file was refused.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The operating system could not read it.
    #[error("can't read the file ({error}), {}: check the path", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The content is not what the rule reads.
    #[error("{what}, {}: {mend}", place(file, *row, column))]
    Content {
        /// The file.
        file: PathBuf,
        /// The row, from 1 without the header, if it lies in one.
        row: Option<u64>,
        /// The column.
        column: Option<String>,
        /// What is wrong.
        what: String,
        /// How to mend it.
        mend: String,
    },
}

fn place(file: &Path, row: Option<u64>, column: &Option<String>) -> String {
    let mut place = file.display().to_string();
    if let Some(row) = row {
        place.push_str(&format!(", row {row}"));
    }
    if let Some(column) = column {
        place.push_str(&format!(", column {column:?}"));
    }
    place
}

/// A fault before its file is known.
struct Fault {
    row: Option<u64>,
    column: Option<String>,
    what: String,
    mend: String,
}

fn fault(what: impl Into<String>, mend: impl Into<String>) -> Fault {
    Fault { row: None, column: None, what: what.into(), mend: mend.into() }
}

fn clip(text: &str) -> String {
    let start: String = text.chars().take(CLIP).collect();
    start.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Inputs of a rule while its parties' files are read.
pub struct Inputs<'a> {
    face: &'a RuleFace,
    most_rows: u64,
    /// For each input, the columns that were read.
    columns: Vec<Option<Vec<RuleColumn>>>,
    rows: Option<usize>,
}

impl<'a> Inputs<'a> {
    /// None read yet.
    pub fn new(face: &'a RuleFace, most_rows: u64) -> Self {
        Self { face, most_rows, columns: face.inputs.iter().map(|_| None).collect(), rows: None }
    }

    /// Rows, once a file of rows was read.
    pub fn rows(&self) -> Option<usize> {
        self.rows
    }

    /// Reads one file of a party: all its columns that stand in each row, or all that stand once.
    ///
    /// # Errors
    /// Names the file, the row and the column, says what is wrong and how to mend it.
    pub fn read(&mut self, party: u32, file: &Path) -> Result<(), InputError> {
        let unreadable = |error| InputError::Read { file: file.to_path_buf(), error };
        let handle = File::open(file).map_err(unreadable)?;
        let info = handle.metadata().map_err(unreadable)?;
        let result = if !info.is_file() {
            Err(fault("not a regular file", "give the path of a CSV file"))
        } else if info.len() > MAX_ROWS_FILE {
            Err(fault("the file has more than 64 GiB", "split the table into parts"))
        } else {
            self.table(party, handle)
        };
        result.map_err(|fault| content(file, fault))
    }

    fn table(&mut self, party: u32, file: File) -> Result<(), Fault> {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(file.take(MAX_ROWS_FILE));
        let mut record = ByteRecord::new();
        let damaged = |error: csv::Error| fault(format!("damaged CSV ({error})"), "save it again");
        if !reader.read_byte_record(&mut record).map_err(damaged)? {
            return Err(fault("the file is empty", "put a first line with the column names"));
        }
        let plan = self.plan(party, &record)?;
        let cells = record.len();
        let most = if plan.per == Per::Row { self.most_rows } else { 1 };
        let mut columns: Vec<Columns> =
            plan.inputs.iter().map(|&input| Columns::new(&self.face.inputs[input])).collect();
        let mut rows = 0u64;
        while reader.read_byte_record(&mut record).map_err(damaged)? {
            rows += 1;
            let at = |fault: Fault| Fault { row: Some(rows), ..fault };
            if rows > most {
                let what = format!("more than {most} rows");
                let mend = match plan.per {
                    Per::Row => "raise ROWS UP TO in the rule, or split the table",
                    Per::Once => "these inputs stand ONCE: give one row",
                };
                return Err(at(fault(what, mend)));
            }
            if record.len() != cells {
                let what = format!("the row has {} cells, the header {cells}", record.len());
                return Err(at(fault(what, "give every row one cell for each header name")));
            }
            for (bytes, &(column, entry)) in record.iter().zip(&plan.places) {
                columns[column].push(entry, bytes).map_err(at)?;
            }
        }
        if rows == 0 {
            return Err(fault("no rows after the header", "give at least one"));
        }
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        if plan.per == Per::Row && self.rows.replace(rows).is_some_and(|known| known != rows) {
            let what = format!("{rows} rows where another party has another number");
            return Err(fault(what, "give the same rows, in the same order, in every file"));
        }
        for (&input, columns) in plan.inputs.iter().zip(columns) {
            self.columns[input] = Some(columns.columns);
        }
        Ok(())
    }

    /// Which cell of a row goes where.
    fn plan(&self, party: u32, header: &ByteRecord) -> Result<Plan, Fault> {
        let mut known: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for (input, value) in self.face.inputs.iter().enumerate() {
            if value.party != party {
                continue;
            }
            for entry in 0..value.length.unwrap_or(1) as usize {
                known.insert(cell_name(value, entry), (input, entry));
            }
        }
        let mut plan = Plan { per: Per::Once, inputs: Vec::new(), places: Vec::new() };
        let mut seen: Vec<&str> = Vec::new();
        let mut first: Option<Per> = None;
        for bytes in header {
            let name = std::str::from_utf8(bytes)
                .map_err(|_| fault("the header is not UTF-8", "save the file as UTF-8"))?;
            let name = name.trim_start_matches('\u{feff}');
            let named = |fault: Fault| Fault { column: Some(clip(name)), ..fault };
            let Some(&(input, entry)) = known.get(name) else {
                let what = "the rule has no input of this name for this party";
                let names: Vec<&str> = known.keys().take(12).map(String::as_str).collect();
                let mend = format!("remove the column, or rename it: {}", names.join(", "));
                return Err(named(fault(what, mend)));
            };
            if seen.contains(&name) || self.columns[input].is_some() {
                return Err(named(fault("the column occurs twice", "give every column once")));
            }
            seen.push(name);
            let per = self.face.inputs[input].per;
            if *first.get_or_insert(per) != per {
                let what = "columns of EACH ROW and columns of ONCE in one file";
                return Err(named(fault(
                    what,
                    "give them in two files, each with its own --input",
                )));
            }
            let place = match plan.inputs.iter().position(|&known| known == input) {
                Some(place) => place,
                None => {
                    plan.inputs.push(input);
                    plan.inputs.len() - 1
                }
            };
            plan.places.push((place, entry));
        }
        plan.per = first.unwrap_or(Per::Once);
        for &input in &plan.inputs {
            let value = &self.face.inputs[input];
            for entry in 0..value.length.unwrap_or(1) as usize {
                let name = cell_name(value, entry);
                if !seen.contains(&name.as_str()) {
                    let what = format!("the column {:?} is missing", clip(&name));
                    return Err(fault(what, "add it"));
                }
            }
        }
        Ok(plan)
    }

    /// All inputs; the party and name of one that is missing.
    ///
    /// # Errors
    /// The first input that no file brought.
    pub fn finish(self) -> Result<RuleInputs, ValueFace> {
        let mut all = Vec::new();
        for (value, columns) in self.face.inputs.iter().zip(self.columns) {
            match columns {
                Some(columns) => all.extend(columns),
                None => return Err(value.clone()),
            }
        }
        Ok(RuleInputs::new(self.rows.unwrap_or(1), all))
    }
}

struct Plan {
    per: Per,
    /// The inputs that the file holds.
    inputs: Vec<usize>,
    /// For each cell of a row: place in `inputs`, entry of the vector.
    places: Vec<(usize, usize)>,
}

fn cell_name(value: &ValueFace, entry: usize) -> String {
    match value.length {
        None => value.name.clone(),
        Some(_) => format!("{}_{entry}", value.name),
    }
}

/// The columns of one input.
struct Columns {
    name: String,
    kind: Kind,
    columns: Vec<RuleColumn>,
}

impl Columns {
    fn new(value: &ValueFace) -> Self {
        let empty = || match value.kind {
            Kind::F32 => RuleColumn::F32(Vec::new()),
            Kind::F64 => RuleColumn::F64(Vec::new()),
            _ => RuleColumn::I64(Vec::new()),
        };
        let columns = (0..value.cells()).map(|_| empty()).collect();
        Self { name: value.name.clone(), kind: value.kind, columns }
    }

    fn push(&mut self, entry: usize, bytes: &[u8]) -> Result<(), Fault> {
        let text = std::str::from_utf8(bytes).unwrap_or("\u{fffd}").trim_matches([' ', '\t']);
        let missing = matches!(text, "" | "NA" | "NaN" | "nan");
        let float = match text {
            _ if missing => Some(f64::NAN),
            "inf" | "+inf" => Some(f64::INFINITY),
            "-inf" => Some(f64::NEG_INFINITY),
            _ => None,
        };
        let wrong = |what: String, mend: &str| Fault {
            column: Some(self.name.clone()),
            ..fault(what, mend)
        };
        let cells = match (self.kind, float) {
            (Kind::F32 | Kind::F64, Some(_)) => Vec::new(),
            (_, _) if missing => {
                return Err(wrong("a missing value".into(), "give every cell a value"));
            }
            (kind, _) => rules::cells(kind, text).map_err(|what| {
                wrong(format!("{:?} is {}", clip(text), what.text()), mend(kind))
            })?,
        };
        let width = self.kind.cells();
        for (word, column) in self.columns[entry * width..][..width].iter_mut().enumerate() {
            match column {
                RuleColumn::I64(column) => column.push(cells[word]),
                RuleColumn::F32(column) => column
                    .push(float.map_or_else(|| engine::value_f32(cells[0] as i32), |v| v as f32)),
                RuleColumn::F64(column) => {
                    column.push(float.unwrap_or_else(|| engine::value_f64(cells[0])));
                }
            }
        }
        Ok(())
    }
}

fn mend(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "write true or false, or 1 or 0",
        Kind::I64 => "write a whole number of at most 64 bits",
        Kind::Fixed(_) => "write a decimal number with a point, without an exponent",
        Kind::U256 => "write a whole number below 2^256, or 0x and up to 64 hex digits",
        Kind::F32 | Kind::F64 => "write a decimal number with a point, or NA where it is missing",
    }
}

fn content(file: &Path, fault: Fault) -> InputError {
    let Fault { row, column, what, mend } = fault;
    InputError::Content { file: file.to_path_buf(), row, column, what, mend }
}

/// Reads a parameter file: one JSON object, each entry a value or an array of values.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn parameters(file: &Path) -> Result<BTreeMap<String, Vec<String>>, InputError> {
    let unreadable = |error| InputError::Read { file: file.to_path_buf(), error };
    let mut bytes = Vec::new();
    let handle = File::open(file).map_err(unreadable)?;
    handle.take(MAX_PARAMETERS + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let refuse = |what: String, mend: &str| content(file, fault(what, mend));
    if bytes.len() as u64 > MAX_PARAMETERS {
        return Err(refuse("the file has more than 64 MiB".into(), "give fewer parameters"));
    }
    let object: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&bytes)
        .map_err(|error| refuse(format!("no JSON object ({error})"), "write {\"name\": value}"))?;
    let mut all = BTreeMap::new();
    for (name, value) in object {
        let values = match value {
            serde_json::Value::Array(values) => values,
            single => vec![single],
        };
        let text = |value| match value {
            serde_json::Value::Bool(truth) => Some(truth.to_string()),
            serde_json::Value::Number(number) => Some(number.to_string()),
            serde_json::Value::String(text) => Some(text),
            _ => None,
        };
        let texts = values.into_iter().map(text).collect::<Option<Vec<String>>>();
        let texts = texts.ok_or_else(|| {
            let what = format!("the parameter {:?} is no value and no list of values", clip(&name));
            refuse(what, "write a number, a text in quotes, true, false, or an array of these")
        })?;
        all.insert(name, texts);
    }
    Ok(all)
}
