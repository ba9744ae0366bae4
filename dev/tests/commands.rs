//! The commands that talk to an enclave, as their users run them, against a development one.

#[allow(dead_code, reason = "other tests use the rest of it")]
mod folder;

use folder::{Folder, examples};

#[test]
fn a_model_is_submitted_rows_are_scored_and_receipts_hold() {
    let folder = Folder::new();
    folder.agree();
    let served = folder.serve("");
    let remote = |party: &str| {
        format!("--enclave {} --agreement agreement.toml --identity {party}.key", served.address)
    };
    let (alice, bob) = (remote("alice"), remote("bob"));
    let model = examples().join("demo/model.json").display().to_string();
    let rows = examples().join("demo/rows.csv").display().to_string();
    let trusted = "--root root.pem";

    // nothing but AWS's root is trusted unless another one is given, and nothing is sent then
    let line = folder.fails(&format!("model submit --model {model} {alice}"), 1);
    assert!(line.contains("does not prove an enclave of this agreement"), "{line}");
    assert!(!folder.path("alice.key.submitted").exists());

    let status = folder.json(&format!("{trusted} status {bob}"));
    assert_eq!((&status["phase"], &status["calls_left"]), (&"no program".into(), &2.into()));
    let line = folder.fails(&format!("{trusted} data score --data {rows} --out p.csv {bob}"), 1);
    assert!(line.contains("not now: the program is missing"), "{line}");

    let submitted = folder.json(&format!("{trusted} model submit --model {model} {alice}"));
    assert_eq!(submitted["submissions_left"], 0);
    let line = folder.fails(&format!("{trusted} model submit --model {model} {alice}"), 2);
    assert!(line.contains("1 boot(s) got a program") && line.contains("--again"), "{line}");
    let run = folder.run(&format!("{trusted} model submit --model {model} {alice} --again"));
    assert_eq!(run.status.code(), Some(1), "the enclave's own budget holds");

    let dry = folder.json(&format!("{trusted} data score --data {rows} --dry-run {bob}"));
    assert_eq!(
        (&dry["calls"], &dry["calls_left"], &dry["enough"]),
        (&1.into(), &2.into(), &true.into())
    );
    let score = format!("{trusted} data score --data {rows} --out p.csv --receipts kept {bob}");
    let scored = folder.json(&score);
    assert_eq!((&scored["rows"], &scored["calls_left"]), (&171.into(), &1.into()));

    // the answers are those of a local run, rounded as agreed
    folder
        .succeeds(&format!("score --model {model} --data {rows} --output probability --out l.csv"));
    let column = |name: &str| -> Vec<f64> {
        let text = std::fs::read_to_string(folder.path(name)).unwrap();
        assert!(text.starts_with("probability\n"), "{text}");
        text.lines().skip(1).map(|line| line.parse().unwrap()).collect()
    };
    let (answers, local) = (column("p.csv"), column("l.csv"));
    assert_eq!(answers.len(), 171);
    assert!(answers.iter().zip(&local).all(|(a, b)| (a - b).abs() <= 0.000_050_1));

    // the receipt holds under the development root, and names Alice's program
    let verify = "receipt verify kept/1.receipt --agreement agreement.toml";
    let receipt = folder.json(&format!("{trusted} {verify}"));
    assert_eq!(receipt["program"], submitted["commitment"]);
    assert_eq!((&receipt["rows"], &receipt["calls_left"]), (&171.into(), &1.into()));
    let line = folder.fails(verify, 1);
    assert!(line.contains("does not lead to the root"), "{line}");

    // a value that is not agreed is named here, and costs nothing
    let text = std::fs::read_to_string(&rows).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let (first, rest) = lines[3].split_once(',').unwrap();
    lines[3] = format!("9{first},{rest}");
    std::fs::write(folder.path("wrong.csv"), lines.join("\n")).unwrap();
    let line = folder.fails(&format!("{trusted} data score --data wrong.csv --out w.csv {bob}"), 2);
    assert!(line.contains("row 3, column \"mean_radius\""), "{line}");
    assert!(!folder.path("w.csv").exists());

    folder.json(&score);
    let line = folder.fails(&score, 1);
    assert!(line.contains("171 rows in 1 calls are more than is left"), "{line}");
    folder.fails(&format!("{trusted} data score --data {rows} --dry-run {bob}"), 1);
    let status = folder.json(&format!("{trusted} status {bob}"));
    assert_eq!((&status["phase"], &status["calls_left"]), (&"a program, frozen".into(), &0.into()));
}

