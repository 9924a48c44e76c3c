//! What a read is asked with: the query of a GET, or the body of a POST to `/.search` (RFC 7644 section 3.4).

use serde_json::{Map, Value};

use crate::normal::type_name;
use crate::path::member;
use crate::schema::Kind;
use crate::{Filter, Page, Projection, ScimError};

/// The parameters as they were sent. Each is looked at only by a request that means something by it: a filter in the
/// query of a PUT is nobody's business.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Parameters {
    attributes: Option<String>,
    count: Option<String>,
    excluded: Option<String>,
    filter: Option<String>,
    start_index: Option<String>,
}

impl Parameters {
    /// From the decoded pairs of a query. Names have no case; what has a name that we do not know is passed over, for
    /// a client's address may carry flags.
    ///
    /// # Errors
    /// [`ScimError::InvalidValue`] for a parameter that is given twice.
    pub fn from_query<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self, ScimError>
    where
        K: AsRef<str>,
        V: Into<String>,
    {
        let mut parameters = Self::default();
        for (name, value) in pairs {
            let Some(place) = parameters.place(name.as_ref()) else { continue };
            if place.replace(value.into()).is_some() {
                return Err(ScimError::InvalidValue(format!("{} is given twice", name.as_ref())));
            }
        }
        Ok(parameters)
    }

    /// From the body of a search.
    ///
    /// # Errors
    /// [`ScimError::InvalidValue`] for a member of another type than RFC 7644 section 3.4.3 gives it.
    pub fn from_body(body: &Map<String, Value>) -> Result<Self, ScimError> {
        let mut parameters = Self::default();
        for name in ["attributes", "count", "excludedAttributes", "filter", "startIndex"] {
            let text = match member(body, name) {
                None | Some(Value::Null) => continue,
                Some(Value::String(text)) => text.clone(),
                Some(Value::Number(number)) if ["count", "startIndex"].contains(&name) => number.to_string(),
                Some(Value::Array(list)) if name.to_lowercase().ends_with("attributes") => {
                    joined(name, list)?
                }
                Some(other) => return Err(wrong(name, other)),
            };
            if let Some(place) = parameters.place(name) {
                *place = Some(text);
            }
        }
        Ok(parameters)
    }

    /// # Errors
    /// As [`Projection::parse`].
    pub fn projection(&self) -> Result<Projection, ScimError> {
        Projection::parse(self.attributes.as_deref(), self.excluded.as_deref())
    }

    /// The filter, if it can be asked of resources of all these kinds.
    ///
    /// # Errors
    /// [`ScimError::InvalidFilter`].
    pub fn filter(&self, kinds: &[Kind]) -> Result<Option<Filter>, ScimError> {
        let filter = self.filter.as_deref().map(str::parse::<Filter>).transpose()?;
        if let Some(filter) = &filter {
            kinds.iter().try_for_each(|kind| filter.check(*kind))?;
        }
        Ok(filter)
    }

    /// Whether there is a filter at all, good or bad.
    #[must_use]
    pub const fn has_filter(&self) -> bool {
        self.filter.is_some()
    }

    /// # Errors
    /// As [`Page::parse`].
    pub fn page(&self) -> Result<Page, ScimError> {
        Page::parse(self.start_index.as_deref(), self.count.as_deref())
    }

    fn place(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name.to_ascii_lowercase().as_str() {
            "attributes" => Some(&mut self.attributes),
            "count" => Some(&mut self.count),
            "excludedattributes" => Some(&mut self.excluded),
            "filter" => Some(&mut self.filter),
            "startindex" => Some(&mut self.start_index),
            _ => None,
        }
    }
}

fn joined(name: &str, list: &[Value]) -> Result<String, ScimError> {
    let names = list.iter().map(|one| one.as_str().ok_or_else(|| wrong(name, one)));
    Ok(names.collect::<Result<Vec<_>, _>>()?.join(","))
}

fn wrong(name: &str, found: &Value) -> ScimError {
    ScimError::InvalidValue(format!("{name} cannot be {}", type_name(found)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn query(pairs: &[(&str, &str)]) -> Result<Parameters, ScimError> {
        Parameters::from_query(pairs.iter().copied())
    }

    fn body(value: Value) -> Result<Parameters, ScimError> {
        let Value::Object(map) = value else { panic!("no object") };
        Parameters::from_body(&map)
    }

    #[test]
    fn a_query_and_a_search_say_the_same() {
        let asked = query(&[
            ("aadOptscim062020", ""),
            ("FILTER", "title pr"),
            ("startindex", "6"),
            ("count", "5"),
            ("attributes", "userName,emails[type eq \"work\"]"),
            ("excludedAttributes", "members"),
        ]);
        let searched = body(json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
            "Filter": "title pr", "startIndex": 6, "count": "5", "sortBy": "userName",
            "attributes": ["userName", "emails[type eq \"work\"]"], "excludedAttributes": "members",
        }));
        assert_eq!(asked, searched);
        let asked = asked.unwrap();
        assert_eq!(asked.page(), Ok(Page { start_index: 6, count: 5 }));
        assert_eq!(asked.filter(&[Kind::User]), Ok(Some("title pr".parse().unwrap())));
        assert!(asked.projection().unwrap().wants("emails") && asked.has_filter());
    }

    #[test]
    fn nothing_asked_is_everything() {
        let nothing = query(&[]).unwrap();
        assert_eq!(nothing, body(json!({"filter": null})).unwrap());
        assert_eq!(
            (nothing.filter(&[Kind::User]), nothing.projection()),
            (Ok(None), Ok(Projection::default()))
        );
    }

    #[test]
    fn what_is_no_search_is_refused() {
        assert!(query(&[("filter", "a pr"), ("Filter", "b pr")]).is_err(), "which of them?");
        for value in [
            json!({"filter": 7}),
            json!({"attributes": {"a": 1}}),
            json!({"attributes": ["a", 1]}),
            json!({"count": [5]}),
            json!({"startIndex": true}),
            json!({"filter": ["a pr"]}),
        ] {
            assert!(matches!(body(value.clone()), Err(ScimError::InvalidValue(_))), "{value}");
        }
        assert!(body(json!({"count": 1.5})).unwrap().page().is_err());
        assert!(body(json!({"filter": "userName eq"})).unwrap().filter(&[]).is_err());
    }

    #[test]
    fn what_has_no_order_is_not_ordered() {
        let ask = |filter: &str| query(&[("filter", filter)]).unwrap().filter(&[Kind::Group, Kind::User]);
        for filter in [
            "active gt \"true\"",
            "title pr or not (emails[primary le \"x\"])",
            "emails.primary ge \"a\"",
            "x509Certificates.value lt \"a\"",
            "emails[type eq \"work\"].primary gt \"a\"",
        ] {
            assert!(matches!(ask(filter), Err(ScimError::InvalidFilter(_))), "{filter}");
        }
        for filter in ["title gt \"a\"", "active eq \"True\"", "custom gt \"a\"", "meta.created gt \"2026\""]
        {
            assert!(ask(filter).is_ok(), "{filter}");
        }
    }
}
