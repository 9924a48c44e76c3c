//! The long poll: one request in flight, every answer judged, every change applied and reported.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rand::Rng;
use sallyport_client::{ClientError, HostClient, SystemClock, bootstrap};
use sallyport_domain::Clock;
use sallyport_protocol::{Report, SnapshotReply};
use tokio::time::{Instant, sleep, timeout};

use crate::agent::{Agent, AgentError, Position, StepDone};
use crate::problem::{Code, Problem, chain};
use crate::state::Enrolment;

/// Longest wait that is asked for: proxies cut what is silent for a minute.
const LONGEST_WAIT: i64 = 50;
/// Whoever mends sshd's configuration sees within this that it was mended.
const HELD_WAIT: u32 = 15;
/// A refused answer, a failed step or an unreachable CA is tried again after this, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// An answer without news that comes faster than this is not waited for by anybody.
const SHORTEST_ROUND: Duration = Duration::from_secs(1);
/// After access was taken away: a login that was half-way through is in by then.
pub(crate) const SECOND_LOOK: Duration = Duration::from_secs(1);
/// A report that says the same is sent again after this, as a sign of life.
const REPORT_EVERY: Duration = Duration::from_mins(1);
const CERTIFICATE_RETRY: Duration = Duration::from_mins(10);
const BOOTSTRAP_PATIENCE: Duration = Duration::from_secs(10);

/// Keeps the host in step until the caller stops it, which may be at any point: nothing here needs an end.
pub(crate) async fn run(agent: Arc<Agent>) -> Result<(), AgentError> {
    let mut sync = Sync::new(agent)?;
    // What is known is in force before the network is: after a boot, and when a lease ended while we were away.
    sync.step(Vec::new()).await;
    sync.refresh_ca().await;
    loop {
        // `enforce` and `leave` speak to us through the state directory.
        match sync.agent.enrolment() {
            // After `leave` and `enroll` in one breath there is another machine key to speak with.
            Ok(enrolment) if enrolment.host != sync.enrolment.host => sync.enrol_as(enrolment),
            Ok(enrolment) => sync.enrolment = enrolment,
            Err(gone) if gone.is_not_enrolled() => return Err(gone),
            Err(error) => tracing::warn!("going on as before: {}", chain(&error)),
        }
        sync.round().await;
    }
}

struct Sync {
    agent: Arc<Agent>,
    enrolment: Enrolment,
    client: HostClient,
    pause: Duration,
    /// The last step failed: the next round does not wait for news before it tries again.
    failed: bool,
    /// Something waits to be mended: it is looked at again soon.
    held: bool,
    reported: Option<(Report, Instant)>,
    certificate_due: Instant,
    certificate_problem: Option<Problem>,
}

impl Sync {
    fn new(agent: Arc<Agent>) -> Result<Self, AgentError> {
        let enrolment = agent.enrolment()?;
        let client = client(&agent, &enrolment)?;
        Ok(Self {
            agent,
            enrolment,
            client,
            pause: FIRST_PAUSE,
            failed: false,
            held: false,
            reported: None,
            certificate_due: Instant::now(),
            certificate_problem: None,
        })
    }

    async fn round(&mut self) {
        let now = SystemClock.now();
        let begun = Instant::now();
        let position = self.agent.position(&self.enrolment);
        // What else is due waits for no news.
        let in_a_hurry = self.failed || begun >= self.certificate_due;
        let wait = if in_a_hurry { 0 } else { wait_seconds(&position, now) };
        let wait = if self.held { wait.min(HELD_WAIT) } else { wait };
        let heard = tokio::select! {
            reply = self.client.snapshot(position.accepted, wait) => Some(reply),
            () = until_lease_ends(&position, now) => None,
        };
        let (problem, news) = match heard {
            Some(Ok((reply, nonce))) => {
                let news = matches!(reply, SnapshotReply::New { .. });
                (self.receive(reply, &position, nonce).await.err(), news)
            }
            Some(Err(error)) => (Some(unreachable(&error)), false),
            // The lease ended while nobody answered: that is a step of its own.
            None => (None, true),
        };
        if problem.is_none() {
            self.renew_certificate().await;
        }
        let in_trouble = problem.is_some();
        let done = self.step(problem.into_iter().collect()).await;
        self.failed = done.failed;
        self.held = done.held;
        self.report(&done).await;
        self.rest(in_trouble || done.failed, news, begun).await;
    }

