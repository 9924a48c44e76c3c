use std::ops::Range;

use fancy_regex::{Captures, Error, RuntimeError};

use super::{Group, Pattern, narrowed, widened};
use crate::error::Problem;
use crate::limits;
use crate::pattern::substitute::Template;

/// What the searches of one evaluation may cost in all.
#[derive(Debug)]
pub(crate) struct Budget {
    searches: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { searches: limits::SEARCHES }
    }
}

impl Budget {
    fn take(&mut self) -> Result<(), Problem> {
        self.searches = self.searches.checked_sub(1).ok_or(Problem::TooManySearches)?;
        Ok(())
    }
}

impl Pattern {
    /// Every match replaced by the template, as `Regex.Replace` does.
    pub(crate) fn replace(
        &self,
        subject: &str,
        replacement: &str,
        budget: &mut Budget,
    ) -> Result<String, Problem> {
        let (subject, replacement) = (widened(self.checked(subject)?), widened(replacement));
        let template = Template::read(&replacement, self)?;
        let (mut out, mut done) = (Out::default(), 0);
        self.each_match(&subject, template.groups(), budget, |found| {
            let whole = found.span(Group::WHOLE).unwrap_or_default();
            out.push(&subject[done..whole.start])?;
            template.write(&subject, found, &mut out)?;
            done = whole.end;
            Ok(())
        })?;
        out.finish(&subject[done..])
    }

    /// In every match, what the group took, replaced by a text as it is; a match in which the group has no part
    /// stays.
    pub(crate) fn replace_group(
        &self,
        subject: &str,
        group: Group,
        replacement: &str,
        budget: &mut Budget,
    ) -> Result<String, Problem> {
        let (subject, replacement) = (widened(self.checked(subject)?), widened(replacement));
        let (mut out, mut done) = (Out::default(), 0);
        self.each_match(&subject, group != Group::WHOLE, budget, |found| {
            // A group in a look-ahead may lie where the next match begins, or reach into it.
            let Some(taken) = found.span(group).filter(|taken| taken.start >= done) else { return Ok(()) };
            out.push(&subject[done..taken.start])?;
            out.push(&replacement)?;
            done = taken.end;
            Ok(())
        })?;
        out.finish(&subject[done..])
    }

    /// What the group took in the first match; `None` without a match, or when the group has no part in it.
    pub(crate) fn extract(
        &self,
        subject: &str,
        group: Group,
        budget: &mut Budget,
    ) -> Result<Option<String>, Problem> {
        let subject = widened(self.checked(subject)?);
        budget.take()?;
        let taken = self.find(&subject, 0, true)?.and_then(|found| found.span(group));
        taken.map(|taken| narrowed(subject[taken].to_owned()).ok_or(Problem::HalfCharacter)).transpose()
    }

    /// Every match, as .NET finds them: an empty one may follow right after another, and the search goes on one
    /// character behind an empty one. (Rust's iterators leave out the empty match after another.)
    fn each_match(
        &self,
        subject: &str,
        groups: bool,
        budget: &mut Budget,
        mut take: impl FnMut(&Found<'_>) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let mut from = 0;
        while from <= subject.len() {
            budget.take()?;
            let Some(found) = self.find(subject, from, groups)? else { break };
            take(&found)?;
            let whole = found.span(Group::WHOLE).unwrap_or_default();
            let next = subject[whole.end..].chars().next().map_or(1, char::len_utf8);
            from = if whole.is_empty() { whole.end + next } else { whole.end };
        }
        Ok(())
    }

    /// The first match at a byte or behind it. Without `groups`, only where it is.
    fn find<'s>(&self, subject: &'s str, from: usize, groups: bool) -> Result<Option<Found<'s>>, Problem> {
        let found = if groups {
            self.regex.captures_from_pos(subject, from).map(|found| found.map(Found::Groups))
        } else {
            self.regex
                .find_from_pos(subject, from)
                .map(|found| found.map(|found| Found::Whole(found.range())))
        };
        found.map_err(|error| given_up(&error))
    }

    fn checked<'s>(&self, subject: &'s str) -> Result<&'s str, Problem> {
        if subject.len() > limits::SUBJECT_BYTES {
            return Err(Problem::SubjectTooLong);
        }
        // An i with a dot, an i without and the Kelvin sign: a K and an i in some languages, and not in others.
        match subject.chars().find(|c| matches!(c, '\u{130}' | '\u{131}' | '\u{212A}')) {
            Some(found) if self.ignores_case => Err(Problem::CaseDependsOnServer(found)),
            _ => Ok(subject),
        }
    }
}

/// A match, with its groups or without.
#[derive(Debug)]
pub(super) enum Found<'s> {
    Whole(Range<usize>),
    Groups(Captures<'s, str>),
}

impl Found<'_> {
    /// Where a group is; `None` when it has no part in the match.
    pub(super) fn span(&self, group: Group) -> Option<Range<usize>> {
        match self {
            Self::Whole(whole) => (group == Group::WHOLE).then(|| whole.clone()),
            Self::Groups(captures) => captures.get(group.0).map(|taken| taken.range()),
        }
    }
}

fn given_up(error: &Error) -> Problem {
    match error {
        Error::RuntimeError(RuntimeError::BacktrackLimitExceeded | RuntimeError::StackOverflow) => {
            Problem::Catastrophic
        }
        _ => Problem::Pattern("the engine gave it up".to_owned()),
    }
}

/// A text in the making, never longer than one may be.
#[derive(Debug, Default)]
pub(crate) struct Out(String);

impl Out {
    pub(crate) fn push(&mut self, text: &str) -> Result<(), Problem> {
        if self.0.len() + text.len() > limits::TEXT_BYTES {
            return Err(Problem::TextTooLong);
        }
        self.0.push_str(text);
        Ok(())
    }

    fn finish(mut self, rest: &str) -> Result<String, Problem> {
        self.push(rest)?;
        narrowed(self.0).ok_or(Problem::HalfCharacter)
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}
