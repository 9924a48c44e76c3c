//! The administrators' view of account names: proposals, conflicts, previews, adoptions.

use jiff::Timestamp;
use sallyport_domain::{HostPattern, PosixName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Something about a name that an administrator has to decide. `sallyport-ca names list`.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct NameIssue {
    /// The person's id here.
    pub user: String,
    /// The person's object id, or what stands in for one.
    pub subject: String,
    pub user_name: String,
    pub current: Option<String>,
    pub proposed: Option<String>,
    pub uid: Option<u32>,
    pub kind: NameIssueKind,
    pub detail: String,
    /// Subjects, or hosts, that it collides with.
    pub with: Vec<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NameIssueKind {
    /// The directory implies another name than the person has: approve, keep or assign.
    Rename,
    /// Without a name, and without access, until somebody decides.
    Conflict,
    /// Two people without a name yet would get the same one: whom a grant reaches first gets it.
    Collision,
    /// The directory sends another number than the person has. It stays.
    Number,
    /// A name that nobody uses, reserved for whoever had it.
    Reserved,
}

impl NameIssueKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rename => "rename",
            Self::Conflict => "conflict",
            Self::Collision => "collision",
            Self::Number => "number",
            Self::Reserved => "reserved",
        }
    }
}

/// A person: by id, object id, `userName` or POSIX name.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NameOf {
    pub user: String,
}

/// Approves one rename, or every one that can be.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ApproveNames {
    /// `None`: all.
    pub user: Option<String>,
    /// The name that is agreed to: refused when another is proposed by then. `None`: whatever is proposed.
    pub expected: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AssignName {
    pub user: String,
    pub name: String,
}

/// What became of a person's name.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct NameChange {
    pub user: String,
    pub user_name: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseName {
    pub name: String,
    /// The word that the first step gave.
    pub confirm: Option<String>,
}

#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct ReleasedName {
    pub name: String,
    /// Whose it was.
    pub user: String,
    pub user_name: String,
    /// Set by the first step: what the second one has to say, and until when.
    pub confirm: Option<String>,
    pub confirm_until: Option<Timestamp>,
    pub freed: bool,
    /// Said by the first step: who waits for the name, and has it as soon as it is freed.
    #[serde(default)]
    pub next: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewNames {
    /// `None`: the one in force.
    pub expression: Option<String>,
    pub people: PreviewOf,
}

/// Whose names are previewed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PreviewOf {
    /// Everybody, of every connection.
    Everybody,
    /// The people of the connection with this name.
    Connection(String),
    /// Of a spreadsheet.
    Rows(Vec<PreviewRow>),
}

/// Whose names attributes bear.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeSource {
    /// A spreadsheet's columns.
    #[default]
    Flat,
    /// A SCIM user.
    Scim,
    /// A user of Microsoft Graph.
    Graph,
    /// The claims of a token.
    Claims,
}

/// `oid` says who it is; where it is absent, `userPrincipalName` does.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewRow {
    /// Where the row begins in its file, or which entry of it, counted from 1.
    pub line: usize,
    #[serde(default)]
    pub source: AttributeSource,
    pub attributes: Map<String, Value>,
}

/// `sallyport-ca names preview --format json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct NamesPreview {
    pub summary: PreviewSummary,
    pub people: Vec<PreviewedPerson>,
}

#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
pub struct PreviewSummary {
    pub expression: String,
    pub people: usize,
    /// Would keep the name that they have.
    pub unchanged: usize,
    /// Have none yet, and would get one.
    pub named: usize,
    /// Have one, and another would be proposed.
    pub renamed: usize,
    /// Have one, and the other was turned down before.
    #[serde(default)]
    pub kept: usize,
    /// Would get a name that is somebody else's, or a host's.
    pub collisions: usize,
    /// Would find every uid of the ranges handed out.
    #[serde(default)]
    pub without_uid: usize,
    /// Get no name for any other reason.
    pub refused: usize,
}

#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct PreviewedPerson {
    /// The object id where it is known, else what stands in for it: a `userName`, or the line of the file.
    pub subject: String,
    pub attributes: Map<String, Value>,
    pub current: Option<String>,
    pub proposed: Option<String>,
    pub problem: Option<PreviewProblem>,
}

/// What a preview foresees for somebody, in the order in which an administrator wants to hear of it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum PreviewOutcome {
    Collision,
    NoUid,
    Refused,
    Renamed,
    Named,
    Kept,
    Unchanged,
}

impl PreviewedPerson {
    #[must_use]
    pub fn outcome(&self) -> PreviewOutcome {
        match self.problem.as_ref().map(|problem| problem.code.as_str()) {
            Some("name_taken" | "name_adopted" | "name_foreign") => PreviewOutcome::Collision,
            Some("kept") => PreviewOutcome::Kept,
            Some("no_uid") => PreviewOutcome::NoUid,
            None | Some("uid_stays") if self.current.is_none() => PreviewOutcome::Named,
            None | Some("uid_stays") if self.current == self.proposed => PreviewOutcome::Unchanged,
            None | Some("uid_stays") => PreviewOutcome::Renamed,
            Some(_) => PreviewOutcome::Refused,
        }
    }
}

#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct PreviewProblem {
    /// Stable: `name_taken`, `name_adopted`, `name_foreign`, `name_reserved`, `name_impossible`, `expression_failed`, `uid_taken`,
    /// `uid_impossible`, `no_uid`, `row_twice`; and two that refuse nothing: `kept`, where nothing is proposed because it was
    /// turned down, and `uid_stays`, where the directory sends another number than the person has, or theirs for others too.
    pub code: String,
    pub detail: String,
    /// The subjects, or hosts, that it collides with.
    pub with: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyExpression {
    /// `None`: the one in the configuration file.
    pub expression: Option<String>,
}

/// A local account that is a person's on some hosts, because an administrator said so.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct AdoptionView {
    pub user: String,
    pub user_name: String,
    pub local: PosixName,
    pub hosts: HostPattern,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AdoptAccount {
    pub user: String,
    pub local: PosixName,
    pub hosts: HostPattern,
}
