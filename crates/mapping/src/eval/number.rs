//! `BitAnd`.

use super::{Evaluated, Evaluation, Got, null, number};
use crate::ast::Call;

impl<'a> Evaluation<'a, '_> {
    pub(super) fn bit_and(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let (left, right) = (self.number(call, 0)?, self.number(call, 1)?);
        Ok(left.zip(right).map_or_else(null, |(left, right)| number(left & right)))
    }
}
