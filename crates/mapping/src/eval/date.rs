//! `CDate`, `DateAdd`, `DateDiff`, `DateFromNum`, `NumFromDate`, `FormatDateTime`.

use jiff::civil::DateTime;

use super::arguments::at;
use super::{Evaluated, Evaluation, Got, null, number, text};
use crate::ast::Call;
use crate::dates::{self, Format, Interval, Styles};
use crate::error::Problem;
use crate::lexer::shortened;

impl<'a> Evaluation<'a, '_> {
    pub(super) fn c_date(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        Ok(self.date(call, 0)?.map_or_else(null, |date| text(dates::shown(date))))
    }

    pub(super) fn date_add(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let interval = self.interval(call)?;
        let (count, date) = (self.number(call, 1)?, self.date(call, 2)?);
        let Some((count, date)) = count.zip(date) else { return Ok(null()) };
        let sum = dates::add(date, interval, count).map_err(|problem| at(call, 1, problem))?;
        Ok(text(dates::shown(sum)))
    }

    pub(super) fn date_diff(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let interval = self.interval(call)?;
        let (from, to) = (self.date(call, 1)?, self.date(call, 2)?);
        Ok(from.zip(to).map_or_else(null, |(from, to)| number(dates::difference(interval, from, to))))
    }

    pub(super) fn date_from_num(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let Some(ticks) = self.number(call, 0)? else { return Ok(null()) };
        let date = dates::from_file_time(ticks).map_err(|problem| at(call, 0, problem))?;
        Ok(text(dates::shown(date)))
    }

    pub(super) fn num_from_date(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let Some(date) = self.date(call, 0)? else { return Ok(null()) };
        dates::to_file_time(date).map(number).map_err(|problem| at(call, 0, problem))
    }

    pub(super) fn format_date_time(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let source = self.text(call, 0)?;
        let styles = self.text(call, 1)?.unwrap_or_default();
        let styles = Styles::read(&styles).map_err(|problem| at(call, 1, problem))?;
        let (input, output) = (self.format(call, 2)?, self.format(call, 3)?);
        let Some(source) = source.filter(|source| !source.is_empty()) else { return Ok(null()) };
        let moment = input.parse(&source, styles).map_err(|problem| at(call, 0, problem))?;
        output.print(moment).map(text).map_err(|problem| at(call, 3, problem))
    }

    fn format(&mut self, call: &'a Call, index: usize) -> Evaluated<Format> {
        let absent = || Problem::DateFormat("it is absent".to_owned());
        let written = self.needed_text(call, index, absent())?;
        Format::read(&written).map_err(|problem| at(call, index, problem))
    }

    fn interval(&mut self, call: &'a Call) -> Evaluated<Interval> {
        let name = self.text(call, 0)?.unwrap_or_default();
        Interval::named(&name).ok_or_else(|| at(call, 0, Problem::UnknownInterval(shortened(&name))))
    }

    /// An argument that is a date; `None` when it is absent or empty.
    fn date(&mut self, call: &'a Call, index: usize) -> Evaluated<Option<DateTime>> {
        let written = self.text(call, index)?.filter(|written| !written.trim().is_empty());
        written.map(|written| dates::parse(&written).map_err(|problem| at(call, index, problem))).transpose()
    }
}
