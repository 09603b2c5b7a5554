//! The conversations of `scripts.txt`, parsed.

use crate::sandbox::retailcrm::MediaKind;

const SOURCE: &str = include_str!("scripts.txt");

/// What a conversation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Theme {
    Sale,
    Talk,
    Service,
    Noise,
}

/// One step of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Customer(&'static str),
    Manager(&'static str),
    CustomerMedia(MediaKind),
    ManagerMedia(MediaKind),
    Order,
    Payment,
}

impl Step {
    /// Whether the manager does it, as opposed to the customer.
    pub fn is_managers(self) -> bool {
        matches!(self, Step::Manager(_) | Step::ManagerMedia(_) | Step::Order)
    }
}

/// One conversation.
#[derive(Debug)]
pub(super) struct Script {
    pub theme: Theme,
    /// The manager explores needs before offering.
    pub is_deep: bool,
    /// The catalogue's shelf.
    pub shelf: &'static str,
    pub steps: Vec<Step>,
}

/// All conversations, in the order of the file. Lines that make no sense are left out; a test knows that there are none.
pub(super) fn all() -> Vec<Script> {
    let mut scripts: Vec<Script> = Vec::new();
    for line in SOURCE.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("== ") {
            Some(head) => scripts.extend(parse_head(head)),
            None => {
                if let (Some(script), Some(step)) = (scripts.last_mut(), parse_step(line)) {
                    script.steps.push(step);
                }
            }
        }
    }
    scripts
}

fn parse_head(head: &'static str) -> Option<Script> {
    let mut fields = head.split('|').map(str::trim).skip(1);
    let (kind, shelf) = (fields.next()?, fields.next()?);
    let (theme, is_deep) = match kind.split_once(' ') {
        Some((theme, "deep")) => (theme, true),
        _ => (kind, false),
    };
    let theme = match theme {
        "sale" => Theme::Sale,
        "talk" => Theme::Talk,
        "service" => Theme::Service,
        "noise" => Theme::Noise,
        _ => return None,
    };
    Some(Script { theme, is_deep, shelf, steps: Vec::new() })
}

fn parse_step(line: &'static str) -> Option<Step> {
    Some(match line.split_once(' ') {
        Some(("c", text)) => Step::Customer(text),
        Some(("m", text)) => Step::Manager(text),
        Some(_) => return None,
        None => match line {
            "i" => Step::CustomerMedia(MediaKind::Image),
            "a" => Step::CustomerMedia(MediaKind::Audio),
            "f" => Step::ManagerMedia(MediaKind::File),
            "v" => Step::ManagerMedia(MediaKind::Image),
            "o" => Step::Order,
            "p" => Step::Payment,
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_file_is_understood() {
        let lines = SOURCE.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let scripts = all();
        let steps: usize = scripts.iter().map(|script| script.steps.len()).sum();
        assert_eq!(lines.count(), scripts.len() + steps);
        assert!(scripts.len() >= 40, "{}", scripts.len());
    }

    #[test]
    fn exactly_the_sales_have_an_order_and_no_payment_comes_before_it() {
        for script in all() {
            let order = script.steps.iter().position(|&step| step == Step::Order);
            let payment = script.steps.iter().position(|&step| step == Step::Payment);
            assert_eq!(order.is_some(), script.theme == Theme::Sale, "{script:?}");
            assert!(payment.is_none_or(|payment| order.is_some_and(|order| order < payment)), "{script:?}");
        }
    }

    #[test]
    fn every_shelf_exists_in_the_catalogue() {
        for script in all() {
            assert!(!super::super::goods::shelf(script.shelf).is_empty(), "{}", script.shelf);
        }
    }
}
