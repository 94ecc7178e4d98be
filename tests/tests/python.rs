//! The engine in Python, with stores in Python, and the backend for Papyra.

use papyra_tests::embed::Host;

papyra_tests::embed_suite!(Host::Python);
