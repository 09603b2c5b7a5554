//! Speed of the text analysis: messages a second, labels and mask. `cargo bench --bench text`.

use std::time::Instant;

use svodka::text::lexicon::Lexicon;
use svodka::text::{Model, corpus, mask};

fn main() {
    let text = include_str!("../tests/data/chats-dev.jsonl");
    let lexicon = Lexicon::shipped();
    let start = Instant::now();
    let model = Model::shipped().expect("a sound model");
    println!("load: {:?}", start.elapsed());
    let conversations = corpus::read(text).expect("a sound corpus");
    let messages: usize = conversations.iter().map(|conversation| conversation.messages.len()).sum();
    let start = Instant::now();
    let labelled: usize =
        conversations.iter().map(|conversation| model.label(conversation, lexicon).len()).sum();
    assert_eq!(labelled, messages);
    println!("label: {messages} messages, {:.0}/s", messages as f64 / start.elapsed().as_secs_f64());
    let start = Instant::now();
    let spans: usize = conversations
        .iter()
        .flat_map(|c| &c.messages)
        .map(|message| mask(&message.text, lexicon).spans.len())
        .sum();
    println!(
        "mask: {spans} pieces hidden, {:.0} messages/s",
        messages as f64 / start.elapsed().as_secs_f64()
    );
}
