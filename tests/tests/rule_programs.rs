//! Random well-typed rules: the engine gives what the plain interpreter gives, on every backend, in
//! as many steps as the shape says, from the text and from program bytes.
//!
//! `TAUTOCHRONE_RULES=1000000 TAUTOCHRONE_SEED=1 cargo test -p tests --test rule_programs -- long`
//! runs more of them.

use engine::rule::{RuleInputs, RuleShape, evaluate_rule, rule_cost};
use engine::shape::StepShape;
use engine::{Backend, Program};
use model::rule::{RandomRule, interpret, print, random_rule};
use proptest::prelude::*;
use rules::ast::Rule;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

fn compile(
    rule: &Rule,
    parameters: &BTreeMap<String, Vec<String>>,
) -> Result<Program, rules::RuleError> {
    let mut model = |_: &str| Err("no models here".to_owned());
    let given = rules::Given { parameters: Some(parameters), rows: None, model: &mut model };
    rules::check(rule, given).map(|compiled| compiled.program)
}

fn shape(program: &Program) -> &RuleShape {
    match program.shape().steps.as_slice() {
        [StepShape::Rule(rule)] => rule,
        _ => panic!("not a rule"),
    }
}

/// Whether the checker took the rule. It may refuse one for possible overflow, and for nothing else.
fn check(seed: u64) -> Result<bool, String> {
    let RandomRule { rule, parameters, rows, .. } = &random_rule(seed);
    let random = random_rule(seed);
    let program = match compile(rule, parameters) {
        Ok(program) => program,
        Err(error) if error.what.contains("can overflow") => return Ok(false),
        // of a literal: two signs before the smallest number
        Err(error) if error.what.contains("9223372036854775808 is too large") => return Ok(false),
        Err(error) => return Err(format!("refused: {error}\n{}", print(rule))),
    };
    let columns = random.inputs(seed ^ 1);
    let expected = interpret(rule, parameters, &columns, *rows);
    let inputs = RuleInputs::new(*rows, columns);
    let steps = rule_cost(shape(&program)).steps(*rows as u64);

    // from the text and through program bytes: the same program
    let text = print(rule);
    let again = rules::parse(&text).map_err(|error| format!("{error}\n{text}"))?;
    let again = compile(&again, parameters).map_err(|error| format!("{error}\n{text}"))?;
    let same = again.shape() == program.shape();
    let again = protocol::program::encode(again).map_err(|error| error.to_string())?;
    let again = protocol::program::decode(&again).map_err(|error| error.to_string())?;
    if !same || again.shape() != program.shape() {
        return Err(format!("another program from text or bytes:\n{text}"));
    }

    for (program, backend) in Backend::available().into_iter().map(|b| (&again, b)) {
        let found = evaluate_rule(program, &inputs, backend).map_err(|e| e.to_string())?;
        let differs = [
            ("rows", found.rows != expected.rows),
            ("once", found.once != expected.once),
            ("clamped", found.clamped != expected.clamped),
            ("steps", found.steps != steps),
        ];
        if let Some((what, _)) = differs.into_iter().find(|(_, differs)| *differs) {
            return Err(format!(
                "{what} differ on {}: {:?} {:?} {:?}, expected {:?} {:?} {:?}\n{text}",
                backend.name(),
                found.rows.iter().map(|lane| &lane[..lane.len().min(6)]).collect::<Vec<_>>(),
                found.once,
                found.clamped,
                expected.rows.iter().map(|lane| &lane[..lane.len().min(6)]).collect::<Vec<_>>(),
                expected.once,
                expected.clamped
            ));
        }
    }
    Ok(true)
}

static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// 14,000 seeds from proptest; at least 10,000 of the rules must be taken and compared.
#[test]
fn random_rules_equal_the_interpreter() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 14_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let result = runner.run(&any::<u64>(), |seed| {
        let taken =
            check(seed).map_err(|what| TestCaseError::fail(format!("seed {seed}: {what}")))?;
        TAKEN.fetch_add(usize::from(taken), Ordering::Relaxed);
        Ok(())
    });
    result.expect("every rule agrees");
    let taken = TAKEN.load(Ordering::Relaxed);
    assert!(taken >= 10_000, "only {taken} rules were taken");
}

/// Rules that once ended a long run.
#[test]
fn rules_that_were_found_agree() {
    for seed in [
        16_607_792_090_867_213_423,
        9_561_762_836_480_915_421,
        // an overflow behind a public index into plain numbers was forgotten
        16_607_792_090_867_566_164,
    ] {
        check(seed).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
}

/// As many as the environment asks for, from its seed; a thousand otherwise.
#[test]
fn long_run() {
    let number = |name: &str, default| {
        std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(default)
    };
    let (cases, seed) = (number("TAUTOCHRONE_RULES", 1000), number("TAUTOCHRONE_SEED", 1));
    let (mut taken, mut tried) = (0, 0);
    while taken < cases {
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(tried);
        match check(seed) {
            Ok(is) => taken += u64::from(is),
            Err(what) => panic!("seed {seed}: {what}"),
        }
        tried += 1;
        if tried % 50_000 == 0 {
            println!("{taken} rules of {tried} agree so far");
        }
    }
    println!("{taken} rules of {tried} from seed {seed} agree");
}
