//! Wrong rules: each gives one error, at the place marked by `¦`, that says what is wrong and how to
//! mend it. Hostile ones end soon: a guard stops the test if one hangs.

use rules::{At, Given, RuleError, check, parse};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const HEAD: &str = "PARTY a, b;\nROWS UP TO 1000;\n\
    INPUT FROM a EACH ROW (x i64 RANGE 0 TO 100, y i64, ok bool, id u256, f f32, q fixed(8) RANGE 0 TO 10,\n\
    v i64[4] RANGE 0 TO 9);\n\
    INPUT FROM b ONCE (limit i64 RANGE 1 TO 50);\nPARAM FROM b (cut i64 RANGE 0 TO 100, list i64[3]);\n\
    PUBLIC weeks i64 = 52;\n";

/// Ends that make a rule of a statement.
const TAIL: &str = "\nOUTPUT TO a ONCE last = limit > 3;\n";

fn refusal(text: &str) -> RuleError {
    let mut model = |_: &str| Err("the file is not there".to_owned());
    let result = parse(text).and_then(|rule| {
        check(&rule, Given { parameters: None, rows: None, model: &mut model }).map(|_| ())
    });
    result.expect_err(text.get(..200).unwrap_or(text))
}

/// Line and column of the mark, and the text without it.
fn marked(text: &str) -> (At, String) {
    let (before, _) = text.split_once('¦').expect("a mark");
    let line = 1 + before.matches('\n').count() as u32;
    let column = 1 + before.rsplit('\n').next().unwrap_or("").chars().count() as u32;
    (At { line, column }, text.replace('¦', ""))
}

/// Statements after the head, and what the error says.
const WRONG: [(&str, &str); 62] = [
    // types
    ("LET z = x ¦+ ok;", "bool where i64 is wanted: convert it: int(x)"),
    ("LET z = ok ¦+ ok;", "`+` on bool"),
    ("LET z = x ¦< ok;", "bool where i64"),
    ("LET z = ok ¦< TRUE;", "`<` on bool"),
    ("LET z = ¦x AND ok;", "i64 where bool is wanted: write a comparison"),
    ("LET z = NOT ¦x;", "i64 where bool"),
    ("LET z = id ¦+ id;", "`+` on u256: u256 has no ranges: use sat_add"),
    ("LET z = f ¦* f;", "`*` on f32: floats are compared and chosen only"),
    ("LET z = q ¦+ x;", "i64 where fixed(8) is wanted: convert it: fixed(x, 8)"),
    ("LET z = x + ¦1.5;", "1.5 is not a whole number"),
    ("LET z = CASE WHEN ok THEN ¦1 ELSE ok END;", "the number 1 where a bool is wanted"),
    ("LET z = CASE WHEN ok THEN x ELSE ¦id END;", "u256 where i64"),
    ("LET z = CASE WHEN ¦x THEN 1 ELSE 2 END;", "i64 where bool"),
    ("LET z = ¦ok IN (x, y);", "i64 where bool"),
    ("LET z = x IN ¦y;", "IN takes a list or a vector"),
    ("LET z = v ¦+ [1, 2];", "a vector of 4 with a vector of 2"),
    ("LET z = [¦v, v];", "a vector inside a vector"),
    ("LET z = ¦floor(x);", "floor of i64"),
    ("LET z = count(¦v);", "i64 where bool"),
    ("LET z = ¦max(x, y);", "max with another number of arguments than 1: write greatest(a, b)"),
    ("LET z = ¦clamp(x, 1);", "clamp with 2 arguments"),
    ("LET z = points(x, [1, 2], ¦[0, 5]);", "2 points for 2 thresholds: give 3"),
    ("LET z = points(x, ¦[2, 1], [0, 1, 2]);", "thresholds that do not ascend"),
    ("LET z = x ¦= id;", "u256 where i64"),
    // names
    ("LET z = ¦lmit + 1;", "there is no value `lmit`: did you mean `limit`?"),
    ("LET z = ¦clmap(x, 1, 2);", "there is no function `clmap`: did you mean `clamp`?"),
    ("LET ¦x = 1;", "the name `x` is taken"),
    ("LET ¦sum = 1;", "the name `sum` is taken"),
    ("LET ¦between = 1;", "is a word of the language"),
    ("OUTPUT TO ¦c ONCE n = limit;", "there is no party `c`"),
    ("INPUT FROM a ONCE (n ¦integer);", "there is no type `integer`: write i64"),
    ("INPUT FROM a ONCE (¦x i64);", "the name `x` is taken"),
    ("¦OUTPT TO a ONCE n = 1;", "did you mean OUTPUT?"),
    // recursion and loops
    ("LET z = ¦z + 1;", "`z` uses itself: there is no recursion"),
    ("LET z = ¦later; LET later = 1;", "there is no value `later`"),
    ("¦FOR i IN 1;", "there are no loops"),
    ("¦FUNCTION g(x);", "there are no functions"),
    // ranges
    ("LET z = y ¦+ 1;", "`+` can overflow: its cell lies between"),
    ("LET z = ¦-y;", "`-` can overflow"),
    ("LET z = ¦abs(y);", "`-` can overflow"),
    (
        "LET z = x * x * x * x * x * x * x * x * x ¦* x;",
        "`*` can overflow: its cell lies between 0 and",
    ),
    ("LET z = ¦sum(y);", "`sum` can overflow"),
    ("LET z = ¦fixed(y, 8);", "`*` can overflow"),
    ("LET z = y ¦/ -1;", "`/` can overflow"),
    ("LET z = v[¦x];", "the index lies between 0 and 100, the entries are 0 to 3: clamp it"),
    ("LET z = v[¦4];", "the index lies between 4 and 4"),
    ("INPUT FROM a ONCE (n i64 RANGE ¦5 TO 4);", "the range from 5 to 4 is empty"),
    ("PUBLIC n i64 RANGE 0 TO 9 = ¦10;", "outside its range"),
    // a secret in a public place
    ("LET z = x / ¦limit;", "division by a secret: compare products instead"),
    ("LET z = x / ¦0;", "division by zero"),
    ("PUBLIC n i64 = ¦limit;", "a secret in a public place"),
    ("ASSERT limit ¦> 3;", "a secret in a public place"),
    ("LET z = fixed(limit, ¦limit);", "a secret in a public place"),
    ("LET z = piecewise(x, ¦[0, limit], [0, 1]);", "a secret in a public place"),
    ("ASSERT 1 ¦= 2;", "the assertion does not hold"),
    // rows and totals
    ("OUTPUT TO a ONCE n = ¦x;", "ONCE of a value that each row has"),
    ("OUTPUT TO a EACH ROW n = ¦limit;", "EACH ROW of a value that stands once"),
    ("LET z = x ¦< max(x);", "a row's value together with a total over rows"),
    ("LET z = ¦rows + 1;", "`rows` outside of an assertion"),
    // syntax
    ("LET z = (x + 1¦;", "`;` where `)` or an operator should stand"),
    ("LET z = CASE WHEN ok THEN 1 ¦END;", "`END` in a CASE without ELSE"),
    ("LET z = 1 < x ¦< 3;", "two comparisons in a row: join them with AND"),
];

