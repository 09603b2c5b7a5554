//! Both databases hold the same tables, and every fixed statement fits both.
