//! Tokens to statements. Recursion is bounded by a count of open brackets.

mod expression;

use crate::ast::TypeName;
use crate::ast::{Field, Kind, ModelAnswer, Name, Number, Per, Rule, Statement, StatementKind};
use crate::error::{At, Checked, RuleError, clip, nearest};
use crate::lexer::{Lexer, Token};

/// Largest rule file, in bytes.
pub const MAX_TEXT: usize = 16 << 20;
/// Most statements, and most fields of one.
const MAX_ITEMS: usize = 1 << 16;
/// Most open brackets, and CASE or NOT or minus inside each other.
const MAX_OPEN: u32 = 64;

/// Reads a rule's text.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse(text: &str) -> Result<Rule, RuleError> {
    if text.len() > MAX_TEXT {
        let what = format!("the rule has {} bytes, more than {MAX_TEXT}", text.len());
        let mend = "give long lists as PARAM, from a file";
        return Err(RuleError::new(At { line: 1, column: 1 }, what, mend));
    }
    let mut parser = Parser::new(text)?;
    let mut rule = Rule::default();
    while parser.token != Token::End {
        if rule.statements.len() == MAX_ITEMS {
            return Err(parser.fail("more than 65,536 statements", "write a shorter rule"));
        }
        rule.statements.push(parser.statement()?);
    }
    Ok(rule)
}

/// Words with a meaning of their own, which no value can have as its name.
pub(crate) const KEYWORDS: [&str; 33] = [
    "AND", "AS", "ASSERT", "BETWEEN", "CASE", "EACH", "ELSE", "END", "FALSE", "FROM", "GIVES",
    "IN", "INPUT", "LET", "MODEL", "NOT", "ONCE", "OR", "OUTPUT", "PARAM", "PARTY", "PUBLIC",
    "RANGE", "ROW", "ROWS", "SELECT", "THEN", "TO", "TRUE", "UP", "WHEN", "WHERE", "XOR",
];

const STATEMENTS: [&str; 9] =
    ["PARTY", "ROWS", "INPUT", "PARAM", "PUBLIC", "MODEL", "LET", "OUTPUT", "ASSERT"];

