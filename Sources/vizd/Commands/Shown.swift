// Making other people's text safe to print: one word for it, since every line of output needs it.

internal import Contract

/// Somebody else's text as it may be printed: whole, with control characters, line ends and direction marks made
/// visible.
func shown(_ text: String) -> String { printable(text, limit: .max) }