/// The enclave has the program, and only the store's word is missing: whoever counts boots must count this one.
#[test]
fn a_program_that_may_be_there_counts_as_given() {
    let folder = Folder::new();
    folder.agree();
    let served = folder.serve("--store no-such-folder");
    let model = examples().join("demo/model.json").display().to_string();
    let submit = format!(
        "--root root.pem model submit --model {model} --enclave {} --agreement agreement.toml --identity alice.key",
        served.address
    );
    folder.fails(&submit, 1);
    let notes = std::fs::read_to_string(folder.path("alice.key.submitted")).unwrap();
    assert_eq!(notes.lines().count(), 1, "{notes}");
    let line = folder.fails(&submit, 2);
    assert!(line.contains("1 boot(s) got a program"), "{line}");
}

#[test]
fn identities_are_made_once_and_belong_to_somebody() {
    let folder = Folder::new();
    folder.agree();
    let line = folder.fails("identity new alice.key", 2);
    assert!(line.contains("exists already"), "{line}");
    folder.succeeds("identity new stranger.key");
    let remote = "--enclave 127.0.0.1:1 --agreement agreement.toml --identity";
    let line = folder.fails(&format!("status {remote} stranger.key"), 2);
    assert!(line.contains("belongs to no party of the agreement"), "{line}");
    std::fs::write(folder.path("empty.key"), "").unwrap();
    for file in ["empty.key", "agreement.toml"] {
        let line = folder.fails(&format!("status {remote} {file}"), 2);
        assert!(line.contains("neither 64 hex digits nor a PKCS#8 PEM key"), "{line}");
    }
    folder.fails(&format!("status {remote} none.key"), 1);
    let line = folder.fails(&format!("status {remote} bob.key"), 1);
    assert!(line.contains("127.0.0.1:1: no connection"), "{line}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path("alice.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // a root of KMS that is not Amazon's could release the keys to anybody
    let text = std::fs::read_to_string(folder.path("agreement.toml")).unwrap();
    let other = format!("kms_roots = [\"amazon\", \"sha256:{}\"]\n[image]", "1".repeat(64));
    std::fs::write(folder.path("other.toml"), text.replace("[image]", &other)).unwrap();
    let line =
        folder.fails("status --enclave 127.0.0.1:1 --agreement other.toml --identity bob.key", 2);
    assert!(line.contains("kms_roots: a root that is not Amazon's"), "{line}");
    let line = folder.fails("enclave --agreement agreement.toml --root root.pem", 2);
    assert!(line.contains("alice: give --identity"), "{line}");
    let line = folder.fails("--root agreement.toml status", 2);
    assert!(line.contains("no certificate in PEM"), "{line}");
}

#[test]
fn a_local_enclave_lives_as_long_as_its_command() {
    let folder = Folder::new();
    folder.agree();
    let model = examples().join("demo/model.json").display().to_string();
    let rows = examples().join("demo/rows.csv").display().to_string();
    folder.succeeds(&format!("compile {model} -o model.tau"));
    let local = "--local --with alice.key --program model.tau";
    let bob = "--agreement agreement.toml --identity bob.key";
    for _ in 0..3 {
        // another enclave each time, with all its budgets
        let scored =
            folder.json(&format!("{local} data score --data {rows} --out answers.csv {bob}"));
        assert_eq!(scored["calls_left"], 1);
    }
    let status = folder.json(&format!("--local --with alice.key status {bob}"));
    assert_eq!(status["phase"], "no program");
    let line = folder.fails(&format!("--local --program model.tau status {bob}"), 2);
    assert!(line.contains("--with"), "{line}");
    let line = folder.fails("--local demo", 2);
    assert!(line.contains("give a command of tautochrone"), "{line}");
    folder.fails(&format!("--local --root root.pem status {bob}"), 2);
}
