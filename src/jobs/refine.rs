//! The optional language model: refines kinds of question, tone and the wording of a manager's plan.
//!
//! It only ever changes what the rules have said, never adds a message or a number, and whenever it fails the rules' result stands.
//! Texts are masked before they leave. Each answer is kept by the content it was asked about, so nothing is asked twice, and a
//! conversation analysed anew gets its refinement back without a question. A round fails once: after the first failure it asks no more.

use chrono::TimeDelta;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Work, behaviour, sync};
use crate::clock::Instant;
use crate::collect::refine::{RefineError, Refiner, RefinerConfig};
use crate::facts::Marks;
use crate::measure::Period;
use crate::measure::behaviour::Problem;
use crate::render::behaviour::plan_text;
use crate::schedule::runner::{JobContext, JobError};
use crate::settings::Settings;
use crate::settings::refine::RefineSettings;
use crate::store::Store;
use crate::store::refinements::{RefineCandidate, Refinement};
use crate::text::lexicon::Lexicon;
use crate::text::mask::mask;

/// Messages this old are in no coming digest of a week.
const WINDOW: TimeDelta = TimeDelta::days(8);
/// Messages looked at in a round, messages of a question, questions of a round.
const CANDIDATES: i64 = 400;
const ITEMS: usize = 20;
const QUESTIONS: usize = 10;
/// Code points of a message that are shown.
const TEXT: usize = 500;
/// Code points of a plan that are taken.
const PLAN: usize = 600;
/// Grows with every change of the tasks below: other words, other answers.
const VERSION: u32 = 1;

const TASK: &str = "Ты размечаешь переписку магазина. Для каждого пункта kind=spin реши, какие вопросы задаёт менеджер в text (before — \
    слова клиента до того): S — о ситуации клиента, P — о трудностях, I — о последствиях трудности, N — о пользе решения; нет таких — пустой список. \
    Для каждого пункта kind=tone реши, как звучит клиент: negative, neutral или positive. \
    Ответь только JSON-списком вида [{\"n\":1,\"labels\":[\"S\"]},{\"n\":2,\"labels\":[\"neutral\"]}], по одному элементу на пункт.";
const PLAN_TASK: &str = "Перепиши совет менеджеру по продажам: просто, доброжелательно, на «вы», не длиннее 400 знаков, без списков и разметки. \
    Не добавляй новых чисел и фактов. Ответь только текстом совета.";

const SPIN: [(&str, Marks); 4] =
    [("S", Marks::SPIN_S), ("P", Marks::SPIN_P), ("I", Marks::SPIN_I), ("N", Marks::SPIN_N)];
const TONES: [(&str, Marks); 3] =
    [("negative", Marks::NEGATIVE), ("neutral", Marks(0)), ("positive", Marks::POSITIVE)];

#[derive(Debug, Deserialize)]
struct Labelled {
    n: usize,
    labels: Vec<String>,
}

/// One message as the model sees it.
struct Item {
    candidate: RefineCandidate,
    hash: String,
    question: serde_json::Value,
}

/// Applies what is known and, when it `may_ask`, asks about the rest within the day's budget. Returns how many messages changed.
/// Does nothing where no model is configured.
///
/// # Errors
/// The store's. A failing model is logged here and is no error.
pub async fn round(settings: &Settings, store: &Store, now: Instant, may_ask: bool) -> Result<u64, JobError> {
    let Some(refine) = &settings.refine else { return Ok(0) };
    let asks = Marks(Marks::QUESTION.0 | SPIN.iter().fold(0, |all, (_, mark)| all | mark.0));
    let candidates = store.refine_candidates(now - WINDOW, asks, CANDIDATES).await?;
    let items: Vec<Item> = candidates.into_iter().map(|candidate| item(candidate, refine)).collect();
    let hashes: Vec<String> = items.iter().map(|item| item.hash.clone()).collect();
    let known = store.refinements(&hashes).await?;
    let (known_items, new): (Vec<_>, Vec<_>) =
        items.into_iter().partition(|item| known.contains_key(&item.hash));
    let answered = known_items.iter().filter_map(|item| change(&item.candidate, known.get(&item.hash)?));
    let mut changed = store.refine_marks(&answered.collect::<Vec<_>>()).await?;
    if !may_ask {
        return Ok(changed);
    }
    let Some(refiner) = refiner(refine) else { return Ok(changed) };
    for batch in new.chunks(ITEMS).take(QUESTIONS) {
        if !has_budget(settings, refine, store, now).await? {
            break;
        }
        match ask(&refiner, batch).await {
            Ok(answers) => {
                store.save_refinements(&answers, now).await?;
                let changes = batch.iter().zip(&answers);
                let changes = changes.filter_map(|(item, one)| change(&item.candidate, &one.answer));
                changed += store.refine_marks(&changes.collect::<Vec<_>>()).await?;
            }
            Err(error) => {
                told(&error);
                break;
            }
        }
    }
    Ok(changed)
}

