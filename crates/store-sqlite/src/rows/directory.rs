use jiff::Timestamp;
use sallyport_domain::{ConflictReason, GroupId, ObjectId, PosixName, ResourceId, Subject, TenantId, UserId};
use sallyport_store::{
    Directory, DirectoryMut, GroupRow, Ledger, Page, PersonRow, ResourceLabel, ResourceRow, StoreError,
};

use crate::tx::Tx;

impl Directory for Tx<'_> {
    fn resource(&self, tenant: TenantId, id: ResourceId) -> Result<Option<ResourceRow>, StoreError> {
        self.resource_row(tenant, id)
    }

    fn resource_label(&self, tenant: TenantId, id: ResourceId) -> Result<Option<ResourceLabel>, StoreError> {
        self.label(tenant, id)
    }

    fn resource_by_user_name(
        &self,
        tenant: TenantId,
        user_name: &str,
    ) -> Result<Option<ResourceRow>, StoreError> {
        self.resource_named(tenant, user_name)
    }

    fn resources_by_external_id(
        &self,
        tenant: TenantId,
        external_id: &str,
    ) -> Result<Vec<ResourceRow>, StoreError> {
        self.resources_linked(tenant, external_id)
    }

    fn resources_by_email(&self, tenant: TenantId, address: &str) -> Result<Vec<ResourceRow>, StoreError> {
        self.resources_mailed(tenant, address)
    }

    fn claimants(&self, tenant: TenantId, object: ObjectId) -> Result<Vec<ResourceId>, StoreError> {
        self.resources_claiming(tenant, object)
    }

    fn resource_of_person(&self, user: UserId) -> Result<Option<ResourceRow>, StoreError> {
        self.latest_resource_of(user)
    }

    fn resources(
        &self,
        tenant: TenantId,
        skip: usize,
        limit: usize,
    ) -> Result<Page<ResourceRow>, StoreError> {
        self.resource_page(tenant, skip, limit)
    }

    fn group(&self, tenant: TenantId, id: GroupId) -> Result<Option<GroupRow>, StoreError> {
        self.group_row(tenant, id)
    }

    fn group_by_id(&self, id: GroupId) -> Result<Option<GroupRow>, StoreError> {
        self.group_anywhere(id)
    }

    fn groups_by_name(&self, tenant: TenantId, display_name: &str) -> Result<Vec<GroupRow>, StoreError> {
        self.groups_named(tenant, display_name)
    }

    fn groups_by_external_id(
        &self,
        tenant: TenantId,
        external_id: &str,
    ) -> Result<Vec<GroupRow>, StoreError> {
        self.groups_linked(tenant, external_id)
    }

    fn groups(&self, tenant: TenantId, skip: usize, limit: usize) -> Result<Page<GroupRow>, StoreError> {
        self.group_page(tenant, skip, limit)
    }

    fn dissolved_group(&self, id: GroupId) -> Result<Option<GroupRow>, StoreError> {
        self.dissolved_group_row(id)
    }

    fn all_groups(&self) -> Result<Vec<GroupRow>, StoreError> {
        self.every_group()
    }

    fn members(&self, group: GroupId) -> Result<Vec<ResourceId>, StoreError> {
        self.members_of(group)
    }

    fn members_if_few(&self, group: GroupId, most: usize) -> Result<Option<Vec<ResourceId>>, StoreError> {
        self.members_unless_many(group, most)
    }

    fn count_members(&self, group: GroupId) -> Result<usize, StoreError> {
        self.total(
            "SELECT count(*) AS total FROM memberships \
             WHERE group_position = (SELECT position FROM groups WHERE id = ?1)",
            &group.to_string(),
        )
    }

    fn is_member(&self, group: GroupId, resource: ResourceId) -> Result<bool, StoreError> {
        self.has_member(group, resource)
    }

    fn groups_of(&self, resource: ResourceId) -> Result<Vec<GroupId>, StoreError> {
        self.groups_with(resource)
    }

    fn groups_of_person(&self, user: UserId) -> Result<Vec<GroupId>, StoreError> {
        self.groups_with_person(user)
    }

    fn person(&self, id: UserId) -> Result<Option<PersonRow>, StoreError> {
        self.person_row(id)
    }

    fn person_by_subject(&self, subject: Subject) -> Result<Option<PersonRow>, StoreError> {
        self.person_of(subject)
    }

    fn people(&self) -> Result<Vec<PersonRow>, StoreError> {
        self.every_person()
    }

    fn count_people(&self, tenant: TenantId, reason: ConflictReason) -> Result<usize, StoreError> {
        self.people_with(tenant, reason)
    }

    fn people_in(&self, group: GroupId) -> Result<Vec<PersonRow>, StoreError> {
        self.people_of(group)
    }

    fn holder_of_name(&self, name: &PosixName) -> Result<Option<UserId>, StoreError> {
        Ok(Ledger::name(self, name)?.map(|row| row.user))
    }
}

impl DirectoryMut for Tx<'_> {
    fn put_resource(&mut self, resource: &ResourceRow) -> Result<(), StoreError> {
        self.put_resource_row(resource)
    }

    fn set_emails(&mut self, id: ResourceId, addresses: &[String]) -> Result<(), StoreError> {
        self.put_emails(id, addresses)
    }

    fn remove_resource(&mut self, tenant: TenantId, id: ResourceId) -> Result<bool, StoreError> {
        self.remove_resource_row(tenant, id)
    }

    fn put_group(&mut self, group: &GroupRow) -> Result<(), StoreError> {
        self.put_group_row(group)
    }

    fn touch_group(&mut self, id: GroupId, at: Timestamp) -> Result<bool, StoreError> {
        self.group_changed(id, at)
    }

    fn dissolve_group(&mut self, tenant: TenantId, id: GroupId) -> Result<bool, StoreError> {
        self.dissolve_group_row(tenant, id)
    }

    fn remove_group(&mut self, tenant: TenantId, id: GroupId) -> Result<bool, StoreError> {
        self.remove_group_row(tenant, id)
    }

    fn add_member(&mut self, group: GroupId, resource: ResourceId) -> Result<bool, StoreError> {
        self.put_member(group, resource)
    }

    fn remove_member(&mut self, group: GroupId, resource: ResourceId) -> Result<bool, StoreError> {
        self.remove_membership(group, resource)
    }

    fn put_person(&mut self, person: &PersonRow) -> Result<(), StoreError> {
        self.put_person_row(person)
    }
}
