//! Tests whose length is adjustable, as `papyra_tests::scale` describes: kills, damage, random
//! sequences, fuzzing and large journals.

mod damage;
mod fuzz;
mod kill;
mod kill_rotating;
mod memory;
mod model;
