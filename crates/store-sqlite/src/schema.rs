use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::open::OpenError;

/// Each step leads from the version before it; the last one's number is the version we know.
const STEPS: &[&str] = &[
    include_str!("../schema/0001.sql"),
    include_str!("../schema/0002.sql"),
    include_str!("../schema/0003.sql"),
    include_str!("../schema/0004.sql"),
    include_str!("../schema/0005.sql"),
    include_str!("../schema/0006.sql"),
    include_str!("../schema/0007.sql"),
    include_str!("../schema/0008.sql"),
    include_str!("../schema/0009.sql"),
    include_str!("../schema/0010.sql"),
    include_str!("../schema/0011.sql"),
    include_str!("../schema/0012.sql"),
    include_str!("../schema/0013.sql"),
    include_str!("../schema/0014.sql"),
    include_str!("../schema/0015.sql"),
    include_str!("../schema/0016.sql"),
];

/// "SlyP": so that another program's database is not taken for one of ours.
const APPLICATION: i64 = 0x536C_7950;

/// The schema's version, 0 for an empty file.
pub(crate) fn version(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    let failed = |source| OpenError::Database { path: path.to_owned(), source };
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(failed);
    let found = number("PRAGMA user_version")?;
    let application = number("PRAGMA application_id")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    let known = newest();
    match (application, found) {
        (APPLICATION, _) if found > known => Err(OpenError::Newer { path: path.to_owned(), found, known }),
        (APPLICATION, 1..) => Ok(found),
        (0, 0) if tables == 0 => Ok(0),
        _ => Err(OpenError::Foreign { path: path.to_owned() }),
    }
}

/// Applies the steps after `from`, each in a transaction with its number.
pub(crate) fn migrate(connection: &mut Connection, from: i64) -> rusqlite::Result<()> {
    for (number, step) in (1_i64..).zip(STEPS) {
        if number > from {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.pragma_update(None, "user_version", number)?;
            transaction.commit()?;
        }
    }
    Ok(())
}

fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Version 13 gives groups their last object id, and users their addresses.
    #[test]
    fn what_was_stored_before_is_found_by_what_came_later() {
        let mut connection = Connection::open_in_memory().unwrap();
        for step in &STEPS[..12] {
            connection.execute_batch(step).unwrap();
        }
        let documents = [
            r#"{"emails":[{"value":"Mara@Contoso.test"},{"value":"mara@contoso.test"},{"type":"home"}]}"#,
            r#"{"emails":["plain",null,{"value":7}]}"#,
            r#"{"emails":null}"#,
            r#"{"userName":"x"}"#,
        ];
        for (number, document) in documents.iter().enumerate() {
            let person = "INSERT INTO people (id, tenant, user_name, display_name, emails, guest, state) \
                          VALUES (?1, 't', 'x', 'x', '[]', 0, 'active')";
            connection.execute(person, [number.to_string()]).unwrap();
            let resource = "INSERT INTO resources (id, tenant, person, user_name, user_name_folded, document, \
                            created_at, modified_at) VALUES (?1, 't', ?1, ?1, ?1, ?2, 0, 0)";
            connection.execute(resource, [number.to_string().as_str(), document]).unwrap();
        }
        let group = "INSERT INTO groups (id, tenant, external_id, display_name, display_name_folded, document, \
                     created_at, modified_at) VALUES (?1, 't', ?2, 'x', 'x', '{}', 0, 0)";
        let object = "7B1E4C52-0D3A-4F6E-9A41-5C2F8E90D311";
        connection.execute(group, ["1", object]).unwrap();
        connection.execute(group, ["2", "team"]).unwrap();
        migrate(&mut connection, 12).unwrap();
        let mut found = connection.prepare("SELECT address FROM resource_emails").unwrap();
        let found: Vec<String> = found.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(found, ["mara@contoso.test"]);
        let mut objects = connection.prepare("SELECT object FROM groups ORDER BY id").unwrap();
        let objects: Vec<Option<String>> =
            objects.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(objects, [Some(object.to_lowercase()), None]);
    }
}
