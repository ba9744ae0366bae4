//! `steal [TREE.json]`: robs a naive engine of its tree, then tries the same on ours.
//!
//! Exit code 0 if the naive engine was robbed and ours was not, 1 if not so, 2 if the tree or the
//! machine does not allow to try.
#![forbid(unsafe_code)]

mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use engine::ensemble::Tree;
use engine::{CompileOptions, Ensemble, EnsembleParts, Model, Shape, compile};
use steal::attack::{Alphabet, StealError, Thief};
use steal::practice;
use steal::trace::{Trace, TraceError, Watcher};

/// Rows that our engine is watched on, for each of two trees.
const WATCHED: usize = 5;

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}: give one scikit-learn decision tree, as its exporter writes it")]
    Model(String),
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error(transparent)]
    Steal(#[from] StealError),
    #[error("a temporary file can't be written ({0})")]
    Io(#[from] std::io::Error),
}

fn main() -> ExitCode {
    let tree = std::env::args_os().nth(1).unwrap_or("examples/demo/tree.json".into());
    match run(Path::new(&tree)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(file: &Path) -> Result<bool, Error> {
    let alice = Alice::new(file)?;
    let (robbed, rows) = rob_naive(&alice)?;
    let safe = try_ours(&alice, &rows)?;
    Ok(robbed && safe)
}

/// What the attacker does not see: the tree, and its files.
struct Alice {
    file: PathBuf,
    model: Model,
    victim: PathBuf,
    folder: tempfile::TempDir,
}

impl Alice {
    fn new(file: &Path) -> Result<Self, Error> {
        let about =
            |what: &dyn std::fmt::Display| Error::Model(format!("{}: {what}", file.display()));
        let model = models::import_file(file, &Default::default()).map_err(|e| about(&e))?.model;
        let victim = std::env::current_exe()?.with_file_name("steal-victim");
        let alice = Self { file: file.to_owned(), model, victim, folder: tempfile::tempdir()? };
        alice.tree().map(|_| ()).map_err(|_| about(&"it is not one tree"))?;
        Ok(alice)
    }

    /// Her model, and the one tree in it.
    fn tree(&self) -> Result<(&EnsembleParts, &Tree), Error> {
        if let Model::Ensemble(ensemble) = &self.model
            && let [tree] = ensemble.parts().trees.as_slice()
        {
            return Ok((ensemble.parts(), tree));
        }
        Err(Error::Model("it is not one tree".into()))
    }

    /// Another tree of the same shape: features counted from the other end, thresholds negated, sides
    /// swapped.
    fn other(&self) -> Result<Model, Error> {
        let (parts, _) = self.tree()?;
        let mut trees = parts.trees.clone();
        for split in trees.iter_mut().flat_map(|tree| &mut tree.splits) {
            split.feature = parts.schema.features - 1 - split.feature;
            split.threshold = -split.threshold;
            std::mem::swap(&mut split.left, &mut split.right);
        }
        let other = EnsembleParts {
            schema: parts.schema.clone(),
            compare_at: parts.compare_at,
            missing_value: parts.missing_value,
            outputs: parts.outputs,
            leaf_width: parts.leaf_width,
            trees,
            base: parts.base.clone(),
            sum_at: parts.sum_at,
            average: parts.average,
            link: parts.link,
        };
        Ok(Model::Ensemble(Ensemble::try_new(other).map_err(|e| Error::Model(e.to_string()))?))
    }

    /// Compiles a model for our engine, for victims to serve.
    fn compile(&self, name: &str, model: &Model) -> Result<Served<'_>, Error> {
        let program = compile(model, &CompileOptions::default());
        let program = program.map_err(|error| Error::Model(error.to_string()))?;
        let shape = program.shape().clone();
        let bytes = protocol::program::encode(program).map_err(|e| Error::Model(e.to_string()))?;
        let file = self.folder.path().join(name);
        std::fs::write(&file, bytes)?;
        Ok(Served { alice: self, shape, file: file.to_string_lossy().into_owned() })
    }
}

/// A program of our engine.
struct Served<'a> {
    alice: &'a Alice,
    shape: Shape,
    file: String,
}

impl Served<'_> {
    /// Watches a victim answer one row. Each row gets a victim of its own: what a process did before
    /// changes where its allocator puts things, whatever the rows are.
    fn watch(&self, row: &[f32]) -> Result<Trace, TraceError> {
        Watcher::start(&self.alice.victim, "ours", &self.file)?.watch(row)
    }
}

