//! Program bytes of rules are hostile: damaged ones are refused, or are a program and evaluate.

use engine::rule::{Number, Per, RuleColumn, RuleInputs, RuleShape, evaluate_rule, rule_cost};
use engine::shape::StepShape;
use engine::{Backend, Program};
use model::rule::random_rule;
use proptest::prelude::*;
use protocol::program::{decode, encode};

fn bytes(seed: u64) -> Option<Vec<u8>> {
    let random = random_rule(seed);
    let mut model = |_: &str| Err(String::new());
    let parameters = Some(&random.parameters);
    let given = rules::Given { parameters, rows: None, model: &mut model };
    let compiled = rules::check(&random.rule, given).ok()?;
    Some(encode(compiled.program).expect("it is small"))
}

fn shape(program: &Program) -> &RuleShape {
    match program.shape().steps.as_slice() {
        [StepShape::Rule(rule)] => rule,
        _ => panic!("not a rule"),
    }
}

/// Evaluates whatever program it is, on zeros; steps are those that the shape says.
fn evaluate(program: &Program) {
    let rule = shape(program);
    let rows = 3.min(rule.most_rows) as usize;
    let columns = rule.inputs.iter().map(|input| {
        let rows = if input.per == Per::Row { rows } else { 1 };
        match input.number {
            Number::F32 => RuleColumn::F32(vec![0.0; rows]),
            Number::F64 => RuleColumn::F64(vec![0.0; rows]),
            _ => RuleColumn::I64(vec![0; rows]),
        }
    });
    let inputs = RuleInputs::new(rows, columns.collect());
    for backend in Backend::available() {
        let found = evaluate_rule(program, &inputs, backend).expect("inputs that fit");
        assert_eq!(found.steps, rule_cost(rule).steps(rows as u64));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn damaged_rules_are_refused_or_evaluate(seed: u64, place: u64, value: u64, cut in 0u64..4) {
        let Some(mut bytes) = bytes(seed) else { return Ok(()) };
        // words of the header, where it hurts; now and then any byte, or the end
        let word = 24 + 8 * (place % (bytes.len() as u64 / 8)) as usize;
        match cut {
            0 => bytes.truncate((place % bytes.len() as u64) as usize),
            1 => {
                let place = (place % bytes.len() as u64) as usize;
                bytes[place] ^= 1 << (value % 8);
            }
            _ => if let Some(word) = bytes.get_mut(word..word + 8) {
                let old = u64::from_le_bytes(word.try_into().expect("a word"));
                let new = match value % 5 {
                    0 => old.wrapping_add(1),
                    1 => old.wrapping_sub(1),
                    2 => 0,
                    3 => old ^ (1 << 32),
                    _ => value >> (value % 64),
                };
                word.copy_from_slice(&new.to_le_bytes());
            },
        }
        match decode(&bytes) {
            Ok(program) => {
                evaluate(&program);
                prop_assert_eq!(encode(program).expect("as small"), bytes);
            }
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
        }
    }
}

/// Whatever is wrong with secret parameters has one code.
#[test]
fn parameters_out_of_range_have_one_code() {
    let text = "PARTY a; PARAM FROM a (n i64 RANGE 0 TO 9); OUTPUT TO a ONCE z = n > 3;";
    let rule = rules::parse(text).expect("a rule");
    let mut model = |_: &str| Err(String::new());
    let given = rules::Given { parameters: None, rows: None, model: &mut model };
    let bytes = encode(rules::check(&rule, given).expect("it checks").program).expect("small");
    let last = bytes.len() - 8;
    for (value, fits) in [(0i64, true), (9, true), (10, false), (-1, false), (i64::MIN, false)] {
        let mut bytes = bytes.clone();
        bytes[last..].copy_from_slice(&value.to_le_bytes());
        let error = decode(&bytes).map(|_| ()).map_err(|error| error.to_string());
        let code = Err("the program's parameters are not valid".to_owned());
        assert_eq!(error, if fits { Ok(()) } else { code });
    }
}