    async fn receive(&self, reply: SnapshotReply, position: &Position, nonce: String) -> Result<(), Problem> {
        let (agent, enrolment, asked) = (Arc::clone(&self.agent), self.enrolment.clone(), position.accepted);
        let now = SystemClock.now();
        let taken = blocking(move || agent.receive(&enrolment, reply, asked, nonce, now)).await;
        taken.map_err(|error| {
            let code = if matches!(error, AgentError::Refused(_)) {
                Code::SnapshotRefused
            } else {
                Code::StepFailed
            };
            Problem::caused(code, &error)
        })
    }

    /// Applies what is known, and looks a second time when somebody lost access.
    async fn step(&self, mut problems: Vec<Problem>) -> StepDone {
        problems.extend(self.certificate_problem.clone());
        let done = self.step_once(problems.clone()).await;
        if !done.look_again {
            return done;
        }
        // The CA hears at once that access is gone; the second look is for what slipped through.
        self.report_quietly(&done).await;
        sleep(SECOND_LOOK).await;
        self.step_once(problems).await
    }

    /// Whatever goes wrong, the next round tries again: an agent that has ended enforces nothing.
    async fn step_once(&self, problems: Vec<Problem>) -> StepDone {
        let (agent, enrolment) = (Arc::clone(&self.agent), self.enrolment.clone());
        let now = SystemClock.now();
        let done = blocking(move || agent.step(&enrolment, problems, now)).await;
        done.unwrap_or_else(|error| {
            let problem = Problem::caused(Code::StepFailed, &error);
            tracing::warn!("{problem}");
            StepDone::failed(&self.agent.state.applied().unwrap_or_default(), problem)
        })
    }

    async fn report_quietly(&self, done: &StepDone) {
        if let Err(error) = self.client.report(&done.report()).await {
            tracing::warn!("the report did not reach the CA: {}", chain(&error));
        }
    }

    async fn report(&mut self, done: &StepDone) {
        let report = done.report();
        let told = self.reported.as_ref().is_some_and(|(last, at)| {
            last.applied == report.applied
                && last.problems == report.problems
                && last.local == report.local
                && at.elapsed() < REPORT_EVERY
        });
        if told || report.problems.iter().any(|problem| problem.code == Code::CaUnreachable.as_str()) {
            return;
        }
        match self.client.report(&report).await {
            Ok(()) => self.reported = Some((report, Instant::now())),
            Err(error) => tracing::warn!("the report did not reach the CA: {}", chain(&error)),
        }
    }

    /// Between rounds: at once after news, slower and slower while something is wrong, and never past a lease's end
    /// without noticing, because each round looks at the clock.
    async fn rest(&mut self, in_trouble: bool, news: bool, begun: Instant) {
        if in_trouble {
            let jitter = rand::thread_rng().gen_range(0.5..1.0);
            let position = self.agent.position(&self.enrolment);
            let pause = self.pause.mul_f64(jitter).min(until_end(&position, SystemClock.now()));
            sleep(pause).await;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            self.refresh_ca().await;
            return;
        }
        self.pause = FIRST_PAUSE;
        if !news {
            sleep(SHORTEST_ROUND.saturating_sub(begun.elapsed())).await;
        }
    }

    /// Asks the CA who it is, in case its TLS roots or host CA keys are new. Believed for the pinned key only.
    async fn refresh_ca(&mut self) {
        let ca = &self.enrolment.ca;
        let asked = timeout(BOOTSTRAP_PATIENCE, bootstrap(ca.url(), ca.fingerprint())).await;
        let Ok(Ok((document, ca))) = asked else { return };
        if ca == self.enrolment.ca && document.host_ca_keys == self.enrolment.host_ca_keys {
            return;
        }
        let fresh = Enrolment { ca, host_ca_keys: document.host_ca_keys, ..self.enrolment.clone() };
        let agent = Arc::clone(&self.agent);
        match blocking(move || agent.keep_ca(&fresh)).await {
            Ok(kept) => self.enrol_as(kept),
            Err(error) => tracing::warn!("what the CA says of itself cannot be kept: {}", chain(&error)),
        }
    }

