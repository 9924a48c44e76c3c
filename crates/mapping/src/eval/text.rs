//! `Append`, `Left`, `Mid`, `InStr`, `StripSpaces`, `Word`, `Join`, `CStr`. Positions and lengths count UTF-16 units, as .NET does.

use std::borrow::Cow;

use super::arguments::{at, offset};
use super::{Evaluated, Evaluation, Got, null, number, text};
use crate::ast::{Call, CompareType, Kind};
use crate::error::{Fault, Problem};
use crate::pattern::Out;
use crate::value::Value;

impl<'a> Evaluation<'a, '_> {
    /// Nothing is appended to nothing: a suffix alone is nobody's value.
    pub(super) fn append(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let (source, suffix) = (self.text(call, 0)?, self.text(call, 1)?);
        let Some(source) = source else { return Ok(null()) };
        Ok(text(source.into_owned() + suffix.as_deref().unwrap_or_default()))
    }

    pub(super) fn left(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let (source, count) = (self.text(call, 0)?.unwrap_or_default(), self.needed_number(call, 1)?);
        let Ok(count) = usize::try_from(count) else { return Ok(text(source)) };
        let kept = cut(&source, 0, count).ok_or_else(|| at(call, 0, Problem::HalfCharacter))?;
        Ok(text(kept))
    }

    pub(super) fn mid(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let Some(source) = self.text(call, 0)? else { return Ok(null()) };
        let (start, length) = (self.needed_number(call, 1)?, self.needed_number(call, 2)?);
        let below = || Problem::BelowOne { function: call.function.name(), got: start };
        let skipped = start.checked_sub(1).and_then(|start| usize::try_from(start).ok());
        let skipped = skipped.ok_or_else(|| at(call, 1, below()))?;
        let length = usize::try_from(length).map_err(|_| at(call, 2, Problem::NegativeLength(length)))?;
        let kept = cut(&source, skipped, length).ok_or_else(|| at(call, 0, Problem::HalfCharacter))?;
        Ok(text(kept))
    }

    pub(super) fn in_str(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let (source, wanted) = (self.text(call, 0)?, self.text(call, 1)?);
        let start = self.number(call, 2)?.unwrap_or(1);
        if start < 1 {
            return Err(at(call, 2, Problem::BelowOne { function: call.function.name(), got: start }));
        }
        let (Some(source), Some(wanted)) = (source, wanted) else { return Ok(number(0)) };
        let any_case =
            matches!(call.argument(3).map(|node| &node.kind), Some(Kind::CompareType(CompareType::Text)));
        let units = |text: &str| -> Vec<u16> {
            let folded: Cow<'_, str> =
                if any_case { super::case::upper(text).into() } else { Cow::Borrowed(text) };
            folded.encode_utf16().collect()
        };
        Ok(number(position(&units(&source), &units(&wanted), start)))
    }

    pub(super) fn strip_spaces(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let source = self.text(call, 0)?;
        Ok(source.map_or_else(null, |source| text(source.replace(' ', ""))))
    }

    pub(super) fn word(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let source = self.text(call, 0)?.unwrap_or_default();
        let wanted = self.needed_number(call, 1)?;
        let delimiters = self.text(call, 2)?.unwrap_or_default();
        let mut words = source.split(|c| delimiters.contains(c)).filter(|word| !word.is_empty());
        let skipped = wanted.checked_sub(1).and_then(|skipped| usize::try_from(skipped).ok());
        Ok(text(skipped.and_then(|skipped| words.nth(skipped)).unwrap_or_default()))
    }

    /// Absent and empty sources are left out, with their separators.
    pub(super) fn join(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let separator = self.text(call, 0)?.unwrap_or_default();
        let (mut out, mut first) = (Out::default(), true);
        for node in call.arguments.iter().skip(1).flatten() {
            for item in self.items(node)?.iter().filter(|item| !item.is_empty()) {
                let pushed = if first { Ok(()) } else { out.push(&separator) };
                pushed.and_then(|()| out.push(item)).map_err(|problem| Fault::new(node.offset, problem))?;
                first = false;
            }
        }
        Ok(text(out.into_text()))
    }

    pub(super) fn c_str(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let source = self.text(call, 0)?;
        Ok(source.map_or_else(null, text))
    }

    /// Any text, or the fault that it must be there.
    pub(super) fn needed_text(
        &mut self,
        call: &'a Call,
        index: usize,
        problem: Problem,
    ) -> Evaluated<Cow<'a, str>> {
        self.text(call, index)?.ok_or_else(|| Fault::new(offset(call, index), problem))
    }
}

impl From<Cow<'_, str>> for Value {
    fn from(text: Cow<'_, str>) -> Self {
        Self::Text(text.into_owned())
    }
}

/// Up to `length` units behind the first `skipped`; `None` when a character would be cut in two.
fn cut(source: &str, skipped: usize, length: usize) -> Option<&str> {
    let start = byte_of_unit(source, skipped)?;
    let rest = &source[start..];
    Some(&rest[..byte_of_unit(rest, length)?])
}

/// The byte at which a unit begins, the end when there is no such unit.
fn byte_of_unit(source: &str, unit: usize) -> Option<usize> {
    let mut units = 0;
    for (byte, c) in source.char_indices() {
        if units >= unit {
            return (units == unit).then_some(byte);
        }
        units += c.len_utf16();
    }
    (units <= unit || source.is_empty()).then_some(source.len())
}

/// Where `wanted` first stands at `start` or behind it, counted from 1; 0 when nowhere.
fn position(source: &[u16], wanted: &[u16], start: i64) -> i64 {
    let Some(skipped) = usize::try_from(start - 1).ok().filter(|skipped| *skipped <= source.len()) else {
        return 0;
    };
    let rest = &source[skipped..];
    let found = match wanted.len() {
        0 => Some(0),
        length => rest.windows(length).position(|window| window == wanted),
    };
    found.and_then(|found| i64::try_from(skipped + found + 1).ok()).unwrap_or_default()
}
