use crate::ast::{Call, CompareType, Comparison, Kind, Node, Operator};
use crate::error::{Fault, Problem};
use crate::function::Function;
use crate::lexer::{Token, TokenKind, shortened, tokens};
use crate::limits;
use crate::pattern::Pattern;

/// Parses a whole expression; every call in it has arguments that its function takes.
pub(crate) fn parse(source: &str) -> Result<Node, Fault> {
    let tokens = tokens(source)?;
    let mut parser =
        Parser { tokens: tokens.into_iter().peekable(), end: source.len(), depth: 0, patterns: 0 };
    let Some(first) = parser.tokens.next() else { return Err(Fault::new(0, Problem::Empty)) };
    let root = parser.operand(first)?;
    compare_type_nowhere(&root)?;
    match parser.tokens.next() {
        None => nested_unique_value(&root).map_or(Ok(root), Err),
        Some(Token { offset, kind: TokenKind::Operator(_) }) => {
            Err(Fault::new(offset, Problem::ComparisonHere))
        }
        Some(Token { offset, .. }) => Err(Fault::new(offset, Problem::TrailingText)),
    }
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    end: usize,
    depth: usize,
    patterns: usize,
}

impl Parser {
    fn operand(&mut self, first: Token) -> Result<Node, Fault> {
        let Token { offset, kind } = first;
        let kind = match kind {
            TokenKind::Attribute(name) => Kind::Attribute(name),
            TokenKind::Text(text) => Kind::Text(text),
            TokenKind::Number(number) => Kind::Number(number),
            TokenKind::Word(word) => self.word(offset, &word)?,
            other => return Err(Fault::new(offset, Problem::Unexpected(other.shown()))),
        };
        Ok(Node { offset, kind })
    }

    fn word(&mut self, offset: usize, word: &str) -> Result<Kind, Fault> {
        if self.tokens.next_if(|token| token.kind == TokenKind::Open).is_some() {
            return self.call(offset, word).map(Kind::Call);
        }
        if let Some(compare) = CompareType::ALL.into_iter().find(|compare| compare.name() == word) {
            return Ok(Kind::CompareType(compare));
        }
        Err(Fault::new(offset, Problem::BareName(shortened(word))))
    }

    /// What follows the opening parenthesis.
    fn call(&mut self, offset: usize, name: &str) -> Result<Call, Fault> {
        let function = Function::named(name).ok_or_else(|| unknown(offset, name))?;
        self.depth += 1;
        if self.depth > limits::NESTING {
            return Err(Fault::new(offset, Problem::TooDeep));
        }
        let arguments = self.arguments(offset, function)?;
        self.depth -= 1;
        check_arguments(offset, function, &arguments)?;
        let mut call = Call { function, arguments, pattern: None };
        self.compile(&mut call)?;
        Ok(call)
    }

    fn arguments(&mut self, call: usize, function: Function) -> Result<Vec<Option<Node>>, Fault> {
        let unterminated = || Fault::new(call, Problem::UnterminatedCall(function.name().to_owned()));
        let mut arguments = Vec::new();
        loop {
            let token = self.tokens.next().ok_or_else(unterminated)?;
            let (argument, after) = match token.kind {
                TokenKind::Comma | TokenKind::Close => (None, token),
                _ => {
                    let shown = token.kind.shown();
                    let argument = self.argument(token, function, arguments.len())?;
                    let after = self.tokens.next().ok_or_else(unterminated)?;
                    if !matches!(after.kind, TokenKind::Comma | TokenKind::Close) {
                        return Err(misplaced(&after, shown));
                    }
                    (Some(argument), after)
                }
            };
            let closed = after.kind == TokenKind::Close;
            // `Now()` has no argument; `ToLower(x, )` has two, the second of them empty.
            if !(closed && argument.is_none() && arguments.is_empty()) {
                arguments.push(argument);
            }
            if closed {
                return Ok(arguments);
            }
        }
    }

    fn argument(&mut self, first: Token, function: Function, index: usize) -> Result<Node, Fault> {
        let offset = first.offset;
        let left = self.operand(first)?;
        let is_operator = |token: &Token| matches!(token.kind, TokenKind::Operator(_));
        let Some(Token { offset: sign, kind: TokenKind::Operator(operator) }) =
            self.tokens.next_if(is_operator)
        else {
            return Ok(left);
        };
        if index > 0 || !matches!(function, Function::CBool | Function::IIF) {
            return Err(Fault::new(sign, Problem::ComparisonHere));
        }
        let right =
            self.tokens.next().ok_or(Fault::new(self.end, Problem::Unexpected("the end".to_owned())))?;
        let right = self.operand(right)?;
        compare_type_nowhere(&left)?;
        compare_type_nowhere(&right)?;
        Ok(Node { offset, kind: comparison(left, operator, right) })
    }

