//! Rules: the six examples on their files, refusals in one line, and who learns what.

use crate::support::{Folder, csv};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// Runs an example; `flags` name files of its folder.
fn example(folder: &Folder, name: &str, flags: &[(&str, &str)]) {
    let home = examples().join(name);
    let mut line = format!("rule run {}/{name}.rule --out out", home.display());
    for (flag, file) in flags {
        match file.split_once('=') {
            Some((party, file)) => {
                line.push_str(&format!(" {flag} {party}={}/{file}", home.display()));
            }
            None => line.push_str(&format!(" {flag} {}/{file}", home.display())),
        }
    }
    let run = folder.run(&line);
    let said = run.succeeded();
    assert!(said.contains(" steps"), "{said}");
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Every expected file of an example, which `make_rule_data.py` computed with branches.
fn as_expected(folder: &Folder, name: &str) {
    let mut files = 0;
    for entry in std::fs::read_dir(examples().join(name).join("expected")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let file = path.file_name().and_then(|n| n.to_str()).expect("a name").to_owned();
        let expected = std::fs::read_to_string(&path).expect("readable");
        let found = folder.read(&format!("out/{file}"));
        if file.ends_with(".json") {
            assert_eq!(json(&found), json(&expected), "{name}/{file}");
        } else {
            assert_eq!(found, expected, "{name}/{file}");
        }
        files += 1;
    }
    assert!(files > 0);
}

#[test]
fn millionaires() {
    let folder = Folder::new();
    example(&folder, "millionaires", &[("--input", "alice=alice.csv"), ("--input", "bob=bob.csv")]);
    for party in ["alice", "bob"] {
        let found = json(&folder.read(&format!("out/{party}.json")));
        assert_eq!(found["outputs"]["alice_is_richer"], true);
        assert!(!folder.read(&format!("out/{party}.json")).contains("17500000"));
    }
}

#[test]
fn auction() {
    let folder = Folder::new();
    let inputs: Vec<String> = (0..16).map(|n| format!("bidder{n:02}=bidder{n:02}.csv")).collect();
    let flags: Vec<(&str, &str)> = inputs.iter().map(|i| ("--input", i.as_str())).collect();
    example(&folder, "auction", &flags);
    as_expected(&folder, "auction");
    let winner = json(&folder.read("out/auctioneer.json"))["outputs"]["winner"].clone();
    for n in 0..16 {
        let found = json(&folder.read(&format!("out/bidder{n:02}.json")));
        assert_eq!(found["outputs"]["won"], winner == n);
    }
}

#[test]
fn credit() {
    let folder = Folder::new();
    let flags = [
        ("--input", "applicants=applicants.csv"),
        ("--param", "north.json"),
        ("--param", "south.json"),
    ];
    example(&folder, "credit", &flags);
    as_expected(&folder, "credit");
    // only the owner of the ages learns that some were out of range
    assert!(!folder.read("out/north.json").contains("age"));
}

#[test]
fn eligibility() {
    let folder = Folder::new();
    example(
        &folder,
        "eligibility",
        &[("--input", "clinic=patients.csv"), ("--param", "trial.json")],
    );
    as_expected(&folder, "eligibility");
}

#[test]
fn sanctions() {
    let folder = Folder::new();
    example(&folder, "sanctions", &[("--input", "bank=payments.csv"), ("--param", "list.json")]);
    as_expected(&folder, "sanctions");
}

/// Held against the margins of `score`, and the hospital's rules in floats.
#[test]
fn triage() {
    let folder = Folder::new();
    example(&folder, "triage", &[("--input", "clinic=patients.csv"), ("--param", "hospital.json")]);

    let rows = std::fs::read_to_string(examples().join("triage/patients.csv")).expect("readable");
    let (_, rows) = csv(&rows);
    let demo = std::fs::read_to_string(examples().join("demo/rows.csv")).expect("readable");
    let names = demo.lines().next().expect("a header");
    let cells: Vec<String> = rows.iter().map(|row| row[..30].join(",")).collect();
    folder.file("cells.csv", format!("{names}\n{}\n", cells.join("\n")));
    let model = examples().join("triage/model.json");
    folder
        .run(&format!(
            "score --model {} --data cells.csv --out m.csv --output margin",
            model.display()
        ))
        .succeeded();
    let margins = folder.read("m.csv");
    let (_, margins) = csv(&margins);

    let found = folder.read("out/clinic.csv");
    let (header, found) = csv(&found);
    assert_eq!(header, ["priority", "score"]);
    let mut now = 0;
    for ((row, margin), found) in rows.iter().zip(&margins).zip(&found) {
        let units = |value: f64| (value * 65536.0).round_ties_even() / 65536.0;
        let (age, days): (i64, i64) = (row[30].parse().unwrap(), row[31].parse().unwrap());
        let by_age =
            [(75, 12), (60, 8), (40, 4), (0, 0)].into_iter().find(|(from, _)| age >= *from);
        let waiting =
            if days <= 30 { days * 10 / 30 } else { 10 + (days.min(180) - 30) * 10 / 150 };
        let urgent = if row[32] == "true" { 30 } else { 0 };
        let points = by_age.unwrap().1 + waiting + urgent;
        let score = units(margin[0].parse().unwrap()) * 5.0 + points as f64;
        let priority = if score >= 40.0 { 2 } else { i64::from(score >= 20.0) };
        assert_eq!(found[1].parse::<f64>().unwrap(), score);
        assert_eq!(found[0], priority.to_string());
        now += i64::from(priority == 2);
    }
    assert!(found.len() == 40 && now > 0);
    assert_eq!(json(&folder.read("out/hospital.json"))["outputs"]["seen_now"], now);
    assert_eq!(json(&folder.read("out/vendor.json"))["outputs"], json("{}"));
}

#[test]
fn the_card_counts_the_steps_that_run() {
    let folder = Folder::new();
    for name in ["millionaires", "auction", "credit", "eligibility", "sanctions", "triage"] {
        let file = examples().join(name).join(format!("{name}.rule"));
        let run = folder.run(&format!("rule check {}", file.display()));
        assert!(run.succeeded().contains("steps per 512 rows"), "{name}");
        let run = folder.run(&format!("rule check {} --json", file.display()));
        let card = json(run.succeeded());
        assert!(card["cost"]["scratch_bytes"].as_u64().unwrap() > 0, "{name}");
        for section in ["before_the_rows", "each_512_rows", "after_the_rows"] {
            let code = card[section]["code"].as_array().unwrap().len();
            assert_eq!(card[section]["instructions"], code, "{name}");
        }
    }
    example(
        &folder,
        "eligibility",
        &[("--input", "clinic=patients.csv"), ("--param", "trial.json")],
    );
    let file = examples().join("eligibility/eligibility.rule");
    let card = folder.run(&format!("rule check {} --json", file.display()));
    let card = json(card.succeeded());
    let steps = |name: &str| card["cost"][name].as_u64().unwrap();
    let all = steps("steps_before_the_rows")
        + steps("steps_per_512_rows")
        + steps("steps_after_the_rows");
    let home = examples().join("eligibility");
    let run = folder.run(&format!(
        "rule run {0}/eligibility.rule --input clinic={0}/patients.csv --param {0}/trial.json --out out",
        home.display()
    ));
    assert!(run.succeeded().ends_with(&format!("100 rows, {all} steps\n")), "{}", run.stdout);
}

#[test]
fn what_is_wrong_with_files_is_one_line() {
    let folder = Folder::new();
    folder.file(
        "r.rule",
        "PARTY a, b;\nROWS UP TO 3;\nINPUT FROM a EACH ROW (x i64 RANGE 0 TO 9, w i64[2]);\n\
         INPUT FROM b ONCE (k i64);\nPARAM FROM b (p i64 RANGE 0 TO 9);\nASSERT rows >= 2;\n\
         OUTPUT TO a EACH ROW z = x > p AND w[0] > k;\n",
    );
    folder.file("p.json", "{\"p\": 3}");
    folder.file("k.csv", "k\n7\n");
    folder.file("a.csv", "x,w_0,w_1\n1,2,3\n99,8,9\n");
    let run = |flags: &str| folder.run(&format!("rule run r.rule --out out {flags}"));
    run("--input a=a.csv --input b=k.csv --param p.json").succeeded();
    assert_eq!(folder.read("out/a.csv"), "z\nfalse\ntrue\n");
    assert_eq!(json(&folder.read("out/a.json"))["clamped"]["x"], 1);
    assert!(!folder.read("out/b.json").contains("clamped\": 1"));

    folder.file("one.csv", "x,w_0,w_1\n1,2,3\n");
    folder.file("four.csv", "x,w_0,w_1\n1,2,3\n1,2,3\n1,2,3\n1,2,3\n");
    folder.file("text.csv", "x,w_0,w_1\n1,2,3\nsecretsecretsecretsecretsecret,2,3\n");
    folder.file("missing.csv", "x,w_0,w_1\n1,,3\n1,2,3\n");
    folder.file("short.csv", "x,w_0\n1,2\n1,2\n");
    folder.file("more.csv", "x,w_0,w_1,id\n1,2,3,4\n");
    folder.file("ragged.csv", "x,w_0,w_1\n1,2\n");
    folder.file("two.csv", "k\n1\n2\n");
    folder.file("bad.json", "[1, 2]");
    folder.file("big.json", "{\"p\": 33}");
    let rest = "--input b=k.csv --param p.json";
    for (flags, says) in [
        (format!("--input a=one.csv {rest}"), "the assertion does not hold"),
        (
            format!("--input a=four.csv {rest}"),
            "more than 3 rows, four.csv, row 4: raise ROWS UP TO",
        ),
        (format!("--input a=text.csv {rest}"), "text.csv, row 2, column \"x\""),
        (format!("--input a=missing.csv {rest}"), "a missing value"),
        (format!("--input a=short.csv {rest}"), "the column \"w_1\" is missing"),
        (format!("--input a=more.csv {rest}"), "no input of this name for this party"),
        (format!("--input a=ragged.csv {rest}"), "the row has 2 cells, the header 3"),
        (rest.to_owned(), "no file brings the input \"x\""),
        (format!("--input c=a.csv {rest}"), "the rule has no such party: choose from a, b"),
        (format!("--input a.csv {rest}"), "write PARTY=FILE.csv"),
        ("--input a=a.csv --input b=two.csv --param p.json".into(), "these inputs stand ONCE"),
        ("--input a=a.csv --input b=k.csv".into(), "the parameter `p` is not given"),
        ("--input a=a.csv --input b=k.csv --param bad.json".into(), "no JSON object"),
        ("--input a=a.csv --input b=k.csv --param big.json".into(), "outside its range"),
        (format!("--input a=a.csv --param p.json {rest}"), "is given twice"),
    ] {
        let run = run(&flags);
        let line = run.failed(2);
        assert!(line.contains(says), "{flags}: {line}");
        assert!(!line.contains("secretsecretsecretsecretsecret"), "{line}");
    }
    run("--input a=none.csv --input b=k.csv --param p.json").failed(1);
    folder.run("rule check none.rule").failed(1);
    folder.file("wrong.rule", "PARTY a;\nLET z = 1 +;\n");
    let run = folder.run("rule check wrong.rule");
    let line = run.failed(2);
    assert!(
        line.starts_with("error: wrong.rule: line 2, column 12: `;` where a value should stand"),
        "{line}"
    );
    folder.file("bytes.rule", b"PARTY a;\n\xff\n");
    assert!(folder.run("rule check bytes.rule").failed(2).contains("line 2, column 1: not UTF-8"));
    folder.file("up.rule", "PARTY a;\nMODEL m FROM a = '../m.json' GIVES margin;\n");
    assert!(folder.run("rule check up.rule").failed(2).contains("leaves the rule's folder"));
}
