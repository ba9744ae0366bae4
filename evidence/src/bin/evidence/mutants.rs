//! Mutants: leaks planted in the source of `ops` and of the engine, one by one, to see whether the
//! layers catch them.
//!
//! Mutants of kernels that share no target go into one build, in a copy of the tree with a target
//! folder of its own. Each is judged by its own kernels' targets alone: memcheck first, then the
//! tracer for those that memcheck does not claim to see.

mod sites;

use crate::memcheck;
use crate::trace;
use crate::work::{self, Fault, Listed};
use serde_json::{Value, json};
use sites::{SITES, SWAPS};
use std::path::Path;

/// Kinds of leaks that are inserted at a site.
const KINDS: [&str; 5] = ["branch", "lookup", "loop bound", "early exit", "division"];
/// Mutants of each site: two kinds in turn, so that every kind is planted everywhere in the end.
const KINDS_PER_SITE: usize = 2;

struct Mutant {
    id: String,
    kind: &'static str,
    file: &'static str,
    from: String,
    to: String,
    kernels: &'static [&'static str],
    shared: &'static [&'static str],
}

impl Mutant {
    /// Could another mutant of the same kernel go unseen because of this one?
    fn hides(&self) -> bool {
        self.to.matches("return").count() > self.from.matches("return").count()
    }
}

pub(crate) fn run(options: &[&str]) -> Result<bool, Fault> {
    let all = generate();
    let chosen: Vec<&Mutant> = match options {
        [] => all.iter().collect(),
        ["--list"] => {
            for mutant in &all {
                println!("{}", mutant.id);
            }
            println!(
                "{} mutants in {} builds",
                all.len(),
                batches(all.iter().collect(), Rule::ByLine).len()
            );
            return Ok(true);
        }
        ["--sample", count] => sample(&all, count.parse().map_err(|_| "--sample N".to_string())?),
        ["--only", parts @ ..] => {
            all.iter().filter(|mutant| parts.iter().any(|part| mutant.id.contains(part))).collect()
        }
        _ => return Err("mutants takes --sample N, --only TEXT... or --list".into()),
    };
    // a sample must not hide that a place is gone: every mutant of the list can be planted
    for mutant in &all {
        planted_text(&work::root(), mutant)?;
    }
    let planned = chosen.len();
    // a sample does not replace what a full run found; a part of it does, in its place
    let planted = if options.first() == Some(&"--sample") { "mutants-sample" } else { "mutants" };
    let kept: Vec<Value> = match options.first() {
        Some(&"--only") => {
            let before = work::read(planted).unwrap_or_default();
            let known = |old: &&Value| all.iter().any(|mutant| old["mutant"] == mutant.id);
            before["mutants"].as_array().into_iter().flatten().filter(known).cloned().collect()
        }
        _ => Vec::new(),
    };
    let mut results = Vec::new();
    let folder = work::scratch("mutants")?;
    let mut open = chosen;
    for rule in [Rule::ByLine, Rule::ByTarget] {
        let batches = batches(std::mem::take(&mut open), rule);
        for (number, batch) in batches.iter().enumerate() {
            println!("{rule:?} build {} of {}: {}", number + 1, batches.len(), batch.len());
            for (mutant, verdict) in judge(&folder, batch, rule)? {
                match verdict {
                    Verdict::Caught(layer, target) => {
                        println!("  {layer:9} {}", mutant.id);
                        results.push(result(mutant, Some(layer), &target));
                    }
                    Verdict::Unseen(_) if rule == Rule::ByLine => open.push(mutant),
                    Verdict::Unseen(why) => {
                        println!("  UNSEEN    {}: {why}", mutant.id);
                        results.push(result(mutant, None, &why));
                    }
                }
            }
            save(&results, planted, kept.clone())?;
        }
    }
    let caught = results.iter().filter(|result| result["caught_by"] != Value::Null).count();
    let share = 100.0 * caught as f64 / results.len().max(1) as f64;
    println!("mutants: {caught} of {} caught ({share:.1}%)", results.len());
    Ok(results.len() == planned && caught * 100 >= planned * 95)
}

/// How mutants that share a build are told apart.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Rule {
    /// By the line of the source that a report names. Many go into one build.
    ByLine,
    /// By the targets that report: no two in one build share one.
    ByTarget,
}

