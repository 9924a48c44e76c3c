//! A machine becomes a host: with a token's permission, under names that the token allows, with tags that it gives.

use sallyport_audit::EventName;
use sallyport_domain::{Generation, HostId, HostName, HostState, RequestId};
use sallyport_issuance::PlainKey;
use sallyport_protocol::{
    EnrollReply, EnrollRequest, Fingerprint, HostKeyProof, Namespace, ProblemCode, verify_armored,
};
use sallyport_store::{EnrollTokenRow, ForeignRows, HostRow, ReportRow, WriteTx};
use ssh_key::PublicKey;

use super::change::Change;
use super::host_certificate;
use super::{App, AppError, Refusal, naming, tokens};

/// Names on one certificate: short name, FQDN, aliases.
const MOST_NAMES: usize = 32;

impl App {
    /// The caller has checked that the machine key signed the request.
    pub async fn enroll_host(
        &self,
        request: RequestId,
        machine_key: PublicKey,
        ask: EnrollRequest,
    ) -> Result<EnrollReply, AppError> {
        let now = self.now();
        let host_key = self.check_host_key(&machine_key, &ask.host_key, &ask.host_key_signature)?;
        self.check_names(&ask.names)?;
        self.know_token(&ask).await?;
        let app = self.clone();
        let outcome = self
            .change(request, now, move |tx, change| {
                let Some(token) = tx.enroll_token(&tokens::hash(&ask.token))? else {
                    return Err(unknown_token());
                };
                match admit(tx, change, &machine_key, &ask, &token) {
                    Ok(host) => {
                        let intent = host_certificate::intend(tx, change, &app, &host, &host_key)?;
                        Ok(Ok((host, intent)))
                    }
                    // The refusal is an event of its own, and events are written, so this write stands.
                    Err(AppError::Refused(refusal)) => {
                        app.throttles().refused_enrolments.take(token.id, now)?;
                        let names: Vec<String> = ask.names.iter().map(ToString::to_string).collect();
                        let event = change.event(EventName::HostEnrollmentRefused).with("names", names);
                        tx.append(
                            &event.with("token", token.id.to_string()).with("code", refusal.code.as_str()),
                        )?;
                        Ok(Err(refusal))
                    }
                    Err(error) => Err(error),
                }
            })
            .await?;
        let (host, intent) = outcome?;
        let certificate = self.seal_host_certificate(intent)?;
        Ok(EnrollReply { host: host.id, name: host.name, tags: host.tags, certificate })
    }

    /// Anybody can send anything: a stranger's token costs no write and leaves no event, or they could fill the disk.
    async fn know_token(&self, ask: &EnrollRequest) -> Result<(), AppError> {
        let hash = tokens::hash(&ask.token);
        if self.store().read(move |tx| Ok::<_, AppError>(tx.enroll_token(&hash)?)).await?.is_some() {
            return Ok(());
        }
        tracing::warn!(names = ?ask.names, "an enrolment with an unknown token was refused");
        Err(unknown_token())
    }

    /// The host is heard no more and its names are free. What it has ends with its lease; its certificate with itself.
    pub async fn retire_host(&self, request: RequestId, name: HostName) -> Result<(), AppError> {
        self.change(request, self.now(), move |tx, change| {
            let Some(host) = tx.host_by_name(&name)? else {
                let detail = format!("no host is called {name}; run: sallyport-ca admin host ls");
                return Err(AppError::refused(ProblemCode::NotFound, detail));
            };
            tx.put_host(&HostRow { state: HostState::Retired, ..host.clone() })?;
            // What was local there keeps nobody from a name any more.
            naming::note_foreign(tx, change, host.id, &ForeignRows::default())?;
            // It may be waiting: it hears of its end now, not of a lease.
            change.wake();
            let event =
                change.event(EventName::HostRetired).of_host(host.id).with("name", host.name.to_string());
            tx.append(&event)?;
            Ok(())
        })
        .await
    }

    /// That the sshd host key is a plain key and speaks for this machine key at this CA.
    pub(super) fn check_host_key(
        &self,
        machine_key: &PublicKey,
        line: &str,
        signature: &str,
    ) -> Result<PlainKey, Refusal> {
        let key = PlainKey::parse(line).map_err(|error| {
            Refusal::new(ProblemCode::KeyNotPlain, format!("the host key cannot be certified: {error}"))
        })?;
        let proof = HostKeyProof {
            ca: self.keys().fingerprint(),
            machine_key: Fingerprint::of(machine_key),
            host_key: Fingerprint::of(key.public_key()),
        };
        verify_armored(key.public_key(), Namespace::HostKey, &proof.message(), signature).map_err(|_| {
            Refusal::new(
                ProblemCode::WrongSignature,
                "the host key's signature does not hold for this machine and CA",
            )
        })?;
        Ok(key)
    }

