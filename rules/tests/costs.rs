//! What `docs/rules.md` says that an operation costs is what the shape says.

use engine::rule::rule_cost;
use engine::shape::StepShape;
use rules::{Given, check, parse};

/// Steps for one block of the rows.
fn steps(value: &str) -> u64 {
    let text = format!(
        "PARTY a; INPUT FROM a EACH ROW (x i64 RANGE -9 TO 9, y i64 RANGE -9 TO 9, k i64 RANGE 0 TO 3, w i64,\
         ok bool, id u256, other u256, q fixed(8) RANGE 0 TO 9, f f32, v i64[4] RANGE 0 TO 9, ids u256[3]);\
         PUBLIC one bool = TRUE;\
         OUTPUT TO a EACH ROW z = CASE WHEN x = y AND k = 2 THEN {value} ELSE {value} END;"
    );
    let mut model = |_: &str| Err(String::new());
    let given = Given { parameters: None, rows: None, model: &mut model };
    let compiled = parse(&text).and_then(|rule| check(&rule, given));
    let compiled = compiled.unwrap_or_else(|error| panic!("{value}: {error}"));
    match compiled.program.shape().steps.as_slice() {
        [StepShape::Rule(rule)] => rule_cost(rule).block,
        _ => panic!("not a rule"),
    }
}

#[test]
fn operations_cost_what_the_document_says() {
    // an i64, a bool, a u256 that are there already: what choosing and releasing them costs
    let (integer, truth, wide) = (steps("w"), steps("ok"), steps("id"));
    for (value, cost) in [
        ("x + y", 1),
        ("x * y", 1),
        ("-x", 1),
        ("sat_add(w, x)", 1),
        ("checked_add(w, x)", 1),
        ("int(overflowed(checked_add(w, x)))", 2),
        ("w / 7", 1),
        ("div_floor(w, 7)", 1),
        ("floor(q)", 1),
        ("int(ok)", 1),
        ("if(ok, x, w)", 1),
        ("CASE WHEN ok THEN x WHEN ok THEN y ELSE w END", 2),
        ("least(x, w)", 1),
        ("clamp(w, x, y)", 2),
        ("abs(x)", 2),
        ("v[2]", 0),
        ("v[k]", 4),
        ("points(w, [1, 2, 3], [x, y, 4, 5])", 6),
        ("dot(v, v)", 7),
        ("sum(v)", 3),
        ("max(v)", 3),
        ("argmin(v)", 8),
        ("count([ok, x < w])", 3),
        ("sum(sort(v))", 13),
        ("len(v)", 0),
    ] {
        assert_eq!(steps(value), integer + cost, "{value}");
    }
    for (value, cost) in [
        ("x < w", 1),
        ("x <> w", 2),
        ("NOT ok", 1),
        ("ok XOR x < w", 2),
        ("w BETWEEN x AND y", 3),
        ("w IN (x, y, 7)", 3),
        ("id < other", 1),
        ("id <= other", 2),
        ("id IN ids", 3),
        ("any([ok, x < w, f > 2])", 4),
    ] {
        assert_eq!(steps(value), truth + cost, "{value}");
    }
    for (value, cost) in [
        ("sat_add(id, other)", 5),
        ("greatest(id, other)", 5),
        ("if(ok, id, other)", 4),
        ("ids[clamp(k, 0, 2)]", 14),
    ] {
        assert_eq!(steps(value), wide + cost, "{value}");
    }
}
