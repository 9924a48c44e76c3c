//! `Replace`: what it does follows from which arguments are there.

use std::borrow::Cow;

use super::arguments::at;
use super::{Evaluated, Evaluation, Got, null, text};
use crate::ast::Call;
use crate::error::Problem;
use crate::limits;
use crate::pattern::{Out, Pattern};

const OLD_VALUE: usize = 1;
const PATTERN: usize = 2;
const GROUP: usize = 3;
const REPLACEMENT: usize = 4;
const OTHER: usize = 5;
const TEMPLATE: usize = 6;

impl<'a> Evaluation<'a, '_> {
    pub(super) fn replace(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let source = self.text(call, 0)?;
        let old = self.text(call, OLD_VALUE)?.filter(|old| !old.is_empty());
        match old {
            Some(old) if call.argument(TEMPLATE).is_some() => self.fill_template(call, source, &old),
            Some(old) if call.argument(REPLACEMENT).is_some() => self.replace_literally(call, source, &old),
            _ => self.replace_by_pattern(call, source),
        }
    }

    /// The template with the source put where the old value stands.
    fn fill_template(
        &mut self,
        call: &'a Call,
        source: Option<Cow<'a, str>>,
        old: &str,
    ) -> Evaluated<Got<'a>> {
        let template = self.text(call, TEMPLATE)?;
        let (Some(source), Some(template)) = (source, template) else { return Ok(null()) };
        replaced(&template, old, &source).map(text).map_err(|problem| at(call, TEMPLATE, problem))
    }

    fn replace_literally(
        &mut self,
        call: &'a Call,
        source: Option<Cow<'a, str>>,
        old: &str,
    ) -> Evaluated<Got<'a>> {
        let replacement = self.text(call, REPLACEMENT)?.unwrap_or_default();
        let Some(source) = source else { return Ok(null()) };
        replaced(&source, old, &replacement).map(text).map_err(|problem| at(call, 0, problem))
    }

    fn replace_by_pattern(&mut self, call: &'a Call, source: Option<Cow<'a, str>>) -> Evaluated<Got<'a>> {
        let Some(pattern) = self.pattern(call)? else { return Ok(source.map_or_else(null, text)) };
        let group = self.text(call, GROUP)?.filter(|group| !group.is_empty());
        match group {
            Some(group) if call.argument(REPLACEMENT).is_some() => {
                self.replace_group(call, source, &pattern, &group)
            }
            Some(group) if call.argument(OTHER).is_some() => self.extract(call, source, &pattern, &group),
            None if call.argument(REPLACEMENT).is_some() => self.replace_matches(call, source, &pattern),
            _ => Ok(source.map_or_else(null, text)),
        }
    }

    /// The regular expression: compiled with the expression where it is a constant, now where it is not.
    fn pattern(&mut self, call: &'a Call) -> Evaluated<Option<Cow<'a, Pattern>>> {
        let written = self.text(call, PATTERN)?.filter(|written| !written.is_empty());
        match (written, &call.pattern) {
            (None, _) => Ok(None),
            (Some(_), Some(compiled)) => Ok(Some(Cow::Borrowed(compiled))),
            (Some(written), None) => {
                let left = self.patterns.checked_sub(1);
                self.patterns = left.ok_or_else(|| at(call, PATTERN, Problem::TooManyPatterns))?;
                let compiled = Pattern::compile(&written).map_err(|problem| at(call, PATTERN, problem))?;
                Ok(Some(Cow::Owned(compiled)))
            }
        }
    }

    fn replace_group(
        &mut self,
        call: &'a Call,
        source: Option<Cow<'a, str>>,
        pattern: &Pattern,
        group: &str,
    ) -> Evaluated<Got<'a>> {
        let group = pattern.named_group(group).map_err(|problem| at(call, GROUP, problem))?;
        let replacement = self.text(call, REPLACEMENT)?.unwrap_or_default();
        let Some(source) = source else { return Ok(null()) };
        let made = pattern.replace_group(&source, group, &replacement, &mut self.searches);
        made.map(text).map_err(|problem| at(call, PATTERN, problem))
    }

    fn replace_matches(
        &mut self,
        call: &'a Call,
        source: Option<Cow<'a, str>>,
        pattern: &Pattern,
    ) -> Evaluated<Got<'a>> {
        let replacement = self.text(call, REPLACEMENT)?.unwrap_or_default();
        let Some(source) = source else { return Ok(null()) };
        let made = pattern.replace(&source, &replacement, &mut self.searches);
        made.map(text).map_err(|problem| at(call, PATTERN, problem))
    }

    /// The source or, without one, what the group takes of the other attribute.
    fn extract(
        &mut self,
        call: &'a Call,
        source: Option<Cow<'a, str>>,
        pattern: &Pattern,
        group: &str,
    ) -> Evaluated<Got<'a>> {
        let group = pattern.named_group(group).map_err(|problem| at(call, GROUP, problem))?;
        if let Some(source) = source.filter(|source| !source.is_empty()) {
            return Ok(text(source));
        }
        let Some(other) = self.text(call, OTHER)? else { return Ok(null()) };
        let taken = pattern.extract(&other, group, &mut self.searches);
        Ok(taken.map_err(|problem| at(call, PATTERN, problem))?.map_or_else(null, text))
    }
}

/// Every `old` replaced. One pass that stops at the budget, as `str::replace` does not.
fn replaced(source: &str, old: &str, new: &str) -> Result<String, Problem> {
    debug_assert!(source.len() <= limits::TEXT_BYTES, "what is evaluated is held against the budget");
    let mut out = Out::default();
    for (index, part) in source.split(old).enumerate() {
        out.push(if index > 0 { new } else { "" })?;
        out.push(part)?;
    }
    Ok(out.into_text())
}
