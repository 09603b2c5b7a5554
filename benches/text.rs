//! Speed of the text analysis: what a million messages and a day cost, on one thread and on two. `cargo bench --bench text`.
//!
//! The million is the labelled corpus over and over, one word in twenty changed to one never seen before, so that the
//! memory for words is not flattered. The reference is the least any analysis does: reading every letter and hashing every word.

use std::hint::black_box;
use std::time::{Duration, Instant};

use svodka::text::lexicon::Lexicon;
use svodka::text::token::scan;
use svodka::text::{Analyst, Conversation, Model, corpus, mask};

const MESSAGES: usize = 1_000_000;
const DAY: usize = 5_000;

fn main() {
    let lexicon = Lexicon::shipped();
    let start = Instant::now();
    let model = Model::shipped().expect("a sound model");
    println!("load: {:?}", start.elapsed());
    let conversations = many(MESSAGES);
    let count: usize = conversations.iter().map(|conversation| conversation.messages.len()).sum();
    let bytes: usize = conversations.iter().flat_map(|c| &c.messages).map(|message| message.text.len()).sum();
    println!("work: {count} messages of {} bytes on average", bytes / count);
    let reference = timed("reference, one thread", count, || {
        let mut buffer = String::new();
        let mut words = 0_usize;
        for message in conversations.iter().flat_map(|conversation| &conversation.messages) {
            scan(&message.text, &mut buffer, |folded, _, _| words += folded.len());
        }
        black_box(words);
    });
    let label = |part: &[Conversation]| {
        let mut analyst = Analyst::new(model, lexicon);
        let mut labels = Vec::new();
        for conversation in part {
            analyst.label(conversation, &mut labels);
            black_box(&labels);
        }
    };
    let one = timed("labels, one thread", count, || label(&conversations));
    println!("ratio to the reference: {:.1}", one.as_secs_f64() / reference.as_secs_f64());
    timed("labels, two threads", count, || {
        let (left, right) = conversations.split_at(conversations.len() / 2);
        std::thread::scope(|scope| {
            scope.spawn(|| label(left));
            label(right);
        });
    });
    let mut day = 0;
    let mut in_day = 0;
    while in_day < DAY {
        in_day += conversations[day].messages.len();
        day += 1;
    }
    timed("a day, one thread", in_day, || label(&conversations[..day]));
    let texts: Vec<&str> =
        conversations[..day].iter().flat_map(|c| &c.messages).map(|message| message.text.as_str()).collect();
    timed("masks, one thread", texts.len(), || {
        black_box(texts.iter().map(|text| mask(text, lexicon).spans.len()).sum::<usize>());
    });
}

fn timed(what: &str, count: usize, work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    let time = start.elapsed();
    println!("{what}: {count} messages in {time:?}, {:.2} µs each", time.as_secs_f64() * 1e6 / count as f64);
    time
}

/// Conversations of the corpus with at least this many messages together.
fn many(messages: usize) -> Vec<Conversation> {
    let files = [
        include_str!("../tests/data/chats-dev.jsonl"),
        include_str!("../tests/data/chats-train-a.jsonl"),
        include_str!("../tests/data/chats-train-b.jsonl"),
    ];
    let corpus: Vec<_> = files.iter().flat_map(|text| corpus::read(text).expect("a sound corpus")).collect();
    let (mut all, mut count, mut word) = (Vec::new(), 0, 0_usize);
    for conversation in corpus.iter().cycle() {
        if count >= messages {
            break;
        }
        count += conversation.messages.len();
        let mut conversation = conversation.clone();
        for message in &mut conversation.messages {
            let text: Vec<String> = message
                .text
                .split(' ')
                .map(|part| {
                    word += 1;
                    if word.is_multiple_of(20) { format!("{part}{}", odd(word)) } else { part.to_owned() }
                })
                .collect();
            message.text = text.join(" ");
        }
        all.push(conversation);
    }
    all
}

/// Letters that make a word new.
fn odd(mut number: usize) -> String {
    let mut letters = String::new();
    while number > 0 {
        letters.push(['а', 'к', 'о', 'т', 'е', 'р', 'и', 'н'][number % 8]);
        number /= 8;
    }
    letters
}