    /// Compiles a constant regular expression now: it is refused where it is written, not for the first person.
    fn compile(&mut self, call: &mut Call) -> Result<(), Fault> {
        if call.function != Function::Replace {
            return Ok(());
        }
        let Some(Node { offset, kind: Kind::Text(text) }) = call.argument(2) else { return Ok(()) };
        let offset = *offset;
        self.patterns += 1;
        if self.patterns > limits::PATTERNS {
            return Err(Fault::new(offset, Problem::TooManyPatterns));
        }
        let pattern = Pattern::compile(text).map_err(|problem| Fault::new(offset, problem))?;
        check_group(call, &pattern)?;
        call.pattern = Some(pattern);
        Ok(())
    }
}

/// A constant group name that the constant pattern does not have is a slip of the pen.
fn check_group(call: &Call, pattern: &Pattern) -> Result<(), Fault> {
    match call.argument(3) {
        Some(Node { offset, kind: Kind::Text(name) }) if !name.is_empty() => {
            pattern.named_group(name).map(drop).map_err(|problem| Fault::new(*offset, problem))
        }
        _ => Ok(()),
    }
}

fn comparison(left: Node, operator: Operator, right: Node) -> Kind {
    Kind::Comparison(Box::new(Comparison { left, operator, right }))
}

fn misplaced(token: &Token, after: String) -> Fault {
    let problem = match token.kind {
        TokenKind::Operator(_) => Problem::ComparisonHere,
        _ => Problem::ExpectedComma(after),
    };
    Fault::new(token.offset, problem)
}

fn unknown(offset: usize, asked: &str) -> Fault {
    let asked_shown = shortened(asked);
    let problem = match Function::meant(asked) {
        Some(meant) => Problem::MisspeltFunction { asked: asked_shown, meant },
        None => Problem::UnknownFunction(asked_shown),
    };
    Fault::new(offset, problem)
}

fn check_arguments(offset: usize, function: Function, arguments: &[Option<Node>]) -> Result<(), Fault> {
    let signature = function.signature();
    // Empty arguments at the end are common in what people paste, and say nothing.
    let said = arguments.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    if arguments.len() < signature.min || signature.max.is_some_and(|max| said > max) {
        let (takes, given) = (signature.takes(), arguments.len());
        return Err(Fault::new(offset, Problem::WrongArity { function: function.name(), takes, given }));
    }
    for index in signature.needed {
        if arguments.get(*index).is_none_or(Option::is_none) {
            let problem = Problem::MissingArgument { function: function.name(), argument: index + 1 };
            return Err(Fault::new(offset, problem));
        }
    }
    check_compare_type(function, arguments)?;
    if function == Function::Switch { check_switch(offset, arguments) } else { Ok(()) }
}

fn compare_type_nowhere(node: &Node) -> Result<(), Fault> {
    match node.kind {
        Kind::CompareType(_) => Err(Fault::new(node.offset, Problem::CompareTypeHere)),
        _ => Ok(()),
    }
}

fn check_compare_type(function: Function, arguments: &[Option<Node>]) -> Result<(), Fault> {
    for (index, argument) in arguments.iter().enumerate() {
        let Some(argument) = argument else { continue };
        let is_type = matches!(argument.kind, Kind::CompareType(_));
        let wants_type = function == Function::InStr && index == 3;
        if is_type != wants_type {
            return Err(Fault::new(argument.offset, Problem::CompareTypeHere));
        }
    }
    Ok(())
}

/// Keys and values come in pairs; an empty argument at the end that would be half a pair says nothing.
fn check_switch(offset: usize, arguments: &[Option<Node>]) -> Result<(), Fault> {
    let odd = arguments.len() % 2 == 1;
    match arguments.last() {
        Some(Some(last)) if odd => Err(Fault::new(last.offset, Problem::OddSwitch)),
        _ => {
            let keys = arguments.iter().enumerate().skip(2).step_by(2);
            let mut keys = keys.take_while(|(index, _)| index + 1 < arguments.len());
            match keys.find(|(_, key)| key.is_none()) {
                Some((index, _)) => {
                    let problem = Problem::MissingArgument { function: "Switch", argument: index + 1 };
                    Err(Fault::new(offset, problem))
                }
                None => Ok(()),
            }
        }
    }
}

/// `SelectUniqueValue` below the root, if there is one.
fn nested_unique_value(root: &Node) -> Option<Fault> {
    let mut nodes = root.children();
    while let Some(node) = nodes.pop() {
        if let Kind::Call(Call { function: Function::SelectUniqueValue, .. }) = node.kind {
            return Some(Fault::new(node.offset, Problem::NestedSelectUniqueValue));
        }
        nodes.extend(node.children());
    }
    None
}
