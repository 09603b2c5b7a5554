//! What happens in chats.

use super::{
    Author, Chat, Dialog, Kind, Message, Model, NewMessage, NewMgCustomer, Responsible, SystemEvent, Unknown,
    position,
};
use crate::clock::Instant;

impl Model {
    /// Opens a chat with a new customer of the channel.
    pub fn add_chat(
        &mut self,
        at: Instant,
        channel_id: i64,
        customer: NewMgCustomer,
    ) -> Result<i64, Unknown> {
        if !self.channels.iter().any(|channel| channel.id == channel_id) {
            return Err(Unknown { kind: "channel", id: channel_id });
        }
        let customer_id = self.add_mg_customer(at, channel_id, customer);
        let (id, updated_at) = (self.ids.next(Kind::Chat), self.recorded(at));
        self.chats.push(Chat {
            id,
            channel_id,
            customer_id,
            created_at: at,
            updated_at,
            last_activity: None,
            dialog_ids: Vec::new(),
            message_ids: Vec::new(),
        });
        Ok(id)
    }

    /// The customer writes; returns the message id.
    pub fn customer_writes(&mut self, chat_id: i64, at: Instant, text: &str) -> Result<i64, Unknown> {
        let author = Author::Customer(self.chat(chat_id)?.customer_id);
        self.post(chat_id, at, NewMessage::text(author, text))
    }

    /// An employee answers; an unassigned dialog becomes theirs and the customer's messages are read.
    pub fn manager_replies(
        &mut self,
        chat_id: i64,
        at: Instant,
        mg_user_id: i64,
        text: &str,
    ) -> Result<i64, Unknown> {
        self.post(chat_id, at, NewMessage::text(Author::User(mg_user_id), text))
    }

    /// A bot answers. Nothing is read or assigned by that.
    pub fn bot_replies(
        &mut self,
        chat_id: i64,
        at: Instant,
        bot_id: i64,
        text: &str,
    ) -> Result<i64, Unknown> {
        self.post(chat_id, at, NewMessage::text(Author::Bot(bot_id), text))
    }

    /// Posts any message and does what follows from it: opens a dialog, assigns it, marks messages as read.
    pub fn post(&mut self, chat_id: i64, at: Instant, new: NewMessage) -> Result<i64, Unknown> {
        let chat = self.chat(chat_id)?;
        let open = chat.dialog_ids.last().copied().filter(|&id| self.is_open(id));
        if new.is_mass {
            return Ok(self.push_message(chat_id, None, at, None, Some(new)));
        }
        let dialog_id = match open {
            Some(id) => id,
            None => self.open_dialog(chat_id, at),
        };
        if let (Author::User(user), true) = (new.author, new.is_public) {
            if self.dialog(dialog_id)?.responsible.is_none() {
                self.assign_dialog(dialog_id, at, Responsible::User(user))?;
            }
            self.read_messages(chat_id, at)?;
        }
        Ok(self.push_message(chat_id, Some(dialog_id), at, None, Some(new)))
    }

    /// Gives the dialog to somebody and says so in the chat.
    pub fn assign_dialog(&mut self, dialog_id: i64, at: Instant, to: Responsible) -> Result<(), Unknown> {
        let recorded = self.recorded(at);
        let dialog = self.dialog_mut(dialog_id)?;
        (dialog.responsible, dialog.updated_at) = (Some((to, at)), recorded);
        let chat_id = dialog.chat_id;
        self.push_message(chat_id, Some(dialog_id), at, Some(SystemEvent::DialogAssigned(to)), None);
        Ok(())
    }

    /// Takes the dialog from whoever holds it.
    pub fn unassign_dialog(&mut self, dialog_id: i64, at: Instant) -> Result<(), Unknown> {
        let recorded = self.recorded(at);
        let dialog = self.dialog_mut(dialog_id)?;
        (dialog.responsible, dialog.updated_at) = (None, recorded);
        let chat_id = dialog.chat_id;
        self.push_message(chat_id, Some(dialog_id), at, Some(SystemEvent::DialogUnassigned), None);
        Ok(())
    }

    /// Closes the dialog; the next message opens another one. Closing twice changes nothing.
    pub fn close_dialog(&mut self, dialog_id: i64, at: Instant) -> Result<(), Unknown> {
        let recorded = self.recorded(at);
        let dialog = self.dialog(dialog_id)?;
        let chat_id = dialog.chat_id;
        if dialog.closed_at.is_some() {
            return Ok(());
        }
        let last = self.push_message(chat_id, Some(dialog_id), at, Some(SystemEvent::DialogClosed), None);
        let dialog = self.dialog_mut(dialog_id)?;
        dialog.closed_at = Some(at);
        dialog.ending_message_id = Some(last);
        dialog.updated_at = recorded;
        Ok(())
    }

    /// Changes labels or the attribution of a dialog.
    pub fn change_dialog(
        &mut self,
        dialog_id: i64,
        at: Instant,
        change: impl FnOnce(&mut Dialog),
    ) -> Result<(), Unknown> {
        let recorded = self.recorded(at);
        let dialog = self.dialog_mut(dialog_id)?;
        change(dialog);
        dialog.updated_at = recorded;
        Ok(())
    }

    /// Replaces the words of a message.
    pub fn edit_message(&mut self, id: i64, at: Instant, text: &str) -> Result<(), Unknown> {
        self.change_message(id, at, |message| {
            message.content = Some(text.trim().to_owned());
            message.is_edited = true;
        })
    }

