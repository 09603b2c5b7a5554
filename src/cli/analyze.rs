//! `svodka analyze`: a line of labels per message.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;

use crate::text::corpus::read_line;
use crate::text::lexicon::Lexicon;
use crate::text::{Analyst, MessageLabels, Model, Question, Sender, Sentiment, mask};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Conversations, one JSON object a line: {"id", "channel", "messages": [{"n", "at", "from", "text"}]}
    file: PathBuf,
    /// Print JSON lines
    #[arg(long)]
    json: bool,
    /// More words for the analysis, in the form of config/lexicon.toml
    #[arg(long)]
    lexicon: Option<PathBuf>,
}

/// One message as `--json` prints it.
#[derive(Debug, Serialize)]
struct Line<'a> {
    id: &'a str,
    n: i64,
    #[serde(flatten)]
    labels: MessageLabels,
    masked: &'a str,
}

/// Prints a line per message, conversation by conversation: the file may be larger than the memory.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let model = Model::shipped().context("the compiled-in text model is damaged")?;
    let extended = match &args.lexicon {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            Some(Lexicon::extended(&text).with_context(|| path.display().to_string())?)
        }
        None => None,
    };
    let lexicon = extended.as_ref().unwrap_or_else(|| Lexicon::shipped());
    let mut analyst = Analyst::new(model, lexicon);
    let mut labels = Vec::new();
    let file =
        std::fs::File::open(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let place = || format!("{}, line {}", args.file.display(), index + 1);
        let line = line.with_context(place)?;
        if line.trim().is_empty() {
            continue;
        }
        let conversation = read_line(index + 1, &line).with_context(|| args.file.display().to_string())?;
        analyst.label(&conversation, &mut labels);
        if !args.json {
            say!("{}", conversation.id);
        }
        for (message, labels) in conversation.messages.iter().zip(&labels) {
            let labels = MessageLabels::from_columns(*labels, message.sender);
            let masked = mask(&message.text, lexicon).text;
            if args.json {
                let line = Line { id: &conversation.id, n: message.n, labels, masked: &masked };
                say!("{}", serde_json::to_string(&line)?);
            } else {
                let who = sender_word(message.sender);
                say!("{:>4} {who:<9} {}{}", message.n, masked.replace('\n', " / "), words(&labels));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn sender_word(sender: Sender) -> &'static str {
    match sender {
        Sender::Customer => "клиент",
        Sender::Manager => "менеджер",
        Sender::Bot => "бот",
        Sender::System => "система",
    }
}

/// The labels in Russian behind the text; nothing when there are none.
fn words(labels: &MessageLabels) -> String {
    let mut words: Vec<String> = Vec::new();
    if !labels.spin.is_empty() {
        words.push(format!("SPIN {}", labels.spin.join("")));
    }
    match labels.question {
        Question::Open => words.push("открытый вопрос".to_owned()),
        Question::Closed => words.push("закрытый вопрос".to_owned()),
        Question::Other => words.push("вопрос с выбором".to_owned()),
        Question::None => {}
    }
    if labels.next_step {
        words.push("следующий шаг".to_owned());
    }
    if labels.upsell {
        words.push("допродажа".to_owned());
    }
    words.extend(labels.stages.iter().map(|stage| format!("этап: {}", stage_word(stage))));
    words.extend(labels.intent.iter().map(|intent| intent_word(intent).to_owned()));
    match labels.sentiment {
        Sentiment::Neg => words.push("недоволен".to_owned()),
        Sentiment::Pos => words.push("доволен".to_owned()),
        Sentiment::Neu => {}
    }
    if labels.objection {
        words.push("возражение".to_owned());
    }
    if words.is_empty() { String::new() } else { format!("  [{}]", words.join(", ")) }
}

fn stage_word(stage: &str) -> &str {
    match stage {
        "greeting" => "приветствие",
        "needs" => "потребности",
        "presentation" => "презентация",
        "objection" => "работа с возражением",
        "closing" => "закрытие",
        other => other,
    }
}

fn intent_word(intent: &str) -> &str {
    match intent {
        "price" => "цена",
        "availability" => "наличие",
        "delivery" => "доставка",
        "size" => "размер",
        "buy" => "покупает",
        "payment" => "оплата",
        "complaint" => "жалоба",
        "return" => "возврат",
        other => other,
    }
}
