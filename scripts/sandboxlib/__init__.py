"""The parts of scripts/sandbox, for programs that drive a sandbox themselves."""
