//! Token usage: each call counts once, however it comes.

mod job;
mod langfuse;
mod push;
mod reader;
