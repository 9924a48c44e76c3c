use super::{Parsed, Parser};
use crate::pattern::class::{Item, Set};
use crate::pattern::tree::{Assertion, GroupName, Regex, Target};
use crate::pattern::units;

impl Parser {
    /// What follows a backslash outside of brackets.
    pub(super) fn escape(&mut self, start: usize) -> Parsed<Regex> {
        let Some(letter) = self.next() else {
            return Err(self.refusal_at(start, "it ends with a backslash"));
        };
        if let Some(item) = self.class_escape(start, letter)? {
            return self.set_in_case(start, Set::of(item)).map(Regex::Set);
        }
        let assertion = match letter {
            'A' => Assertion::Start,
            'b' => Assertion::Boundary,
            'B' => Assertion::NoBoundary,
            'z' => Assertion::End,
            'Z' => Assertion::EndOrLastLine,
            'G' => return Err(self.refusal_at(start, "it has \\G, which is not supported here")),
            'k' => return self.named_reference(start),
            '1'..='9' => return self.numbered_reference(start, letter),
            _ => {
                let c = self.character(start, letter)?;
                return self.literal(start, c);
            }
        };
        Ok(Regex::Assertion(assertion))
    }

    /// `\d`, `\w`, `\s`, `\p{…}` and their opposites, inside of brackets and outside.
    pub(super) fn class_escape(&mut self, start: usize, letter: char) -> Parsed<Option<Item>> {
        if !matches!(letter, 'p' | 'P') {
            return Ok(Item::shorthand(letter));
        }
        if !self.take('{') {
            return Err(self.refusal_at(start, "a category is written \\p{name}"));
        }
        let mut name = String::new();
        while let Some(c) = self.next().filter(|c| *c != '}') {
            name.push(c);
        }
        let refusal = || self.refusal_at(start, format!("the category or block {name} is not known here"));
        Item::property(&name, letter == 'P').map(Some).ok_or_else(refusal)
    }

    /// An escape that stands for one character.
    pub(super) fn character(&mut self, start: usize, letter: char) -> Parsed<char> {
        Ok(match letter {
            'a' => '\u{7}',
            'e' => '\u{1B}',
            'f' => '\u{C}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{B}',
            'x' => self.hex(start, 2)?,
            'u' => self.hex(start, 4)?,
            'c' => self.control(start)?,
            '0' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => '\0',
            '0'..='9' => {
                return Err(self.refusal_at(start, "it has an octal escape; write \\x and two digits"));
            }
            _ if letter.is_alphanumeric() || letter == '_' => {
                return Err(self.refusal_at(start, format!("the escape \\{letter} means nothing")));
            }
            other => other,
        })
    }

    fn hex(&mut self, start: usize, digits: usize) -> Parsed<char> {
        let mut unit = 0;
        for _ in 0..digits {
            let digit = self.next().and_then(|c| c.to_digit(16));
            unit = unit * 16
                + digit.ok_or_else(|| self.refusal_at(start, "an escape wants hexadecimal digits"))?;
        }
        let c = if (0xD800..0xE000).contains(&unit) { units::half(unit) } else { char::from_u32(unit) };
        c.ok_or_else(|| self.refusal_at(start, "an escape gives no character"))
    }

    fn control(&mut self, start: usize) -> Parsed<char> {
        let letter = self.next().map(|c| c.to_ascii_uppercase()).filter(|c| ('@'..='_').contains(c));
        let control = letter.and_then(|letter| char::from_u32(u32::from(letter) - u32::from('@')));
        control.ok_or_else(|| self.refusal_at(start, "a control escape wants a letter"))
    }

    fn named_reference(&mut self, start: usize) -> Parsed<Regex> {
        let end = match self.next() {
            Some('<') => '>',
            Some('\'') => '\'',
            _ => return Err(self.refusal_at(start, "a reference is written \\k<name>")),
        };
        let name = self.name(start, end)?;
        self.reference(start, GroupName::read(&name))
    }

    fn numbered_reference(&mut self, start: usize, digit: char) -> Parsed<Regex> {
        if self.peek().is_some_and(|c| c.is_ascii_digit()) {
            return Err(self.refusal_at(
                start,
                "\\ and several digits is a reference or an octal escape; write \\k<name>",
            ));
        }
        let number = digit.to_digit(10).and_then(|digit| usize::try_from(digit).ok()).unwrap_or_default();
        self.reference(start, GroupName::Number(number))
    }

    fn reference(&mut self, start: usize, name: GroupName) -> Parsed<Regex> {
        if self.options.ignore_case {
            return Err(self.refusal_at(start, "it refers to a group without regard to case"));
        }
        let target = Target { name, closed: self.closed(), offset: start };
        self.targets.push(target);
        Ok(Regex::Reference)
    }
}
