use prometheus_client::encoding::EncodeLabelSet;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct CertificateLabels {
    pub(super) kind: &'static str,
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct ScimLabels {
    pub(super) connection: String,
    pub(super) resource: &'static str,
    pub(super) operation: &'static str,
    pub(super) status: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct OperationLabels {
    pub(super) resource: &'static str,
    pub(super) operation: &'static str,
}

/// What a SCIM request wants, in a few words: labels must not grow with what clients write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ScimOperation {
    pub resource: &'static str,
    pub operation: &'static str,
}

impl ScimOperation {
    /// From method and path, as loosely as the routes are matched.
    pub fn of(method: &str, path: &str) -> Self {
        let segments: Vec<String> =
            path.split('/').filter(|segment| !segment.is_empty()).map(str::to_ascii_lowercase).collect();
        let at = |name: &str| segments.iter().position(|segment| segment == name);
        let (resource, place) = match (at("users"), at("groups")) {
            (Some(place), _) => ("users", place),
            (None, Some(place)) => ("groups", place),
            (None, None) if at("token").is_some() => {
                return Self { resource: "token", operation: "create" };
            }
            (None, None) if at(".search").is_some() => {
                return Self { resource: "any", operation: "search" };
            }
            (None, None) => return Self { resource: "other", operation: "read" },
        };
        let below = segments.get(place + 1).map(String::as_str);
        let operation = match (method, below) {
            ("POST", Some(".search")) => "search",
            ("POST", _) => "create",
            ("PUT", _) => "replace",
            ("PATCH", _) => "update",
            ("DELETE", _) => "delete",
            (_, None) => "list",
            (_, Some(_)) => "read",
        };
        Self { resource, operation }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_have_few_names() {
        for (method, path, resource, operation) in [
            ("GET", "/scim/v2/Users", "users", "list"),
            ("GET", "/scim/v2/users/01J", "users", "read"),
            ("POST", "/scim/v2/Users", "users", "create"),
            ("PATCH", "/scim/v2/aadOptscim062020/Groups/01J", "groups", "update"),
            ("PUT", "/scim/v2//Groups/01J", "groups", "replace"),
            ("DELETE", "/scim/v2/Users/01J", "users", "delete"),
            ("POST", "/scim/v2/Users/.search", "users", "search"),
            ("POST", "/scim/v2/.search", "any", "search"),
            ("POST", "/scim/token", "token", "create"),
            ("BREW", "/scim/v2/Coffee/01J", "other", "read"),
        ] {
            assert_eq!(
                ScimOperation::of(method, path),
                ScimOperation { resource, operation },
                "{method} {path}"
            );
        }
    }
}