/// The attack on the naive engine: whether all of the tree was stolen, and the rows that it took.
fn rob_naive(alice: &Alice) -> Result<(bool, Vec<Vec<f32>>), Error> {
    println!("The naive engine: a tree is walked from node to node.");
    let mut practice = Watcher::start(&alice.victim, "naive", "practice")?;
    let Some(alphabet) = Alphabet::learn(|row| practice.watch(row))? else {
        println!("  its traces do not tell left from right: nothing was stolen");
        return Ok((false, Vec::new()));
    };
    println!(
        "  from {} rows on a tree of its own, the attacker learns to read the trace",
        practice.asked
    );
    let mut victim = Watcher::start(&alice.victim, "naive", &alice.file.to_string_lossy())?;
    let mut thief = Thief::new(&mut victim, &alphabet);
    let (parts, tree) = alice.tree()?;
    let stolen = thief.steal(parts.schema.features as usize)?;
    let rows = thief.rows;
    println!(
        "  from {} rows on Alice's tree, it rebuilds {} comparisons:\n",
        rows.len(),
        stolen.splits()
    );
    let names = parts.schema.feature_names.as_deref();
    let truth = show::truth(tree, tree.root);
    print!("{}", show::side_by_side(&stolen, &truth, names));
    let all = stolen == truth;
    let verdict =
        if all { "the whole tree, each threshold to the last bit" } else { "not the same tree" };
    println!("\n  stolen: {verdict}. No answer was read.\n");
    Ok((all, rows))
}

/// The same attack on ours: whether it learned nothing.
fn try_ours(alice: &Alice, rows: &[Vec<f32>]) -> Result<bool, Error> {
    println!("Our engine, profile strict: the same attacker.");
    let own = practice::tree().map_err(|error| Error::Model(error.to_string()))?;
    let own = alice.compile("0.tau", &own)?;
    let learned = Alphabet::learn(|row| own.watch(row))?.is_some();
    let said = if learned { "learns to read the trace" } else { "finds no left and no right" };
    println!("  from {} rows on a tree of its own, the attacker {said}", practice::rows().count());

    let every = rows.len().div_ceil(WATCHED).max(1);
    let chosen: Vec<&Vec<f32>> = rows.iter().step_by(every).collect();
    let models = [alice.compile("1.tau", &alice.model)?, alice.compile("2.tau", &alice.other()?)?];
    if models[0].shape != models[1].shape {
        return Err(Error::Model("the two trees have no shape in common".into()));
    }
    let mut first: Option<Trace> = None;
    let (mut same, mut watched) = (0, 0);
    for model in &models {
        for row in &chosen {
            let trace = model.watch(row)?;
            watched += 1;
            same += usize::from(*first.get_or_insert_with(|| trace.clone()) == trace);
        }
    }
    let (steps, accesses) = first.map_or((0, 0), |t| (t.instructions().len(), t.accesses()));
    println!(
        "  from {} rows on Alice's tree and {} on a different tree of its shape, it sees {watched} traces of",
        chosen.len(),
        chosen.len()
    );
    println!(
        "  {steps} instructions and {accesses} accesses to memory; {same} of them are one, address by address\n"
    );
    let safe = same == watched && !learned && steps > 1000;
    let verdict = match safe {
        true => "nothing. One trace fits both trees and every row",
        false => "something: the traces differ, please report this",
    };
    println!("  stolen: {verdict}.");
    Ok(safe)
}
