use std::sync::Arc;

use sallyport_domain::{NamePattern, NameRule, UidRange};

use super::NamesSection;
use super::check::Check;
use super::raw::RawNames;
use crate::app::Mapping;

impl Default for NamesSection {
    /// What holds where nothing is said. The built-in expression parses: a test holds that.
    #[expect(clippy::expect_used, reason = "a constant of this program, and a test parses it")]
    fn default() -> Self {
        Self {
            expression: Arc::new(Mapping::parse(Mapping::DEFAULT).expect("the built-in expression")),
            rule: NameRule::default(),
            uid_ranges: vec![UidRange::DEFAULT],
        }
    }
}

impl Check {
    pub(super) fn names(&mut self, raw: RawNames) -> Option<NamesSection> {
        let default = NamesSection::default();
        let expression = match &raw.expression {
            Some(text) => self.ok("names.expression", Mapping::parse(text)).map(Arc::new),
            None => Some(default.expression),
        };
        let patterns: Result<Vec<NamePattern>, _> = raw.reserved.iter().map(|text| text.parse()).collect();
        let site = self.ok("names.reserved", patterns);
        let uid_ranges = match raw.uid_ranges {
            Some(texts) => self.uid_ranges(&texts),
            None => Some(default.uid_ranges),
        };
        let rule = NameRule { dots: raw.dots.unwrap_or(true), site: site? };
        Some(NamesSection { expression: expression?, rule, uid_ranges: uid_ranges? })
    }

    fn uid_ranges(&mut self, texts: &[String]) -> Option<Vec<UidRange>> {
        const FIELD: &str = "names.uid_ranges";
        let ranges: Result<Vec<UidRange>, _> = texts.iter().map(|text| text.parse()).collect();
        let ranges = self.ok(FIELD, ranges)?;
        if ranges.is_empty() {
            return self.note(FIELD, "there is none; take the line out for 70000-99999");
        }
        for (index, range) in ranges.iter().enumerate() {
            if let Some(other) = ranges.iter().skip(index + 1).find(|other| range.overlaps(**other)) {
                return self.note(FIELD, format!("{range} and {other} overlap"));
            }
        }
        Some(ranges)
    }
}
