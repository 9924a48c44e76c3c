//! Recursive descent over filters and paths. Errors are sentences; the caller knows their type.

use serde_json::Number;

use crate::filter::{Compare, Filter, Literal};
use crate::limits::{MAX_FILTER_DEPTH, MAX_FILTER_LENGTH};
use crate::path::{self, Path};

pub(crate) fn filter(text: &str) -> Result<Filter, String> {
    let mut parser = Parser::new(text)?;
    let filter = parser.any_of()?;
    parser.end()?;
    Ok(filter)
}

pub(crate) fn path(text: &str) -> Result<Path, String> {
    let mut parser = Parser::new(text)?;
    let path = parser.target()?;
    parser.end()?;
    Ok(path)
}

struct Parser<'a> {
    rest: &'a str,
    /// Parentheses and brackets open now.
    depth: usize,
    /// RFC 7644 has no value path within a value path.
    in_brackets: bool,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self, String> {
        if text.len() > MAX_FILTER_LENGTH {
            return Err(format!("longer than {MAX_FILTER_LENGTH} bytes"));
        }
        Ok(Self { rest: text, depth: 0, in_brackets: false })
    }

    fn any_of(&mut self) -> Result<Filter, String> {
        self.chain("or", Self::all_of, Filter::Or)
    }

    fn all_of(&mut self) -> Result<Filter, String> {
        self.chain("and", Self::term, Filter::And)
    }

    fn chain(
        &mut self,
        word: &str,
        item: fn(&mut Self) -> Result<Filter, String>,
        join: fn(Vec<Filter>) -> Filter,
    ) -> Result<Filter, String> {
        let first = item(self)?;
        if !self.take_word(word) {
            return Ok(first);
        }
        let mut terms = vec![first, item(self)?];
        while self.take_word(word) {
            terms.push(item(self)?);
        }
        Ok(join(terms))
    }

    fn term(&mut self) -> Result<Filter, String> {
        if self.take('(') {
            return self.nested(')', Self::any_of);
        }
        let start = self.rest;
        if self.take_word("not") && self.take('(') {
            return Ok(Filter::Not(Box::new(self.nested(')', Self::any_of)?)));
        }
        self.rest = start;
        self.expression()
    }

    fn expression(&mut self) -> Result<Filter, String> {
        let target = self.target()?;
        let start = self.rest;
        let word = self.word();
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(target));
        }
        if let Some(op) = Compare::from_word(word) {
            return self.comparison(target, op);
        }
        self.rest = start;
        match target {
            Path::Values { sub: None, .. } => Ok(Filter::Present(target)),
            _ => Err(format!("expected an operator after {target}, found {}", Found(self.rest))),
        }
    }

    fn comparison(&mut self, target: Path, op: Compare) -> Result<Filter, String> {
        if let Path::Extension(urn) = &target {
            return Err(format!("{urn} is not an attribute"));
        }
        let value = self.literal()?;
        let ordered = !matches!(op, Compare::Equal | Compare::NotEqual);
        if ordered && matches!(value, Literal::Bool(_) | Literal::Null) {
            return Err(format!("{op} does not apply to {value}"));
        }
        Ok(Filter::Compare { target, op, value })
    }

    fn target(&mut self) -> Result<Path, String> {
        let word = self.word();
        if word.is_empty() {
            return Err(format!("expected an attribute, found {}", Found(self.rest)));
        }
        let path = path::word(word)?;
        if !self.rest.starts_with('[') {
            return Ok(path);
        }
        let Path::Attr(attr) = path else { return Err(format!("{path} has no values")) };
        if attr.sub.is_some() || self.in_brackets {
            return Err(format!("{attr} cannot have a filter here"));
        }
        self.take('[');
        self.in_brackets = true;
        let filter = Box::new(self.nested(']', Self::any_of)?);
        self.in_brackets = false;
        let sub = self.sub()?;
        Ok(Path::Values { attr, filter, sub })
    }

    fn sub(&mut self) -> Result<Option<String>, String> {
        let Some(rest) = self.rest.strip_prefix('.') else { return Ok(None) };
        self.rest = rest;
        let name = self.word();
        if !path::is_name(name) {
            return Err(format!("{name:?} is not a sub-attribute"));
        }
        Ok(Some(name.to_owned()))
    }

    fn nested(
        &mut self,
        close: char,
        inner: fn(&mut Self) -> Result<Filter, String>,
    ) -> Result<Filter, String> {
        self.depth += 1;
        if self.depth > MAX_FILTER_DEPTH {
            return Err(format!("nested deeper than {MAX_FILTER_DEPTH} levels"));
        }
        let filter = inner(self)?;
        if !self.take(close) {
            return Err(format!("expected {close:?}, found {}", Found(self.rest)));
        }
        self.depth -= 1;
        Ok(filter)
    }

    /// A JSON literal, or a bare word as Microsoft's documentation shows one: `externalId eq jyoung`.
    fn literal(&mut self) -> Result<Literal, String> {
        self.rest = self.rest.trim_start();
        if self.rest.starts_with('"') {
            return self.quoted().map(Literal::Text);
        }
        let word = self.word();
        if word.is_empty() {
            return Err(format!("expected a value, found {}", Found(self.rest)));
        }
        for (known, literal) in
            [("true", Literal::Bool(true)), ("false", Literal::Bool(false)), ("null", Literal::Null)]
        {
            if word.eq_ignore_ascii_case(known) {
                return Ok(literal);
            }
        }
        let number = serde_json::from_str::<Number>(word).is_ok();
        Ok(if number { Literal::Number(word.to_owned()) } else { Literal::Text(word.to_owned()) })
    }

    fn quoted(&mut self) -> Result<String, String> {
        let mut escaped = false;
        for (index, next) in self.rest.char_indices().skip(1) {
            if next == '"' && !escaped {
                let (string, rest) = self.rest.split_at(index + 1);
                self.rest = rest;
                return serde_json::from_str(string).map_err(|_| format!("{string} is not a JSON string"));
            }
            escaped = next == '\\' && !escaped;
        }
        Err("a string without its closing quote".to_owned())
    }

    /// Everything up to white space, a bracket or a quote; may be empty.
    fn word(&mut self) -> &'a str {
        let text = self.rest.trim_start();
        let end = text
            .find(|next: char| next.is_whitespace() || matches!(next, '(' | ')' | '[' | ']' | '"'))
            .unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.rest = rest;
        word
    }

    fn take_word(&mut self, expected: &str) -> bool {
        let start = self.rest;
        let found = self.word().eq_ignore_ascii_case(expected);
        if !found {
            self.rest = start;
        }
        found
    }

    fn take(&mut self, expected: char) -> bool {
        let rest = self.rest.trim_start().strip_prefix(expected);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn end(&self) -> Result<(), String> {
        let rest = self.rest.trim_start();
        if rest.is_empty() { Ok(()) } else { Err(format!("unexpected {}", Found(rest))) }
    }
}

/// What is left of the input, short enough for a message.
struct Found<'a>(&'a str);

impl std::fmt::Display for Found<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.0.trim_start();
        if text.is_empty() {
            return out.write_str("the end");
        }
        let short: String = text.chars().take(40).collect();
        write!(out, "{short:?}")
    }
}