    /// Deletes a message: it leaves the lists, its chat counts as changed.
    pub fn delete_message(&mut self, id: i64, at: Instant) -> Result<(), Unknown> {
        self.change_message(id, at, |message| message.deleted_at = Some(at))
    }

    /// Marks all messages of the customer as read.
    pub fn read_messages(&mut self, chat_id: i64, at: Instant) -> Result<(), Unknown> {
        let recorded = self.recorded(at);
        let ids = self.chat(chat_id)?.message_ids.clone();
        // Reading always reaches back to the last read message, so the walk may stop there.
        for id in ids.into_iter().rev() {
            let Some(index) = position(&self.messages, id, |message| message.id) else { continue };
            let message = &mut self.messages[index];
            if !matches!(message.author, Some(Author::Customer(_))) {
                continue;
            }
            if message.is_read {
                break;
            }
            message.is_read = true;
            message.updated_at = recorded;
        }
        Ok(())
    }

    /// A chat by id.
    pub fn chat(&self, id: i64) -> Result<&Chat, Unknown> {
        position(&self.chats, id, |chat| chat.id)
            .map(|index| &self.chats[index])
            .ok_or(Unknown { kind: "chat", id })
    }

    /// A dialog by id.
    pub fn dialog(&self, id: i64) -> Result<&Dialog, Unknown> {
        position(&self.dialogs, id, |dialog| dialog.id)
            .map(|index| &self.dialogs[index])
            .ok_or(Unknown { kind: "dialog", id })
    }

    /// A message by id, deleted or not.
    pub fn message(&self, id: i64) -> Result<&Message, Unknown> {
        position(&self.messages, id, |message| message.id)
            .map(|index| &self.messages[index])
            .ok_or(Unknown { kind: "message", id })
    }

    /// The newest dialog of a chat, open or closed.
    pub fn last_dialog(&self, chat_id: i64) -> Option<&Dialog> {
        let id = *self.chat(chat_id).ok()?.dialog_ids.last()?;
        self.dialog(id).ok()
    }

    fn is_open(&self, dialog_id: i64) -> bool {
        self.dialog(dialog_id).is_ok_and(|dialog| dialog.closed_at.is_none())
    }

    fn dialog_mut(&mut self, id: i64) -> Result<&mut Dialog, Unknown> {
        position(&self.dialogs, id, |dialog| dialog.id)
            .map(|index| &mut self.dialogs[index])
            .ok_or(Unknown { kind: "dialog", id })
    }

    fn change_message(
        &mut self,
        id: i64,
        at: Instant,
        change: impl FnOnce(&mut Message),
    ) -> Result<(), Unknown> {
        let recorded = self.recorded(at);
        let index =
            position(&self.messages, id, |message| message.id).ok_or(Unknown { kind: "message", id })?;
        let message = &mut self.messages[index];
        change(message);
        message.updated_at = recorded;
        if let Some(chat) = position(&self.chats, message.chat_id, |chat| chat.id) {
            self.chats[chat].updated_at = recorded;
        }
        Ok(())
    }

    fn open_dialog(&mut self, chat_id: i64, at: Instant) -> i64 {
        let (id, updated_at) = (self.ids.next(Kind::Dialog), self.recorded(at));
        self.dialogs.push(Dialog {
            id,
            chat_id,
            begin_message_id: None,
            ending_message_id: None,
            responsible: None,
            created_at: at,
            updated_at,
            closed_at: None,
            tags: Vec::new(),
            utm: None,
        });
        if let Some(index) = position(&self.chats, chat_id, |chat| chat.id) {
            self.chats[index].dialog_ids.push(id);
        }
        let first = self.push_message(chat_id, Some(id), at, Some(SystemEvent::DialogOpened), None);
        if let Ok(dialog) = self.dialog_mut(id) {
            dialog.begin_message_id = Some(first);
        }
        id
    }

    /// Appends a message of either sort and marks its chat as changed.
    fn push_message(
        &mut self,
        chat_id: i64,
        dialog_id: Option<i64>,
        sent_at: Instant,
        event: Option<SystemEvent>,
        new: Option<NewMessage>,
    ) -> i64 {
        let (id, recorded) = (self.ids.next(Kind::Message), self.recorded(sent_at));
        let is_mass = new.as_ref().is_some_and(|new| new.is_mass);
        if let Some(index) = position(&self.chats, chat_id, |chat| chat.id) {
            let chat = &mut self.chats[index];
            chat.message_ids.push(id);
            if !is_mass {
                chat.updated_at = recorded;
                chat.last_activity = chat.last_activity.max(Some(sent_at));
            }
        }
        let from_customer = matches!(new, Some(NewMessage { author: Author::Customer(_), .. }));
        let message = Message {
            id,
            chat_id,
            dialog_id,
            sent_at,
            created_at: recorded,
            updated_at: recorded,
            kind: new.as_ref().map_or_else(|| "system".to_owned(), |new| new.kind.clone()),
            is_public: new.as_ref().is_some_and(|new| new.is_public),
            author: new.as_ref().map(|new| new.author),
            media: new.as_ref().and_then(|new| new.media),
            order_id: new.as_ref().and_then(|new| new.order_id),
            content: new.and_then(|new| new.content),
            event,
            is_read: !from_customer,
            is_edited: false,
            is_mass,
            deleted_at: None,
        };
        self.messages.push(message);
        id
    }
}
