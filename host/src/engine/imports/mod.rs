//! The imports of the engine, served by the store that is bound to the instance.

mod clamp;
mod groups;
mod storage;