/// Asks for the wording of the plans that the coming digest will tell to managers in chats of their own.
pub async fn word_plans(work: &Work, context: &JobContext) {
    let Some(refine) = &work.settings.refine else { return };
    // A failed reading is logged where it happens, and told by the digest itself.
    let _ = sync::refresh(work, context).await;
    if let Err(error) = try_word_plans(work, context, refine).await {
        tracing::warn!(reason = error.reason, "plans keep their own words: {}", error.note);
    }
}

async fn try_word_plans(work: &Work, context: &JobContext, refine: &RefineSettings) -> Result<(), JobError> {
    let (settings, store) = (&work.settings, &work.store);
    let digest = behaviour::compute(settings, store, &context.run, context.now).await?;
    let own = |id| settings.chat_managers.values().any(|manager| *manager == id);
    let Some(refiner) = refiner(refine) else { return Ok(()) };
    for problem in digest.managers.iter().filter(|one| own(one.id)).filter_map(|one| one.focus) {
        let (hash, text) = plan_question(&problem, refine);
        let is_known = !store.refinements(std::slice::from_ref(&hash)).await?.is_empty();
        if is_known || !has_budget(settings, refine, store, context.now).await? {
            continue;
        }
        match refiner.ask(PLAN_TASK, &text).await {
            Ok(answer) => {
                let wording = usable_plan(&answer.text, &text).unwrap_or_default();
                let one = Refinement { content_hash: hash, answer: wording, token_count: answer.tokens };
                store.save_refinements(&[one], context.now).await?;
            }
            Err(error) => {
                told(&error);
                break;
            }
        }
    }
    Ok(())
}

/// The wording of a plan that is known already.
pub(super) async fn wording(
    settings: &Settings,
    store: &Store,
    problem: &Problem,
) -> Result<Option<String>, JobError> {
    let Some(refine) = &settings.refine else { return Ok(None) };
    let (hash, _) = plan_question(problem, refine);
    let found = store.refinements(std::slice::from_ref(&hash)).await?;
    Ok(found.into_values().next().filter(|wording| !wording.is_empty()))
}

fn plan_question(problem: &Problem, refine: &RefineSettings) -> (String, String) {
    let text = plan_text(problem);
    (content_hash(refine, "plan", &text), text)
}

/// The answer on one line, unless it is long or has a number that the plan has not.
fn usable_plan(answer: &str, plan: &str) -> Option<String> {
    let line = answer.split_whitespace().collect::<Vec<_>>().join(" ");
    let numbers = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_numeric()).filter(|n| !n.is_empty()).map(str::to_owned).collect()
    };
    let known = numbers(plan);
    let is_true = numbers(&line).iter().all(|number| known.contains(number));
    let is_russian = line.chars().any(|c| ('а'..='я').contains(&c));
    (is_true && is_russian && line.chars().count() <= PLAN).then_some(line)
}

fn refiner(refine: &RefineSettings) -> Option<Refiner> {
    let config = RefinerConfig {
        url: refine.url.clone(),
        model: refine.model.clone(),
        api_key: refine.api_key.clone(),
        timeout: refine.timeout,
    };
    Refiner::new(config)
        .inspect_err(|error| tracing::warn!(reason = "bad_client", "no language model: {error}"))
        .ok()
}

fn told(error: &RefineError) {
    tracing::warn!(
        source.name = "refine",
        reason = error.reason,
        "the language model is not asked any more in this round, the rules' result stands: {error}"
    );
}

async fn has_budget(
    settings: &Settings,
    refine: &RefineSettings,
    store: &Store,
    now: Instant,
) -> Result<bool, JobError> {
    let today = Period::day(now.with_timezone(&settings.zone).date_naive(), settings.zone);
    Ok(store.refine_tokens_since(today.from).await? < refine.tokens_per_day)
}

fn item(candidate: RefineCandidate, refine: &RefineSettings) -> Item {
    let hidden = |text: &str| mask(text, Lexicon::shipped()).text.chars().take(TEXT).collect::<String>();
    let kind = if candidate.is_managers { "spin" } else { "tone" };
    let text = hidden(&candidate.text);
    let before = if candidate.is_managers { hidden(&candidate.before) } else { String::new() };
    let hash = content_hash(refine, kind, &format!("{before}\n\n{text}"));
    let question = serde_json::json!({"kind": kind, "before": before, "text": text});
    Item { candidate, hash, question }
}

