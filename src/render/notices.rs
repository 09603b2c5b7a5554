//! Short notices: incidents for ops, and the one polite note to readers when a digest is late.
