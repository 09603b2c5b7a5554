//! Stateful stand-ins of the outside and the synthetic company that fills them.
pub mod telegram;
