//! Flags, exit codes, and the shape card.

use crate::support::{Folder, Golden};

#[test]
fn wrong_usage_is_one_line_and_code_two() {
    let folder = Folder::new();
    folder.file("rows.csv", "x\n1\n");
    for arguments in [
        "",
        "scroe",
        "score",
        "score --model m.json",
        "score --model m.json --data rows.csv --out p.csv --ignroe x",
        "score --model m.json --data rows.csv --out p.csv --threads 0",
        "score --model m.json --data rows.csv --out p.csv --threads 100000",
        "score --model m.json --data rows.csv --out p.csv --missing NaN",
        "score --model m.json --data rows.csv --out p.csv --missing x",
        "score --model m.json --data rows.csv --out p.csv --output margins",
        "score --model m.json --data rows.csv --out rows.csv",
        "score --model rows.csv --data rows.csv --out p.csv",
        "compile rows.csv -o m.tau",
        "compile rows.csv -o rows.csv",
        "inspect rows.csv",
        "inspect --profile loose m.json",
        "export-script torch",
    ] {
        folder.run(arguments).failed(2);
    }
    let run = folder.run("score --model m.json --data rows.csv --out p.csv --ignroe x");
    let line = run.failed(2);
    assert!(line.contains("'--ignore'") && line.contains("`tautochrone score --help`"), "{line}");
}

#[test]
fn failures_of_the_system_are_code_one() {
    let folder = Folder::new();
    let golden = Golden::load("xgboost-3.2.0-logistic");
    golden.write_rows(&folder.path("rows.csv"));
    let model = golden.model();
    for arguments in [
        "inspect none.json".to_string(),
        "inspect none.tau".to_string(),
        "compile none.json -o m.tau".to_string(),
        format!("compile {model} -o no/such/folder/m.tau"),
        format!("score --model {model} --data none.csv --out p.csv"),
        format!("score --model {model} --data rows.csv --out no/such/folder/p.csv"),
    ] {
        folder.run(&arguments).failed(1);
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    let folder = Folder::new();
    for arguments in ["--help", "score --help", "compile -h", "inspect --help", "--version"] {
        let run = folder.run(arguments);
        assert!(!run.succeeded().is_empty());
        assert_eq!(run.stderr, "");
    }
    assert!(folder.run("export-script sklearn").succeeded().contains("def export"));
}

#[test]
fn a_program_shows_the_card_of_its_model() {
    let folder = Folder::new();
    let golden = Golden::load("xgboost-3.2.0-softprob");
    let model = golden.model();
    for flags in ["", "--profile data-oblivious --sum fixed", "--class exact"] {
        folder.run(&format!("compile {model} -o m.tau {flags}")).succeeded();
        for json in ["", "--json"] {
            let own = folder.run(&format!("inspect {model} {flags} {json}"));
            let program = folder.run(&format!("inspect m.tau {flags} {json}"));
            assert_eq!(own.succeeded(), program.succeeded());
        }
    }
    let run = folder.run("inspect m.tau --json");
    let card: serde_json::Value = serde_json::from_str(run.succeeded()).unwrap();
    assert_eq!(card["features"], golden.features);
    assert_eq!(card["class"], "exact");
    assert_eq!(card["steps"][1]["step"], "forest");
    assert_eq!(card["steps"][1]["trees"], golden.leaves[0].len());
    assert!(card["cost"]["program_bytes"].as_u64().unwrap() > 0);
    let run = folder.run("inspect m.tau");
    assert!(run.succeeded().lines().count() > 30);
}

#[test]
fn two_models_of_one_class_show_one_card() {
    let folder = Folder::new();
    let (one, two) = (Golden::load("xgboost-3.2.0-gamma"), Golden::load("xgboost-3.2.0-poisson"));
    assert_ne!(one.margins, two.margins);
    for json in ["", "--json"] {
        let card = |golden: &Golden| {
            folder.run(&format!("inspect {} {json}", golden.model())).succeeded().to_owned()
        };
        assert_eq!(card(&one), card(&two));
    }
    // the source is told beside the card, not on it
    let run = folder.run(&format!("inspect {}", one.model()));
    assert!(run.stderr.contains("reg:gamma") && !run.stdout.contains("gamma"), "{}", run.stderr);
}

/// Floats must not pass for fixed point.
#[test]
fn a_linear_model_has_no_fixed_sum() {
    let folder = Folder::new();
    let model =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../models/testdata/sklearn-1.9.1-logistic.json");
    for command in ["compile -o m.tau", "inspect"] {
        let run = folder.run(&format!("{command} {model} --sum fixed"));
        let line = run.failed(2);
        assert!(line.contains("no leaves") && line.contains("leave --sum fixed out"), "{line}");
    }
    folder.run(&format!("compile {model} -o m.tau")).succeeded();
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_code_one() {
    let folder = Folder::new();
    let model = Golden::load("xgboost-3.2.0-logistic").model.display().to_string();
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/demo");
    for arguments in [
        format!("inspect {model}"),
        format!("compile {model} -o m.tau"),
        format!("demo --folder {demo}"),
        "export-script sklearn".to_owned(),
        "--help".to_owned(),
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let run = folder.run_into(&arguments, full.into());
        run.failed(1);
    }
}

#[test]
fn flags_that_contradict_a_program_are_refused() {
    let folder = Folder::new();
    let golden = Golden::load("xgboost-3.2.0-logistic");
    folder.run(&format!("compile {} -o m.tau", golden.model())).succeeded();
    for flags in [
        "--profile data-oblivious",
        "--sum fixed",
        "--class exact",
        "--missing -999",
        "--iterations all",
    ] {
        let run = folder.run(&format!("inspect m.tau {flags}"));
        let line = run.failed(2);
        assert!(line.contains("was decided when this program was compiled"), "{line}");
    }
    folder.run("inspect m.tau --profile strict --sum source --class auto").succeeded();
    folder.run("compile m.tau -o n.tau").failed(2);
}
