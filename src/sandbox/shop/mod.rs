//! The synthetic company that fills the stand-ins.