    fn enrol_as(&mut self, enrolment: Enrolment) {
        match client(&self.agent, &enrolment) {
            Ok(client) => {
                self.client = client;
                self.enrolment = enrolment;
            }
            Err(error) => tracing::warn!("what the CA says of itself cannot be used: {}", chain(&error)),
        }
    }

    async fn renew_certificate(&mut self) {
        if Instant::now() < self.certificate_due {
            return;
        }
        self.certificate_due = Instant::now() + CERTIFICATE_RETRY;
        let now = SystemClock.now();
        let refused = |error: &dyn std::error::Error| Problem::caused(Code::CertificateRefused, error);
        let (agent, enrolment) = (Arc::clone(&self.agent), self.enrolment.clone());
        let request = blocking(move || agent.certificate_request(&enrolment, now)).await;
        let renewed = match request {
            Ok(None) => Ok(()),
            Ok(Some(request)) => match self.client.certificate(&request).await {
                Ok(reply) => self.agent.keep_certificate(&self.enrolment, &reply.certificate, now),
                Err(error) => Err(refused(&error)),
            },
            Err(error) => Err(refused(&error)),
        };
        self.certificate_problem = renewed.err();
        if let Some(problem) = &self.certificate_problem {
            tracing::warn!("{problem}");
        }
    }
}

pub(crate) fn client(agent: &Agent, enrolment: &Enrolment) -> Result<HostClient, AgentError> {
    HostClient::new(&enrolment.ca, agent.machine_key()?).map_err(|error| AgentError::Client(Box::new(error)))
}

pub(crate) fn unreachable(error: &ClientError) -> Problem {
    Problem::new(Code::CaUnreachable, chain(error))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AgentError> + Send + 'static,
) -> Result<T, AgentError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(AgentError::Panicked))
}

/// A quarter of what is left of the lease, so that it is renewed well before its end.
fn wait_seconds(position: &Position, now: Timestamp) -> u32 {
    let Some(until) = position.lease_until else { return 0 };
    let left = until.as_second().saturating_sub(now.as_second());
    u32::try_from((left / 4).clamp(1, LONGEST_WAIT)).unwrap_or(1)
}

fn until_end(position: &Position, now: Timestamp) -> Duration {
    match position.lease_until {
        Some(until) if until > now => Duration::try_from(until.duration_since(now)).unwrap_or(LONGEST_PAUSE),
        _ => LONGEST_PAUSE,
    }
}

/// Never, when there is no lease or it is over already.
async fn until_lease_ends(position: &Position, now: Timestamp) {
    match position.lease_until {
        Some(until) if until > now => sleep(until_end(position, now)).await,
        _ => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use sallyport_domain::Generation;

    use super::*;

    fn position(lease: Option<i64>) -> Position {
        let lease_until = lease.map(|second| Timestamp::from_second(second).unwrap());
        Position { accepted: Generation::ZERO, lease_until }
    }

    #[test]
    fn a_lease_is_renewed_long_before_its_end() {
        let now = Timestamp::from_second(1_000).unwrap();
        for (lease, wait) in
            [(None, 0), (Some(1_010), 2), (Some(1_002), 1), (Some(900), 1), (Some(1_000_000), 50)]
        {
            assert_eq!(wait_seconds(&position(lease), now), wait, "{lease:?}");
        }
    }

    #[test]
    fn a_pause_ends_with_the_lease() {
        let now = Timestamp::from_second(1_000).unwrap();
        assert_eq!(until_end(&position(Some(1_003)), now), Duration::from_secs(3));
        assert_eq!(until_end(&position(Some(900)), now), LONGEST_PAUSE);
        assert_eq!(until_end(&position(None), now), LONGEST_PAUSE);
    }
}
