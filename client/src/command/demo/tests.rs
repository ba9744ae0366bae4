//! The leak of the demo's tree, without a clock.

use std::path::Path;

use super::clock::Numbers;
use super::naive::Naive;
use super::observer::{Timed, observe};
use engine::Model;
use engine::ensemble::{Child, Tree};

/// The leak is in the work, not in the machine's noise: from the number of comparisons alone the
/// observer guesses what it guesses from the clock.
#[test]
fn comparisons_alone_tell_the_class_of_the_demo_tree() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/demo");
    let imported = models::import_file(folder.join("tree.json"), &Default::default());
    let Ok(Model::Ensemble(ensemble)) = imported.map(|imported| imported.model) else {
        panic!("the demo's tree");
    };
    let naive = Naive::new(&ensemble).expect("one tree");
    let text = std::fs::read_to_string(folder.join("rows.csv")).expect("the demo's rows");
    let mut timed: Vec<Timed> = text
        .lines()
        .skip(1)
        .map(|line| {
            let row: Vec<f32> =
                line.split(',').map(|x| x.parse::<f64>().expect("a number") as f32).collect();
            let nanos = comparisons(&ensemble.parts().trees[0], &row);
            Timed { nanos, second: naive.class_vartime(&row) == 1 }
        })
        .collect();
    assert_eq!(timed.len(), 171);
    Numbers(1).shuffle(&mut timed);
    let (known, unknown) = timed.split_at(86);
    let report = observe(known, unknown);
    assert!(report.interval.0 > report.base_rate() + 0.1, "{}", report.accuracy());
}

fn comparisons(tree: &Tree, row: &[f32]) -> f64 {
    let (mut here, mut count) = (tree.root, 0.0);
    while let Child::Split(index) = here {
        let split = &tree.splits[index as usize];
        let left = f64::from(row[split.feature as usize]) <= split.threshold;
        here = if left { split.left } else { split.right };
        count += 1.0;
    }
    count
}
