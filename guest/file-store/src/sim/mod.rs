//! A disk in memory that loses everything it may lose, and the tests that run the protocol on it.

mod disk;
mod driver;
mod inode;
mod names;
mod planted;
mod random;
mod tests;
