//! The demo runs, and says what it measured. What it measured is not asserted: CI holds no clock to
//! anything. The observer is tested on made-up clocks beside its code.

use crate::support::Folder;

#[test]
fn the_demo_prints_a_table_and_draws_a_plot() {
    let folder = Folder::new();
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/demo");
    let run = folder.run(&format!("demo --folder {demo} --plot plot.svg"));
    let text = run.succeeded();
    for part in
        ["Alice owns a model", "162 of 171 labels", "naive tree walk", "Tautochrone, strict"]
    {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let svg = folder.read("plot.svg");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(svg.matches("<rect class=\"second\"").count() > 2 && !svg.contains("NaN"), "{svg}");
}

#[test]
fn the_demo_gives_every_time_as_json() {
    let folder = Folder::new();
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/demo");
    let run = folder.run(&format!("demo --folder {demo} --json"));
    let object: serde_json::Value = serde_json::from_str(run.succeeded()).unwrap();
    assert_eq!(object["parties"]["right"], 162);
    let clock = &object["clock"];
    let known = clock["known_to_observer"].as_array().unwrap();
    let guesses = known.iter().filter(|known| *known == false).count();
    for engine in clock["engines"].as_array().unwrap() {
        assert_eq!(engine["nanoseconds"].as_array().unwrap().len(), 171);
        assert_eq!(engine["guesses"], guesses);
        let number = |at: &str| engine[at].as_f64().unwrap();
        let interval = [0, 1].map(|at| engine["interval_99"][at].as_f64().unwrap());
        assert!(interval[0] <= number("accuracy") && number("accuracy") <= interval[1]);
        let holds = (interval[0]..=interval[1]).contains(&number("base_rate"));
        assert_eq!(engine["interval_holds_base_rate"], holds);
    }
    assert_eq!(clock["engines"].as_array().unwrap().len(), 2);
}

#[test]
fn a_folder_without_the_demo_is_refused() {
    let folder = Folder::new();
    assert!(folder.run("demo").failed(1).contains("--folder"));
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/demo");
    for file in ["model.json", "rows.csv"] {
        std::fs::create_dir_all(folder.path("examples/demo")).unwrap();
        std::fs::copy(format!("{demo}/{file}"), folder.path(&format!("examples/demo/{file}")))
            .unwrap();
    }
    // a model that is no single tree
    std::fs::copy(format!("{demo}/model.json"), folder.path("examples/demo/tree.json")).unwrap();
    let run = folder.run("demo");
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("scikit-learn tree"), "{}", run.stderr);
}
