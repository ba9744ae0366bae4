//! A rule as text, for the parser to read back.

use rules::ast::{
    Expr, ExprKind, Field, Kind, Name, Per, Rule, Statement, StatementKind, TypeName,
};

/// The text of a rule.
pub fn print(rule: &Rule) -> String {
    rule.statements.iter().map(|s| format!("{};\n", statement(s))).collect()
}

fn statement(statement: &Statement) -> String {
    let names =
        |names: &[Name]| names.iter().map(|n| n.text.clone()).collect::<Vec<_>>().join(", ");
    let per = |per: &Per| if *per == Per::Row { "EACH ROW" } else { "ONCE" };
    let fields = |fields: &[Field]| fields.iter().map(field).collect::<Vec<_>>().join(", ");
    match &statement.kind {
        StatementKind::Party(parties) => format!("PARTY {}", names(parties)),
        StatementKind::Rows(number) => format!("rows up to {}", number.text),
        StatementKind::Input { party, per: p, fields: f } => {
            format!("INPUT FROM {} {} ({})", party.text, per(p), fields(f))
        }
        StatementKind::Param { party, fields: f } => {
            format!("PARAM FROM {} ({})", party.text, fields(f))
        }
        StatementKind::Public { field: f, value } => {
            format!("PUBLIC {} = {}", field(f), expr(value))
        }
        StatementKind::Let { name, value } => format!("LET {} = {}", name.text, expr(value)),
        StatementKind::Output { party, per: p, name, value } => {
            format!("OUTPUT TO {} {} {} = {}", party.text, per(p), name.text, expr(value))
        }
        StatementKind::Assert(fact) => format!("ASSERT {}", expr(fact)),
        StatementKind::Model { .. } => panic!("no random rule calls a model"),
    }
}

fn field(field: &Field) -> String {
    let range = field.range.as_ref();
    let range = range.map_or(String::new(), |(a, b)| format!(" RANGE {} TO {}", a.text, b.text));
    format!("{} {}{range}", field.name.text, type_name(&field.ty))
}

fn type_name(ty: &TypeName) -> String {
    let kind = match ty.kind {
        Kind::Bool => "bool".into(),
        Kind::I64 => "i64".into(),
        Kind::Fixed(bits) => format!("fixed({bits})"),
        Kind::U256 => "u256".into(),
        Kind::F32 => "f32".into(),
        Kind::F64 => "f64".into(),
    };
    ty.length.map_or(kind.clone(), |length| format!("{kind}[{length}]"))
}

/// Every part of an operator in brackets: what binds how is the parser's own tests' to say.
fn expr(value: &Expr) -> String {
    let list = |parts: &[Expr]| parts.iter().map(expr).collect::<Vec<_>>().join(", ");
    match value.kind() {
        ExprKind::Number(text) | ExprKind::Name(text) => text.clone(),
        ExprKind::Truth(is) => if *is { "TRUE" } else { "FALSE" }.into(),
        ExprKind::Vector(parts) => format!("[{}]", list(parts)),
        ExprKind::Negate(a) => format!("-({})", expr(a)),
        ExprKind::Not(a) => format!("NOT ({})", expr(a)),
        ExprKind::Binary(operator, a, b) => {
            format!("({}) {} ({})", expr(a), operator.text(), expr(b))
        }
        ExprKind::Between(a, b, c) => {
            format!("({}) BETWEEN ({}) AND ({})", expr(a), expr(b), expr(c))
        }
        ExprKind::InList(a, parts) => format!("({}) IN ({})", expr(a), list(parts)),
        ExprKind::InVector(a, b) => format!("({}) IN {}", expr(a), expr(b)),
        ExprKind::Case(arms, otherwise) => {
            let arms: String =
                arms.iter().map(|(a, b)| format!(" WHEN {} THEN {}", expr(a), expr(b))).collect();
            format!("CASE{arms} ELSE {} END", expr(otherwise))
        }
        ExprKind::Call(name, parts) => format!("{name}({})", list(parts)),
        ExprKind::Index(a, b) => format!("({})[{}]", expr(a), expr(b)),
    }
}
