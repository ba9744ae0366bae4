//! Rows in, predictions out: the library's own bits, whatever the format and the path.

use crate::support::{Folder, Golden, csv};

fn bits(cell: &str) -> u32 {
    cell.parse::<f32>().unwrap().to_bits()
}

#[test]
fn margins_are_the_librarys_bits_from_every_format() {
    for name in ["xgboost-3.2.0-logistic", "xgboost-3.2.0-softprob", "xgboost-3.2.0-poisson"] {
        let golden = Golden::load(name);
        let folder = Folder::new();
        folder.run(&format!("compile {} -o m.tau", golden.model())).succeeded();
        for data in ["rows.csv", "rows.npy", "rows.parquet"] {
            golden.write_rows(&folder.path(data));
            for model in ["m.tau".to_string(), golden.model().to_string()] {
                folder
                    .run(&format!(
                        "score --model {model} --data {data} --out p.csv --output margin"
                    ))
                    .succeeded();
                let text = folder.read("p.csv");
                let (header, rows) = csv(&text);
                let outputs = golden.margins[0].len();
                let expected: Vec<String> = match outputs {
                    1 => vec!["margin".into()],
                    n => (0..n).map(|k| format!("margin_{k}")).collect(),
                };
                assert_eq!(header, expected);
                assert_eq!(rows.len(), golden.margins.len());
                for (row, margins) in rows.iter().zip(&golden.margins) {
                    let found: Vec<u32> = row.iter().map(|cell| bits(cell)).collect();
                    assert_eq!(found, *margins, "{name} {data} {model}");
                }
            }
        }
    }
}

#[test]
fn every_backend_profile_and_thread_count_agrees() {
    let golden = Golden::load("xgboost-3.2.0-logistic");
    let folder = Folder::new();
    golden.write_rows(&folder.path("rows.csv"));
    let score = |flags: &str| {
        let run = folder.run(&format!(
            "score --model {} --data rows.csv --out p.csv --output probability {flags}",
            golden.model()
        ));
        (run.code, folder.read("p.csv"), run.stderr)
    };
    let (code, first, _) = score("");
    assert_eq!(code, Some(0));
    assert!(first.starts_with("probability\n"));
    for flags in [
        "--backend portable --threads 1",
        "--backend portable --threads 2",
        "--backend avx2",
        "--backend avx512",
        "--profile data-oblivious",
        "--class exact",
    ] {
        let (code, text, stderr) = score(flags);
        if code == Some(2) {
            assert!(stderr.contains("this CPU does not have it: choose from"), "{stderr}");
            continue;
        }
        assert_eq!(text, first, "{flags}");
    }
}

#[test]
fn leaves_and_labels() {
    let golden = Golden::load("xgboost-3.2.0-logistic");
    let folder = Folder::new();
    golden.write_rows(&folder.path("rows.npy"));
    let model = golden.model();
    folder.run(&format!("compile {model} -o leaf.tau --output leaf")).succeeded();
    for arguments in [
        format!("score --model {model} --data rows.npy --out p.csv --output leaf"),
        "score --model leaf.tau --data rows.npy --out p.csv".to_string(),
    ] {
        folder.run(&arguments).succeeded();
        let text = folder.read("p.csv");
        let (header, rows) = csv(&text);
        assert_eq!(header, ["leaf_0", "leaf_1", "leaf_2"]);
        let found: Vec<Vec<u32>> =
            rows.iter().map(|row| row.iter().map(|c| c.parse().unwrap()).collect()).collect();
        assert_eq!(found, golden.leaves);
    }
    folder
        .run(&format!("score --model {model} --data rows.npy --out p.csv --output label"))
        .succeeded();
    assert_eq!(folder.read("p.csv"), format!("label\n{}\n", golden.labels.join("\n")));
}

#[test]
fn ids_are_copied_and_columns_dropped() {
    let golden = Golden::load("xgboost-3.2.0-logistic");
    let folder = Folder::new();
    folder.file("rows.csv", "id,f0,f1,note,f2,f3\n007,1,2,hello,3,4\n\"a,b\",,NA,\"\",NaN,nan\n");
    let score = format!("score --model {} --data rows.csv --out p.csv", golden.model());
    let run = folder.run(&score);
    let line = run.failed(2);
    assert!(line.contains("--id") && line.contains("--ignore"), "{line}");
    folder.run(&format!("{score} --id id --ignore note --output label")).succeeded();
    let text = folder.read("p.csv");
    assert!(text.starts_with("id,label\n007,"), "{text}");
    assert!(text.contains("\n\"a,b\","), "{text}");
}

#[test]
fn a_table_without_rows_scores_to_a_header() {
    let golden = Golden::load("xgboost-3.2.0-logistic");
    let folder = Folder::new();
    folder.file("rows.csv", "a,b,c,d\n");
    folder
        .run(&format!(
            "score --model {} --data rows.csv --out p.csv --output margin",
            golden.model()
        ))
        .succeeded();
    assert_eq!(folder.read("p.csv"), "margin\n");
}

#[test]
fn what_a_program_cannot_give_is_refused() {
    let golden = Golden::load("xgboost-3.2.0-squarederror");
    let folder = Folder::new();
    golden.write_rows(&folder.path("rows.csv"));
    let model = golden.model().to_string();
    folder.run(&format!("compile {model} -o m.tau")).succeeded();
    folder.run(&format!("compile {model} -o leaf.tau --output leaf")).succeeded();
    let score = |model: &str, output: &str| {
        let arguments =
            format!("score --model {model} --data rows.csv --out p.csv --output {output}");
        folder.run(&arguments).failed(2).to_owned()
    };
    assert!(score(&model, "probability").contains("choose from margin"));
    assert!(score(&model, "label").contains("choose from margin"));
    assert!(score("m.tau", "leaf").contains("compile it with --output leaf"));
    assert!(score("leaf.tau", "margin").contains("compile it without --output leaf"));
    assert!(!folder.path("p.csv").exists());
}
