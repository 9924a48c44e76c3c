/// Reads a text from its start, piece by piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan<'t>(pub(super) &'t str);

impl Scan<'_> {
    /// A number of so many digits, as many as there are.
    pub(super) fn digits(&mut self, min: usize, max: usize) -> Option<i64> {
        let count = self.0.bytes().take(max).take_while(u8::is_ascii_digit).count();
        if count < min || count == 0 {
            return None;
        }
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        digits.parse().ok()
    }

    pub(super) fn take(&mut self, wanted: &str) -> bool {
        let rest = self.0.strip_prefix(wanted);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Without regard to ASCII case.
    pub(super) fn take_word(&mut self, wanted: &str) -> bool {
        let found = self.0.get(..wanted.len()).is_some_and(|word| word.eq_ignore_ascii_case(wanted));
        self.0 = if found { &self.0[wanted.len()..] } else { self.0 };
        found
    }

    /// The place, counted from 0, of the first of these words that stands here.
    pub(super) fn take_one(&mut self, words: &[&str]) -> Option<usize> {
        words.iter().position(|word| self.take_word(word))
    }

    pub(super) fn skip_spaces(&mut self) -> bool {
        let rest = self.0.trim_start();
        let skipped = rest.len() < self.0.len();
        self.0 = rest;
        skipped
    }

    /// Digits behind a point, in nanoseconds. .NET keeps seven of them.
    pub(super) fn fraction(&mut self, min: usize, max: usize) -> Option<i32> {
        let digits = self.0.bytes().take(max).take_while(u8::is_ascii_digit).count();
        if digits < min {
            return None;
        }
        let (fraction, rest) = self.0.split_at(digits);
        self.0 = rest;
        let kept = format!("{:0<7}", fraction.get(..7).unwrap_or(fraction));
        kept.parse::<i32>().ok()?.checked_mul(100)
    }

    /// `+h`, `+hh`, `+hhmm` or `+hh:mm`, in minutes.
    pub(super) fn offset(&mut self, min_hours: usize, minutes: bool) -> Option<i64> {
        let sign = if self.take("+") { 1 } else { -i64::from(self.take("-")) };
        let hours = if sign == 0 { return None } else { self.digits(min_hours, 2)? };
        let colon = minutes && self.take(":");
        let minutes = if minutes { self.digits(2, 2).or((!colon).then_some(0))? } else { 0 };
        // .NET takes offsets of up to fourteen hours.
        let total = hours * 60 + minutes;
        (minutes < 60 && total <= 14 * 60).then_some(sign * total)
    }
}
