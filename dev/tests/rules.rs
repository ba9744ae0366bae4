//! A rule in an enclave, as its parties run it: the sponsor's limits, the clinic's patients, the lab's values; the clinic reads
//! a value of each row, the sponsor two counts, and nobody anything else.

#[allow(dead_code, reason = "other tests use the rest of it")]
mod folder;

use folder::{Folder, Served};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

const RULE: &str = "\
PARTY clinic, lab, sponsor;
ROWS UP TO 100;
INPUT FROM clinic EACH ROW ( age i64 RANGE 0 TO 120 );
INPUT FROM lab EACH ROW ( marker i64 RANGE 0 TO 1000 );
INPUT FROM lab ONCE ( correction i64 RANGE -10 TO 10 );
PARAM FROM sponsor ( needed i64 RANGE 0 TO 1000 );
LET fits = marker + correction >= needed AND age >= 18;
OUTPUT TO clinic EACH ROW fits = fits;
OUTPUT TO sponsor ONCE fitting = count(fits);
OUTPUT TO sponsor ONCE old = count(age >= 65);
";

const AGES: [i64; 6] = [17, 18, 40, 70, 80, 64];
const MARKERS: [i64; 6] = [900, 500, 499, 497, 498, 503];

fn agree(folder: &Folder) {
    std::fs::write(folder.path("trial.rule"), RULE).unwrap();
    std::fs::write(folder.path("limits.json"), "{\"needed\": 500}").unwrap();
    folder.succeeds("rule compile trial.rule --param limits.json -o trial.tau");
    folder.succeeds("agreement new blank.toml --program trial.tau");
    let blank = std::fs::read_to_string(folder.path("blank.toml")).unwrap();
    let card = blank.lines().find(|line| line.starts_with("card = ")).unwrap();
    let columns = blank.split("[input]").nth(1).unwrap().split("# What comes out").next().unwrap();
    // who always brings a column, as the rule says
    let columns = columns.replace("name = \"marker\"", "name = \"marker\"\nfrom = \"lab\"");
    let columns = columns.replace("name = \"correction\"", "name = \"correction\"\nfrom = \"lab\"");
    let party = |name: &str, digit: u8, rest: &str| {
        let psk = folder.succeeds(&format!("identity new {name}.key"));
        format!(
            "[[party]]\nname = \"{name}\"\nauthentication = \"psk\"\n{}\n\
             kms_key_arn = \"arn:aws:kms:eu-central-1:111122223333:key/{digit}234abcd-12ab-34cd-56ef-1234567890ab\"\n{rest}\n",
            psk.trim()
        )
    };
    let parties = [
        party("sponsor", 1, "roles = [\"rule-owner\", \"reader\"]\nsubmit_calls = 1"),
        party(
            "clinic",
            2,
            "roles = [\"data-owner\", \"reader\"]\nscore_calls = 3\nscore_rows = 100",
        ),
        party("lab", 3, "roles = [\"data-owner\"]\nsupply_calls = 4\nsupply_rows = 100"),
    ];
    let text = format!(
        "agreement = 1\nsemantics = 1\nname = \"trial\"\n\n[image]\nmode = \"prebuilt\"\npcr0 = {:?}\npcr1 = {:?}\npcr2 = {:?}\n\n\
         {}\n[program]\nprofile = \"strict\"\nclass = \"exact\"\n{card}\n\n[input]{columns}\n\
         [output]\noutput = \"prediction\"\ncount = 2\nmin = 0\nmax = 100\n\n\
         [[release]]\nto = \"clinic\"\nform = \"rows\"\ndecimals = 0\n\n\
         [[release]]\nto = \"sponsor\"\nform = \"aggregate\"\nminimum_rows = 5\ndecimals = 0\n\n\
         [replies]\nbound_ms = 20\nquantum_ms = 10\nfactor = 1\n\n\
         [limits]\nmemory_mib = 64\nprogram_mib = 1\nmessage_mib = 2\nconnections = 8\nidle_seconds = 60\n",
        "d0".repeat(48),
        "d1".repeat(48),
        "d2".repeat(48),
        parties.join("\n"),
    );
    std::fs::write(folder.path("agreement.toml"), text).unwrap();
    folder.succeeds("agreement check agreement.toml --program trial.tau");
}

fn serve(folder: &Folder) -> Served {
    let arguments = "enclave --agreement agreement.toml --root root.pem --identity sponsor.key --identity clinic.key \
                     --identity lab.key";
    let mut child = folder.command(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut address = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut address).unwrap();
    Served::new(child, address.trim())
}

