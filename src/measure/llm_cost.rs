//! What the calls of language models cost, exactly.
//!
//! Prices are per million tokens in millionths of the currency, so that tokens × price is a whole number of 10⁻¹² units;
//! only the sum that is shown is rounded. A model without a price has no cost: it is named, never 0.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::facts::Money;
use crate::facts::bot::ModelTokens;
use crate::facts::llm::LlmDay;

/// An exact amount in 10⁻¹² units of its currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(pub i128);

impl Cost {
    /// Rounded to minor units (kopecks), half away from zero.
    pub fn to_money(self) -> Money {
        self.rounded(10_000_000_000)
    }

    /// Rounded to millionths of the currency.
    pub fn to_micros(self) -> i64 {
        self.rounded(1_000_000).0
    }

    fn rounded(self, unit: i128) -> Money {
        let rounded = (self.0.saturating_abs().saturating_add(unit / 2)) / unit * self.0.signum();
        Money(i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX }))
    }
}

impl std::ops::Add for Cost {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self(0), |sum, cost| sum + cost)
    }
}

/// What a provider charges by, per million tokens in millionths of the currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// One price for what the provider calls billable.
    Billable(u64),
    /// `precached` is for the part of the prompt read from the cache.
    ByKind { prompt: u64, completion: u64, precached: u64 },
}

/// A price and the days it holds: until the next one of the same model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// First day; `None` = from the beginning.
    pub from_on: Option<NaiveDate>,
    pub rate: Rate,
    /// ISO 4217, such as `RUB`.
    pub currency: String,
}

/// Prices of all models.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prices(BTreeMap<String, Vec<Price>>);

impl Prices {
    /// Sets the prices of a model, in any order. Of a model's name only letters and digits are compared, without regard to
    /// case: a variable cannot be called `GigaChat-2-Pro`, but `GIGACHAT_2_PRO`.
    pub fn set(&mut self, model: &str, mut prices: Vec<Price>) {
        prices.sort_by_key(|price| price.from_on);
        self.0.insert(folded(model), prices);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The price of the model on the day.
    pub fn find(&self, model: &str, on: NaiveDate) -> Option<&Price> {
        let prices = self.0.get(&folded(model))?;
        prices.iter().rev().find(|price| price.from_on.is_none_or(|from_on| from_on <= on))
    }
}

fn folded(model: &str) -> String {
    model.to_lowercase().chars().map(|sign| if sign.is_alphanumeric() { sign } else { '-' }).collect()
}

/// What the tokens of one model cost at a rate.
pub fn cost_at(tokens: &ModelTokens, rate: Rate) -> Cost {
    let cost = |count: u64, price: u64| Cost(i128::from(count) * i128::from(price));
    match rate {
        Rate::Billable(price) => cost(tokens.billable_tokens, price),
        Rate::ByKind { prompt, completion, precached } => {
            let cached = tokens.precached_tokens.min(tokens.prompt_tokens);
            cost(tokens.prompt_tokens - cached, prompt)
                + cost(cached, precached)
                + cost(tokens.completion_tokens, completion)
        }
    }
}

/// What the tokens of one model cost on a day, and in what currency; `None` when the model has no price for it.
pub fn llm_cost<'a>(tokens: &ModelTokens, on: NaiveDate, prices: &'a Prices) -> Option<(Cost, &'a str)> {
    let price = prices.find(&tokens.model, on)?;
    Some((cost_at(tokens, price.rate), &price.currency))
}

/// Costs of a stretch of days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LlmCosts {
    /// By currency; empty when no model has a price.
    pub totals: BTreeMap<String, Cost>,
    /// By model and currency, of what has a price.
    pub by_model: BTreeMap<(String, String), Cost>,
    /// Models with tokens and without a price on some day: `totals` says nothing about those tokens.
    pub unpriced: BTreeSet<String>,
}

impl LlmCosts {
    /// Whether `totals` is all there is to pay.
    pub fn is_complete(&self) -> bool {
        self.unpriced.is_empty()
    }
}

/// Costs of the days, each at the prices of its own day: a new price changes no history.
pub fn llm_costs(days: &[LlmDay], prices: &Prices) -> LlmCosts {
    let mut costs = LlmCosts::default();
    for LlmDay { day_on, tokens } in days {
        match llm_cost(tokens, *day_on, prices) {
            Some((cost, currency)) => {
                let total = costs.totals.entry(currency.to_owned()).or_default();
                *total = *total + cost;
                let of_model = costs.by_model.entry((tokens.model.clone(), currency.to_owned())).or_default();
                *of_model = *of_model + cost;
            }
            None => {
                costs.unpriced.insert(tokens.model.clone());
            }
        }
    }
    costs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 8, day).unwrap()
    }

    fn tokens(model: &str) -> ModelTokens {
        ModelTokens {
            model: model.to_owned(),
            calls: 3,
            prompt_tokens: 1_000,
            completion_tokens: 500,
            precached_tokens: 400,
            billable_tokens: 1_100,
        }
    }

    fn price(from_on: Option<NaiveDate>, rate: Rate) -> Price {
        Price { from_on, rate, currency: "RUB".to_owned() }
    }

    #[test]
    fn a_cost_is_exact_and_rounded_once() {
        // 650.50 per million: 1,100 tokens are 0.71555 roubles, 72 kopecks.
        let cost = cost_at(&tokens("m"), Rate::Billable(650_500_000));
        assert_eq!((cost.to_micros(), cost.to_money()), (715_550, Money(72)));
        let rate = Rate::ByKind { prompt: 2_000_000, completion: 6_000_000, precached: 500_000 };
        assert_eq!(cost_at(&tokens("m"), rate).0, 600 * 2_000_000 + 400 * 500_000 + 500 * 6_000_000);
        // A thousand calls of half a millionth each: rounding each would give 0 or double.
        let tiny = Cost(500_000);
        assert_eq!(std::iter::repeat_n(tiny, 1_000).sum::<Cost>().to_micros(), 500);
    }

    #[test]
    fn a_new_price_changes_no_history_and_a_model_without_one_is_named() {
        let mut prices = Prices::default();
        prices.set(
            "GigaChat-2-Pro",
            vec![price(Some(on(10)), Rate::Billable(2_000_000)), price(None, Rate::Billable(1_000_000))],
        );
        prices.set("late", vec![price(Some(on(10)), Rate::Billable(1))]);
        let day = |day, model: &str| LlmDay { day_on: on(day), tokens: tokens(model) };
        let days = [
            day(9, "gigachat-2-pro"),
            day(10, "gigachat-2-pro"),
            day(9, "late"),
            day(10, "late"),
            day(10, "free?"),
        ];
        let costs = llm_costs(&days, &prices);
        assert_eq!(costs.totals["RUB"].0, 1_100 * 1_000_000 + 1_100 * 2_000_000 + 1_100);
        assert_eq!(costs.unpriced, BTreeSet::from(["late".to_owned(), "free?".to_owned()]));
        assert!(!costs.is_complete());
        assert_eq!(llm_cost(&tokens("free?"), on(10), &prices), None);
        assert!(llm_costs(&days[4..], &prices).totals.is_empty(), "no price is no cost, not 0");
    }
}
