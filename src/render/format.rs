//! The only formatter: money, counts, shares, times, plural forms, in Russian.
