use super::{OpenGroup, Options, Parsed, Parser, look};
use crate::pattern::tree::{Look, Regex};

impl Parser {
    /// What follows an opening parenthesis.
    pub(super) fn group(&mut self, start: usize) -> Parsed<Regex> {
        self.deeper(start)?;
        let outer = self.options;
        let regex = if self.take('?') { self.special(start)? } else { self.bare_group(start)? };
        self.depth -= 1;
        // `(?i)` alone holds on until the group around it ends; everything else ends here.
        if !matches!(regex, Regex::Empty) {
            self.options = outer;
        }
        Ok(regex)
    }

    fn bare_group(&mut self, start: usize) -> Parsed<Regex> {
        if self.options.only_named { self.plain(start) } else { self.capture(start, None) }
    }

    /// What follows `(?`.
    fn special(&mut self, start: usize) -> Parsed<Regex> {
        for (opening, what) in [
            ("=", look(false, false)),
            ("!", look(false, true)),
            ("<=", look(true, false)),
            ("<!", look(true, true)),
        ] {
            if self.takes(opening) {
                return self.look_around(start, what);
            }
        }
        match self.next() {
            Some(':') => self.plain(start),
            Some('>') => self.body(start).map(Box::new).map(Regex::Atomic),
            Some('<') => self.named(start, '>'),
            Some('\'') => self.named(start, '\''),
            Some('(') => Err(self.refusal_at(start, "it has a conditional group")),
            Some('P') => Err(self.refusal_at(start, "named groups are written (?<name>…)")),
            Some('-' | 'i' | 'm' | 'n' | 's' | 'x') => {
                self.at -= 1;
                self.switches(start)
            }
            _ => Err(self.refusal_at(start, "it has a group of a kind that .NET does not know")),
        }
    }

    /// What stands in a look-behind is matched from right to left in .NET: only what cannot tell the difference is
    /// let through, and what a hidden group captures cannot be asked.
    fn look_around(&mut self, start: usize, what: Look) -> Parsed<Regex> {
        let (first, references) = (self.groups.len(), self.targets.len());
        let body = self.body(start)?;
        if what.negative && self.groups.len() > first && self.targets.len() > references {
            return Err(self.refusal_at(start, "a negative look-around holds a group and a reference"));
        }
        if what.behind && has_inner_look(&body) {
            return Err(
                self.refusal_at(start, "a look-behind holds an atomic group, a look-around or a reference")
            );
        }
        if what.behind || what.negative {
            self.groups.iter_mut().skip(first).for_each(|group| group.closed = false);
        }
        Ok(Regex::Look(what, Box::new(body)))
    }

    fn plain(&mut self, start: usize) -> Parsed<Regex> {
        Ok(Regex::Plain(Box::new(self.body(start)?)))
    }

    fn named(&mut self, start: usize, end: char) -> Parsed<Regex> {
        let name = self.name(start, end)?;
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.refusal_at(start, "it has a group with a number for a name"));
        }
        if self.groups.iter().any(|group| group.name.as_ref() == Some(&name)) {
            return Err(self.refusal_at(start, format!("two of its groups are named {name}")));
        }
        self.capture(start, Some(name))
    }

    /// A name up to `end`: word characters. A hyphen would make a balancing group.
    pub(super) fn name(&mut self, start: usize, end: char) -> Parsed<String> {
        let mut name = String::new();
        loop {
            match self.next() {
                Some(c) if c == end && !name.is_empty() => return Ok(name),
                Some('-') => return Err(self.refusal_at(start, "it has a balancing group")),
                Some(c) if c.is_alphanumeric() || c == '_' => name.push(c),
                _ => return Err(self.refusal_at(start, "the name of a group is not a name")),
            }
        }
    }

    fn capture(&mut self, start: usize, name: Option<String>) -> Parsed<Regex> {
        let index = self.groups.len();
        self.groups.push(OpenGroup { name, closed: false });
        let body = self.body(start)?;
        if let Some(group) = self.groups.get_mut(index) {
            group.closed = true;
        }
        Ok(Regex::Group(index, Box::new(body)))
    }

    /// The inside of a group, and the parenthesis that closes it.
    fn body(&mut self, start: usize) -> Parsed<Regex> {
        let outer = self.options;
        let body = self.alternatives()?;
        self.options = outer;
        if self.take(')') { Ok(body) } else { Err(self.refusal_at(start, "a group is not closed")) }
    }

    /// `(?i-m)` or `(?i-m:…)`.
    fn switches(&mut self, start: usize) -> Parsed<Regex> {
        let (mut on, outer) = (true, self.options);
        loop {
            match self.next() {
                Some('-') => on = false,
                Some(')') => return Ok(Regex::Empty),
                Some(':') => {
                    let body = self.plain(start);
                    self.options = outer;
                    return body;
                }
                Some(letter) if self.options.set(letter, on) => {}
                _ => return Err(self.refusal_at(start, "it has an option that .NET does not know")),
            }
        }
    }
}

impl Options {
    fn set(&mut self, letter: char, on: bool) -> bool {
        match letter {
            'i' => self.ignore_case = on,
            'm' => self.lines = on,
            'n' => self.only_named = on,
            's' => self.dot_takes_all = on,
            'x' => self.blanks = on,
            _ => return false,
        }
        true
    }
}

fn has_inner_look(regex: &Regex) -> bool {
    match regex {
        Regex::Atomic(_) | Regex::Look(..) | Regex::Reference => true,
        Regex::Group(_, body) | Regex::Plain(body) | Regex::Repeat(_, body) => has_inner_look(body),
        Regex::Sequence(parts) | Regex::Alternatives(parts) => parts.iter().any(has_inner_look),
        _ => false,
    }
}
