//! Who is who: the CRM numbers its people twice, and this is where the two numberings meet.

use std::collections::BTreeMap;

use super::{CrmUser, ManagerId, MgUser};

/// A person who may answer customers or own orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manager {
    pub id: ManagerId,
    /// Name for people; never empty.
    pub name: String,
    /// Works here still.
    pub is_active: bool,
    /// An integration rather than a person: its replies count as human in the CRM, but it is nobody's colleague.
    pub is_technical: bool,
}

/// Resolves CRM user ids and MG user ids to one [`Manager`] each.
///
/// The two are joined by `crm_user.mg_user_id` first and by `mg_user.external_id` second; where they disagree the
/// first wins and [`Directory::disagreements`] names the pair, so that a wrong guess is seen instead of silent.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    managers: BTreeMap<ManagerId, Manager>,
    by_mg: BTreeMap<i64, ManagerId>,
    disagreements: Vec<(i64, i64)>,
}

impl Directory {
    /// Joins both lists. Order does not matter; later duplicates of an id win.
    pub fn new(crm_users: &[CrmUser], mg_users: &[MgUser]) -> Self {
        let mut directory = Self::default();
        for user in crm_users {
            let id = ManagerId::Crm(user.id);
            let manager =
                Manager { id, name: user.name.clone(), is_active: user.is_active, is_technical: false };
            directory.managers.insert(id, manager);
            if let Some(mg_id) = user.mg_user_id {
                directory.by_mg.insert(mg_id, id);
            }
        }
        for user in mg_users {
            let external = user.external_id.as_deref().and_then(|id| id.parse().ok()).map(ManagerId::Crm);
            match (directory.by_mg.get(&user.id), external) {
                (Some(&ManagerId::Crm(crm)), Some(ManagerId::Crm(other))) if crm != other => {
                    directory.disagreements.push((user.id, other));
                }
                (Some(_), _) => {}
                (None, Some(id)) if directory.managers.contains_key(&id) => {
                    directory.by_mg.insert(user.id, id);
                }
                (None, _) => {
                    let id = ManagerId::Mg(user.id);
                    let (name, is_active) = (user.name.clone(), user.is_active);
                    let manager = Manager { id, name, is_active, is_technical: user.is_technical };
                    directory.managers.insert(id, manager);
                    directory.by_mg.insert(user.id, id);
                }
            }
        }
        directory
    }

    /// The manager behind an MG user id; an id nobody knows stands for itself.
    pub fn by_mg(&self, mg_user_id: i64) -> ManagerId {
        self.by_mg.get(&mg_user_id).copied().unwrap_or(ManagerId::Mg(mg_user_id))
    }

    /// The person, when the lists name them.
    pub fn get(&self, id: ManagerId) -> Option<&Manager> {
        self.managers.get(&id)
    }

    /// The name for people; «Сотрудник mg:305» for an id that no list names.
    pub fn name(&self, id: ManagerId) -> String {
        self.get(id).map_or_else(|| format!("Сотрудник {id}"), |manager| manager.name.clone())
    }

    /// Everybody, ordered by id.
    pub fn managers(&self) -> impl Iterator<Item = &Manager> {
        self.managers.values()
    }

    /// Pairs `(mg user id, CRM id it claims)` that contradict the CRM's own link.
    pub fn disagreements(&self) -> &[(i64, i64)] {
        &self.disagreements
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crm(id: i64, mg_user_id: Option<i64>) -> CrmUser {
        CrmUser { id, name: format!("crm {id}"), mg_user_id, is_manager: true, is_active: true }
    }

    fn mg(id: i64, external_id: Option<&str>) -> MgUser {
        let external_id = external_id.map(str::to_owned);
        MgUser { id, external_id, name: format!("mg {id}"), is_active: true, is_technical: false }
    }

    #[test]
    fn the_crm_link_wins_over_the_external_id_and_the_conflict_is_named() {
        let directory = Directory::new(&[crm(28, Some(305)), crm(29, None)], &[mg(305, Some("29"))]);
        assert_eq!(directory.by_mg(305), ManagerId::Crm(28));
        assert_eq!(directory.disagreements(), [(305, 29)]);
    }

    #[test]
    fn a_chat_user_without_a_crm_user_is_a_manager_of_their_own() {
        let directory =
            Directory::new(&[crm(28, None)], &[mg(305, Some("28")), mg(306, None), mg(307, Some("99"))]);
        assert_eq!(directory.by_mg(305), ManagerId::Crm(28));
        assert_eq!(directory.by_mg(306), ManagerId::Mg(306));
        assert_eq!(directory.by_mg(307), ManagerId::Mg(307));
        assert_eq!(directory.name(ManagerId::Mg(400)), "Сотрудник mg:400");
    }
}
