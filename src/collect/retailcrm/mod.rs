//! The official RetailCRM APIs: v5 (orders, users) and MG Bot API (chats).
