//! Reads a regular expression as .NET does, and refuses what the engine here would read otherwise.

use super::class::{Item, Set, is_cased};
use super::tree::{Assertion, GroupName, Look, Regex, Target};
use crate::limits;

mod escape;
mod group;
mod quantifier;
mod set;

/// Why a pattern is refused, in words, and the character (counted from 1) where.
pub(super) struct Refusal {
    at: usize,
    why: String,
}

impl Refusal {
    pub(super) fn text(&self) -> String {
        format!("{}, at its character {}", self.why, self.at)
    }
}

type Parsed<T> = Result<T, Refusal>;

/// A tree, and its groups in the order in which they open.
pub(super) struct Parse {
    pub(super) regex: Regex,
    pub(super) groups: Vec<GroupName>,
    /// For each reference in the tree, in order, the group that it means.
    pub(super) references: Vec<usize>,
    pub(super) ignores_case: bool,
}

pub(super) fn parse(pattern: &str) -> Parsed<Parse> {
    let mut parser = Parser {
        chars: pattern.chars().collect(),
        at: 0,
        options: Options::default(),
        groups: Vec::new(),
        targets: Vec::new(),
        ignores_case: false,
        depth: 0,
    };
    let regex = parser.alternatives()?;
    if parser.at < parser.chars.len() {
        return Err(parser.refusal("it has a closing parenthesis too many"));
    }
    let groups = parser.numbered();
    let references = parser.targets.iter().map(|target| resolve(target, &groups)).collect::<Parsed<_>>()?;
    Ok(Parse { regex, groups, references, ignores_case: parser.ignores_case })
}

/// What `(?imsnx)` sets.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Clone, Copy, Debug, Default)]
struct Options {
    ignore_case: bool,
    lines: bool,
    dot_takes_all: bool,
    blanks: bool,
    only_named: bool,
}

struct OpenGroup {
    name: Option<String>,
    closed: bool,
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    options: Options,
    groups: Vec<OpenGroup>,
    targets: Vec<Target>,
    ignores_case: bool,
    depth: usize,
}

impl Parser {
    /// Up to the end, or to a closing parenthesis.
    fn alternatives(&mut self) -> Parsed<Regex> {
        let mut branches = vec![self.sequence()?];
        while self.take('|') {
            branches.push(self.sequence()?);
        }
        Ok(match branches.len() {
            1 => branches.remove(0),
            _ => Regex::Alternatives(branches),
        })
    }

    fn sequence(&mut self) -> Parsed<Regex> {
        let mut parts = Vec::new();
        loop {
            self.skip_blanks()?;
            match self.peek() {
                None | Some('|' | ')') => break,
                Some(_) => {}
            }
            let atom = self.atom()?;
            self.skip_blanks()?;
            parts.push(self.quantified(atom)?);
        }
        parts.retain(|part| !matches!(part, Regex::Empty));
        Ok(match parts.len() {
            0 => Regex::Empty,
            1 => parts.remove(0),
            _ => Regex::Sequence(parts),
        })
    }

    fn atom(&mut self) -> Parsed<Regex> {
        let start = self.at;
        let Some(first) = self.next() else { return Ok(Regex::Empty) };
        match first {
            '(' => self.group(start),
            '[' => self.set(start).map(Regex::Set),
            '\\' => self.escape(start),
            '.' => Ok(Regex::Any { line_feed: self.options.dot_takes_all }),
            '^' if self.options.lines => Ok(Regex::Assertion(Assertion::LineStart)),
            '^' => Ok(Regex::Assertion(Assertion::Start)),
            '$' if self.options.lines => Ok(Regex::Assertion(Assertion::LineEnd)),
            '$' => Ok(Regex::Assertion(Assertion::EndOrLastLine)),
            '*' | '+' | '?' => Err(self.refusal_at(start, "a quantifier follows nothing")),
            '{' if self.counts_at(start).is_some() => {
                Err(self.refusal_at(start, "a quantifier follows nothing"))
            }
            other => self.literal(start, other),
        }
    }