enum Verdict {
    /// The layer, and the target or line.
    Caught(&'static str, String),
    /// Why.
    Unseen(String),
}

/// Results of this run, and those of earlier ones that it keeps.
fn save(results: &[Value], planted: &str, mut all: Vec<Value>) -> Result<(), Fault> {
    all.retain(|old| results.iter().all(|new| new["mutant"] != old["mutant"]));
    all.extend_from_slice(results);
    work::write(planted, &json!({ "layer": "mutants", "mutants": all }))
}

/// Every site with its kinds, then the swaps.
fn generate() -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for (number, site) in SITES.iter().enumerate() {
        let kinds = (KINDS_PER_SITE * number..)
            .map(|kind| KINDS[kind % KINDS.len()])
            .filter(|&kind| kind != "early exit" || !site.exit.is_empty());
        for kind in kinds.take(KINDS_PER_SITE) {
            mutants.push(Mutant {
                id: format!("{kind} in {}: {}", site.file, first_words(site.after)),
                kind,
                file: site.file,
                from: site.after.to_string(),
                to: format!("{} {}", site.after, inserted(kind, site.secret, site.exit)),
                kernels: site.kernels,
                shared: site.shared,
            });
        }
    }
    for swap in SWAPS {
        mutants.push(Mutant {
            id: format!("{} in {}: {}", swap.kind, swap.file, first_words(swap.from)),
            kind: swap.kind,
            file: swap.file,
            from: swap.from.to_string(),
            to: swap.to.to_string(),
            kernels: swap.kernels,
            shared: swap.shared,
        });
    }
    mutants
}

/// A leak of a kind. `black_box` keeps the optimiser from making it none.
fn inserted(kind: &str, secret: &str, exit: &str) -> String {
    match kind {
        "branch" => format!("if ({secret}) & 1 == 1 {{ std::hint::black_box(3u64); }}"),
        "lookup" => format!(
            "{{ static LEAK: [u8; 4096] = [1; 4096]; \
             std::hint::black_box(std::hint::black_box(&LEAK)[((({secret}) & 63) * 64) as usize]); }}"
        ),
        "loop bound" => format!("for _ in 0..(({secret}) & 7) {{ std::hint::black_box(3u64); }}"),
        "early exit" => format!("if ({secret}) & 3 == 3 {{ {exit} }}"),
        _ => format!(
            "std::hint::black_box(std::hint::black_box(0x1234_5678_9abc_def0u64) / (({secret}) | 1));"
        ),
    }
}

fn first_words(text: &str) -> String {
    text.split_whitespace().take(7).collect::<Vec<_>>().join(" ")
}

/// Mutants that can share a build, first fit.
fn batches(mutants: Vec<&Mutant>, rule: Rule) -> Vec<Vec<&Mutant>> {
    let mut batches: Vec<Vec<&Mutant>> = Vec::new();
    for mutant in mutants {
        let fits = |batch: &&mut Vec<&Mutant>| batch.iter().all(|other| !meet(mutant, other, rule));
        match batches.iter_mut().find(fits) {
            Some(batch) => batch.push(mutant),
            None => batches.push(vec![mutant]),
        }
    }
    batches
}

fn meet(a: &Mutant, b: &Mutant, rule: Rule) -> bool {
    let reached = |a: &Mutant, b: &Mutant| {
        a.kernels.iter().any(|kernel| b.kernels.contains(kernel) || b.shared.contains(kernel))
    };
    // one that leaves early, or replaces code, could hide another
    let hides = a.hides() || b.hides();
    let same = a.file == b.file && (a.from.contains(&b.from) || b.from.contains(&a.from));
    same || ((hides || rule == Rule::ByTarget) && (reached(a, b) || reached(b, a)))
}

/// Mutants of few builds, spread over the list.
fn sample(all: &[Mutant], count: usize) -> Vec<&Mutant> {
    let mut chosen: Vec<&Mutant> = Vec::new();
    for step in 0..all.len() {
        // 37 and the number of mutants share no factor, or every mutant would not have its turn
        let mutant = &all[step * 37 % all.len()];
        if chosen.len() < count && chosen.iter().all(|other| !meet(mutant, other, Rule::ByTarget)) {
            chosen.push(mutant);
        }
    }
    chosen
}

/// Builds a batch and judges each of its mutants; a batch that does not build is taken apart.
fn judge<'a>(
    folder: &Path,
    batch: &[&'a Mutant],
    rule: Rule,
) -> Result<Vec<(&'a Mutant, Verdict)>, Fault> {
    let tree = folder.join("tree");
    work::copy_sources(&tree)?;
    for mutant in batch {
        plant(&tree, mutant)?;
    }
    let built = work::build(&tree, Some(&folder.join("target")))
        .and_then(|harness| look(&tree, &harness, batch, rule));
    match built {
        Ok(found) => Ok(found),
        Err(fault) if batch.len() == 1 => Ok(vec![(batch[0], Verdict::Unseen(fault))]),
        Err(fault) => {
            println!("  taken apart: {fault}");
            let (first, second) = batch.split_at(batch.len() / 2);
            let mut found = judge(folder, first, rule)?;
            found.extend(judge(folder, second, rule)?);
            Ok(found)
        }
    }
}

fn plant(tree: &Path, mutant: &Mutant) -> Result<(), Fault> {
    let text = planted_text(tree, mutant)?;
    std::fs::write(tree.join(mutant.file), text).map_err(|e| format!("{}: {e}", mutant.id))
}

