use super::{Parsed, Parser};
use crate::limits;
use crate::pattern::tree::{Regex, Repeat};

/// From how many turns on a slippery body is as bad as without end.
const MANY: u32 = 10;

impl Parser {
    /// The atom with the quantifier that follows it, if one does.
    pub(super) fn quantified(&mut self, atom: Regex) -> Parsed<Regex> {
        let start = self.at;
        let Some(mut repeat) = self.quantifier() else { return Ok(atom) };
        repeat.lazy = self.take('?');
        self.check_quantifier(start, repeat, &atom)?;
        self.skip_blanks()?;
        if self.quantifier().is_some() {
            return Err(self.refusal_at(start, "a quantifier follows another"));
        }
        Ok(Regex::Repeat(repeat, Box::new(atom)))
    }

    fn quantifier(&mut self) -> Option<Repeat> {
        let (min, max) = match self.peek()? {
            '*' => (0, None),
            '+' => (1, None),
            '?' => (0, Some(1)),
            '{' => {
                let (min, max, end) = self.counts_at(self.at)?;
                self.at = end;
                return Some(Repeat { min, max, lazy: false });
            }
            _ => return None,
        };
        self.at += 1;
        Some(Repeat { min, max, lazy: false })
    }

    /// `{n}`, `{n,}` or `{n,m}` and where it ends. Anything else that begins with a brace stands for itself.
    pub(super) fn counts_at(&self, start: usize) -> Option<(u32, Option<u32>, usize)> {
        let rest = self.chars.get(start + 1..)?;
        let length = rest.iter().position(|c| *c == '}')?;
        let inside: String = rest.get(..length)?.iter().collect();
        let end = start + length + 2;
        // Too large a number is a quantifier all the same; the check refuses it.
        let number = |digits: &str| {
            let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            all.then(|| digits.parse().unwrap_or(u32::MAX))
        };
        match inside.split_once(',') {
            None => number(&inside).map(|count| (count, Some(count), end)),
            Some((min, "")) => number(min).map(|min| (min, None, end)),
            Some((min, max)) => Some((number(min)?, Some(number(max)?), end)),
        }
    }

    fn check_quantifier(&self, start: usize, repeat: Repeat, body: &Regex) -> Parsed<()> {
        let refuse = |why: &str| Err(self.refusal_at(start, why));
        if repeat.max.is_some_and(|max| max < repeat.min) {
            return refuse("a quantifier ends before it begins");
        }
        if repeat.max.unwrap_or(repeat.min) > limits::REPETITIONS {
            return refuse("a quantifier counts too far");
        }
        if matches!(body, Regex::Empty | Regex::Assertion(_) | Regex::Look(..)) {
            return refuse("a quantifier follows something that takes no text");
        }
        // After a turn that takes nothing, engines differ in what they do and in what groups hold.
        let once = repeat.max == Some(1);
        if body.nullable() && (!once || body.captures()) {
            return refuse("it repeats something that may be empty");
        }
        if repeat.max.is_none_or(|max| max >= MANY) && body.is_slippery() {
            return refuse("it is catastrophic: it repeats a repetition, which takes exponential time");
        }
        Ok(())
    }
}
