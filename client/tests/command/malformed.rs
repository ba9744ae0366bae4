//! Malformed model files, row files and programs: exit code 2 and one clear line, an empty standard
//! output, no output file, under 200 MiB, without a hang.

mod models;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use client::data::{Predictions, ScoreValues, write};

use crate::support::{Folder, Golden, Ran};

/// Memory that a run may ask for, in KiB.
const MEMORY: u32 = 200 << 10;
/// Longest run: a guard against hangs, generous so that a busy machine does not trip it.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn model_files() {
    let folder = Folder::new();
    folder.file("rows.csv", "a,b,c,d\n1,2,3,4\n");
    let cases = models::all();
    assert!(cases.len() >= 50, "{}", cases.len());
    let mut wrong = Vec::new();
    for (name, bytes, says) in cases {
        folder.file(name, bytes);
        for arguments in
            [format!("inspect {name}"), format!("score --model {name} --data rows.csv --out p.csv")]
        {
            let run = guarded(&folder, &arguments);
            let clear =
                run.is_one_line_of(2) && run.stderr.starts_with(&format!("error: {name}: "));
            if !(clear && run.stderr.contains(says)) {
                wrong.push(format!("{name}: {:?}, {:?}, due {says:?}", run.code, run.stderr));
            }
            assert!(!folder.path("p.csv").exists(), "{name}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn row_files() {
    let golden = Golden::load("xgboost-3.2.0-logistic");
    let folder = Folder::new();
    let files = csv_files().into_iter().chain(npy_files()).chain(parquet_files(&folder));
    let mut seen = 0;
    for (name, bytes, says) in files {
        folder.file(name, bytes);
        let arguments = format!("score --model {} --data {name} --out p.csv", golden.model());
        let run = guarded(&folder, &arguments);
        let line = run.failed(2);
        assert!(line.contains(says), "{name}: {says:?} is not in {line:?}");
        assert!(line.contains(name), "{line}");
        assert!(!folder.path("p.csv").exists());
        seen += 1;
    }
    assert!(seen >= 50, "{seen}");
}

#[test]
fn program_files() {
    let golden = Golden::load("xgboost-3.2.0-logistic");
    let folder = Folder::new();
    folder.run(&format!("compile {} -o whole.tau", golden.model())).succeeded();
    let whole = std::fs::read(folder.path("whole.tau")).unwrap();
    let mut files: Vec<Vec<u8>> = vec![Vec::new(), b"TAUTOCH".to_vec(), b"PAR1PAR1".to_vec()];
    files.extend((8..whole.len()).step_by(whole.len() / 20).map(|len| whole[..len].to_vec()));
    files.push([&whole[..], &[0]].concat());
    for at in 0..80 {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x80;
        files.push(bytes);
    }
    for bytes in files {
        folder.file("bad.tau", &bytes);
        let run = guarded(&folder, "inspect bad.tau");
        // a flipped bit may leave another valid program: it must then be shown, not crash
        if run.code != Some(0) {
            run.failed(2);
        } else {
            assert_eq!(bytes.len(), whole.len());
        }
    }
}

/// Runs the command under a cap of memory and time.
fn guarded(folder: &Folder, arguments: &str) -> Ran {
    let program = env!("CARGO_BIN_EXE_tautochrone");
    let mut child = Command::new("sh")
        .args(["-c", &format!("ulimit -v {MEMORY} && exec '{program}' {arguments}")])
        .current_dir(folder.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("hangs: {arguments}");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().unwrap().into()
}

type Case = (&'static str, Vec<u8>, &'static str);

fn csv_files() -> Vec<Case> {
    let header = "a,b,c,d\n";
    let row = |text: &str| format!("{header}1,2,3,4\n{text}\n").into_bytes();
    let mut cases: Vec<Case> = vec![
        ("empty.csv", Vec::new(), "the file is empty"),
        ("header-short.csv", b"a,b,c\n1,2,3\n".to_vec(), "3 columns for a model that reads 4"),
        ("header-long.csv", b"a,b,c,d,e\n1,2,3,4,5\n".to_vec(), "--ignore COLUMN"),
        ("header-twice.csv", b"a,b,c,a\n1,2,3,4\n".to_vec(), "occurs twice"),
        ("header-none.csv", b"1.5,2,3,4\n5,6,7,8\n".to_vec(), "holds numbers"),
        ("header-commas.csv", vec![b','; 1 << 20], "more than the cap"),
        ("semicolons.csv", b"a;b;c;d\n1;2;3;4\n".to_vec(), "no comma but has ';'"),
        ("tabs.csv", b"a\tb\tc\td\n1\t2\t3\t4\n".to_vec(), "no comma but has '\\t'"),
        ("short.csv", row("1,2,3"), "row 2: give every row"),
        ("long.csv", row("1,2,3,4,5"), "the row has 5 cells"),
        ("word.csv", row("1,two,3,4"), "\"two\" is not a number, word.csv, row 2, column 2 \"b\""),
        ("huge.csv", row("1,2,1e999,4"), "\"1e999\" is too large"),
        ("hex.csv", row("1,2,0x10,4"), "is not a number"),
        ("comma.csv", row("1,2,\"3,5\",4"), "is not a number"),
        ("space.csv", row("1,2, ,4"), "is not a number"),
        ("null.csv", row("1,2,null,4"), "or NA"),
        ("quote.csv", row("1,2,3,\"4"), "is not a number"),
        ("nul.csv", row("1,2,3,\0"), "zero byte"),
        ("latin.csv", b"a,b,c,d\n1,2,3,\xe9\n".to_vec(), "not valid UTF-8"),
        ("utf16.csv", b"\xff\xfea\0,\0b\0\n\0".to_vec(), "UTF-16"),
        ("gzip.csv", b"\x1f\x8b\x08\0\0\0\0\0".to_vec(), "gzip"),
        ("xlsx.csv", b"PK\x03\x04\x14\0\0\0".to_vec(), "ZIP"),
        ("binary.csv", (0..=255).cycle().skip(32).take(10_000).collect(), "not valid UTF-8"),
        ("rows.txt", row("1,2,3,4"), "does not end in"),
        ("rows", row("1,2,3,4"), "does not end in"),
    ];
    let mut deep = header.as_bytes().to_vec();
    deep.resize(8 << 20, b'"');
    cases.push(("quotes.csv", deep, "error: "));
    cases
}

fn npy_files() -> Vec<Case> {
    let file = |version: u8, dictionary: &str, data: usize| {
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        bytes.extend((dictionary.len() as u16).to_le_bytes());
        bytes.extend(dictionary.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    };
    let of = |descr: &str, shape: &str, data| {
        file(1, &format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}"), data)
    };
    let deep = format!("{{'descr': {}", "[".repeat(30_000));
    let mut long = b"\x93NUMPY\x02\0".to_vec();
    long.extend(u32::MAX.to_le_bytes());
    vec![
        ("empty.npy", Vec::new(), "the file is empty"),
        ("magic.npy", b"a,b,c,d\n1,2,3,4\n".to_vec(), "no known table format"),
        ("cut.npy", b"\x93NUMPY\x01".to_vec(), "cut off"),
        ("cut-header.npy", file(1, "", 0)[..9].to_vec(), "cut off"),
        ("version.npy", file(9, "{}", 0), "version"),
        ("long-header.npy", long, "longer than 65536"),
        ("deep.npy", file(1, &deep, 0), "structured"),
        ("keys.npy", file(1, "{'descr': '<f4'}", 0), "the dictionary that NumPy writes"),
        ("short.npy", of("<f4", "(2, 4)", 31), "does not fit the 31 bytes"),
        ("trailing.npy", of("<f4", "(2, 4)", 33), "does not fit the 33 bytes"),
        ("overflow.npy", of("<f4", "(4611686018427387904, 4)", 0), "does not fit"),
        ("claims.npy", of("<f4", "(2147483648, 4)", 16), "does not fit"),
        ("digits.npy", of("<f4", "(99999999999999999999999, 4)", 16), "the dictionary"),
        ("rank.npy", of("<f4", "(1, 2, 2)", 16), "neither 1-D nor 2-D"),
        ("columns.npy", of("<f4", "(1, 3)", 12), "3 columns for a model that reads 4"),
        ("object.npy", of("|O", "(1, 4)", 16), "not a plain number"),
        ("complex.npy", of("<c8", "(1, 4)", 32), "not a plain number"),
        ("text.npy", of("<U4", "(1, 4)", 64), "not a plain number"),
    ]
}

fn parquet_files(folder: &Folder) -> Vec<Case> {
    let names: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).into();
    let values: Vec<f64> = (0..400).map(f64::from).collect();
    let path = folder.path("whole.parquet");
    let scores = ScoreValues::F64(&values);
    write(&path, &Predictions { copied: &[], names: &names, scores }).unwrap();
    let whole = std::fs::read(path).unwrap();
    let tail = |footer: u32| [&footer.to_le_bytes()[..], b"PAR1"].concat();
    let mut body = whole.clone();
    body[4..1000].fill(0xff);
    // every count of 100 rows in the footer becomes 2^40: zigzag varints
    let footer = whole.len()
        - 8
        - u32::from_le_bytes(*whole[..whole.len() - 4].last_chunk().unwrap()) as usize;
    let mut claims = Vec::new();
    let mut rest = &whole[footer..whole.len() - 8];
    while let [first, after @ ..] = rest {
        rest = after;
        match after {
            [1, after @ ..] if *first == 0xc8 => {
                claims.extend([0x80, 0x80, 0x80, 0x80, 0x80, 0x40]);
                rest = after;
            }
            _ => claims.push(*first),
        }
    }
    assert!(claims.len() > whole.len() - 8 - footer, "no counts of rows were found");
    let length = claims.len() as u32;
    let claims = [&whole[..footer], &claims, &tail(length)].concat();
    let labels = ["x".to_string()];
    let text = folder.path("text.parquet");
    let scores = ScoreValues::Classes { indices: &[0; 4], labels: &labels };
    write(&text, &Predictions { copied: &[], names: &names, scores }).unwrap();
    vec![
        ("empty.parquet", Vec::new(), "the file is empty"),
        ("magic.parquet", b"a,b,c,d\n".to_vec(), "no known table format"),
        ("tiny.parquet", b"PAR1PAR1".to_vec(), "cut off"),
        ("cut.parquet", whole[..whole.len() - 1].to_vec(), "cut off"),
        ("half.parquet", whole[..whole.len() / 2].to_vec(), "cut off"),
        ("footer.parquet", [b"PAR1", &tail(u32::MAX)[..]].concat(), "longer than the file"),
        ("no-footer.parquet", [b"PAR1", &tail(0)[..]].concat(), "footer"),
        ("ff-footer.parquet", [b"PAR1\xff\xff\xff\xff", &tail(4)[..]].concat(), "footer"),
        ("claims.parquet", claims, "save the table again"),
        ("body.parquet", body, "damaged or not Parquet"),
        ("text.parquet", std::fs::read(text).unwrap(), "text is not a plain number"),
        ("encrypted.parquet", b"PAREencrypted".to_vec(), "encrypted"),
    ]
}