/// The file with the mutant in it.
fn planted_text(tree: &Path, mutant: &Mutant) -> Result<String, Fault> {
    let fault = |what: String| format!("{}: {what}", mutant.id);
    let text = std::fs::read_to_string(tree.join(mutant.file)).map_err(|e| fault(e.to_string()))?;
    if text.matches(&mutant.from).count() != 1 {
        return Err(fault("the text that it changes does not stand once in the file".into()));
    }
    Ok(text.replace(&mutant.from, &mutant.to))
}

fn look<'a>(
    tree: &Path,
    harness: &Path,
    batch: &[&'a Mutant],
    rule: Rule,
) -> Result<Vec<(&'a Mutant, Verdict)>, Fault> {
    let targets = work::list(harness)?;
    let of = |mutant: &Mutant| -> Vec<&str> {
        targets.iter().filter(|t| belongs(t, mutant)).map(|t| t.name.as_str()).collect()
    };
    let mut names: Vec<&str> = batch.iter().flat_map(|mutant| of(mutant)).collect();
    names.sort_unstable();
    names.dedup();
    let findings = memcheck::check(harness, &names)?;
    let reports: Vec<Report> = findings
        .into_iter()
        .map(|finding| Report {
            leak: finding.errors > 0,
            target: finding.name,
            places: finding.places,
        })
        .collect();
    let mut verdicts = Vec::new();
    let mut unseen = Vec::new();
    for &mutant in batch {
        match seen(tree, mutant, &of(mutant), &reports, rule)? {
            Some(place) => verdicts.push((mutant, Verdict::Caught("memcheck", place))),
            None => unseen.push(mutant),
        }
    }
    if unseen.is_empty() {
        return Ok(verdicts);
    }
    let short = |name: &&str| targets.iter().any(|t| t.name == **name && !t.long && t.here);
    let mut names: Vec<&str> = unseen.iter().flat_map(|mutant| of(mutant)).filter(short).collect();
    names.sort_unstable();
    names.dedup();
    let traced = trace::check(&work::build_ctrace()?, harness, &names)?;
    let reports: Vec<Report> = traced
        .into_iter()
        .map(|traced| Report {
            leak: traced.outcome == "leak",
            target: traced.name,
            places: traced.places,
        })
        .collect();
    for mutant in unseen {
        verdicts.push(match seen(tree, mutant, &of(mutant), &reports, rule)? {
            Some(place) => (mutant, Verdict::Caught("trace", place)),
            None => (mutant, Verdict::Unseen("no layer reports it".into())),
        });
    }
    Ok(verdicts)
}

/// What a layer says of a target.
struct Report {
    target: String,
    leak: bool,
    places: Vec<String>,
}

/// The line or the target that tells of a mutant.
fn seen(
    tree: &Path,
    mutant: &Mutant,
    targets: &[&str],
    reports: &[Report],
    rule: Rule,
) -> Result<Option<String>, Fault> {
    let lines = planted_lines(tree, mutant)?;
    let planted = |place: &&String| {
        lines.iter().any(|line| place.trim_end_matches(')').ends_with(line.as_str()))
    };
    let mut mine =
        reports.iter().filter(|report| report.leak && targets.contains(&report.target.as_str()));
    Ok(match rule {
        // Valgrind names a place once, with the first target that comes by
        Rule::ByLine => reports.iter().flat_map(|report| &report.places).find(planted).cloned(),
        Rule::ByTarget => mine.next().map(|report| report.target.clone()),
    }
    .map(|place| work::last_part(&place)))
}

/// The lines of a planted mutant, as reports name them.
fn planted_lines(tree: &Path, mutant: &Mutant) -> Result<Vec<String>, Fault> {
    let text = std::fs::read_to_string(tree.join(mutant.file))
        .map_err(|fault| format!("{}: {fault}", mutant.file))?;
    let at = text.find(&mutant.to).ok_or_else(|| format!("{} is not planted", mutant.id))?;
    let first = text[..at].matches('\n').count() + 1;
    let file = mutant.file.rsplit('/').next().unwrap_or_default();
    let count = mutant.to.lines().count();
    Ok((first..first + count).map(|line| format!("{file}:{line}")).collect())
}

fn belongs(target: &Listed, mutant: &Mutant) -> bool {
    let lanes = match mutant.file {
        "ops/src/arch/portable.rs" => target.backend() == "portable",
        "ops/src/arch/avx2.rs" => target.backend() == "avx2",
        _ => target.backend() != "avx512",
    };
    lanes && target.real && mutant.kernels.contains(&target.kernel())
}

fn result(mutant: &Mutant, caught_by: Option<&str>, where_or_why: &str) -> Value {
    json!({
        "mutant": mutant.id,
        "kind": mutant.kind,
        "file": mutant.file,
        "caught_by": caught_by,
        "detail": where_or_why,
    })
}
