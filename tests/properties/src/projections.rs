//! What the oracle's tests say of columns and codes, and the projections they draw.

#[path = "../../tests/oracle/projections/codes.rs"]
pub mod codes;
#[path = "../../tests/oracle/projections/columns.rs"]
pub mod columns;
#[path = "../../tests/oracle/projections/random.rs"]
pub mod random;
