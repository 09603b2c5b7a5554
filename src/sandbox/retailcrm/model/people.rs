//! Employees, bots, channels and customers in both numberings.

use super::{Kind, Model, Unknown, position};
use crate::clock::Instant;

/// An employee, who exists in the CRM and in the chats under two ids.
#[derive(Debug, Clone)]
pub struct User {
    /// Id in API v5.
    pub crm_id: i64,
    /// Id in the Bot API.
    pub mg_id: i64,
    /// API v5 names the chat id. Off: only `external_id` of the Bot API joins the two.
    pub crm_names_mg: bool,
    /// What the Bot API says the CRM id is; `""` for technical accounts.
    pub external_id: String,
    pub first_name: String,
    pub last_name: String,
    pub is_manager: bool,
    pub is_active: bool,
    pub is_technical: bool,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// A bot of the shop.
#[derive(Debug, Clone)]
pub struct Bot {
    pub id: i64,
    pub name: String,
    /// The bot our own token belongs to.
    pub is_self: bool,
    pub created_at: Instant,
}

/// A messenger account of the shop.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Id in the Bot API; API v5 shows it as `externalId`.
    pub id: i64,
    /// `telegram`, `whatsapp`, …; an open set.
    pub kind: String,
    pub name: String,
    pub is_active: bool,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// Somebody who writes in one channel.
#[derive(Debug, Clone)]
pub struct MgCustomer {
    pub id: i64,
    pub channel_id: i64,
    /// Id in the messenger, or a phone.
    pub external_id: String,
    pub first_name: String,
    pub last_name: String,
    pub username: String,
    pub phone: String,
    /// The CRM's customer, once somebody made the link.
    pub customer_id: Option<i64>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// A new writer. Empty strings are "unset".
#[derive(Debug, Clone, Default)]
pub struct NewMgCustomer {
    pub first_name: String,
    pub last_name: String,
    pub username: String,
    pub phone: String,
}

/// A customer of the CRM.
#[derive(Debug, Clone)]
pub struct Customer {
    pub id: i64,
    pub external_id: Option<String>,
    pub first_name: String,
    pub last_name: String,
    pub phone: String,
    pub manager_id: Option<i64>,
    pub site: String,
    pub created_at: Instant,
    /// Who this is in the chats.
    pub mg_customer_ids: Vec<i64>,
}

/// A new customer of the CRM.
#[derive(Debug, Clone, Default)]
pub struct NewBuyer {
    pub first_name: String,
    pub last_name: String,
    pub phone: String,
    pub external_id: Option<String>,
}

impl Model {
    /// Hires a manager known to both APIs.
    pub fn add_user(&mut self, at: Instant, first_name: &str, last_name: &str) -> User {
        let (crm_id, mg_id) = (self.ids.next(Kind::CrmUser), self.ids.next(Kind::MgUser));
        let user = User {
            crm_id,
            mg_id,
            crm_names_mg: true,
            external_id: crm_id.to_string(),
            first_name: first_name.to_owned(),
            last_name: last_name.to_owned(),
            is_manager: true,
            is_active: true,
            is_technical: false,
            created_at: at,
            updated_at: self.recorded(at),
        };
        self.users.push(user.clone());
        user
    }

    /// Changes an employee as `change` says.
    pub fn change_user(
        &mut self,
        crm_id: i64,
        at: Instant,
        change: impl FnOnce(&mut User),
    ) -> Result<(), Unknown> {
        let recorded = self.recorded(at);
        let user = self
            .users
            .iter_mut()
            .find(|user| user.crm_id == crm_id)
            .ok_or(Unknown { kind: "user", id: crm_id })?;
        change(user);
        user.updated_at = recorded;
        Ok(())
    }

    /// Adds a bot; the first one is the one our token belongs to.
    pub fn add_bot(&mut self, at: Instant, name: &str) -> i64 {
        let id = self.ids.next(Kind::Bot);
        self.bots.push(Bot { id, name: name.to_owned(), is_self: self.bots.is_empty(), created_at: at });
        id
    }

    /// Adds a channel.
    pub fn add_channel(&mut self, at: Instant, kind: &str, name: &str) -> i64 {
        let (id, updated_at) = (self.ids.next(Kind::Channel), self.recorded(at));
        let (kind, name) = (kind.to_owned(), name.to_owned());
        self.channels.push(Channel { id, kind, name, is_active: true, created_at: at, updated_at });
        id
    }

    /// Adds somebody who writes in the channel; their messenger id is made up from the new id.
    pub fn add_mg_customer(&mut self, at: Instant, channel_id: i64, new: NewMgCustomer) -> i64 {
        let (id, updated_at) = (self.ids.next(Kind::MgCustomer), self.recorded(at));
        let external_id =
            if new.phone.is_empty() { (333_296_000 + id).to_string() } else { new.phone.clone() };
        self.mg_customers.push(MgCustomer {
            id,
            channel_id,
            external_id,
            first_name: new.first_name,
            last_name: new.last_name,
            username: new.username,
            phone: new.phone,
            customer_id: None,
            created_at: at,
            updated_at,
        });
        id
    }

    /// Adds a customer to the CRM, not yet tied to any chat.
    pub fn add_customer(&mut self, at: Instant, new: NewBuyer) -> i64 {
        let id = self.ids.next(Kind::Customer);
        self.customers.push(Customer {
            id,
            external_id: new.external_id,
            first_name: new.first_name,
            last_name: new.last_name,
            phone: new.phone,
            manager_id: None,
            site: self.main_site(),
            created_at: at,
            mg_customer_ids: Vec::new(),
        });
        id
    }

    /// Says that a customer of the CRM is this person of the chats.
    pub fn link_customer(&mut self, customer_id: i64, mg_customer_id: i64) -> Result<(), Unknown> {
        let mg_index = position(&self.mg_customers, mg_customer_id, |customer| customer.id)
            .ok_or(Unknown { kind: "MG customer", id: mg_customer_id })?;
        let customer = position(&self.customers, customer_id, |customer| customer.id)
            .map(|index| &mut self.customers[index])
            .ok_or(Unknown { kind: "customer", id: customer_id })?;
        if !customer.mg_customer_ids.contains(&mg_customer_id) {
            customer.mg_customer_ids.push(mg_customer_id);
        }
        self.mg_customers[mg_index].customer_id = Some(customer_id);
        Ok(())
    }

    /// The CRM customer whom this person of the chats belongs to.
    pub fn customer_of(&self, mg_customer_id: i64) -> Option<&Customer> {
        self.customer(self.mg_customer(mg_customer_id).ok()?.customer_id?).ok()
    }

    /// A customer of the CRM.
    pub fn customer(&self, id: i64) -> Result<&Customer, Unknown> {
        position(&self.customers, id, |customer| customer.id)
            .map(|index| &self.customers[index])
            .ok_or(Unknown { kind: "customer", id })
    }

    /// A person of the chats.
    pub fn mg_customer(&self, id: i64) -> Result<&MgCustomer, Unknown> {
        position(&self.mg_customers, id, |customer| customer.id)
            .map(|index| &self.mg_customers[index])
            .ok_or(Unknown { kind: "MG customer", id })
    }

    /// An employee by the id of the chats.
    pub fn mg_user(&self, mg_id: i64) -> Result<&User, Unknown> {
        self.users.iter().find(|user| user.mg_id == mg_id).ok_or(Unknown { kind: "MG user", id: mg_id })
    }

    /// The code of the first store.
    pub(super) fn main_site(&self) -> String {
        self.settings.sites.first().map_or_else(|| "main".to_owned(), |site| site.code.to_owned())
    }
}
