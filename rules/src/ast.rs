//! A rule as typed values: what the parser makes, and what a program in Rust may build itself.

pub use crate::error::At;
pub use engine::rule::{Kind, Per};

/// Deepest expression. Chains count: `a + b + c` is two deep.
pub const MAX_DEPTH: u16 = 200;

/// A rule.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Rule {
    /// In the order of the text.
    pub statements: Vec<Statement>,
}

/// A name and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name {
    /// Where.
    pub at: At,
    /// The name.
    pub text: String,
}

/// A number as it was written: digits, maybe a point, or `0x` and hex digits; maybe a sign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Number {
    /// Where.
    pub at: At,
    /// As written, without underscores.
    pub text: String,
}

/// A type as it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TypeName {
    /// Where.
    pub at: At,
    /// The type of one value.
    pub kind: Kind,
    /// Entries of a vector.
    pub length: Option<u32>,
}

/// `name type RANGE low TO high`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: TypeName,
    /// Its range; all values of the type where there is none.
    pub range: Option<(Number, Number)>,
}

/// What a model gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModelAnswer {
    /// `margin`, `probability`, `prediction` or `label`.
    pub output: Name,
    /// `AS fixed(p) RANGE low TO high`.
    pub fixed: Option<(TypeName, Number, Number)>,
}

/// One statement.
#[derive(Clone, PartialEq, Debug)]
pub struct Statement {
    /// Where it starts.
    pub at: At,
    /// What it is.
    pub kind: StatementKind,
}

/// What a statement says.
#[derive(Clone, PartialEq, Debug)]
pub enum StatementKind {
    /// `PARTY a, b;`
    Party(Vec<Name>),
    /// `ROWS UP TO n;`
    Rows(Number),
    /// `INPUT FROM party EACH ROW (...);` or `ONCE`.
    Input {
        /// Whose.
        party: Name,
        /// How often.
        per: Per,
        /// What.
        fields: Vec<Field>,
    },
    /// `PARAM FROM party (...);`: secret parameters.
    Param {
        /// Whose.
        party: Name,
        /// What.
        fields: Vec<Field>,
    },
    /// `PUBLIC name type = value;`: a public parameter and its default.
    Public {
        /// Name and type.
        field: Field,
        /// Default, from public values.
        value: Expr,
    },
    /// `MODEL name FROM party = 'file' GIVES output AS fixed(p) RANGE low TO high;`
    Model {
        /// Its name.
        name: Name,
        /// Whose.
        party: Name,
        /// The file.
        file: Name,
        /// What it gives.
        answer: ModelAnswer,
    },
    /// `LET name = value;`
    Let {
        /// Its name.
        name: Name,
        /// Its value.
        value: Expr,
    },
    /// `OUTPUT TO party EACH ROW name = value;` or `ONCE`.
    Output {
        /// To whom.
        party: Name,
        /// How often.
        per: Per,
        /// Its name.
        name: Name,
        /// Its value.
        value: Expr,
    },
    /// `ASSERT fact;`: a public fact.
    Assert(Expr),
}

/// An expression. Its depth is known, so that nothing that walks it runs out of stack.
#[derive(Clone, PartialEq, Debug)]
pub struct Expr {
    /// Where it starts; of an operator, where the operator stands.
    pub at: At,
    depth: u16,
    kind: Box<ExprKind>,
}

/// What an expression is.
#[derive(Clone, PartialEq, Debug)]
pub enum ExprKind {
    /// A number without a type of its own: it takes that of its neighbour.
    Number(String),
    /// `TRUE` or `FALSE`.
    Truth(bool),
    /// A name.
    Name(String),
    /// `[a, b, c]`
    Vector(Vec<Expr>),
    /// `-a`
    Negate(Expr),
    /// `NOT a`
    Not(Expr),
    /// `a op b`
    Binary(Operator, Expr, Expr),
    /// `a BETWEEN b AND c`
    Between(Expr, Expr, Expr),
    /// `a IN (b, c)`
    InList(Expr, Vec<Expr>),
    /// `a IN vector`
    InVector(Expr, Expr),
    /// `CASE WHEN a THEN b ... ELSE c END`: both sides are evaluated, always.
    Case(Vec<(Expr, Expr)>, Expr),
    /// `name(a, b)`
    Call(String, Vec<Expr>),
    /// `a[b]`
    Index(Expr, Expr),
}

/// An operator between two values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `=` or `==`
    Equal,
    /// `<>` or `!=`
    Differ,
    /// `AND`
    And,
    /// `OR`
    Or,
    /// `XOR`
    Xor,
}

impl Operator {
    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Equal => "=",
            Self::Differ => "<>",
            Self::And => "AND",
            Self::Or => "OR",
            Self::Xor => "XOR",
        }
    }
}

impl Expr {
    /// An expression; its depth is one more than that of its deepest part.
    pub fn new(at: At, kind: ExprKind) -> Self {
        let deepest = |parts: &[Expr]| parts.iter().map(|part| part.depth).max().unwrap_or(0);
        let depth = match &kind {
            ExprKind::Number(_) | ExprKind::Truth(_) | ExprKind::Name(_) => 0,
            ExprKind::Vector(parts) | ExprKind::Call(_, parts) => deepest(parts),
            ExprKind::Negate(a) | ExprKind::Not(a) => a.depth,
            ExprKind::Binary(_, a, b) | ExprKind::InVector(a, b) | ExprKind::Index(a, b) => {
                a.depth.max(b.depth)
            }
            ExprKind::Between(a, b, c) => a.depth.max(b.depth).max(c.depth),
            ExprKind::InList(a, parts) => a.depth.max(deepest(parts)),
            ExprKind::Case(arms, otherwise) => arms
                .iter()
                .map(|(when, then)| when.depth.max(then.depth))
                .fold(otherwise.depth, u16::max),
        };
        Self { at, depth: depth.saturating_add(1), kind: Box::new(kind) }
    }

    /// What it is.
    pub fn kind(&self) -> &ExprKind {
        &self.kind
    }

    /// How deep it is.
    pub fn depth(&self) -> u16 {
        self.depth
    }
}
