//! Reading RetailCRM: whatever the lists' order, the bounds, the faults and the crashes, the facts end up the same.

mod faults;
mod rounds;
mod shop;
mod sink;
