//! The end of a lease where `run` does not see to it. Only what is written counts here, and only taking away is done.

use jiff::Timestamp;

use super::{Agent, AgentError};
use crate::apply::{Ending, Outcome};
use crate::lock::AgentLock;
use crate::problem::Code;

impl Agent {
    /// Takes away what a lease allowed that is over. Whether it is over is asked under the lock: `run` may just have
    /// heard otherwise. What was applied last and what was wrong then stays noted as `run` found it.
    pub(crate) fn lapse(&self, now: Timestamp) -> Result<Outcome, AgentError> {
        let _lock = AgentLock::take(&self.paths.lock())?;
        Ok(self.lapsed(now).map_or_else(Outcome::default, |ending| self.hands(now, false).end(ending)))
    }

    /// What [`Agent::lapse`] would do; `None` while a lease goes on, or where there never was one.
    ///
    /// The enrolment counts as it was written, whatever the configuration says now. Where it cannot be read, our own
    /// files tell: a host that only observes has none.
    pub(crate) fn lapsed(&self, now: Timestamp) -> Option<Ending> {
        let enrolment = self.state.enrolment().ok();
        if enrolment.as_ref().is_some_and(|enrolment| enrolment.observe) {
            return None;
        }
        let word = enrolment.and_then(|enrolment| self.accepted(&enrolment).ok().flatten());
        let had_access = self.state.applied().unwrap_or_default().had_access();
        let mut ending = self.hands(now, false).ending(word.as_ref(), had_access)?;
        if ending.plan.steps.is_empty() {
            // Said when it was brought about. What is in the way is said for as long as it is there.
            ending.plan.problems.retain(|problem| problem.code != Code::LeaseOver);
        }
        Some(ending)
    }
}
