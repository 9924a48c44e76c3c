//! The contract as tests, one a promise: [`conformance_tests!`](crate::conformance_tests) makes them a test each of
//! an adapter's. Every one is given an empty store.
#![expect(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::unwrap_used,
    reason = "these are tests, compiled into the adapters' test binaries only"
)]

mod audit;
mod certificates;
mod connections;
mod groups;
mod hosts;
mod ledger;
mod people;
mod posix_groups;
pub mod provisioning;
mod reads;
mod resources;
pub mod samples;
mod tokens;
mod unsettled;
mod writes;

pub use audit::{audit_chain_holds_over_roll_backs, audit_is_read_in_slices, audit_starts_at_genesis};
pub use certificates::{
    certificate_comes_back_whole, certificates_are_listed_by_serial, counters_keep_what_was_set,
    ending_sessions_revokes_what_still_lives, lives_of_a_persons_certificates,
    revoked_serials_leave_out_what_has_ended, serial_stands_once_and_its_parents_first,
    times_are_cut_to_microseconds, token_is_used_once, used_tokens_are_forgotten_after_their_time,
};
pub use connections::{connection_comes_back_whole, one_connection_a_tenant};
pub use groups::{
    grants_need_their_group, group_lookups, group_removal_takes_memberships_and_grants,
    lost_grants_are_kept_for_a_while, members_are_counted_and_listed_while_few, memberships_are_a_set,
    memberships_stay_inside_a_tenant,
};
pub use hosts::{
    enrolment_tokens, host_comes_back_whole, host_names_are_held_until_retirement, machine_key_is_one_hosts,
    refused_host_leaves_no_trace, reports_and_generations_need_their_host,
};
pub use ledger::{
    a_name_is_freed_in_two_steps, a_name_left_stays_reserved, a_pin_is_for_ever,
    a_proposal_leaves_the_rest_of_the_row_alone, adoptions_are_recorded, foreign_names_and_ids,
    ledger_rows_come_back_whole, ledger_settings_keep_what_was_set, used_numbers_are_found,
    wanted_numbers_are_found, who_waits_for_a_name_is_found_in_order,
};
pub use people::{
    groups_of_a_person, name_and_uid_never_change_hands, name_and_uid_outlive_the_resource,
    people_behind_a_group, person_comes_back_whole, pins_are_never_loosened, subject_is_one_persons,
};
pub use posix_groups::{a_posix_group_is_for_ever, posix_groups_share_names_and_numbers_with_people};
pub use provisioning::{
    provisioning_events_are_forgotten_from_the_oldest, provisioning_events_are_found_by_whom_they_concern,
};
pub use reads::{a_read_sees_one_state, absence_is_an_answer, many_reads_run_beside_writes};
pub use resources::{
    addresses_find_their_resources, claims_are_found_in_every_spelling, external_ids_may_stand_twice,
    resource_comes_back_whole, resources_are_paged, resources_stay_in_their_tenant,
    user_name_is_unique_without_case,
};
pub use tokens::{access_tokens_end, scim_tokens};
pub use unsettled::{
    a_dissolved_group_is_found_by_nothing_but_its_last_members,
    a_withdrawal_is_on_the_revocation_list_before_it_comes_to_everybody,
    members_are_walked_through_by_their_places, unsettled_groups_go_with_their_group,
};
pub use writes::{
    a_panic_is_one_callers_error, a_refused_call_spares_the_rest_of_its_closure,
    a_refused_write_leaves_nothing, a_write_is_seen_by_the_next_read, a_write_sees_its_own_changes,
    an_abandoned_write_harms_nobody, every_write_has_its_own_verdict, writes_run_one_after_the_other,
};

/// Makes a test of every promise. `$fresh` is called for each: it gives an empty [`Store`](crate::Store), and whatever
/// has to live as long.
///
/// The calling crate needs tokio with `macros` and `rt`.
#[macro_export]
macro_rules! conformance_tests {
    ($fresh:path) => {
        $crate::conformance_tests!($fresh:
            a_dissolved_group_is_found_by_nothing_but_its_last_members
            a_name_is_freed_in_two_steps
            a_name_left_stays_reserved
            a_panic_is_one_callers_error
            a_pin_is_for_ever
            a_posix_group_is_for_ever
            a_proposal_leaves_the_rest_of_the_row_alone
            a_read_sees_one_state
            a_refused_call_spares_the_rest_of_its_closure
            a_refused_write_leaves_nothing
            a_write_is_seen_by_the_next_read
            a_withdrawal_is_on_the_revocation_list_before_it_comes_to_everybody
            a_write_sees_its_own_changes
            absence_is_an_answer
            adoptions_are_recorded
            access_tokens_end
            addresses_find_their_resources
            an_abandoned_write_harms_nobody
            audit_chain_holds_over_roll_backs
            audit_is_read_in_slices
            audit_starts_at_genesis
            certificate_comes_back_whole
            certificates_are_listed_by_serial
            claims_are_found_in_every_spelling
            connection_comes_back_whole
            counters_keep_what_was_set
            ending_sessions_revokes_what_still_lives
            lives_of_a_persons_certificates
            enrolment_tokens
            every_write_has_its_own_verdict
            external_ids_may_stand_twice
            foreign_names_and_ids
            grants_need_their_group
            group_lookups
            group_removal_takes_memberships_and_grants
            groups_of_a_person
            host_comes_back_whole
            host_names_are_held_until_retirement
            ledger_rows_come_back_whole
            ledger_settings_keep_what_was_set
            lost_grants_are_kept_for_a_while
            machine_key_is_one_hosts
            many_reads_run_beside_writes
            members_are_counted_and_listed_while_few
            members_are_walked_through_by_their_places
            memberships_are_a_set
            memberships_stay_inside_a_tenant
            name_and_uid_never_change_hands
            name_and_uid_outlive_the_resource
            people_behind_a_group
            person_comes_back_whole
            posix_groups_share_names_and_numbers_with_people
            pins_are_never_loosened
            provisioning_events_are_forgotten_from_the_oldest
            provisioning_events_are_found_by_whom_they_concern
            refused_host_leaves_no_trace
            one_connection_a_tenant
            reports_and_generations_need_their_host
            resource_comes_back_whole
            resources_are_paged
            resources_stay_in_their_tenant
            revoked_serials_leave_out_what_has_ended
            scim_tokens
            serial_stands_once_and_its_parents_first
            subject_is_one_persons
            times_are_cut_to_microseconds
            token_is_used_once
            unsettled_groups_go_with_their_group
            used_tokens_are_forgotten_after_their_time
            user_name_is_unique_without_case
            used_numbers_are_found
            wanted_numbers_are_found
            who_waits_for_a_name_is_found_in_order
            writes_run_one_after_the_other
        );
    };
    ($fresh:path: $($promise:ident)*) => {$(
        #[tokio::test]
        async fn $promise() {
            let (store, _keep) = $fresh();
            $crate::conformance::$promise(store).await;
        }
    )*};
}