fn content_hash(refine: &RefineSettings, kind: &str, text: &str) -> String {
    let mut hash = Sha256::new();
    for part in [&VERSION.to_string(), refine.url.as_str(), &refine.model, kind, text] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Answers in the order of the items; the first carries what the question cost.
async fn ask(refiner: &Refiner, items: &[Item]) -> Result<Vec<Refinement>, RefineError> {
    let numbered: Vec<serde_json::Value> = (1..)
        .zip(items)
        .map(|(n, item): (usize, _)| {
            let mut question = item.question.clone();
            question["n"] = n.into();
            question
        })
        .collect();
    let answer = refiner.ask(TASK, &serde_json::Value::from(numbered).to_string()).await?;
    let labelled = read(&answer.text);
    Ok((1..)
        .zip(items)
        .map(|(n, item): (usize, _)| {
            let labels = labelled.iter().find(|one| one.n == n).map(|one| one.labels.as_slice());
            Refinement {
                content_hash: item.hash.clone(),
                answer: labels.and_then(|labels| usable(&item.candidate, labels)).unwrap_or_default(),
                token_count: if n == 1 { answer.tokens } else { 0 },
            }
        })
        .collect())
}

/// The list in an answer, with or without words around it; empty when there is none.
fn read(answer: &str) -> Vec<Labelled> {
    let list = answer.find('[').zip(answer.rfind(']')).and_then(|(from, to)| answer.get(from..=to));
    list.and_then(|list| serde_json::from_str(list).ok()).unwrap_or_default()
}

/// The labels as they are kept; `None` when one of them is no label.
fn usable(candidate: &RefineCandidate, labels: &[String]) -> Option<String> {
    if candidate.is_managers {
        let is_known = |label: &String| SPIN.iter().any(|(name, _)| name == label);
        return labels.iter().all(is_known).then(|| format!("spin:{}", labels.concat()));
    }
    match labels {
        [tone] if TONES.iter().any(|(name, _)| name == tone) => Some(format!("tone:{tone}")),
        _ => None,
    }
}

/// What an answer makes of a message's marks; `None` when there is no answer in it.
fn change(candidate: &RefineCandidate, answer: &str) -> Option<(i64, Marks, Marks)> {
    let (kind, labels) = answer.split_once(':')?;
    let of = |all: &[(&str, Marks)], is_set: &dyn Fn(&str) -> bool| {
        let cleared = all.iter().fold(candidate.marks.0, |marks, (_, mark)| marks & !mark.0);
        let set = all.iter().filter(|(name, _)| is_set(name));
        set.fold(Marks(cleared), |marks, (_, mark)| marks.with(*mark))
    };
    let marks = match kind {
        "spin" => of(&SPIN, &|name| labels.contains(name)),
        _ => of(&TONES, &|name| labels == name),
    };
    Some((candidate.message_id, candidate.marks, marks.with(Marks::REFINED)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(is_managers: bool, marks: Marks) -> RefineCandidate {
        RefineCandidate { message_id: 7, is_managers, text: String::new(), marks, before: String::new() }
    }

    #[test]
    fn an_answer_replaces_the_labels_it_is_about_and_no_others() {
        let said = candidate(true, Marks::SPIN_S.with(Marks::OPEN_QUESTION));
        let (_, from, to) = change(&said, "spin:PI").unwrap();
        assert_eq!(from, said.marks);
        assert_eq!(to, Marks::OPEN_QUESTION.with(Marks::SPIN_P).with(Marks::SPIN_I).with(Marks::REFINED));
        let said = candidate(false, Marks::NEGATIVE.with(Marks::PRICE));
        assert_eq!(change(&said, "tone:neutral").unwrap().2, Marks::PRICE.with(Marks::REFINED));
        assert_eq!(change(&said, ""), None, "asked, and nothing usable came");
    }

    #[test]
    fn only_labels_that_exist_are_taken_from_an_answer() {
        let labels = |list: &[&str]| list.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>();
        let (manager, customer) = (candidate(true, Marks(0)), candidate(false, Marks(0)));
        assert_eq!(usable(&manager, &labels(&[])).as_deref(), Some("spin:"));
        assert_eq!(usable(&manager, &labels(&["S", "N"])).as_deref(), Some("spin:SN"));
        assert_eq!(usable(&manager, &labels(&["S", "angry"])), None);
        assert_eq!(usable(&customer, &labels(&["positive"])).as_deref(), Some("tone:positive"));
        assert_eq!(usable(&customer, &labels(&[])), None);
        assert_eq!(read("вот:\n```json\n[{\"n\":1,\"labels\":[]}]\n```").len(), 1);
        assert!(read("не знаю ]").is_empty());
    }

    #[test]
    fn a_plan_with_a_number_of_its_own_is_not_taken() {
        let plan = "Сейчас 18 %, через две недели — не меньше 60 %.";
        assert_eq!(
            usable_plan("Давайте дойдём\nот 18 % до 60 %!", plan).unwrap(),
            "Давайте дойдём от 18 % до 60 %!"
        );
        assert_eq!(usable_plan("Надо 75 %, не меньше", plan), None);
        assert_eq!(usable_plan("ok", plan), None);
    }
}
