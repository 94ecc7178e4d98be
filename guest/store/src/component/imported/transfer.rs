//! The calls of the host that are made often.

pub(super) use crate::component::papyra::persistence::disk::{
    append, fstat, lock, read, stat, sync, write,
};
