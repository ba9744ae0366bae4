//! Expressions, as SQL spells and ranks them: OR, XOR, AND, NOT, comparison, sum, product, sign.

use super::{KEYWORDS, MAX_OPEN, Parser};
use crate::ast::{Expr, ExprKind, MAX_DEPTH, Operator};
use crate::error::{At, Checked};
use crate::lexer::Token;

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Checked<Expr> {
        self.inside(Self::disjunction)
    }

    /// One more open bracket.
    fn inside(&mut self, body: impl FnOnce(&mut Self) -> Checked<Expr>) -> Checked<Expr> {
        if self.open == MAX_OPEN {
            let what = format!("an expression nested deeper than {MAX_OPEN}");
            return Err(self.fail(what, "name a part of it with LET"));
        }
        self.open += 1;
        let result = body(self);
        self.open -= 1;
        result
    }

    fn node(&self, at: At, kind: ExprKind) -> Checked<Expr> {
        let expr = Expr::new(at, kind);
        if expr.depth() > MAX_DEPTH {
            let what = format!("an expression with a chain longer than {MAX_DEPTH}");
            return Err(crate::error::RuleError::new(
                at,
                what,
                "name a part of it with LET, or put the terms into a vector: sum([a, b])",
            ));
        }
        Ok(expr)
    }

    /// A left-associative chain of operators of one rank.
    fn chain(
        &mut self,
        next: fn(&mut Self) -> Checked<Expr>,
        operator: fn(&Self) -> Option<Operator>,
    ) -> Checked<Expr> {
        let mut left = next(self)?;
        while let Some(found) = operator(self) {
            let at = self.at;
            self.advance()?;
            let right = next(self)?;
            left = self.node(at, ExprKind::Binary(found, left, right))?;
        }
        Ok(left)
    }

    fn disjunction(&mut self) -> Checked<Expr> {
        self.chain(Self::exclusive, |p| p.is_word("OR").then_some(Operator::Or))
    }

    fn exclusive(&mut self) -> Checked<Expr> {
        self.chain(Self::conjunction, |p| p.is_word("XOR").then_some(Operator::Xor))
    }

    fn conjunction(&mut self) -> Checked<Expr> {
        self.chain(Self::negation, |p| p.is_word("AND").then_some(Operator::And))
    }

    fn negation(&mut self) -> Checked<Expr> {
        let at = self.at;
        if self.take_word("NOT")? {
            let inner = self.inside(Self::negation)?;
            return self.node(at, ExprKind::Not(inner));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Checked<Expr> {
        let left = self.sum()?;
        let at = self.at;
        let operator = match &self.token {
            Token::Mark("<") => Operator::Less,
            Token::Mark("<=") => Operator::AtMost,
            Token::Mark(">") => Operator::Greater,
            Token::Mark(">=") => Operator::AtLeast,
            Token::Mark("=" | "==") => Operator::Equal,
            Token::Mark("<>" | "!=") => Operator::Differ,
            _ => return self.sql_test(left),
        };
        self.advance()?;
        let right = self.sum()?;
        if let Token::Mark("<" | "<=" | ">" | ">=" | "=" | "==" | "<>" | "!=") = self.token {
            return Err(self.fail("two comparisons in a row", "join them with AND"));
        }
        self.node(at, ExprKind::Binary(operator, left, right))
    }

    /// `BETWEEN`, `IN`, and both after `NOT`.
    fn sql_test(&mut self, left: Expr) -> Checked<Expr> {
        let at = self.at;
        let not = self.is_word("NOT");
        if not {
            self.advance()?;
        }
        let test = if self.take_word("BETWEEN")? {
            let low = self.sum()?;
            self.word("AND")?;
            let high = self.sum()?;
            self.node(at, ExprKind::Between(left, low, high))?
        } else if self.take_word("IN")? {
            if self.take("(")? {
                let items = self.list(Self::expression)?;
                self.close(")")?;
                self.node(at, ExprKind::InList(left, items))?
            } else {
                let vector = self.sum()?;
                self.node(at, ExprKind::InVector(left, vector))?
            }
        } else if not {
            return Err(self.unexpected("`BETWEEN` or `IN`"));
        } else {
            return Ok(left);
        };
        if not { self.node(at, ExprKind::Not(test)) } else { Ok(test) }
    }

    fn sum(&mut self) -> Checked<Expr> {
        self.chain(Self::product, |p| match p.token {
            Token::Mark("+") => Some(Operator::Add),
            Token::Mark("-") => Some(Operator::Sub),
            _ => None,
        })
    }

    fn product(&mut self) -> Checked<Expr> {
        self.chain(Self::sign, |p| match p.token {
            Token::Mark("*") => Some(Operator::Mul),
            Token::Mark("/") => Some(Operator::Div),
            _ => None,
        })
    }

    fn sign(&mut self) -> Checked<Expr> {
        let at = self.at;
        if self.take("-")? {
            let inner = self.inside(Self::sign)?;
            return self.node(at, ExprKind::Negate(inner));
        }
        let mut value = self.primary()?;
        while self.token == Token::Mark("[") {
            let at = self.at;
            self.advance()?;
            let index = self.expression()?;
            self.close("]")?;
            value = self.node(at, ExprKind::Index(value, index))?;
        }
        Ok(value)
    }

    fn primary(&mut self) -> Checked<Expr> {
        let at = self.at;
        match &self.token {
            Token::Number(_) => match self.advance()? {
                Token::Number(text) => self.node(at, ExprKind::Number(text)),
                _ => Err(self.unexpected("a number")),
            },
            Token::Mark("(") => {
                self.advance()?;
                let inner = self.expression()?;
                self.close(")")?;
                Ok(inner)
            }
            Token::Mark("[") => {
                self.advance()?;
                let items = self.list(Self::expression)?;
                self.close("]")?;
                self.node(at, ExprKind::Vector(items))
            }
            Token::Word(word) => match word.to_ascii_uppercase().as_str() {
                "TRUE" => {
                    self.advance()?;
                    self.node(at, ExprKind::Truth(true))
                }
                "FALSE" => {
                    self.advance()?;
                    self.node(at, ExprKind::Truth(false))
                }
                "CASE" => self.inside(|p| p.case(at)),
                // the number of rows, in an assertion
                "ROWS" => {
                    self.advance()?;
                    self.node(at, ExprKind::Name("rows".into()))
                }
                "NULL" => {
                    Err(self.fail("`NULL` is no value", "every cell has a value: give it one"))
                }
                "LIKE" => Err(self.fail("`LIKE` on texts", "hash texts to u256 and compare them")),
                upper if KEYWORDS.contains(&upper) => Err(self.unexpected("a value")),
                _ => {
                    let name = self.name("a value")?;
                    if !self.take("(")? {
                        return self.node(at, ExprKind::Name(name.text));
                    }
                    let arguments = if self.token == Token::Mark(")") {
                        Vec::new()
                    } else {
                        self.list(Self::expression)?
                    };
                    self.close(")")?;
                    self.node(at, ExprKind::Call(name.text, arguments))
                }
            },
            Token::Text(_) => Err(self.fail("a text is no value", "hash texts to u256 before")),
            Token::Mark("%") => Err(self.fail("there is no `%`", "write x - x / n * n")),
            Token::Mark("*") => {
                Err(self.unexpected("a value; count(TRUE_or_a_test), not count(*),"))
            }
            _ => Err(self.unexpected("a value")),
        }
    }

    fn case(&mut self, at: At) -> Checked<Expr> {
        self.advance()?;
        if !self.is_word("WHEN") {
            return Err(self.unexpected("`WHEN`"));
        }
        let mut arms = Vec::new();
        while self.take_word("WHEN")? {
            let when = self.expression()?;
            self.word("THEN")?;
            let then = self.expression()?;
            arms.push((when, then));
        }
        if !self.is_word("ELSE") {
            let what = format!("{} in a CASE without ELSE", self.token.text());
            return Err(self.fail(what, "every row needs a value: write ELSE and one"));
        }
        self.advance()?;
        let otherwise = self.expression()?;
        self.word("END")?;
        self.node(at, ExprKind::Case(arms, otherwise))
    }

    fn close(&mut self, mark: &'static str) -> Checked<()> {
        if self.take(mark)? {
            return Ok(());
        }
        let what = format!("{} where `{mark}` or an operator should stand", self.token.text());
        Err(self.fail(what, format!("close the bracket with `{mark}`")))
    }
}