fn table(header: &str, rows: impl Iterator<Item = String>) -> String {
    std::iter::once(header.to_owned()).chain(rows).map(|line| format!("{line}\n")).collect()
}

#[test]
fn each_party_brings_and_reads_what_the_rule_and_the_agreement_say() {
    let folder = Folder::new();
    agree(&folder);
    let served = serve(&folder);
    let remote = |party: &str| {
        format!("--enclave {} --agreement agreement.toml --identity {party}.key", served.address)
    };
    let (sponsor, clinic, lab) = (remote("sponsor"), remote("clinic"), remote("lab"));
    let root = "--root root.pem";
    let markers = |correction: fn(usize) -> i64, count: usize| {
        let rows = MARKERS.iter().enumerate().take(count);
        table(
            "marker,correction",
            rows.map(|(row, marker)| format!("{marker},{}", correction(row))),
        )
    };
    std::fs::write(folder.path("markers.csv"), markers(|_| 2, 6)).unwrap();
    std::fs::write(folder.path("few.csv"), markers(|_| 2, 4)).unwrap();
    std::fs::write(folder.path("torn.csv"), markers(|row| row as i64, 6)).unwrap();
    std::fs::write(folder.path("ages.csv"), table("age", AGES.iter().map(i64::to_string))).unwrap();

    // a model is none of this agreement
    let model = folder::examples().join("demo/model.json").display().to_string();
    let line = folder.fails(&format!("{root} model submit --model {model} {sponsor}"), 2);
    assert!(line.contains("a model"), "{line}");
    // nothing was read before anybody called
    let line = folder.fails(&format!("{root} data collect --out counts.csv {sponsor}"), 1);
    assert!(line.contains("nothing was released to you yet"), "{line}");

    folder.succeeds(&format!("{root} rule submit trial.rule --param limits.json {sponsor}"));
    folder.succeeds(&format!("{root} data supply --data markers.csv --batch monday {lab}"));
    let ask = |batch: &str| {
        format!("{root} rule run --data ages.csv --batch {batch} --out fits.csv {clinic}")
    };
    // without a name, under another one
    let line = folder.fails(&format!("{root} rule run --data ages.csv --out fits.csv {clinic}"), 2);
    assert!(line.contains("--batch"), "{line}");
    let line = folder.fails(&ask("tuesday"), 1);
    assert!(line.contains("missing or have another row count"), "{line}");
    folder.succeeds(&ask("monday"));

    // each reader's values, by the plain words of the rule; the clinic calls, and collects what is released to it by name
    folder.succeeds(&format!("{root} data collect --out fits.csv --receipt fits.receipt {clinic}"));
    let fits: Vec<bool> =
        AGES.iter().zip(MARKERS).map(|(&age, marker)| marker + 2 >= 500 && age >= 18).collect();
    let expected = fits.iter().map(|&fits| format!("{}.0,0.0", i32::from(fits)));
    let found = std::fs::read_to_string(folder.path("fits.csv")).unwrap();
    assert_eq!(found, table("prediction_0,prediction_1", expected));
    folder.succeeds(&format!("{root} receipt verify fits.receipt --agreement agreement.toml"));
    folder.succeeds(&format!("{root} data collect --out counts.csv {sponsor}"));
    let counts = [fits.iter().filter(|&&fits| fits).count(), 2];
    let found = std::fs::read_to_string(folder.path("counts.csv")).unwrap();
    let expected = std::iter::once(format!("{}.0,{}.0", counts[0], counts[1]));
    assert_eq!(found, table("prediction_0,prediction_1", expected));
    // the lab reads nothing
    let line = folder.fails(&format!("{root} data collect --out counts.csv {lab}"), 1);
    assert!(line.contains("does not give you this operation"), "{line}");

    // fewer rows than an aggregate has; what stands once and is not the same in each row; the refused ones cost nothing
    let left = || folder.json(&format!("{root} status {clinic}"))["calls_left"].as_u64().unwrap();
    assert_eq!(left(), 2);
    std::fs::write(folder.path("four.csv"), table("age", AGES[..4].iter().map(i64::to_string)))
        .unwrap();
    folder.fails(&format!("{root} data supply --data few.csv --batch four {lab}"), 1);
    let four = format!("{root} rule run --data four.csv --batch monday --out fits.csv {clinic}");
    let line = folder.fails(&four, 1);
    assert!(line.contains("fewer than the agreement's minimum"), "{line}");
    folder.succeeds(&format!("{root} data supply --data torn.csv --batch torn {lab}"));
    let line = folder.fails(&ask("torn"), 1);
    assert!(line.contains("a value is outside the agreement's columns"), "{line}");
    assert_eq!(left(), 2);
}
