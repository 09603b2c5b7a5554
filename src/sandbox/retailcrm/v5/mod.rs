//! API v5: keys, scopes, paths, envelopes and errors.

mod history;
mod lists;
mod orders;
mod reference;
mod shape;
mod write;

use serde_json::{Value, json};

use super::Oddities;
use super::answer::{Answer, Request};
use super::model::{ApiKey, Model};
use crate::clock::Instant;

const ROOT: &str = "/api/v5/";

/// What every method works with.
struct Context<'a> {
    model: &'a Model,
    now: Instant,
    oddities: &'a Oddities,
    key: &'a ApiKey,
    request: &'a Request,
}

/// A refusal in the making.
type Outcome = Result<Value, Answer>;

/// Answers a request to API v5 or to its unversioned service methods.
pub(super) fn answer(model: &mut Model, now: Instant, oddities: &Oddities, request: &Request) -> Answer {
    let Some(sent) = request.api_key.as_deref().filter(|key| !key.is_empty()) else {
        return error(403, "\"apiKey\" is missing.");
    };
    let Some(key) = model.api_keys.iter().find(|key| key.key == sent) else {
        return error(403, "Wrong \"apiKey\" value.");
    };
    if let ("POST", Some(target)) = (request.method.as_str(), write::Target::of(&request.path)) {
        let key = key.clone();
        return write::answer(model, now, oddities, request, &key, target);
    }
    let context = Context { model, now, oddities, key, request };
    match route(&context) {
        Ok(body) => Answer::json(200, &body),
        Err(refusal) => refusal,
    }
}

fn route(context: &Context) -> Outcome {
    match context.request.path.as_str() {
        "/api/api-versions" => {
            return context.get(None, || Ok(json!({"success": true, "versions": ["3.0", "4.0", "5.0"]})));
        }
        "/api/credentials" => return context.get(None, || Ok(reference::credentials(context))),
        _ => {}
    }
    let Some(path) = context.request.path.strip_prefix(ROOT) else {
        return Err(error(404, "API method not found"));
    };
    let segments: Vec<&str> = path.split('/').collect();
    match segments.as_slice() {
        ["orders"] => context.get(Some("order_read"), || orders::list(context)),
        ["orders", "history"] => context.get(Some("order_read"), || history::list(context)),
        ["orders", "statuses"] => context.get(Some("order_read"), || orders::statuses(context)),
        ["orders", id] => context.get(Some("order_read"), || orders::one(context, id)),
        ["customers"] => context.get(Some("customer_read"), || lists::customers(context)),
        ["customers", id] => context.get(Some("customer_read"), || lists::customer(context, id)),
        ["users"] => context.get(Some("user_read"), || lists::users(context)),
        ["users", id] => context.get(Some("user_read"), || lists::user(context, id)),
        ["settings"] => context.get(Some("settings_read"), || Ok(reference::settings(context))),
        ["reference", book] => match reference::book(context, book) {
            Some(body) => context.get(Some("reference_read"), || Ok(body)),
            None => Err(error(404, "API method not found")),
        },
        _ => Err(error(404, "API method not found")),
    }
}

impl Context<'_> {
    /// Runs a method that only GET may call and only a key with the scope.
    fn get(&self, scope: Option<&str>, method: impl FnOnce() -> Outcome) -> Outcome {
        if self.request.method != "GET" {
            return Err(error(405, "Method Not Allowed"));
        }
        if let Some(scope) = scope
            && !self.key.scopes.iter().any(|own| own == scope)
        {
            return Err(error(403, "Access denied."));
        }
        method()
    }

    /// Whether the key may see objects of the store.
    fn sees_site(&self, site: &str) -> bool {
        self.key.sites.as_ref().is_none_or(|sites| sites.iter().any(|own| own == site))
    }

    /// Refuses parameters the method does not have. `known` lists names; filters without `filter[…]`.
    fn check_names(&self, known: &[&str], filters: &[&str]) -> Result<(), Answer> {
        for name in self.request.query.names() {
            let filter = name.strip_prefix("filter[").and_then(|rest| rest.split(']').next());
            let is_known = match filter {
                Some(filter) => filters.contains(&filter),
                None => known.contains(&name),
            };
            if !is_known && self.oddities.refuse_unknown_parameters {
                return Err(bad_parameter(name, "This field was not expected."));
            }
        }
        Ok(())
    }

    /// `limit` and `page`, checked.
    fn page(&self) -> Result<(usize, usize), Answer> {
        let limit = match self.request.query.get("limit") {
            None => 20,
            Some("20") => 20,
            Some("50") => 50,
            Some("100") => 100,
            Some(_) => {
                return Err(bad_parameter("limit", "The value you selected is not a valid choice."));
            }
        };
        let page = match self.request.query.get("page") {
            None => 1,
            Some(text) => match text.parse() {
                Ok(page) if page >= 1 => page,
                _ => return Err(bad_parameter("page", "This value should be 1 or more.")),
            },
        };
        Ok((limit, page))
    }
}

/// Cuts one page out; the second value is the `pagination` object. A page past the end is empty.
fn paginate<T>(items: Vec<T>, limit: usize, page: usize) -> (Vec<T>, Value) {
    let total = items.len();
    let pagination = json!({
        "limit": limit,
        "totalCount": total,
        "currentPage": page,
        "totalPageCount": total.div_ceil(limit),
    });
    let skipped = (page - 1).saturating_mul(limit);
    (items.into_iter().skip(skipped).take(limit).collect(), pagination)
}

/// An error answer without details.
fn error(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({"success": false, "errorMsg": message}))
}

/// The answer to a wrong query parameter.
fn bad_parameter(name: &str, why: &str) -> Answer {
    let body = json!({
        "success": false,
        "errorMsg": "Errors in the input parameters",
        "errors": {(name): why},
    });
    Answer::json(400, &body)
}