    fn check_names(&self, names: &[HostName]) -> Result<(), Refusal> {
        if !(1..=MOST_NAMES).contains(&names.len()) {
            return Err(Refusal::new(ProblemCode::Malformed, format!("a host has 1 to {MOST_NAMES} names")));
        }
        match names.iter().find(|name| !self.config().ca.host_domains.allow(name)) {
            Some(name) => {
                let domains = &self.config().ca.host_domains;
                let detail = format!("{name} lies outside this CA's host domains ({domains})");
                Err(Refusal::new(ProblemCode::Unauthorized, detail))
            }
            None => Ok(()),
        }
    }
}

fn refuse(detail: impl Into<String>) -> AppError {
    AppError::refused(ProblemCode::Unauthorized, detail)
}

fn unknown_token() -> AppError {
    refuse("the enrolment token is unknown; ask for one: sallyport-ca enroll-token create")
}

fn admit(
    tx: &mut dyn WriteTx,
    change: &Change,
    machine_key: &PublicKey,
    ask: &EnrollRequest,
    token: &EnrollTokenRow,
) -> Result<HostRow, AppError> {
    if let Some(name) = ask.names.iter().find(|name| !token.names.allow(name)) {
        return Err(refuse(format!("{name} lies outside this token's name patterns ({})", token.names)));
    }
    let host = new_host(change, machine_key, ask, token)?;
    if let Some(known) = tx.host_by_machine(&host.machine_fingerprint)? {
        return enrolled_before(known, &host);
    }
    check_live(change, token)?;
    for name in &ask.names {
        if tx.host_by_name(name)?.is_some() {
            let detail = format!(
                "the name {name} is another host's; retire that one (sallyport-ca admin host retire {name}) or choose another"
            );
            return Err(AppError::refused(ProblemCode::Conflict, detail));
        }
    }
    tx.put_enroll_token(&EnrollTokenRow { uses_left: token.uses_left.saturating_sub(1), ..token.clone() })?;
    tx.put_host(&host)?;
    let names: Vec<String> = host.names.iter().map(ToString::to_string).collect();
    let event = change.event(EventName::HostEnrolled).of_host(host.id).with("names", names);
    let event =
        event.with("tags", host.tags.to_string()).with("machine_key", host.machine_fingerprint.as_str());
    tx.append(&event.with("token", token.id.to_string()))?;
    Ok(host)
}

/// The same machine asks for the same names again: the answer to its enrolment was lost, so it gets it again. It costs
/// no use of the token, and gives nothing that the machine could not ask for as the host that it is.
fn enrolled_before(known: HostRow, asked: &HostRow) -> Result<HostRow, AppError> {
    let detail = match known.state {
        HostState::Retired => "this machine's host was retired; run: sallyport-host leave, then enrol again",
        _ if known.names != asked.names => {
            "this machine is enrolled under other names; run: sallyport-host leave, retire it at the CA, then enrol again"
        }
        _ => return Ok(known),
    };
    Err(AppError::refused(ProblemCode::Conflict, detail))
}

fn check_live(change: &Change, token: &EnrollTokenRow) -> Result<(), AppError> {
    let why = match token {
        token if token.revoked_at.is_some() => "revoked",
        token if token.expires_at <= change.now => "expired",
        token if token.uses_left == 0 => "used up",
        _ => return Ok(()),
    };
    Err(refuse(format!("the enrolment token is {why}; ask for one: sallyport-ca enroll-token create")))
}

fn new_host(
    change: &Change,
    machine_key: &PublicKey,
    ask: &EnrollRequest,
    token: &EnrollTokenRow,
) -> Result<HostRow, AppError> {
    let line = machine_key.to_openssh().map_err(|error| AppError::internal("a machine key", error))?;
    let name = ask.names.first().cloned().ok_or_else(|| refuse("a host has at least one name"))?;
    Ok(HostRow {
        id: HostId::generate(change.now, &mut rand::rngs::OsRng),
        name,
        names: ask.names.clone(),
        tags: token.tags.clone(),
        state: if ask.observe { HostState::Observing } else { HostState::Pending },
        machine_key: line,
        machine_fingerprint: Fingerprint::of(machine_key).to_string(),
        generation: Generation::ZERO.next(change.now),
        enrolled_at: change.now,
        report: ReportRow::default(),
    })
}
