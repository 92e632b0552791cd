// Placeholder until the suites arrive
