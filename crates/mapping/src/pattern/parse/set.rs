use super::{Parsed, Parser};
use crate::pattern::class::{Item, Set};

/// A part of a set: one character, or a class, which cannot be the end of a range.
enum Part {
    Char(char),
    Class(Item),
}

impl Parser {
    /// What follows an opening bracket. The first character may be a closing bracket, and an opening one stands for
    /// itself.
    pub(super) fn set(&mut self, start: usize) -> Parsed<Set> {
        let mut set = Set { negated: self.take('^'), items: Vec::new() };
        loop {
            let at = self.at;
            match self.peek() {
                None => return Err(self.refusal_at(start, "a set of characters is not closed")),
                Some(']') if !set.items.is_empty() => {
                    self.at += 1;
                    return self.set_in_case(start, set);
                }
                Some('-') if !set.items.is_empty() && self.chars.get(at + 1) == Some(&'[') => {
                    return Err(self.refusal_at(at, "it takes a set of characters from another"));
                }
                Some('[') if self.chars.get(at + 1) == Some(&':') => {
                    return Err(self.refusal_at(at, "it has a POSIX class, which .NET overlooks"));
                }
                Some(_) => {}
            }
            match self.part()? {
                Part::Class(item) => set.items.push(item),
                Part::Char(first) => {
                    let item = self.range(at, first)?;
                    set.items.push(item);
                }
            }
        }
    }

    /// The range that begins with this character, or the character alone.
    fn range(&mut self, start: usize, first: char) -> Parsed<Item> {
        let next = self.chars.get(self.at + 1).copied();
        if self.peek() != Some('-') || matches!(next, None | Some(']')) {
            return Ok(Item::Range(first, first));
        }
        self.at += 1;
        if next == Some('[') {
            return Err(self.refusal("it takes a set of characters from another"));
        }
        match self.part()? {
            Part::Char(last) if first <= last => Ok(Item::Range(first, last)),
            Part::Char(_) => Err(self.refusal_at(start, "a range of characters ends before it begins")),
            Part::Class(_) => Err(self.refusal_at(start, "a range of characters ends with a class")),
        }
    }

    fn part(&mut self) -> Parsed<Part> {
        let start = self.at;
        match self.next() {
            None => Err(self.refusal_at(start, "a set of characters is not closed")),
            Some('\\') => self.escaped_part(start),
            Some(other) => Ok(Part::Char(other)),
        }
    }

    fn escaped_part(&mut self, start: usize) -> Parsed<Part> {
        let Some(letter) = self.next() else {
            return Err(self.refusal_at(start, "it ends with a backslash"));
        };
        if let Some(item) = self.class_escape(start, letter)? {
            return Ok(Part::Class(item));
        }
        let c = if letter == 'b' { '\u{8}' } else { self.character(start, letter)? };
        Ok(Part::Char(c))
    }
}