pub(crate) struct Parser<'a> {
    lexer: Lexer<'a>,
    /// Where the next token stands.
    at: At,
    token: Token,
    open: u32,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Checked<Self> {
        let mut lexer = Lexer::new(text);
        let (at, token) = lexer.next()?;
        Ok(Self { lexer, at, token, open: 0 })
    }

    fn fail(&self, what: impl Into<String>, mend: impl Into<String>) -> RuleError {
        RuleError::new(self.at, what, mend)
    }

    /// Something else was expected.
    fn unexpected(&self, wanted: &str) -> RuleError {
        self.fail(
            format!("{} where {wanted} should stand", self.token.text()),
            format!("write {wanted}"),
        )
    }

    fn advance(&mut self) -> Checked<Token> {
        let (at, token) = self.lexer.next()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn is_word(&self, keyword: &str) -> bool {
        matches!(&self.token, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn take_word(&mut self, keyword: &str) -> Checked<bool> {
        let found = self.is_word(keyword);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn word(&mut self, keyword: &'static str) -> Checked<()> {
        if self.take_word(keyword)? {
            Ok(())
        } else {
            Err(self.unexpected(&format!("`{keyword}`")))
        }
    }

    fn take(&mut self, mark: &'static str) -> Checked<bool> {
        let found = self.token == Token::Mark(mark);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn mark(&mut self, mark: &'static str) -> Checked<()> {
        if self.take(mark)? { Ok(()) } else { Err(self.unexpected(&format!("`{mark}`"))) }
    }

    fn name(&mut self, what: &str) -> Checked<Name> {
        let at = self.at;
        match &self.token {
            Token::Word(word) if KEYWORDS.iter().any(|k| word.eq_ignore_ascii_case(k)) => {
                let found = format!("`{word}` is a word of the language, not {what}");
                Err(self.fail(found, "choose another name"))
            }
            Token::Word(_) => match self.advance()? {
                Token::Word(text) => Ok(Name { at, text }),
                _ => Err(self.unexpected(what)),
            },
            _ => Err(self.unexpected(what)),
        }
    }

    fn number(&mut self) -> Checked<Number> {
        let at = self.at;
        let minus = self.take("-")?;
        match &self.token {
            Token::Number(_) => match self.advance()? {
                Token::Number(text) if minus => Ok(Number { at, text: format!("-{text}") }),
                Token::Number(text) => Ok(Number { at, text }),
                _ => Err(self.unexpected("a number")),
            },
            _ => Err(self.unexpected("a number")),
        }
    }

    fn count(&mut self, most: u32) -> Checked<u32> {
        let number = self.number()?;
        match number.text.parse() {
            Ok(count) if (1..=most).contains(&count) => Ok(count),
            _ => {
                let what = format!("{} is not a whole number from 1 to {most}", clip(&number.text));
                Err(RuleError::new(number.at, what, "write one"))
            }
        }
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Checked<T>) -> Checked<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.take(",")? {
            if items.len() == MAX_ITEMS {
                return Err(self.fail("a list of more than 65,536 items", "write a shorter list"));
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn statement(&mut self) -> Checked<Statement> {
        let at = self.at;
        let keyword = match &self.token {
            Token::Word(word) => word.to_ascii_uppercase(),
            _ => return Err(self.unexpected("a statement, such as LET or OUTPUT,")),
        };
        let kind = match keyword.as_str() {
            "PARTY" => {
                self.advance()?;
                StatementKind::Party(self.list(|p| p.name("the name of a party"))?)
            }
            "ROWS" => {
                self.advance()?;
                self.word("UP")?;
                self.word("TO")?;
                StatementKind::Rows(self.number()?)
            }
            "INPUT" => {
                self.advance()?;
                self.word("FROM")?;
                let party = self.name("the name of a party")?;
                let per = self.per()?;
                StatementKind::Input { party, per, fields: self.fields()? }
            }
            "PARAM" => {
                self.advance()?;
                self.word("FROM")?;
                let party = self.name("the name of a party")?;
                StatementKind::Param { party, fields: self.fields()? }
            }
            "PUBLIC" => {
                self.advance()?;
                let field = self.field()?;
                self.mark("=")?;
                StatementKind::Public { field, value: self.expression()? }
            }
            "MODEL" => self.model()?,
            "LET" => {
                self.advance()?;
                let name = self.name("a name")?;
                self.mark("=")?;
                StatementKind::Let { name, value: self.expression()? }
            }
            "OUTPUT" => {
                self.advance()?;
                self.word("TO")?;
                let party = self.name("the name of a party")?;
                let per = self.per()?;
                let name = self.name("a name")?;
                self.mark("=")?;
                StatementKind::Output { party, per, name, value: self.expression()? }
            }
            "ASSERT" => {
                self.advance()?;
                StatementKind::Assert(self.expression()?)
            }
            _ => {
                let what = format!("{} starts no statement", self.token.text());
                let mend = match keyword.as_str() {
                    "FOR" | "WHILE" | "LOOP" => {
                        "there are no loops: use a vector, or sum, count, any, all over the rows"
                            .into()
                    }
                    "IF" => "write LET name = CASE WHEN ... THEN ... ELSE ... END".into(),
                    "SELECT" => "write LET name = expression, then OUTPUT".into(),
                    "FUNCTION" | "DEF" | "FN" => {
                        "there are no functions: name values with LET".into()
                    }
                    _ => match nearest(&keyword, STATEMENTS.into_iter()) {
                        Some(near) => format!("did you mean {near}?"),
                        None => format!("start with one of {}", STATEMENTS.join(", ")),
                    },
                };
                return Err(self.fail(what, mend));
            }
        };
        if !self.take(";")? {
            let what = format!("{} where the statement should end", self.token.text());
            return Err(self.fail(what, "end the statement before it with `;`"));
        }
        Ok(Statement { at, kind })
    }

    fn model(&mut self) -> Checked<StatementKind> {
        self.advance()?;
        let name = self.name("the name of a model")?;
        self.word("FROM")?;
        let party = self.name("the name of a party")?;
        self.mark("=")?;
        let at = self.at;
        let file = match &self.token {
            Token::Text(text) => Name { at, text: text.clone() },
            _ => return Err(self.unexpected("a file name in single quotes")),
        };
        self.advance()?;
        self.word("GIVES")?;
        let output = self.name("margin, probability, prediction or label")?;
        let fixed = if self.take_word("AS")? {
            let ty = self.type_name()?;
            self.word("RANGE")?;
            let low = self.number()?;
            self.word("TO")?;
            Some((ty, low, self.number()?))
        } else {
            None
        };
        Ok(StatementKind::Model { name, party, file, answer: ModelAnswer { output, fixed } })
    }

    fn per(&mut self) -> Checked<Per> {
        if self.take_word("ONCE")? {
            return Ok(Per::Once);
        }
        if !self.take_word("EACH")? {
            return Err(self.unexpected("`EACH ROW` or `ONCE`"));
        }
        self.word("ROW")?;
        Ok(Per::Row)
    }

    fn fields(&mut self) -> Checked<Vec<Field>> {
        self.mark("(")?;
        let fields = self.list(Self::field)?;
        if !self.take(")")? {
            return Err(self.unexpected("`,` or `)`"));
        }
        Ok(fields)
    }

    fn field(&mut self) -> Checked<Field> {
        let name = self.name("a name")?;
        let ty = self.type_name()?;
        let range = if self.take_word("RANGE")? {
            let low = self.number()?;
            self.word("TO")?;
            Some((low, self.number()?))
        } else {
            None
        };
        Ok(Field { name, ty, range })
    }

    fn type_name(&mut self) -> Checked<TypeName> {
        let at = self.at;
        let Token::Word(word) = &self.token else { return Err(self.unexpected("a type")) };
        let kind = match word.to_ascii_lowercase().as_str() {
            "bool" => Kind::Bool,
            "i64" => Kind::I64,
            "fixed" => Kind::Fixed(0),
            "u256" => Kind::U256,
            "f32" => Kind::F32,
            "f64" => Kind::F64,
            other => {
                let what = format!("there is no type `{}`", clip(word));
                let known = ["bool", "i64", "fixed", "u256", "f32", "f64"];
                let mend = match other {
                    "int" | "integer" | "bigint" | "long" | "u64" => "write i64".into(),
                    "float" | "real" | "decimal" | "numeric" => {
                        "write fixed(8) to compute with it, or f32 to compare it".into()
                    }
                    "double" => "write fixed(16) to compute with it, or f64 to compare it".into(),
                    "text" | "varchar" | "string" => "hash texts to u256 before".into(),
                    _ => match nearest(other, known.into_iter()) {
                        Some(near) => format!("did you mean {near}?"),
                        None => "choose from bool, i64, fixed(p), u256, f32, f64".into(),
                    },
                };
                return Err(self.fail(what, mend));
            }
        };
        self.advance()?;
        let kind = match kind {
            Kind::Fixed(_) => {
                self.mark("(")?;
                let bits = self.count(62)?;
                self.mark(")")?;
                Kind::Fixed(bits as u8)
            }
            kind => kind,
        };
        let length = if self.take("[")? {
            let length = self.count(1 << 16)?;
            self.mark("]")?;
            Some(length)
        } else {
            None
        };
        Ok(TypeName { at, kind, length })
    }
}