#[test]
fn each_wrong_rule_has_one_error_at_its_place() {
    let mut wrong = Vec::new();
    for (statement, says) in WRONG {
        let (at, text) = marked(&format!("{HEAD}{statement}{TAIL}"));
        let error = refusal(&text);
        let line = error.to_string();
        if error.at != at || !line.contains(says) || line.contains('\n') || error.mend.is_empty() {
            wrong.push(format!("{statement}\n    {line}\n    wanted {at:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rules_that_are_wrong_as_a_whole() {
    for (text, says) in [
        ("¦", "the rule has no output"),
        ("¦PARTY a;", "the rule has no output"),
        ("LET z = 1¦", "the end of the file where the statement should end"),
        ("LET z = ¦\"x\";", "names stand without quotes"),
        ("LET z = ¦'x';", "a text is no value"),
        ("LET z = 1 ¦# one\n;", "a comment starts with two dashes"),
        ("LET z = ¦12ab;", "is not a number"),
        ("PARTY a; MODEL m FROM a = ¦'none.json' GIVES margin;", "the file is not there"),
        ("PARTY a, ¦a;", "is named twice"),
        ("PARTY a; PARAM FROM a (n fixed(¦63));", "not a whole number from 1 to 62"),
        ("ROWS UP TO ¦0;", "0 rows: write a whole number"),
    ] {
        let (at, text) = marked(text);
        let error = refusal(&text);
        assert_eq!(error.at, at, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

/// Megabytes of nothing good: an error at a place, soon, and no stack that overflows.
#[test]
fn hostile_texts_end_soon() {
    let million = |text: &str| text.repeat(10_000_000 / text.len());
    let mut slowest = Duration::ZERO;
    for (name, text, column) in [
        ("brackets", format!("LET z = {}", million("(")), Some(73)),
        ("square brackets", format!("LET z = {}", million("[")), Some(73)),
        ("closing brackets", format!("LET z = {}", million(")")), Some(9)),
        ("calls", format!("LET z = {}", million("f(")), None),
        ("indices", format!("LET z = x{}", million("[x")), None),
        ("minus", format!("LET z = {}", million("- ")), None),
        ("not", format!("LET z = {}", million("NOT ")), None),
        ("case", format!("LET z = {}", million("CASE WHEN ")), None),
        ("sum", format!("LET z = 1{};", million(" + 1")), None),
        ("and", format!("LET z = TRUE{};", million(" AND TRUE")), None),
        ("one name", format!("LET {} = 1;", million("x")), Some(5)),
        ("one number", format!("LET z = {};", million("9")), Some(9)),
        ("one quote", format!("MODEL m FROM a = '{}", million("x")), Some(18)),
        ("statements", million("ASSERT TRUE;"), None),
        ("a list", format!("LET z = [1{}];", million(",1")), None),
        ("comments", million("-- x\n"), None),
        ("more than the cap", "x".repeat(rules::MAX_TEXT + 1), Some(1)),
    ] {
        let start = Instant::now();
        let error = refusal(&text);
        slowest = slowest.max(start.elapsed());
        if let Some(column) = column {
            assert_eq!(error.at, At { line: 1, column }, "{name}: {error}");
        }
        assert!(error.to_string().len() < 300, "{name}: {error}");
        assert!(start.elapsed() < Duration::from_secs(60), "{name} hangs");
    }
    println!("slowest: {slowest:?}");
}

/// A short text that asks for a large program is refused before it is made.
#[test]
fn small_texts_do_not_explode() {
    let wide = "PARTY a; INPUT FROM a EACH ROW (v i64[60000] RANGE 0 TO 1);";
    let grow: String = (0..200).map(|n| format!("LET w{n} = sat_add(v, {n});")).collect();
    let error = refusal(&format!("{wide}{grow}OUTPUT TO a EACH ROW s = w199[0];"));
    assert!(error.what.contains("more than 524,288 values"), "{error}");
    let error = refusal(&format!("{wide}LET s = sort(v);"));
    assert!(error.what.contains("sort of 60000 entries"), "{error}");
}

/// Values built in Rust pass no parser: their depth is checked all the same.
#[test]
fn deep_values_are_refused() {
    use rules::ast::{Expr, ExprKind, Name, Rule, Statement, StatementKind};
    let at = At::default();
    let mut value = Expr::new(at, ExprKind::Truth(true));
    for _ in 0..2000 {
        value = Expr::new(at, ExprKind::Not(value));
    }
    let kind = StatementKind::Let { name: Name { at, text: "z".into() }, value };
    let rule = Rule { statements: vec![Statement { at, kind }] };
    let mut model = |_: &str| Err(String::new());
    let given = Given { parameters: None, rows: None, model: &mut model };
    let error = check(&rule, given).err().expect("too deep");
    assert!(error.what.contains("deeper than"), "{error}");
}

#[test]
fn parameters_are_held_against_the_rule() {
    let text = "PARTY a; PARAM FROM a (n i64 RANGE 0 TO 9, w i64[2]); PUBLIC k i64 = 1;\n\
                OUTPUT TO a ONCE s = n > k;";
    let rule = parse(text).expect("a rule");
    let run = |text: &str| {
        let pair = |part: &str| {
            let (name, values) = part.split_once('=').expect("a pair");
            (name.to_owned(), values.split(' ').map(str::to_owned).collect::<Vec<String>>())
        };
        let given: BTreeMap<String, Vec<String>> = text.split(';').map(pair).collect();
        let mut model = |_: &str| Err(String::new());
        let given = Given { parameters: Some(&given), rows: None, model: &mut model };
        check(&rule, given).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(run("n=9;w=1 2;k=4"), Ok(()));
    for (pairs, says) in [
        ("w=1 2", "`n` is not given"),
        ("n=10;w=1 2", "outside its range"),
        ("n=x;w=1 2", "not a value of its type"),
        ("n=1;w=1", "1 values for parameter `w`"),
        ("n=1;w=1 2;m=1", "no parameter `m`"),
    ] {
        let error = run(pairs).expect_err(says);
        assert!(error.contains(says), "{error}");
        assert!(!error.contains("10"), "a value in an error: {error}");
    }
}
