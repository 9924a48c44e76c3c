//! Links from before the chain told of each: it is told of them once, and says itself that it was.

use std::collections::BTreeSet;

use sallyport_audit::{Event, EventName, Record};
use sallyport_domain::UserId;
use serde_json::Value;

use super::STEP;
use crate::app::{App, AppError};

/// People who are told of in one transaction.
const TELL: usize = 100;

/// Whom the event links, and to which object id: the event of the state that follows from a first link tells of it too.
pub(super) fn told(event: &Event) -> Option<(UserId, &str)> {
    let tells = matches!(
        event.name,
        EventName::DirectoryConflict
            | EventName::DirectoryUserDeleted
            | EventName::DirectoryUserFlagged
            | EventName::DirectoryUserLinked
            | EventName::DirectoryUserResumed
            | EventName::DirectoryUserSuspended
    );
    let object = event.detail.get("object_id").and_then(Value::as_str);
    event.user.zip(object).filter(|_| tells)
}

impl App {
    /// Tells the chain of everybody of whose link it does not, once in the life of a store. From then on `audit verify`
    /// takes no link that it was not told of.
    pub async fn tell_links(&self) -> Result<(), AppError> {
        if self.store().read(|tx| Ok::<_, AppError>(tx.links_told()?)).await? {
            return Ok(());
        }
        let Some(untold) = self.untold_links().await? else {
            // The table was set back: what came since is not made good.
            return self.store().write(|tx| Ok(tx.set_links_told()?)).await;
        };
        for some in untold.chunks(TELL) {
            self.tell(some.to_vec()).await?;
        }
        self.change(self.new_request_id(), self.now(), move |tx, change| {
            tx.append(&change.event(EventName::DirectoryLinksTold).with("told_later", untold.len()))?;
            Ok(tx.set_links_told()?)
        })
        .await
    }

    /// Linked people of whose link the chain does not tell; `None` when it says that it tells of all.
    async fn untold_links(&self) -> Result<Option<Vec<UserId>>, AppError> {
        let (mut known, mut seq) = (BTreeSet::new(), 0);
        loop {
            let records = self.store().read(move |tx| Ok::<_, AppError>(tx.audit_after(seq, STEP)?)).await?;
            let Some(last) = records.last() else { break };
            seq = last.seq;
            for event in records.iter().filter_map(|record| Record::event(record).ok()) {
                if event.name == EventName::DirectoryLinksTold {
                    return Ok(None);
                }
                known.extend(told(&event).map(|(user, _)| user));
            }
        }
        let people = self.store().read(|tx| Ok::<_, AppError>(tx.people()?)).await?;
        let untold =
            people.into_iter().filter(|person| person.object.is_some() && !known.contains(&person.id));
        Ok(Some(untold.map(|person| person.id).collect()))
    }

    async fn tell(&self, people: Vec<UserId>) -> Result<(), AppError> {
        self.change(self.new_request_id(), self.now(), move |tx, change| {
            for user in people {
                let Some(person) = tx.person(user)? else { continue };
                let Some(object) = person.object else { continue };
                let event = change.event(EventName::DirectoryUserLinked).of_user(user);
                let event = event.with("object_id", object.to_string()).with("told_later", true);
                tx.append(&event.with("user_name", person.user_name.as_str()))?;
            }
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use sallyport_store::conformance::samples::{id, now, object, person, tenant};
    use sallyport_store::{PersonRow, StoreError};

    use super::*;
    use crate::app::testing::app;

    /// People as they stand in a database from before: created and active in the chain, which tells of no object id.
    /// Only the first `linked` of them have one.
    async fn stored_long_ago(app: &App, people: u32, linked: u32) {
        let store = move |tx: &mut dyn sallyport_store::WriteTx| {
            for number in 1..=people {
                let object = (number <= linked).then(|| object(number));
                tx.put_person(&PersonRow { object, linked_by_upn: false, ..person(number) })?;
                for name in [EventName::DirectoryUserCreated, EventName::DirectoryUserResumed] {
                    tx.append(&Event::new(name, now()).of_user(id(number)))?;
                }
            }
            Ok::<_, StoreError>(())
        };
        app.store().write(store).await.unwrap();
    }

    /// What somebody does who writes the database and not the chain.
    async fn link_past_the_chain(app: &App, number: u32) {
        let linked = PersonRow { object: Some(object(number)), linked_by_upn: false, ..person(number) };
        app.store().write(move |tx| tx.put_person(&linked)).await.unwrap();
    }

    async fn problems(app: &App) -> Vec<String> {
        app.verify_audit().await.unwrap().problems
    }

    #[tokio::test]
    async fn a_database_from_before_verifies_and_a_later_link_past_the_chain_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let app = app(folder.path());
        let linked = u32::try_from(TELL).unwrap() + 1;
        stored_long_ago(&app, linked + 2, linked).await;
        // As after a restore, before the first start.
        assert_eq!(problems(&app).await, [""; 0]);
        app.tell_links().await.unwrap();
        assert_eq!(problems(&app).await, [""; 0]);
        let head = app.verify_audit().await.unwrap().events;
        assert_eq!(head, u64::from(2 * (linked + 2) + linked + 1));
        link_past_the_chain(&app, linked + 1).await;
        let found = [format!(
            "person {} has the object id {} in the table and none in the chain",
            id::<sallyport_domain::kind::User>(linked + 1),
            object(linked + 1)
        )];
        assert_eq!(problems(&app).await, found);
        // Nor does a later start make it good.
        app.tell_links().await.unwrap();
        assert_eq!(problems(&app).await, found);
    }

    #[tokio::test]
    async fn a_table_that_was_set_back_makes_no_link_good() {
        let folder = tempfile::tempdir().unwrap();
        let app = app(folder.path());
        stored_long_ago(&app, 2, 1).await;
        // As it is found where the chain says that it tells of all, and the table does not.
        let said = Event::new(EventName::DirectoryLinksTold, now());
        app.store().write(move |tx| tx.append(&said).map(drop)).await.unwrap();
        app.tell_links().await.unwrap();
        assert_eq!(problems(&app).await.len(), 1);
        assert!(app.store().read(|tx| tx.links_told()).await.unwrap());
    }

    /// Of whom the chain tells another id, it tells no other one at the start.
    #[tokio::test]
    async fn another_object_id_than_the_chains_is_found_in_a_database_from_before() {
        let folder = tempfile::tempdir().unwrap();
        let app = app(folder.path());
        stored_long_ago(&app, 1, 1).await;
        let told = Event::new(EventName::DirectoryUserLinked, now()).of_user(id(1));
        let told = told.with("object_id", tenant(9).to_string());
        app.store().write(move |tx| tx.append(&told).map(drop)).await.unwrap();
        assert_eq!(problems(&app).await.len(), 1);
        app.tell_links().await.unwrap();
        assert_eq!(problems(&app).await.len(), 1);
    }
}
