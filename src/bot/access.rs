//! Who asks, and what they may: the place and the person, looked up in `[access]`.

use super::asked::{Asked, Place, PlaceKind};
use crate::deliver::{ChatId, ChatTarget};
use crate::facts::ManagerId;
use crate::settings::{Need, Role, Settings};

/// How far a right goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    Everything,
    /// What is this manager's own.
    Own(ManagerId),
}

/// Whoever asks, with their rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Names of the chat in the configuration; several when it has several topics there.
    pub chats: Vec<String>,
    /// Name of the chat in the outbox.
    pub chat: String,
    /// Roles that what is shown here is bounded by.
    shown: Vec<Role>,
    /// The person's own role.
    own: Option<Role>,
}

impl Caller {
    /// Looks whoever asks up. `moved_to` is where a chat of the configuration went when it became a supergroup.
    pub fn of(asked: &Asked, settings: &Settings, moved_to: impl Fn(i64) -> Option<i64>) -> Self {
        let place = &asked.place;
        let is_here = |target: &ChatTarget| match &target.id {
            ChatId::Id(id) => *id == place.id || moved_to(*id) == Some(place.id),
            ChatId::Name(name) => {
                place.username.as_deref().is_some_and(|own| name[1..].eq_ignore_ascii_case(own))
            }
        };
        let here = || settings.chats.iter().filter(|(_, target)| is_here(target));
        let chats: Vec<String> = here().map(|(name, _)| name.clone()).collect();
        let of_topic = here().find(|(_, target)| topic(target.topic) == topic(place.topic));
        let chat =
            of_topic.map_or_else(|| ChatTarget::name_of(place.id, place.topic), |(name, _)| name.clone());
        let own = asked.user.and_then(|id| settings.access.users.get(&id)).copied();
        let mut shown: Vec<Role> =
            chats.iter().filter_map(|name| settings.access.chats.get(name)).copied().collect();
        if place.kind == PlaceKind::Private {
            // Nobody else reads along.
            shown.extend(own);
        }
        Self { chats, chat, shown, own }
    }

    /// Whether there is anything for whoever asks here beside `/id`.
    pub fn is_known(&self) -> bool {
        !self.shown.is_empty()
    }

    /// How far the right to `need` goes here; `None` = there is none.
    pub fn reach(&self, need: Need) -> Option<Reach> {
        if need == Need::Nothing {
            return Some(Reach::Everything);
        }
        if !self.is_known() {
            return None;
        }
        // A manager changes what they read themselves, not what a group reads.
        let own = self.own.filter(|role| need.is_change() && !matches!(role, Role::Manager(_)));
        let roles = || self.shown.iter().copied().chain(own).filter(|role| role.allows(need));
        let reach = |role| match role {
            Role::Manager(id) => Reach::Own(id),
            _ => Reach::Everything,
        };
        roles().map(reach).find(|reach| *reach == Reach::Everything).or_else(|| roles().map(reach).next())
    }

    /// Roles that decide what the chat may be sent.
    pub fn roles(&self) -> &[Role] {
        &self.shown
    }
}

/// «General» has the number 1, and messages in it none.
fn topic(topic: Option<i64>) -> Option<i64> {
    topic.filter(|topic| *topic != 1)
}

/// Whether the place is one where more than one person reads.
pub fn is_shared(place: &Place) -> bool {
    place.kind != PlaceKind::Private
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::asked::What;
    use super::*;

    fn settings() -> Settings {
        let variables = [
            ("TELEGRAM_CHAT_ID", "-1001"),
            ("TELEGRAM_OPS_CHAT_ID", "-1002"),
            ("SVODKA__CHATS__ANNA__ID", "501"),
            ("SVODKA__CHATS__ANNA__MANAGER", "crm:28"),
            ("SVODKA__CHATS__SHOP__ID", "@Shop_News"),
            ("SVODKA__ACCESS__USERS__77", "admin"),
            ("SVODKA__ACCESS__USERS__78", "manager crm:29"),
        ];
        let variables: BTreeMap<_, _> =
            variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Settings::from_environment(&variables).unwrap()
    }

    fn caller(chat: i64, user: Option<i64>) -> Caller {
        let kind = if chat > 0 { PlaceKind::Private } else { PlaceKind::Group };
        let username = (chat == -1009).then(|| "shop_news".to_owned());
        let place = Place { id: chat, kind, username, topic: None };
        let asked = Asked { update_id: 1, place, user, user_name: None, message_id: 1, what: What::Words };
        Caller::of(&asked, &settings(), |id| (id == -1001).then_some(-1055))
    }

    #[test]
    fn a_group_bounds_what_is_shown_and_a_person_may_still_change_there() {
        let admin_among_leads = caller(-1001, Some(77));
        assert_eq!(admin_among_leads.reach(Need::Team), Some(Reach::Everything));
        assert_eq!(admin_among_leads.reach(Need::Operate), None, "the others would read it");
        assert_eq!(admin_among_leads.reach(Need::Change), Some(Reach::Everything));
        assert_eq!(caller(-1001, Some(79)).reach(Need::Change), None);
        assert_eq!(caller(77, Some(77)).reach(Need::Operate), Some(Reach::Everything));
        assert_eq!(caller(-1055, None).chats, ["managers"], "it became a supergroup");
        assert_eq!(caller(-1009, None).chats, ["shop"]);
        assert_eq!(caller(-1009, None).reach(Need::Team), None, "a chat without a digest is a viewer");
    }

    #[test]
    fn a_manager_reaches_what_is_theirs_and_a_stranger_nothing() {
        assert_eq!(caller(78, Some(78)).reach(Need::Team), Some(Reach::Own(ManagerId::Crm(29))));
        assert_eq!(caller(501, Some(501)).reach(Need::Team), Some(Reach::Own(ManagerId::Crm(28))));
        assert_eq!(caller(501, Some(501)).reach(Need::Bot), None);
        let stranger = caller(600, Some(600));
        assert!(!stranger.is_known());
        assert_eq!(
            (stranger.reach(Need::Nothing), stranger.reach(Need::Known)),
            (Some(Reach::Everything), None)
        );
        assert!(!caller(-1077, Some(77)).is_known(), "an administrator does not bring a chat along");
        assert_eq!(caller(-1002, None).reach(Need::Numbers), None, "the duty sees no figures");
    }
}
