use crate::ast::Operator;
use crate::error::{Fault, Problem, is_invisible, printable};
use crate::limits;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    /// Byte where it begins.
    pub(crate) offset: usize,
    pub(crate) kind: TokenKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    Open,
    Close,
    Comma,
    Operator(Operator),
    Attribute(String),
    Text(String),
    Number(i64),
    Word(String),
}

impl TokenKind {
    /// For an error.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Open => "(".to_owned(),
            Self::Close => ")".to_owned(),
            Self::Comma => ",".to_owned(),
            Self::Operator(operator) => operator.sign().to_owned(),
            Self::Attribute(name) => format!("[{}]", shortened(name)),
            Self::Text(text) => format!("\"{}\"", shortened(text)),
            Self::Number(number) => number.to_string(),
            Self::Word(word) => shortened(word),
        }
    }
}

/// As much of a text as an error should repeat, without characters that a terminal would obey.
pub(crate) fn shortened(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut short: String = text.chars().take(LONGEST).map(printable).collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}

/// A character as an error shows it: by its number, where there is nothing to see.
fn named(c: char) -> String {
    if is_invisible(c) { format!("U+{:04X}", u32::from(c)) } else { c.to_string() }
}

/// Cuts an expression into its tokens.
pub(crate) fn tokens(source: &str) -> Result<Vec<Token>, Fault> {
    if source.chars().nth(limits::EXPRESSION_CHARS).is_some() {
        let end = source.char_indices().nth(limits::EXPRESSION_CHARS).map_or(0, |(offset, _)| offset);
        return Err(Fault::new(end, Problem::ExpressionTooLong));
    }
    let mut lexer = Lexer { source, offset: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.token()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Lexer<'s> {
    source: &'s str,
    offset: usize,
}

impl Lexer<'_> {
    fn token(&mut self) -> Result<Option<Token>, Fault> {
        self.take_while(char::is_whitespace);
        let offset = self.offset;
        let Some(first) = self.next() else { return Ok(None) };
        let kind = match first {
            '(' => TokenKind::Open,
            ')' => TokenKind::Close,
            ',' => TokenKind::Comma,
            '=' | '<' | '>' => TokenKind::Operator(self.operator(first)),
            '[' => self.attribute(offset)?,
            '"' => self.text(offset)?,
            '-' | '&' | '0'..='9' => self.number(offset, first)?,
            '“' | '”' | '„' | '‟' | '«' | '»' | '‘' | '’' | '‚' | '′' | '″' | '＂' => {
                return Err(Fault::new(offset, Problem::SmartQuote(first)));
            }
            _ if first.is_alphabetic() || first == '_' => self.word(offset),
            other => return Err(Fault::new(offset, Problem::Unexpected(named(other)))),
        };
        Ok(Some(Token { offset, kind }))
    }

    fn operator(&mut self, first: char) -> Operator {
        match (first, self.rest().chars().next()) {
            ('<', Some('>')) => self.skip_and(Operator::NotEqual),
            ('<', Some('=')) => self.skip_and(Operator::LessOrEqual),
            ('>', Some('=')) => self.skip_and(Operator::GreaterOrEqual),
            ('<', _) => Operator::Less,
            ('>', _) => Operator::Greater,
            _ => Operator::Equal,
        }
    }

    fn skip_and(&mut self, operator: Operator) -> Operator {
        self.next();
        operator
    }

    /// Spaces around the name do not count.
    fn attribute(&mut self, offset: usize) -> Result<TokenKind, Fault> {
        let name = self.take_while(|c| c != ']' && c != '\n').trim().to_owned();
        if self.next() != Some(']') {
            return Err(Fault::new(offset, Problem::UnterminatedAttribute));
        }
        if name.is_empty() {
            return Err(Fault::new(offset, Problem::NamelessAttribute));
        }
        Ok(TokenKind::Attribute(name))
    }

    /// Only `\\` and `\"` are escapes. A backslash before anything else stands for itself: people paste `"\w"`
    /// into Entra's form, and Entra takes it.
    fn text(&mut self, offset: usize) -> Result<TokenKind, Fault> {
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(Fault::new(offset, Problem::UnterminatedText)),
                Some('"') => return Ok(TokenKind::Text(text)),
                Some('\\') if self.rest().starts_with(['\\', '"']) => text.extend(self.next()),
                Some(other) => text.push(other),
            }
        }
    }

    fn number(&mut self, offset: usize, first: char) -> Result<TokenKind, Fault> {
        self.take_while(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
        let written = &self.source[offset..self.offset];
        let number = parse_number(written);
        number.map(TokenKind::Number).ok_or_else(|| match first {
            '&' if written.len() == 1 => Fault::new(offset, Problem::Unexpected("&".to_owned())),
            _ => Fault::new(offset, Problem::BadNumber),
        })
    }

    fn word(&mut self, offset: usize) -> TokenKind {
        self.take_while(|c| c.is_alphanumeric() || c == '_');
        TokenKind::Word(self.source[offset..self.offset].to_owned())
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &str {
        let rest = &self.source[self.offset..];
        let end = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.offset += end;
        &rest[..end]
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.offset += next.len_utf8();
        Some(next)
    }

    fn rest(&self) -> &str {
        &self.source[self.offset..]
    }
}

/// A whole number: digits with or without a minus, or `&H` and hexadecimal digits as Visual Basic writes them.
pub(crate) fn parse_number(text: &str) -> Option<i64> {
    let hex = text.strip_prefix("&H").or_else(|| text.strip_prefix("&h"));
    let (digits, radix) = hex.map_or((text, 10), |hex| (hex, 16));
    let unsigned = if radix == 10 { digits.strip_prefix('-').unwrap_or(digits) } else { digits };
    if unsigned.is_empty() || !unsigned.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    i64::from_str_radix(digits, radix).ok()
}