    fn literal(&mut self, start: usize, c: char) -> Parsed<Regex> {
        if !self.options.ignore_case || !is_cased(c) {
            return Ok(Regex::Char(c));
        }
        if !c.is_ascii() {
            return Err(self.refusal_at(start, "it ignores the case of a letter that is not ASCII"));
        }
        self.set_in_case(start, Set::of(Item::Range(c, c))).map(Regex::Set)
    }

    /// The set as (?i) or its absence makes it.
    fn set_in_case(&mut self, start: usize, set: Set) -> Parsed<Set> {
        if !self.options.ignore_case {
            return Ok(set);
        }
        self.ignores_case = true;
        let why = "it ignores the case of letters that are not ASCII, or of a category";
        set.without_case().ok_or_else(|| self.refusal_at(start, why))
    }

    /// Comments, and with (?x) white space.
    fn skip_blanks(&mut self) -> Parsed<()> {
        loop {
            let start = self.at;
            if self.options.blanks && self.peek().is_some_and(|c| matches!(c, ' ' | '\t'..='\r')) {
                self.at += 1;
            } else if self.options.blanks && self.take('#') {
                while self.next().is_some_and(|c| c != '\n') {}
            } else if self.takes("(?#") {
                while self.next().ok_or_else(|| self.refusal_at(start, "a comment does not end"))? != ')' {}
            } else {
                return Ok(());
            }
        }
    }

    /// Unnamed groups have the first numbers, and named ones those behind them.
    fn numbered(&self) -> Vec<GroupName> {
        let mut number = 0;
        let name = |group: &OpenGroup| {
            number += usize::from(group.name.is_none());
            group.name.clone().map_or(GroupName::Number(number), GroupName::Name)
        };
        self.groups.iter().map(name).collect()
    }

    fn closed(&self) -> Vec<usize> {
        let groups = self.groups.iter().enumerate();
        groups.filter(|(_, group)| group.closed).map(|(index, _)| index).collect()
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    fn take(&mut self, wanted: char) -> bool {
        let takes = self.peek() == Some(wanted);
        self.at += usize::from(takes);
        takes
    }

    fn takes(&mut self, wanted: &str) -> bool {
        let takes = wanted.chars().enumerate().all(|(index, c)| self.chars.get(self.at + index) == Some(&c));
        self.at += if takes { wanted.chars().count() } else { 0 };
        takes
    }

    fn refusal(&self, why: impl Into<String>) -> Refusal {
        self.refusal_at(self.at, why)
    }

    #[expect(clippy::unused_self, reason = "reads as the other does")]
    fn refusal_at(&self, start: usize, why: impl Into<String>) -> Refusal {
        Refusal { at: start + 1, why: why.into() }
    }

    fn deeper(&mut self, start: usize) -> Parsed<()> {
        self.depth += 1;
        if self.depth > limits::GROUP_NESTING {
            return Err(self.refusal_at(start, "its groups stand in one another too deep"));
        }
        Ok(())
    }
}

/// The group that a reference means, which must be closed before it.
fn resolve(target: &Target, groups: &[GroupName]) -> Parsed<usize> {
    let refusal = |why: &str| Refusal { at: target.offset + 1, why: why.to_owned() };
    let meant =
        find_group(groups, &target.name).ok_or_else(|| refusal("it refers to a group that is not there"))?;
    if !target.closed.contains(&meant) {
        return Err(refusal(
            "it refers to a group that is not complete before, or is hidden in a look-around",
        ));
    }
    Ok(meant)
}

/// The place of a group. Named groups can be meant by number too: they follow the unnamed ones.
pub(super) fn find_group(groups: &[GroupName], name: &GroupName) -> Option<usize> {
    let GroupName::Number(number) = name else { return groups.iter().position(|group| group == name) };
    if let Some(found) = groups.iter().position(|group| group == name) {
        return Some(found);
    }
    let unnamed = groups.iter().filter(|group| matches!(group, GroupName::Number(_))).count();
    let named = groups.iter().enumerate().filter(|(_, group)| matches!(group, GroupName::Name(_)));
    named.map(|(index, _)| index).nth(number.checked_sub(unnamed + 1)?)
}

const fn look(behind: bool, negative: bool) -> Look {
    Look { behind, negative }
}
