//! Reading RetailCRM: whatever the lists' order, the bounds, the faults and the crashes, the facts end up the same.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

mod faults;
mod records;
mod rounds;
mod shop;
mod sink;
