//! Whether names are made by the expression that the configuration file has.

use sallyport_protocol::admin::Finding;

use super::facts::Facts;
use super::{ok, warning};
use crate::app::naming::APPLY_REMEDY;

const CHECK: &str = "names_expression";

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    vec![match &facts.other_expression {
        None => ok(CHECK, "names are made by the expression of the configuration file"),
        Some(in_force) => warning(
            CHECK,
            format!("the configuration file has another names.expression than the one in force: {in_force}"),
            APPLY_REMEDY,
        ),
    }]
}
